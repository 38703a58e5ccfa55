"""Saving the finished frames of a file whose writing was interrupted."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, spec
from nd2watch.nd2.chunk_writer import ChunkWriter
from nd2watch.nd2.content import FileContent
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.extent import resized
from nd2watch.nd2.loops import NETimeLoop, TimeLoop
from nd2watch.nd2.reader import Nd2Reader
from nd2watch.nd2.salvage import salvage
from nd2watch.nd2.text_info import TextInfo
from nd2watch.pending import PendingFile, is_held

if TYPE_CHECKING:
    import os

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.frame_meta import FrameTable
    from nd2watch.nd2.salvage import Salvage

_UNFINISHED: Final = ".unfinished"
_SERIES: Final = "CustomDataSeq|"
_SIZE: Final = re.compile(rb'<Size [^>]*value="([0-9]{1,10})"')


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

    The chunk map is made anew by looking for chunks in the whole file. Of a file that was
    interrupted before its recorded columns were written, times are those stored with the frames,
    stage positions those of the loops if these tell any, and texts are lost. Recorded values of
    the frames that columns cover are kept, also of shorter ones. The outermost loop is shortened to
    what is there (planes to the home plane at least), unless all frames had been written. A frame
    that is damaged stands blank, and is missing. The interrupted file is left as it is.

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
        If the file is complete, still being written, no ND2 3.0 file, or has no finished frame.
    OutputExists
        If `output` exists and `replace` is False.
    OSError
        If a file is not accessible or the disk is full.
    """
    source = Path(path)
    target = _default_output(source) if output is None else Path(output)
    places = _scan(source, target)
    with _opened(source, places) as reader:
        notes: list[str] = []
        whole = _whole_frames(reader, notes)
        experiment = _experiment(reader, whole, notes)
        found = salvage(reader, experiment.frame_count, notes)
        if not whole.keys() - found.missing:
            raise FormatError(f"{source} holds no finished frame; there is nothing to save")
        content = _content(reader, experiment, found, notes)
        table = content.new_table()
        for index, row in enumerate(found.rows(experiment, whole)):
            missing = index not in whole or index in found.missing
            table.append(row, missing=missing, given=index in whole or index < len(found.times_ms))
        content = content.measured(table)
        with PendingFile(target, replace=replace) as pending:
            _write(reader, content, table, found, whole, pending.file)
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


def _scan(source: Path, target: Path) -> dict[str, ChunkPlace]:
    """Return the chunks of an interrupted file."""
    if is_held(source):
        raise FormatError(f"{source} is still being written by another program")
    if target.exists() and target.samefile(source):
        raise FormatError(f"{source} is the interrupted file itself; name another output")
    with source.open("rb") as file:
        try:
            places = chunks.scan(file)
        except FormatError as error:
            raise FormatError(f"{source}: {error}") from error
        if _is_complete(file):
            advice = "`nd2watch verify` tells whether it is sound"
            if source.suffix == _UNFINISHED:
                advice = f"rename it to {source.stem}; {advice}"
            raise FormatError(f"{source} is complete: {advice}")
    if spec.ATTRIBUTES not in places or spec.PICTURE not in places:
        raise FormatError(f"{source} does not say how its frames are stored; nothing can be saved")
    return places


def _opened(source: Path, places: dict[str, ChunkPlace]) -> Nd2Reader:
    """Open an interrupted file, without its loops if these are damaged."""
    try:
        return Nd2Reader(source, places)
    except FormatError:
        others = {name: place for name, place in places.items() if name != spec.EXPERIMENT}
        return Nd2Reader(source, others)


def _is_complete(file: BinaryIO) -> bool:
    """Return whether a file has its chunk map."""
    try:
        chunks.read_map(file)
    except FormatError:
        return False
    return True


def _whole_frames(reader: Nd2Reader, notes: list[str]) -> dict[int, float]:
    """Return the time, ms, of each frame that is there and can be read."""
    outermost = next(iter(reader.experiment.loops), None)
    may_grow = isinstance(outermost, (TimeLoop, NETimeLoop))
    whole: dict[int, float] = {}
    for index in sorted(n for n in map(_frame_number, reader.chunks) if n is not None):
        grows = may_grow and index - 1 in whole
        if index >= reader.attributes.frame_count and not grows:
            notes.append(f"frame {index} is beyond those of the loops; it is left out")
            continue
        try:
            for _ in reader.read_strips(index):
                pass
            whole[index] = reader.frame_time_ms(index)
        except FormatError as error:
            notes.append(f"{error}; it is left out")
    return whole


