"""A finished file that time points are added to."""

from __future__ import annotations

import dataclasses
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, spec
from nd2watch.nd2.content import FileContent
from nd2watch.nd2.extent import resized
from nd2watch.nd2.loops import NETimeLoop, TimeLoop
from nd2watch.nd2.masks import LAYERS, encode_layers
from nd2watch.nd2.reader import Nd2Reader
from nd2watch.pending import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.experiment import Experiment
    from nd2watch.nd2.frame_meta import FrameTable
    from nd2watch.nd2.masks import MaskLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a finished file holds, and what it is to hold.

    Attributes
    ----------
    path : Path
        The file.
    content : FileContent
        With the loops as long as they will be.
    table : FrameTable
        What is recorded for the frames that are there.
    places : mapping of str to ChunkPlace
        The chunks that are there.
    kept : mapping of str to ChunkPlace
        Those of them that stay; the others tell of each frame, and are written anew.
    """

    path: Path
    content: FileContent
    table: FrameTable
    places: Mapping[str, ChunkPlace]
    kept: Mapping[str, ChunkPlace]

    def open(self) -> GrowingFile:
        """Open the file at its end.

        Raises
        ------
        FormatError
            If it was written to meanwhile.
        ConversionError
            If another program is adding to it.
        """
        with ExitStack() as stack:
            target = stack.enter_context(GrowingFile(self.path))
            if chunks.read_map(target.file) != self.places:
                raise FormatError(f"{self.path} was written to meanwhile; begin to append anew")
            target.file.seek(0, os.SEEK_END)
            stack.pop_all()
        return target


def plan_growth(path: Path, time_points: int) -> Growth:
    """Return what a finished file holds, and what it is to hold with further time points.

    No pixels are read.

    Raises
    ------
    FormatError
        If the file is of a kind that is not read here, nd2watch did not write it, its outermost
        loop is not over time, or there is no point to add.
    """
    if time_points < 1:
        raise FormatError(f"{time_points} time points cannot be added; at least one is needed")
    with Nd2Reader(path) as reader:
        if spec.HINTS not in reader.chunks:  # what is written anew would lose what others store
            raise FormatError(
                f"{path} was not written by nd2watch, so that appending would change what else it"
                " holds; convert it to a file of nd2watch, or write the new frames to a new file"
            )
        experiment = _longer(reader, time_points)
        content = FileContent(
            attributes=dataclasses.replace(reader.attributes, frame_count=experiment.frame_count),
            experiment=experiment,
            picture=reader.picture,
            text_info=reader.text_info,
            recorded=reader.recorded_columns(),
            well_plate=reader.well_plate,
            mask_layers=_layers(reader),
            pyramid=reader.has_pyramid,
        )
        keys = reader.column_keys()
        table = content.new_table()
        missing = set(reader.missing_frames)
        for index, metadata in enumerate(reader.frame_metadata()):
            table.append(metadata, missing=index in missing)
        anew = {spec.HINTS, *map(spec.custom_data_name, keys)}
        kept = {name: place for name, place in reader.chunks.items() if name not in anew}
        return Growth(path=path, content=content, table=table, places=reader.chunks, kept=kept)


def _layers(reader: Nd2Reader) -> tuple[MaskLayer, ...]:
    """Return the mask layers, which can get further masks; regions stay in their chunk.

    There are none where the writer would describe them otherwise, so with other tags: that
    description stays then, and so do the masks.
    """
    layers = reader.mask_layers
    if not layers or encode_layers(layers, reader.channel_names) != reader.read_chunk(LAYERS):
        return ()
    return layers


def _longer(reader: Nd2Reader, time_points: int) -> Experiment:
    """Return the loops of a file with further time points."""
    experiment = reader.experiment
    outermost = next(iter(experiment.loops), None)
    if not isinstance(outermost, (TimeLoop, NETimeLoop)):
        raise FormatError(f"{reader.path} has no outermost loop over time to add time points to")
    inner = experiment.frame_count // outermost.count
    return resized(experiment, inner * (outermost.count + time_points))
