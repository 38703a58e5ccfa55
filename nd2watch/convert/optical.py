"""The channels and the optics of a file: what the user states, completed by its sources."""

from __future__ import annotations

import functools
import operator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Channel, Modality, Optics, display_color
from nd2watch.sources import ChannelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid
    from nd2watch.sources import SourcePlane

_COMPLETED: Final = ("excitation_nm", "emission_nm", "exposure_ms", "pinhole_um")
_CHANNELS: Final = 3


def channels_of(grid: FrameGrid, stated: StatedMetadata) -> tuple[Channel, ...]:
    """Return the channels of a grid.

    Channels that are not stated are named as in the names of the files; by a number there, or not
    at all, as in the files; else "Channel 1", ... in different colours.

    Raises
    ------
    LayoutError
        If there are not as many channels as are stated.
    """
    labels = grid.labels[_CHANNELS]
    count = len(labels)
    planes = [_first_of(grid, number) for number in range(count)]
    found = [_info(plane) for plane in planes]
    rgb = grid.first.file.info.rgb
    if stated.channels:
        if len(stated.channels) != count:
            names = ", ".join(channel.name for channel in stated.channels)
            raise LayoutError(
                f"{len(stated.channels)} channels are stated ({names}), the files have {count}"
            )
        named: Sequence[Channel] = stated.channels
    else:
        named = _distinct(
            [
                stated.relabelled.get(label)
                or stated.relabelled.get(info.name)
                or _found_channel(label, info, number, count, rgb=rgb)
                for number, (label, info) in enumerate(zip(labels, found, strict=True))
            ]
        )
    channels = tuple(_completed(channel, info) for channel, info in zip(named, found, strict=True))
    return tuple(replace(channel, component_count=3) for channel in channels) if rgb else channels


def optics_of(grid: FrameGrid, stated: StatedMetadata) -> Optics:
    """Return the optics: each quantity that is not stated is that of the first file."""
    found = grid.first.file.info.optics
    return Optics(
        **{
            each.name: getattr(stated.optics, each.name) or getattr(found, each.name)
            for each in fields(stated.optics)
        }
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


def _found_channel(label: str, info: ChannelInfo, number: int, count: int, *, rgb: bool) -> Channel:
    """Return a channel that is not stated."""
    modality = _modality(info.modality)
    usual = Modality.TRANSMITTED_LIGHT if rgb else Modality.WIDEFIELD_FLUORESCENCE
    return Channel(
        name=_name(label, info.name, number),
        color=display_color(number, count) if info.color is None else info.color,
        modality=modality or usual,
    )


def _name(label: str, found: str, number: int) -> str:
    """Return a readable name: a word in the names of the files, else what the files tell."""
    if label and not label.isdecimal():
        return label
    return found or f"Channel {label or number + 1}"


def _completed(channel: Channel, info: ChannelInfo) -> Channel:
    """Return a channel with what it leaves open taken from a file."""
    known = {name: getattr(info, name) for name in _COMPLETED if getattr(channel, name) is None}
    return replace(channel, camera=channel.camera or info.camera, **known)


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
