"""The ways in which the file of a case comes about."""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nd2watch.nd2 import Nd2Writer, recover
from nd2watch.nd2.extent import resized

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.case import Case

_TILE = (37, 50)
"""Rows and columns of a tile, by which no size of a frame can be divided."""


class Way(enum.Enum):
    """How a file comes about."""

    AT_ONCE = enum.auto()
    BY_TILES = enum.auto()
    APPENDED = enum.auto()
    """A time point, then a further one, then all others."""
    LOST_MAP = enum.auto()
    """Recovered without its chunk map."""
    INTERRUPTED = enum.auto()
    """Recovered after an exception before the last two time points."""


class _StopError(Exception):
    """Ends writing early."""


def write_case(case: Case, path: Path) -> None:
    """Write the file of a case in its way."""
    match case.way:
        case Way.APPENDED:
            _append(case, path)
        case Way.LOST_MAP:
            whole = path.with_suffix(".whole")
            _put(case, _writer(case, whole), 0, len(case.frames))
            whole.write_bytes(whole.read_bytes()[:-40])
            recover(whole, path)
            whole.unlink()
        case Way.INTERRUPTED:
            _interrupt(case, path)
        case _:
            _put(case, _writer(case, path), 0, len(case.frames))


def _writer(case: Case, path: Path, extra_points: int = 0, **options: Any) -> Nd2Writer:
    """Return a writer of a file with some time points more than the case has, or fewer."""
    outermost = case.experiment.loops[0].count if case.experiment.loops else 1
    frames = len(case.frames) // outermost * (outermost + extra_points)
    return Nd2Writer(
        path,
        replace(case.attributes, frame_count=frames),
        experiment=resized(case.experiment, frames),
        picture=case.picture,
        text_info=case.text_info,
        recorded=case.recorded,
        well_plate=case.well_plate,
        rois=case.rois,
        mask_layers=case.mask_layers,
        pyramid=case.pyramid,
        **options,
    )


def _put(case: Case, writer: Nd2Writer, start: int, stop: int, *, fails: bool = False) -> None:
    """Write frames with their masks, and fail afterwards if asked for."""
    with writer:
        for index in range(start, stop):
            _put_frame(case, writer, index)
        for layer, index in case.masks:
            if start <= index < stop:
                writer.write_mask(layer, index, case.labels(layer, index))
        if fails:
            raise _StopError


def _put_frame(case: Case, writer: Nd2Writer, index: int) -> None:
    """Write a frame."""
    metadata = case.frames[index]
    if index in case.missing:
        writer.skip_frame(metadata)
    elif case.way is Way.BY_TILES:
        frame = case.pixels(index)
        height, width, _ = frame.shape
        with writer.tiles(metadata) as tiles:
            for left in range(0, width, _TILE[1]):  # not in the order in which they lie
                for top in reversed(range(0, height, _TILE[0])):
                    tile = frame[top : top + _TILE[0], left : left + _TILE[1]]
                    tiles.write(top, left, tile)
    else:
        writer.write_frame(case.pixels(index), metadata)


def _append(case: Case, path: Path) -> None:
    """Write a time point, and append the others."""
    count = case.experiment.loops[0].count
    inner = len(case.frames) // count
    _put(case, _writer(case, path, 1 - count), 0, inner)
    _put(case, Nd2Writer.append(path, 1), inner, 2 * inner)
    _put(case, Nd2Writer.append(path, count - 2), 2 * inner, count * inner)


def _interrupt(case: Case, path: Path) -> None:
    """Fail before the last two time points of a longer file, and recover it."""
    try:
        writer = _writer(case, path, 2, keep_unfinished=True)
        _put(case, writer, 0, len(case.frames), fails=True)
    except _StopError:
        unfinished = path.with_name(f"{path.name}.unfinished")
        recover(unfinished, path)
        unfinished.unlink()
