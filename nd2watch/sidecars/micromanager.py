"""What the ``metadata.txt`` of Micro-Manager tells: one in each folder of frames, or of a stack."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import decoded
from nd2watch.sidecars.values import label_of, list_of, relative_path, text_of, whole
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import aperture_of, magnification_of, moment
from nd2watch.sources.values import finite, known_moment, known_time_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    Record = Mapping[str, Any]

_KEY: Final = re.compile(
    r'(?<!\\)"(?P<kind>Summary|FrameKey|Coords|Metadata)(?P<rest>(?:-(?:[^"\\]|\\.)*+)?)"\s*:\s*(?=\{)'
)
_PLACE: Final = re.compile(r"-\d+-(\d{1,9})-(\d{1,9})")
_OBJECTIVE: Final = re.compile(r"(?i)[^-]*objective[^-]*-label")
_DECODER: Final = json.JSONDecoder(strict=False)
_DEEPEST: Final = 1 << 16
"""Characters that a record that is nested too deeply is taken to have cost."""

_LINES: Final = 64
"""How much faster lines are counted than values are read."""

_TRIES: Final = 4
"""How often a damaged file may be read in all, as damaged records are tried again and again."""

_OF_PLANES: Final = (
    *("ElapsedTime-ms", "ReceivedTime", "Time", "XPositionUm", "YPositionUm", "ZPositionUm"),
    *("PositionName", "Channel", "Exposure-ms", "Camera", "Core-Camera"),
)
_COUNTS: Final = {
    "t": ("time", "Frames"),
    "p": ("position", "Positions"),
    "z": ("z", "Slices"),
    "c": ("channel", "Channels"),
}


@dataclass(slots=True, kw_only=True)
class _Frame:
    """What is told of one plane: its file, record, and numbers of channel, plane and position."""

    file: str
    record: Record
    channel: int | None = None
    z: int | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A file as far as it is written: summary, planes, and whether its last brace is there."""

    summary: Record
    frames: tuple[_Frame, ...]
    is_closed: bool


def read(path: Path, data: bytes) -> Sidecar:
    """Return what a ``metadata.txt``, or that of a stack, tells so far.

    Parameters
    ----------
    path : Path
        Its name: paths in it may begin with the name of its folder.
    data : bytes
        What it holds.

    Raises
    ------
    SidecarError
        If it has no whole entry yet.
    """
    document = _document(path, data)
    summary, frames = document.summary, document.frames
    first: Record = frames[0].record if frames else {}
    channels = _channels(summary, frames)
    labels = _labels(channels)
    step_um = finite(summary.get("z-step_um"))
    return Sidecar(
        sizes=_sizes(summary),
        planes=_planes(document, labels),
        channels={label: channels[number] for label, number in labels.items()},
        positions=_positions(summary, frames),
        optics=_optics(first),
        pixel_size_um=finite(_value(first, "PixelSizeUm")) or finite(summary.get("PixelSize_um")),
        z_step_um=None if step_um is None else abs(step_um),
        period_ms=finite(summary.get("Interval_ms")),
        started=_started(summary, first),
        frames=_infos(frames, channels),
        files=tuple(dict.fromkeys(frame.file for frame in frames)),
        is_closed=document.is_closed,
        is_of_position=len({frame.position for frame in frames}) < 2,
    )


def _document(path: Path, data: bytes) -> _Document:
    """Return the entries of a file that are whole."""
    text = decoded(data)
    summary: Record = {}
    frames: dict[str, _Frame] = {}
    end = 0
    for kind, name, record, end in _entries(text):  # noqa: B007  (the last end is needed)
        if kind == "Summary":
            summary = summary or record
        elif kind == "FrameKey":
            _add_keyed(frames, path, name, record)
        elif file := _path(path, name.removeprefix("-")):
            frame = frames.setdefault(file, _Frame(file=file, record={}))
            if kind == "Metadata":
                frame.record = _kept(record) if len(frames) > 1 else record
            else:
                _place(frame, record)
    if not summary and not frames:
        raise SidecarError(f"{path} holds no whole entry of Micro-Manager yet", path)
    is_closed = text[end:].split() == ["}"]
    return _Document(summary=summary, frames=tuple(frames.values()), is_closed=is_closed)


