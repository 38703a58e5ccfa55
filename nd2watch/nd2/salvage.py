"""What an interrupted file tells of its frames beside their pixels, as far as it is there."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.columns import RecordedColumn, decode_tags
from nd2watch.nd2.frame_meta import OWN_COLUMNS, FrameMetadata, FrameTable
from nd2watch.nd2.loops import XYPosLoop, ZStackLoop
from nd2watch.nd2.wells import FRAME_WELLS, PLATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nd2watch.nd2.columns import RecordedValue
    from nd2watch.nd2.experiment import Experiment
    from nd2watch.nd2.provenance import Provenance
    from nd2watch.nd2.reader import Nd2Reader
    from nd2watch.nd2.wells import Well, WellPlate

_CACHES: Final = ("AcqTimesCache", "AcqTimes2Cache", "AcqFramesCache")

_Found = TypeVar("_Found")
_Values = tuple["RecordedValue", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """The recorded values of an interrupted file.

    After an interrupted `Nd2Writer.append`, or a writer that kept an unfinished file, a column may
    have values for the first frames only.

    Attributes
    ----------
    times_ms : sequence of float
        Times of the first frames, ms.
    own : mapping of str to tuple
        Stage positions and exposures ("x_um", ...) of the first frames.
    columns : mapping of RecordedColumn to tuple
        Values of the first frames.
    wells : mapping of int to Well
        Wells of frames.
    has_columns : bool
        The recorded columns are described, so what is not among them was never recorded.
    provenance : Provenance, optional
        Where the file comes from, with its sources as far as these are listed.
    well_plate : WellPlate, optional
        The plate.
    missing : frozenset of int
        Frames that stand blank as they were missing already.
    chunk_names : frozenset of str
        Chunks that hold this.
    """

    times_ms: Sequence[float]
    own: Mapping[str, _Values]
    columns: Mapping[RecordedColumn, _Values]
    wells: Mapping[int, Well]
    well_plate: WellPlate | None
    has_columns: bool
    provenance: Provenance | None
    missing: frozenset[int]
    chunk_names: frozenset[str]

    def rows(
        self, experiment: Experiment, stored_ms: Mapping[int, float]
    ) -> Iterator[FrameMetadata]:
        """Yield what is known of each frame.

        Stage positions are those of the loops when no columns are described, and some position
        of the loops is not 0.

        Parameters
        ----------
        experiment : Experiment
            The loops.
        stored_ms : mapping of int to float
            The time, ms, that is stored with a frame.
        """
        from_loops = not self.has_columns and _has_places(experiment)
        for index, time_ms in enumerate(_times_ms(self.times_ms, stored_ms, experiment)):
            own = {name: _at(values, index) for name, values in self.own.items()}
            recorded = {c.name: _at(values, index) for c, values in self.columns.items()}
            yield FrameMetadata(
                time_ms=time_ms,
                **(_place(experiment, index) if from_loops else _known(own)),
                recorded=_known(recorded),
                well=self.wells.get(index),
            )


def salvage(reader: Nd2Reader, frame_count: int, notes: list[str]) -> Salvage:
    """Return the recorded values that a file has; what is damaged is left out, and noted.

    Parameters
    ----------
    reader : Nd2Reader
        The interrupted file.
    frame_count : int
        Frames that the complete file will have.
    notes : list of str
        Gets what cannot be saved.
    """
    tags = _tags(reader, notes)
    columns = _columns(reader, tags, notes)
    keys = {key: name for name, (key, _) in OWN_COLUMNS.items()}
    own = {keys[key]: values for key, (_, values) in columns.items() if key in keys}
    others = {column: values for key, (column, values) in columns.items() if key not in keys}
    return Salvage(
        times_ms=_read(lambda: _doubles(reader, "AcqTimesCache"), (), notes),
        own=own,
        columns=_storable(others, frame_count, notes),
        wells=_read(lambda: reader.frame_wells, {}, notes),
        well_plate=_read(lambda: reader.well_plate, None, notes),
        has_columns=spec.CUSTOM_TAGS in reader.chunks,
        provenance=_read(lambda: reader.provenance, None, notes),
        missing=_missing(reader, notes),
        chunk_names=frozenset(map(spec.custom_data_name, (*_CACHES, *tags, *keys)))
        | {spec.CUSTOM_TAGS, spec.SOURCES, PLATE, FRAME_WELLS},
    )


def _read(read: Callable[[], _Found], otherwise: _Found, notes: list[str]) -> _Found:
    """Return what `read` does, or note why it cannot."""
    try:
        return read()
    except FormatError as error:
        notes.append(f"{error}; it is left out")
        return otherwise


def _doubles(reader: Nd2Reader, name: str) -> tuple[float, ...]:
    """Return the numbers of a chunk, none when it is not there."""
    chunk = spec.custom_data_name(name)
    data = reader.read_chunk(chunk) if chunk in reader.chunks else b""
    return tuple(np.frombuffer(data[: len(data) // 8 * 8], "<f8").tolist())


def _tags(reader: Nd2Reader, notes: list[str]) -> dict[str, RecordedColumn]:
    """Return the columns that are described, by the key of their chunk."""
    if spec.CUSTOM_TAGS not in reader.chunks:
        notes.append(
            "texts, recorded columns, wells, regions, masks and custom chunks were not written yet,"
            " if there were any; times are those stored with the frames, stage positions those of"
            " the loops"
        )
        return {}
    return _read(lambda: decode_tags(reader.read_chunk(spec.CUSTOM_TAGS)), {}, notes)


def _columns(
    reader: Nd2Reader, tags: Mapping[str, RecordedColumn], notes: list[str]
) -> dict[str, tuple[RecordedColumn, _Values]]:
    """Return the columns that can be read, by the key of their chunk."""
    found = {}
    for key, column in tags.items():
        try:
            values = column.decode(reader.read_chunk(spec.custom_data_name(key)))
        except FormatError as error:
            notes.append(f"column {column.name} is left out: {error}")
        else:
            found[key] = column, values
    return found


def _storable(
    columns: Mapping[RecordedColumn, _Values], frames: int, notes: list[str]
) -> dict[RecordedColumn, _Values]:
    """Return the columns that can be written; numbers stand for integers that frames lack."""
    found: dict[RecordedColumn, _Values] = {}
    for column, values in columns.items():
        lacking = column.kind == "integer" and len(values) < frames
        kept = dataclasses.replace(column, kind="number") if lacking else column
        try:
            FrameTable((*found, kept))
        except FormatError as error:
            notes.append(f"column {column.name} is left out: {error}")
        else:
            found[kept] = _sound(kept, values, notes)
    return found


def _sound(column: RecordedColumn, values: _Values, notes: list[str]) -> _Values:
    """Return the values of a column without those that damage made too long or no text."""
    try:
        column.encode(values)
    except FormatError as error:
        notes.append(f"{error}; it is left out")
        return tuple(value if _is_sound(column, value) else "" for value in values)
    return values


def _is_sound(column: RecordedColumn, value: RecordedValue) -> bool:
    """Return whether a value can be written."""
    try:
        column.encode([value])
    except FormatError:
        return False
    return True


def _missing(reader: Nd2Reader, notes: list[str]) -> frozenset[int]:
    """Return the frames that are marked as missing."""
    ends = [name[len(spec.SKIPPED) : -1] for name in reader.chunks if name.startswith(spec.SKIPPED)]
    marked = {int(end) for end in ends if end.isdecimal()}
    if spec.MISSING in reader.chunks:
        data = _read(lambda: reader.read_chunk(spec.MISSING), b"", notes)
        marked.update(np.frombuffer(data[: len(data) // 4 * 4], "<u4").tolist())
    return frozenset(marked)


def _at(values: _Values, index: int) -> RecordedValue | None:
    """Return the value of a frame, None when it is not known."""
    value = values[index] if index < len(values) else ""
    if isinstance(value, str):
        return value or None
    return value if math.isfinite(value) else None


def _known(values: Mapping[str, RecordedValue | None]) -> dict[str, Any]:
    """Return the values that are known."""
    return {name: value for name, value in values.items() if value is not None}


def _times_ms(
    recorded: Sequence[float], stored: Mapping[int, float], experiment: Experiment
) -> list[float]:
    """Return a time for each frame; unknown ones between known ones, else 1 ms apart."""
    count = experiment.frame_count
    known = {**stored, **{n: time for n, time in enumerate(recorded) if math.isfinite(time)}}
    at = sorted(n for n, time in known.items() if n < count and math.isfinite(time))
    if not at:
        return [float(index) for index in range(count)]
    times = np.interp(np.arange(count), at, [known[index] for index in at])
    first, after = at[0], at[-1] + 1
    times[:first] -= np.arange(first, 0, -1)
    times[after:] += np.arange(1, count - after + 1)
    return [float(time) for time in times]


def _has_places(experiment: Experiment) -> bool:
    """Return whether the loops tell stage positions: some number of them is not 0."""
    return any(
        (point.x_um, point.y_um, point.z_um) != (0.0, 0.0, 0.0)
        for loop in experiment.loops
        if isinstance(loop, XYPosLoop)
        for point in loop.positions
    )


def _place(experiment: Experiment, index: int) -> dict[str, float]:
    """Return the stage position of a frame, as far as the loops say it."""
    points = experiment.place_of(index)
    place: dict[str, float] = {}
    for loop, number in points:
        if isinstance(loop, XYPosLoop):
            point = loop.positions[number]
            place = {"x_um": point.x_um, "y_um": point.y_um, "z_um": point.z_um}
    for loop, number in points:
        if isinstance(loop, ZStackLoop) and place:
            place["z_um"] += loop.height_um(number)
    return place
