"""What a TIFF file tells, put together from its pages and from all metadata found in it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Final

from nd2watch.sources.base import ChannelInfo, PlaneInfo, SourceInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.sources.tiff.known import Flavour
    from nd2watch.sources.tiff.pages import Pages
    from nd2watch.sources.tiff.planes import Planes

_UNKNOWN: Final = PlaneInfo()


def info_of(pages: Pages, planes: Planes, flavours: Sequence[Flavour]) -> SourceInfo:
    """Return what a file tells.

    Parameters
    ----------
    pages : Pages
        Its pages.
    planes : Planes
        Their planes.
    flavours : sequence of Flavour
        Its metadata; what the first ones tell is not taken from later ones.
    """
    told = [unless_damaged(flavour.known, Known()) for flavour in flavours] or [Known()]
    known = reduce(Known.filled_from, told)
    layout = pages.format(int(planes.pages[0]))
    sizes = dict(planes.axes)
    numbers = planes.pages.tolist()
    channels = _channels(known.channels, sizes.get("c", 1), layout.samples)
    records: tuple[PlaneInfo, ...] = ()
    if known.planes:
        records = tuple(known.planes.get(number, _UNKNOWN) for number in numbers)
        channels, records = _shared_exposures(channels, records, planes.axes)
    return SourceInfo(
        height=layout.height,
        width=layout.width,
        dtype=layout.dtype,
        rgb=layout.rgb,
        axes=planes.axes,
        channels=channels,
        positions=known.positions if len(known.positions) == sizes.get("p", 1) else (),
        optics=known.optics,
        pixel_size_um=known.pixel_size_um,
        z_step_um=known.z_step_um,
        z_falls=bool(known.z_falls),
        period_ms=known.period_ms,
        started=known.started,
        planes=records,
        single_planes=planes.single,
        notes=known.notes,
        bits_significant=layout.bits,
        tail_is_zero=pages.tail_is_zero(max(numbers)),
    )


def _channels(
    channels: tuple[ChannelInfo, ...], count: int, samples: int
) -> tuple[ChannelInfo, ...]:
    """Return what is known of each channel; samples of a pixel may be told of as one."""
    if len(channels) == count:
        return channels
    if len(channels) * samples != count:
        return ()
    return tuple(channel for channel in channels for _ in range(samples))


def _shared_exposures(
    channels: tuple[ChannelInfo, ...],
    planes: tuple[PlaneInfo, ...],
    axes: tuple[tuple[str, int], ...],
) -> tuple[tuple[ChannelInfo, ...], tuple[PlaneInfo, ...]]:
    """Return channels and planes, an exposure that all planes of a channel share told of it."""
    names = [axis for axis, _ in axes]
    at = names.index("c") if "c" in names else len(axes)
    count = axes[at][1] if "c" in names else 1
    step = math.prod(size for _, size in axes[at + 1 :])
    places = [index // step % count for index in range(len(planes))]
    exposures: list[set[float | None]] = [set() for _ in range(count)]
    for place, plane in zip(places, planes, strict=True):
        exposures[place].add(plane.exposure_ms)
    shared = [next(iter(values)) if len(values) == 1 else None for values in exposures]
    if not any(shared):
        return channels, planes
    return (
        tuple(
            replace(channel, exposure_ms=exposure_ms or channel.exposure_ms)
            for channel, exposure_ms in zip(
                channels or (ChannelInfo(),) * count, shared, strict=True
            )
        ),
        tuple(
            replace(plane, exposure_ms=None) if shared[place] else plane
            for place, plane in zip(places, planes, strict=True)
        ),
    )