def _entries(text: str) -> Iterator[tuple[str, str, Record, int]]:
    """Yield kind, rest of the key, value and end of each whole entry; damaged ones are left out."""
    place, lost = 0, 0
    most = _TRIES * (len(text) + _DEEPEST)
    while lost <= most and (found := _KEY.search(text, place)):
        place = found.end()
        try:
            name = _DECODER.decode(f'"{found["rest"]}"')
            value, place = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            lost += error.pos - place + error.pos // _LINES  # each error counts lines
        except (ValueError, RecursionError):
            lost += _DEEPEST
        else:
            yield found["kind"], name, value, place


def _add_keyed(frames: dict[str, _Frame], path: Path, name: str, record: Record) -> None:
    """Add a plane that is listed by its numbers: several may be in one file."""
    file = _path(path, record.get("FileName") or record.get("Filename"))
    place = _PLACE.fullmatch(name)
    if file and place:
        channel, z = map(int, place.groups())
        position = whole(record.get("PositionIndex"))
        # Where one stack has all positions, the numbers are those of several planes.
        frames[f"{name} {position} {text_of(_value(record, 'PositionName'))}"] = _Frame(
            file=file,
            record=_kept(record) if frames else record,
            channel=channel,
            z=z,
            position=position,
        )


def _kept(record: Record) -> Record:
    """Return what may differ from plane to plane, as records have hundreds of other values."""
    found = ((name, _value(record, name)) for name in _OF_PLANES)
    return {name: value for name, value in found if value is not None}


def _place(frame: _Frame, record: Record) -> None:
    """Note the place on the axes of a file that has one plane."""
    within = record.get("completeCoords")
    axes: Record = within if isinstance(within, dict) else record
    frame.channel = whole(axes.get("channel", record.get("ChannelIndex", 0)))
    frame.z = whole(axes.get("z", record.get("SliceIndex", 0)))
    frame.position = whole(axes.get("position", record.get("PositionIndex", 0)))


def _path(path: Path, text: object) -> str:
    """Return a path from the folder of the sidecar; empty for one that leads elsewhere."""
    file = relative_path(text)
    folder, _, below = file.partition("/")
    # The paths of 2.0 begin in the folder of the acquisition, the sidecar lies one below.
    return below if below and folder == path.parent.name else file


def _sizes(summary: Record) -> dict[str, int]:
    """Return the planned points of each axis."""
    intended = summary.get("IntendedDimensions")
    dimensions: Record = intended if isinstance(intended, dict) else {}
    counts = {
        axis: whole(dimensions.get(name)) or whole(summary.get(plural))
        for axis, (name, plural) in _COUNTS.items()
    }
    return {axis: count for axis, count in counts.items() if count}


def _channels(summary: Record, frames: tuple[_Frame, ...]) -> dict[int, ChannelInfo]:
    """Return the channels by number, with exposure and camera of their first plane."""
    names, colors = list_of(summary.get("ChNames")), list_of(summary.get("ChColors"))
    firsts: dict[int, Record] = {}
    for frame in frames:
        if frame.channel is not None and frame.record:
            firsts.setdefault(frame.channel, frame.record)
    numbers = {*range(len(names)), *firsts}
    return {
        number: ChannelInfo(
            name=text_of(_item(names, number)) or text_of(_value(record, "Channel")),
            color=_color(_item(colors, number)),
            exposure_ms=finite(_value(record, "Exposure-ms")),
            camera=text_of(_value(record, "Camera")) or text_of(_value(record, "Core-Camera")),
        )
        for number in sorted(numbers)
        for record in (firsts.get(number, {}),)
    }


def _labels(channels: dict[int, ChannelInfo]) -> dict[str, int]:
    """Return the numbers of channels by all that may stand for them in names, in their order.

    That is the name in 1.4, or what of it precedes a hyphen, and the number in 2.0.
    """
    labels: dict[str, int] = {}
    for number, channel in channels.items():
        labels.setdefault(label_of(channel.name), number)
    cut = {number: channel.name.partition("-")[0] for number, channel in channels.items()}
    unclear = {name for name, count in Counter(cut.values()).items() if count > 1}
    for number, name in cut.items():
        if name not in unclear:
            labels.setdefault(label_of(name), number)
    for number in channels:
        labels.setdefault(str(number), number)
    labels.pop("", None)
    return labels


