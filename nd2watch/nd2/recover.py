"""Saving the finished frames of a file whose writing was interrupted."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, spec
from nd2watch.nd2.chunk_writer import ChunkWriter
from nd2watch.nd2.content import FileContent
from nd2watch.nd2.extent import resized
from nd2watch.nd2.frame_meta import FrameMetadata, FrameTable
from nd2watch.nd2.loops import XYPosLoop, ZStackLoop
from nd2watch.nd2.reader import Nd2Reader
from nd2watch.pending import PendingFile

if TYPE_CHECKING:
    import os

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.columns import RecordedColumn
    from nd2watch.nd2.experiment import Experiment

_UNFINISHED: Final = ".unfinished"
_FRAME: Final = "ImageDataSeq|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was saved.

    Attributes
    ----------
    output : Path
        The complete file.
    frame_count : int
        Frames that its loops make.
    saved : int
        Frames that it has.
    missing : tuple of int
        Frames that it has not; readers show them blank.
    notes : tuple of str
        What could not be saved beside them.
    """

    output: Path
    frame_count: int
    saved: int
    missing: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def recover(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    replace: bool = False,
) -> Recovery:
    """Write the finished frames of an interrupted file to a complete one.

    The chunk map is made anew by looking for chunks in the whole file. Times are those stored
    with the frames; stage positions those of the loops, where the file does not have its recorded
    columns yet. The outermost loop is shortened to what is there. The interrupted file is left as
    it is.

    Parameters
    ----------
    path : str or path
        The interrupted file.
    output : str or path, optional
        Name of the complete file. Default: that of the interrupted file without
        ``.unfinished``, else with ``-recovered.nd2`` at its end.
    replace : bool, default False
        Replace an existing output.

    Raises
    ------
    FormatError
        If the file is complete, is no ND2 3.0 file, or has no finished frame.
    OutputExists
        If `output` exists and `replace` is False.
    OSError
        If a file is not accessible or the disk is full.
    """
    source = Path(path)
    target = _default_output(source) if output is None else Path(output)
    places = _scan(source)
    with Nd2Reader(source, places) as reader:
        notes: list[str] = []
        whole = _whole_frames(reader, places, notes)
        if not whole:
            raise FormatError(f"{source} holds no finished frame")
        content = _content(reader, whole, notes)
        table = _table(reader, content, whole, notes)
        content = content.measured(table)
        with PendingFile(target, replace=replace) as pending:
            _write(reader, content, table, whole, pending.file)
            pending.sync()
            _check(pending.path)
            pending.publish()
    return Recovery(
        output=target,
        frame_count=len(table),
        saved=len(table) - len(table.missing),
        missing=table.missing,
        notes=tuple(notes),
    )


def _default_output(source: Path) -> Path:
    """Return where the frames of an interrupted file go."""
    if source.suffix == _UNFINISHED:
        return source.with_suffix("")
    return source.with_name(f"{source.stem.lstrip('.')}-recovered.nd2")


def _scan(source: Path) -> dict[str, ChunkPlace]:
    """Return the chunks of an interrupted file."""
    with source.open("rb") as file:
        try:
            places = chunks.scan(file)
        except FormatError as error:
            raise FormatError(f"{source}: {error}") from error
        try:
            chunks.read_map(file)
        except FormatError:
            pass
        else:
            raise FormatError(f"{source} is complete; `nd2watch verify` tells whether it is sound")
    if spec.ATTRIBUTES not in places or spec.PICTURE not in places:
        raise FormatError(f"{source} does not say how its frames are stored; nothing can be saved")
    return places


def _whole_frames(
    reader: Nd2Reader, places: dict[str, ChunkPlace], notes: list[str]
) -> dict[int, float]:
    """Return the time, ms, of each frame that is there and can be read."""
    names = [name[len(_FRAME) : -1] for name in places if name.startswith(_FRAME)]
    numbers = sorted(int(name) for name in names if name.isdecimal())
    whole: dict[int, float] = {}
    for index in numbers:
        if index >= reader.attributes.frame_count and index - 1 not in whole:
            break  # a damaged name, or what was added after a gap
        try:
            for _ in reader.read_strips(index):
                pass
            whole[index] = reader.frame_time_ms(index)
        except FormatError as error:
            notes.append(f"{error}; it is left out")
    return whole


