"""The channels and the optics of a file: what the user states, completed by its sources."""

from __future__ import annotations

import functools
import itertools
import operator
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Channel, Modality, Optics, display_color, wavelength_color
from nd2watch.sources import ChannelInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid
    from nd2watch.sources import SourcePlane

_COMPLETED: Final = ("excitation_nm", "emission_nm", "exposure_ms", "pinhole_um")
_OBJECTIVE: Final = ("objective_name", "magnification", "numerical_aperture", "immersion_index")
_CHANNELS: Final = 3
_LISTED: Final = 5


def channels_of(grid: FrameGrid, stated: StatedMetadata) -> tuple[Channel, ...]:
    """Return the channels of a grid.

    Channels that are not stated are named as in the names of the files; by a number there, or not
    at all, as in the files; else "Channel 1", ... Their colours are those of the files, or of their
    light; else different ones.

    Raises
    ------
    LayoutError
        If there are not as many channels as are stated.
    """
    labels = grid.labels[_CHANNELS]
    count = len(labels)
    found = [_info(_first_of(grid, number)) for number in range(count)]
    if stated.optics != Optics():  # they are those of all channels
        found = [replace(info, optics=None) for info in found]
    rgb = grid.first.file.info.rgb
    given = stated.channels or stated.channel_infos
    if given and len(given) != count:
        names = ", ".join(channel.name for channel in given)
        raise LayoutError(f"{len(given)} channels are stated ({names}), the files have {count}")
    if not stated.channels:
        owns = stated.channel_infos or [
            _stated(n, i, stated) for n, i in zip(labels, found, strict=True)
        ]
        infos = [
            _merged(label, info, own, stated.pinhole_um)
            for label, info, own in zip(labels, found, owns, strict=True)
        ]
        channels = _distinct(
            [_channel(info, number, count, rgb=rgb) for number, info in enumerate(infos)]
        )
    else:
        channels = [
            _completed(channel, info) for channel, info in zip(stated.channels, found, strict=True)
        ]
    usual = optics_of(grid, stated)
    return tuple(
        replace(
            channel,
            component_count=3 if rgb else 1,
            optics=None if channel.optics is None else _filled(channel.optics, usual),
        )
        for channel in channels
    )


def optics_of(grid: FrameGrid, stated: StatedMetadata) -> Optics:
    """Return the optics: each quantity that is not stated is that of the first file.

    Where another objective is stated than that of the file, nothing of that one is taken.
    """
    return _filled(stated.optics, Optics(**asdict(grid.first.file.info.optics)))


def _filled(own: Optics, other: Optics) -> Optics:
    """Return optics with what they lack from others, unless these are of another objective."""
    if any(getattr(own, name) not in (None, "", getattr(other, name)) for name in _OBJECTIVE):
        other = Optics(zoom=other.zoom)
    return Optics(
        **{each.name: getattr(own, each.name) or getattr(other, each.name) for each in fields(own)}
    )


def _first_of(grid: FrameGrid, channel: int) -> SourcePlane | None:
    """Return the first plane of a channel that is there."""
    return next((frame[channel] for frame in grid.frames if frame[channel] is not None), None)


def _info(plane: SourcePlane | None) -> ChannelInfo:
    """Return what a file tells of a plane's channel, with the exposure of the plane."""
    if plane is None:
        return ChannelInfo()
    info = plane.channel
    return info if info.exposure_ms else replace(info, exposure_ms=plane.info.exposure_ms)


def differing_names(grid: FrameGrid) -> Iterator[str]:
    """Yield a note on each channel whose files have different names for it."""
    for number in range(len(grid.labels[_CHANNELS])):
        planes = (frame[number] for frame in grid.frames)
        names = dict.fromkeys(plane.channel.name for plane in planes if plane is not None)
        if len(names) > 1:
            shown = ", ".join(repr(name) for name in itertools.islice(names, _LISTED))
            yield f"files differ in the name of channel {number + 1} ({shown}); the first counts"


def _stated(label: str, info: ChannelInfo, stated: StatedMetadata) -> ChannelInfo:
    """Return what is stated of a channel by its name in file names or files."""
    return stated.channel_info.get(label) or stated.channel_info.get(info.name) or ChannelInfo()


def _merged(
    label: str, info: ChannelInfo, own: ChannelInfo, pinhole_um: float | None
) -> ChannelInfo:
    """Return what a file tells of a channel, with what is stated of it in its place."""
    told = replace(info, name=info.name if label.isdecimal() or not label else label)
    known = {each.name: getattr(own, each.name) or getattr(told, each.name) for each in fields(own)}
    if own.color is not None:  # black is 0
        known["color"] = own.color
    return ChannelInfo(
        **known
        | {
            "name": own.name or told.name or (f"Channel {label}" if label else ""),
            "pinhole_um": pinhole_um or own.pinhole_um or told.pinhole_um,
        }
    )


def _channel(info: ChannelInfo, number: int, count: int, *, rgb: bool) -> Channel:
    """Return a channel of which all that is known is told."""
    usual = Modality.TRANSMITTED_LIGHT if rgb else Modality.WIDEFIELD_FLUORESCENCE
    channel = Channel(
        name=info.name or f"Channel {number + 1}",
        color=_color(info, display_color(number, count)),
        modality=_modality(info.modality) or usual,
    )
    return _completed(channel, info)


def _color(info: ChannelInfo, usual: int) -> int:
    """Return the display colour: that of the channel, else of its light, else the usual one."""
    if info.color is not None:
        return info.color
    return usual if info.emission_nm is None else wavelength_color(info.emission_nm)


def _completed(channel: Channel, info: ChannelInfo) -> Channel:
    """Return a channel with what it leaves open taken from a file."""
    known = {name: getattr(info, name) for name in _COMPLETED if getattr(channel, name) is None}
    if not channel.modality:
        known["modality"] = _modality(info.modality)
    told = None if info.optics is None else Optics(**asdict(info.optics))
    return replace(
        channel,
        camera=channel.camera or info.camera,
        microscope=channel.microscope or info.microscope,
        optics=channel.optics or told,
        **known,
    )


def _modality(names: Sequence[str]) -> Modality:
    """Return the modality that names of its flags make."""
    known = {flag.name.lower(): flag for flag in Modality if flag.name}
    flags = [known[name] for name in names if name in known]
    return functools.reduce(operator.or_, flags, Modality(0))


def _distinct(channels: Sequence[Channel]) -> list[Channel]:
    """Return channels of which no two have the same name."""
    taken: set[str] = set()
    distinct = []
    for channel in channels:
        name, number = channel.name, 2
        while name in taken:
            name, number = f"{channel.name} {number}", number + 1
        taken.add(name)
        distinct.append(replace(channel, name=name))
    return distinct
