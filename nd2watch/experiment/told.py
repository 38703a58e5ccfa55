"""What sidecars, names and the layout tell of frames, laid over what their own files tell."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from nd2watch.errors import LayoutError
from nd2watch.sources import ChannelInfo, PlaneInfo, path_below

if TYPE_CHECKING:
    from nd2watch.experiment.axes import Coordinate
    from nd2watch.experiment.layout import Layout
    from nd2watch.experiment.sequence import ImageSequence
    from nd2watch.sidecars import Sidecar
    from nd2watch.sources import FrameFile

_Info = TypeVar("_Info", ChannelInfo, PlaneInfo)


def layout_told(layout: Layout, told: Sidecar) -> Layout:
    """Return a layout with the fields of axes and the axis of pages that sidecars tell.

    Returns the layout itself where they tell nothing else.
    """
    fields = {**layout.axis_fields, **told.axis_fields}
    pages = told.page_axis or layout.pages
    if fields == layout.axis_fields and pages == layout.pages:
        return layout
    return replace(layout, axis_fields=fields, pages=pages)


def completed(sequence: ImageSequence, place: Coordinate, frame: FrameFile) -> FrameFile:
    """Return a frame with all that is told of it; what its own file tells counts least.

    Parameters
    ----------
    sequence : ImageSequence
        Its sequence.
    place : Coordinate
        Its place there.
    frame : FrameFile
        The frame as its header shows it.
    """
    info, sizes = frame.info, frame.info.sizes
    _, position, _, channel = place
    changes: dict[str, Any] = {}
    told = channel_info(sequence, channel)
    if "c" not in sizes and told != ChannelInfo():
        own = info.channels[0] if info.channels else ChannelInfo()
        changes["channels"] = (laid_over(own, told),)
    if "p" not in sizes and (name := sequence.told.positions.get(position)):
        changes["positions"] = (name,)
    plane = _plane_info(sequence, place, frame)
    if info.plane_count == 1 and plane != PlaneInfo():
        changes["planes"] = (laid_over(info.plane(0), plane),)
    pages = sequence.told.pages.get(relative_path(sequence, frame), ())
    if len(pages) == info.plane_count > 1 == len(sizes):  # else their order is not that of planes
        changes["planes"] = tuple(laid_over(info.plane(at), page) for at, page in enumerate(pages))
    return replace(frame, info=replace(info, **changes)) if changes else frame


def channel_info(sequence: ImageSequence, label: str) -> ChannelInfo:
    """Return what is told of a channel, by its label in the names of frames."""
    told = sequence.told.channels.get(label, ChannelInfo())
    field = sequence.layout.channel_name
    name = sequence.fields("c", label).get(field, "") if field is not None else ""
    return told if told.name or not name else replace(told, name=name)


def laid_over(below: _Info, above: _Info) -> _Info:
    """Return what one tells, with what it leaves out from the other."""
    known = {
        each.name: value
        for each in fields(above)
        if (value := getattr(above, each.name)) not in (None, "", ())
    }
    return replace(below, **known)


def _plane_info(sequence: ImageSequence, place: Coordinate, frame: FrameFile) -> PlaneInfo:
    """Return what sidecars tell of a frame, or else where the grid of sites places it."""
    told = sequence.told.frames.get(relative_path(sequence, frame)) or PlaneInfo()
    if told.stage_um is not None:
        return told
    place_um = sequence.told.places_um.get(place[1]) or _grid_place_um(sequence, place[1])
    return told if place_um is None else replace(told, stage_um=(*place_um, None))


def relative_path(sequence: ImageSequence, frame: FrameFile) -> str:
    """Return the path of a frame from the watched folder, with ``/``."""
    root = sequence.root
    return frame.path.as_posix() if root is None else path_below(root, frame.path)


def _grid_place_um(sequence: ImageSequence, position: str) -> tuple[float, float] | None:
    """Return where the grid of sites places a position, um from its first site."""
    grid, names = sequence.layout.site_grid, sequence.layout.fields_of("p")
    number = sequence.fields("p", position).get(names[-1], "") if names else ""
    if grid is None or not number.isdecimal():
        return None
    first = sequence.layout.first.get("p", 1)
    try:
        return grid.place_um(int(number) - first)
    except LayoutError as error:
        raise LayoutError(f"sequence {sequence.title}: {error}") from error
