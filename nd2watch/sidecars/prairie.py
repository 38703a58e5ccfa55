"""Lists of frames of Prairie View: the XML file beside them that is named after the run."""

from __future__ import annotations

import re
from collections import ChainMap
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import decoded, elements
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import magnification_of, moment
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from xml.etree.ElementTree import Element

_CLOCK: Final = "%m/%d/%Y %I:%M:%S %p"
_NO_XML: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    "|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
"""Characters that XML does not allow, as such or by number: some of these files have them."""


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
    root, is_whole = elements(path, _NO_XML.sub(" ", decoded(data)).encode())
    if root.tag != "PVScan":
        raise SidecarError(f"{path} is no list of frames of Prairie View", path)
    listed = list(_listed(root))
    frames: dict[str, PlaneInfo] = {}
    channels: dict[str, ChannelInfo] = {}
    shared = set[str]()
    for file, frame, state in listed:
        name = _relative(file.get("filename", ""))
        if name is None:
            continue
        if name in frames:
            shared.add(name)
        frames.setdefault(name, _plane(frame, state))
        label = _label(file.get("channel", ""))
        channels.setdefault(label, ChannelInfo(name=file.get("channelName") or f"Ch{label}"))
    state = listed[0][2] if listed else _state(root)
    is_stack = _are_stacks(root)
    z_um = above_zero(state.get("micronsPerPixel_ZAxis"))
    return Sidecar(
        channels=channels,
        optics=_optics(state),
        pixel_size_um=above_zero(state.get("micronsPerPixel_XAxis")),
        z_step_um=z_um if is_stack else None,
        started=_started(root.get("date", "")),
        # Of files with several pages no single plane is told.
        frames={name: plane for name, plane in frames.items() if name not in shared},
        files=tuple(frames),
        is_closed=is_whole and bool(frames),
        axis_fields={"t": ("cycle",), "z": ("idx",)} if is_stack else {"t": ("cycle", "idx")},
    )


def _listed(root: Element) -> Iterator[tuple[Element, Element, Mapping[str, str]]]:
    """Yield each file with its frame and the state of the microscope at it."""
    scan = _state(root)
    for sequence in root.iterfind("Sequence"):
        cycle = _state(sequence)
        for frame in sequence.iterfind("Frame"):
            state = ChainMap(_state(frame), cycle, scan)
            for file in frame.iterfind("File"):
                yield file, frame, state


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
    try:
        return datetime.strptime(text.strip(), _CLOCK).astimezone()
    except (ValueError, OverflowError, OSError):  # another form, or beyond the calendar
        return moment(text)


def _label(text: str) -> str:
    """Return the label of a channel without padding."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdecimal() else text


def _relative(name: str) -> str | None:
    """Return the path of a frame from the folder of its list, None where it leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return None
    return path.as_posix()