def _content(reader: Nd2Reader, whole: dict[int, float], notes: list[str]) -> FileContent:
    """Return what the complete file holds beside its frames."""
    experiment = resized(reader.experiment, max(whole) + 1)
    for old, new in zip(reader.experiment.loops, experiment.loops, strict=True):
        if old.count != new.count:
            notes.append(f"the {new.text_name} loop has {new.count} of {old.count} points")
    return FileContent(
        attributes=dataclasses.replace(reader.attributes, frame_count=experiment.frame_count),
        experiment=experiment,
        picture=reader.picture,
        text_info=reader.text_info,
        recorded=_recorded(reader, whole),
        well_plate=reader.well_plate,
    )


def _recorded(reader: Nd2Reader, whole: dict[int, float]) -> tuple[RecordedColumn, ...]:
    """Return the columns that the file has; numbers stand for integers that some frames lack."""
    try:
        columns = reader.recorded_columns()
    except FormatError:
        return ()
    if max(whole) < reader.attributes.frame_count:
        return columns
    return tuple(
        dataclasses.replace(c, kind="number") if c.kind == "integer" else c for c in columns
    )


def _table(
    reader: Nd2Reader, content: FileContent, whole: dict[int, float], notes: list[str]
) -> FrameTable:
    """Return what is recorded for each frame: in the file's columns, else its time and place."""
    try:
        rows = reader.frame_metadata()
    except FormatError:
        rows = []
        notes.append(
            "recorded columns were not written yet; times are those stored with the frames,"
            " stage positions those of the loops"
        )
    table = content.new_table()
    blank = set(reader.missing_frames) if rows else set()
    for index in range(content.attributes.frame_count):
        if index < len(rows):
            row = rows[index]
        else:
            time_ms = whole.get(index, table.next_default().time_ms)
            row = _placed(content.experiment, index, time_ms)
        table.append(row, missing=index not in whole or index in blank)
    return table


def _placed(experiment: Experiment, index: int, time_ms: float) -> FrameMetadata:
    """Return a frame's time with the stage position that the loops say."""
    if not experiment.loops:
        return FrameMetadata(time_ms=time_ms)
    counts = tuple(loop.count for loop in experiment.loops)
    at = [int(number) for number in np.unravel_index(index, counts)]
    row = FrameMetadata(time_ms=time_ms)
    for loop, number in zip(experiment.loops, at, strict=True):
        if isinstance(loop, XYPosLoop):
            place = loop.positions[number]
            row = dataclasses.replace(row, x_um=place.x_um, y_um=place.y_um, z_um=place.z_um)
    for loop, number in zip(experiment.loops, at, strict=True):
        if isinstance(loop, ZStackLoop) and row.z_um is not None:
            row = dataclasses.replace(row, z_um=row.z_um + loop.height_um(number))
    return row


def _write(
    reader: Nd2Reader,
    content: FileContent,
    table: FrameTable,
    whole: dict[int, float],
    file: BinaryIO,
) -> None:
    """Write the complete file: what is not made anew is taken over as it is."""
    writer = ChunkWriter(file, spread=content.codec.spread)
    writer.signature()
    content.write_extent(writer)
    written = {spec.TEXT_INFO, spec.CUSTOM_TAGS, spec.MISSING, spec.HINTS, *writer.places}
    written |= {name for name, _ in table.chunks()}
    written |= {spec.custom_data_name(key) for key in reader.column_keys()}
    for name in reader.chunks:
        if name not in written and not name.startswith(_FRAME):
            writer.metadata(name, reader.read_chunk(name))
    for index, time_ms in enumerate(table.times_ms):
        if index in whole:
            stored = reader.stored_frame(index)
            writer.frame_copied(index, whole[index], reader.stored_size(index), stored)
        else:
            writer.frame_blank(index, time_ms, content.codec)
    content.write_tail(writer, table)


def _check(path: Path) -> None:
    """Read every frame of the file that is to be published."""
    with Nd2Reader(path) as reader:
        for index in range(reader.attributes.frame_count):
            for _ in reader.read_strips(index):
                pass