def _planes(document: _Document, labels: dict[str, int]) -> dict[str, int]:
    """Return the planes of channels that have fewer than others, once all are listed."""
    seen: dict[int, set[int]] = {}
    for frame in document.frames:
        if frame.channel is not None and frame.z is not None:
            seen.setdefault(frame.channel, set()).add(frame.z)
    counts = {channel: len(planes) for channel, planes in seen.items()}
    most = max(counts.values(), default=0)
    return {
        label: counts[number]
        for label, number in labels.items()
        if document.is_closed and counts.get(number, most) < most
    }


def _positions(summary: Record, frames: tuple[_Frame, ...]) -> dict[str, str]:
    """Return the names of positions by what stands for them in names: the name, or the number."""
    names: dict[int, str] = {}
    for number, position in enumerate(list_of(summary.get("StagePositions"))):
        if isinstance(position, dict) and (name := text_of(position.get("Label"))):
            names[number] = name
    for frame in frames:
        if frame.position is not None and (name := text_of(_value(frame.record, "PositionName"))):
            names.setdefault(frame.position, name)
    ordered = dict(sorted(names.items()))
    numbered = {str(index): name for index, name in ordered.items()}
    return {**numbered, **{label_of(name): name for name in ordered.values()}}


def _infos(frames: tuple[_Frame, ...], channels: dict[int, ChannelInfo]) -> dict[str, PlaneInfo]:
    """Return what is told of planes that have a file of their own."""
    planes = Counter(frame.file for frame in frames)
    infos: dict[str, PlaneInfo] = {}
    for frame in frames:
        if planes[frame.file] == 1 and frame.record:
            record = frame.record
            elapsed_ms = known_time_ms(_value(record, "ElapsedTime-ms"))
            exposure_ms = finite(_value(record, "Exposure-ms"))
            x, y, z = (finite(_value(record, f"{axis}PositionUm")) for axis in "XYZ")
            usual = channels.get(-1 if frame.channel is None else frame.channel, ChannelInfo())
            infos[frame.file] = PlaneInfo(
                acquired=_clock(record) if elapsed_ms is None else None,
                time_ms=elapsed_ms,
                stage_um=None if x is None or y is None else (x, y, z),
                exposure_ms=None if exposure_ms == usual.exposure_ms else exposure_ms,
            )
    return infos


def _started(summary: Record, first: Record) -> datetime | None:
    """Return the start of the acquisition.

    2.0 tells it, but may tell the day alone; 1.4 tells when the first plane was taken.
    """
    elapsed_ms = known_time_ms(_value(first, "ElapsedTime-ms"))
    if told := _moment(summary.get("StartTime")):
        return told
    clock = _clock(first) or _moment(summary.get("Time"))
    if clock is None or elapsed_ms is None:
        return clock
    return known_moment(clock - timedelta(milliseconds=elapsed_ms))


def _clock(record: Record) -> datetime | None:
    """Return the time of day of a record."""
    return _moment(_value(record, "ReceivedTime")) or _moment(_value(record, "Time"))


def _moment(value: object) -> datetime | None:
    """Return a time that is more than a day."""
    return known_moment(moment(value)) if isinstance(value, str) and ":" in value else None


def _optics(record: Record) -> OpticsInfo:
    """Return the objective, of which each configuration of devices has its own name."""
    within = record.get("ScopeData")
    devices: Record = within if isinstance(within, dict) else record
    for name in devices:
        if _OBJECTIVE.fullmatch(name) and (label := text_of(_value(devices, name))):
            return OpticsInfo(
                objective_name=label,
                magnification=magnification_of(label),
                numerical_aperture=aperture_of(label),
            )
    return OpticsInfo()


def _value(record: Record, name: str) -> Any:
    """Return a value, which may be in a property."""
    value = record.get(name)
    return value.get("PropVal", value.get("scalar")) if isinstance(value, dict) else value


def _item(values: list[Any], number: int) -> Any:
    """Return an item of a list, None when it has no such item."""
    return values[number] if number < len(values) else None


def _color(value: object) -> int | None:
    """Return a colour, which is stored as a signed number of opacity, red, green and blue."""
    number = finite(value)
    return None if number is None else int(number) & 0xFFFFFF
