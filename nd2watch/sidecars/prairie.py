"""Lists of frames of Prairie View: the XML file beside them that is named after the run."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.document import Document
from nd2watch.sidecars.values import label_of, local_moment, relative_path, whole
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import magnification_of, moment
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from xml.etree.ElementTree import Element

_CLOCK: Final = "%m/%d/%Y %I:%M:%S %p"


def read(path: Path, data: bytes) -> Sidecar:
    """Return what a list tells; the program ends it when the run is over.

    Parameters
    ----------
    path : Path
        The file.
    data : bytes
        What is in it so far.

    Raises
    ------
    SidecarError
        If it is something else, or empty yet.
    """
    document = Document(path, data, "Sequence/Frame", is_lenient=True)
    pages: dict[str, dict[int, PlaneInfo]] = {}
    channels: dict[str, ChannelInfo] = {}
    first: Mapping[str, str] | None = None
    for frame, state in _frames(document):
        first = state if first is None else first
        plane = _plane(frame, state)
        for file in frame.iterfind("File"):
            name = relative_path(file.get("filename"))
            if not name:
                continue
            own = pages.setdefault(name, {})
            page = whole(file.get("page"))
            own[max(own, default=0) + 1 if page is None or page in own else page] = plane
            label = label_of(file.get("channel", ""))
            channels.setdefault(label, ChannelInfo(name=file.get("channelName") or f"Ch{label}"))
    root = document.root
    if root.tag != "PVScan":
        raise SidecarError(f"{path} is no list of frames of Prairie View", path)
    state = _state(root) if first is None else first
    is_stack = _are_stacks(root)
    ordered = {name: tuple(own[page] for page in sorted(own)) for name, own in pages.items()}
    is_paged = any(len(infos) > 1 for infos in ordered.values())
    z_um = above_zero(state.get("micronsPerPixel_ZAxis"))
    return Sidecar(
        channels=channels,
        optics=_optics(state),
        pixel_size_um=above_zero(state.get("micronsPerPixel_XAxis")),
        z_step_um=z_um if is_stack else None,
        started=_started(root.get("date", "")),
        frames={name: infos[0] for name, infos in ordered.items() if len(infos) == 1},
        pages={name: infos for name, infos in ordered.items() if len(infos) > 1},
        page_axis=("z" if is_stack else "t") if is_paged else None,
        files=tuple(ordered),
        is_closed=document.is_whole and bool(ordered),
        axis_fields=_axis_fields(is_stack=is_stack, is_paged=is_paged),
    )


def _axis_fields(*, is_stack: bool, is_paged: bool) -> dict[str, tuple[str, ...]]:
    """Return what the numbers in names are; pages of a file are the planes or times of a cycle."""
    if not is_stack:
        return {"t": ("cycle", "idx")}
    return {"t": ("cycle",), "z": () if is_paged else ("idx",)}


def _frames(document: Document) -> Iterator[tuple[Element, Mapping[str, str]]]:
    """Yield each finished frame with the state of the microscope at it."""
    known: Element | None = None
    above: list[dict[str, str]] = []
    for root, sequence, frame in document:
        if sequence is not known:
            known, above = sequence, [_state(sequence), _state(root)]
        yield frame, ChainMap(_state(frame), *above)


def _state(element: Element) -> dict[str, str]:
    """Return the state that stands in an element itself.

    Values of a table have their index in the key, and several for one index stand in one text, as
    versions before 5.2 write them: ``positionCurrent_ZAxis`` is ``-9,62.45``.
    """
    values: dict[str, str] = {}
    for entry in element.iterfind("PVStateShard/*"):
        key = entry.get("key", "")
        if (value := entry.get("value")) is not None:
            values[key] = value
        for part in entry:
            below = [each.get("value", "") for each in part] or [part.get("value", "")]
            values[f"{key}_{part.get('index', '')}"] = ",".join(below)
    return values


def _are_stacks(root: Element) -> bool:
    """Return whether all cycles are Z stacks, so that the last number of a name is the plane."""
    types = [sequence.get("type", "") for sequence in root.iterfind("Sequence")]
    return bool(types) and all("ZSeries" in each for each in types)


def _plane(frame: Element, state: Mapping[str, str]) -> PlaneInfo:
    """Return what is told of a frame; times of a cycle of its own may begin with it."""
    absolute = finite(frame.get("absoluteTime"))
    seconds = finite(frame.get("relativeTime")) if absolute is None else absolute
    x, y, z = (_total(state.get(f"positionCurrent_{axis}Axis")) for axis in "XYZ")
    return PlaneInfo(
        time_ms=None if seconds is None else seconds * 1000,
        stage_um=None if x is None or y is None else (x, y, z),
    )


def _total(text: str | None) -> float | None:
    """Return where an axis stands that several devices move, such as a focus and a piezo."""
    parts = [finite(part) for part in (text or "").split(",")]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _optics(state: Mapping[str, str]) -> OpticsInfo:
    """Return what the state tells of the objective."""
    name = state.get("objectiveLens", "")
    return OpticsInfo(
        objective_name=name,
        magnification=above_zero(state.get("objectiveLensMag")) or magnification_of(name),
        numerical_aperture=above_zero(state.get("objectiveLensNA")),
        zoom=above_zero(state.get("opticalZoom")),
    )


def _started(text: str) -> datetime | None:
    """Return when the run began, which is told in local time."""
    return local_moment(text, _CLOCK) or moment(text)