def _frame_number(name: str) -> int | None:
    """Return the number of the frame that a chunk holds; None when it holds none."""
    number = name[len(spec.FRAMES) : -1]
    if not number.isdecimal() or spec.frame_name(int(number)) != name:
        return None
    return int(number)


def _experiment(reader: Nd2Reader, whole: dict[int, float], notes: list[str]) -> Experiment:
    """Return the loops, the outermost as long as frames need."""
    experiment, frames = reader.experiment, reader.attributes.frame_count
    if experiment.frame_count != frames:
        notes.append("the loops are damaged; frames stand as time points of one loop")
        experiment = Experiment(loops=(TimeLoop(count=frames),))
    if not whole or _has_ended(reader):
        return experiment
    before, experiment = experiment, resized(experiment, max(whole) + 1)
    for old, new in zip(before.loops, experiment.loops, strict=True):
        if old.count != new.count:
            notes.append(f"the {new.text_name} loop has {new.count} of {old.count} points")
    return experiment


def _has_ended(reader: Nd2Reader) -> bool:
    """Return whether all frames had been written: texts and columns for all follow them."""
    places = reader.chunks
    if spec.TEXT_INFO not in places or _recorded_count(reader) < reader.attributes.frame_count:
        return False
    frames = [place.offset for name, place in places.items() if name.startswith(spec.FRAMES)]
    last = max(places[spec.ATTRIBUTES].offset, *frames)
    # Even of a missing frame there is a chunk: a damaged number must not make up frames.
    possible = reader.attributes.frame_count * spec.ALIGNMENT < reader.path.stat().st_size
    return possible and places[spec.TEXT_INFO].offset > last


def _recorded_count(reader: Nd2Reader) -> int:
    """Return how many frames the recorded columns cover: a failed writer ends them early."""
    times = reader.chunks.get(spec.custom_data_name("AcqTimesCache"))
    if times is not None:
        return times.data_size // 8
    try:
        described = reader.read_chunk(spec.CUSTOM_TAGS)
    except FormatError:
        return 0
    return max(map(int, _SIZE.findall(described)), default=0)


def _content(
    reader: Nd2Reader, experiment: Experiment, found: Salvage, notes: list[str]
) -> FileContent:
    """Return what the complete file holds beside its frames."""
    try:
        texts = reader.text_info
    except FormatError as error:
        texts = TextInfo()
        notes.append(f"{error}; texts are left out")
    return FileContent(
        attributes=dataclasses.replace(reader.attributes, frame_count=experiment.frame_count),
        experiment=experiment,
        picture=reader.picture,
        text_info=texts,
        recorded=tuple(found.columns),
        well_plate=found.well_plate,
        pyramid=reader.has_pyramid,
    )


def _write(
    reader: Nd2Reader,
    content: FileContent,
    table: FrameTable,
    found: Salvage,
    whole: dict[int, float],
    file: BinaryIO,
) -> None:
    """Write the complete file: what is not made anew is taken over as it is."""
    writer = ChunkWriter(file, spread=content.codec.spread)
    writer.signature()
    content.write_extent(writer)
    for name in reader.chunks:
        if name not in writer.places and _is_taken_over(name, table, found):
            writer.metadata(name, reader.read_chunk(name))
    for index, time_ms in enumerate(table.times_ms):
        if index in whole:
            stored = reader.stored_frame(index)
            writer.frame_copied(index, time_ms, reader.stored_size(index), stored)
        else:
            writer.frame_blank(index, time_ms, content.codec)
    content.write_tail(writer, table)
    if found.provenance is not None and found.provenance.frames:
        listed = found.provenance.frames[: len(table)]
        sources = dataclasses.replace(found.provenance, frames=listed, chunks=writer.digests)
        writer.metadata(spec.SOURCES, sources.encode_list())
    writer.map()


def _is_taken_over(name: str, table: FrameTable, found: Salvage) -> bool:
    """Return whether a chunk stays as it is: it is not made anew, and of no frame beyond."""
    anew = {spec.TEXT_INFO, spec.HINTS, spec.MISSING, *found.chunk_names}
    if name in anew or name.startswith((spec.FRAMES, spec.SKIPPED)):
        return False
    number = name.rpartition("|")[2][:-1]
    beyond = number.isdecimal() and int(number) >= len(table)
    return not (name.startswith(_SERIES) and beyond)


def _check(path: Path) -> None:
    """Read every frame of the file that is to be published."""
    with Nd2Reader(path) as reader:
        for index in range(reader.attributes.frame_count):
            for _ in reader.read_strips(index):
                pass
