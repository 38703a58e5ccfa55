"""When the frames of a sequence were taken."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import planned_time_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid
    from nd2watch.sources import SourcePlane

    Frame = Sequence[SourcePlane | None]

_TIME_STEP_MS: Final = 0.001
"""Frames of which only a common time is known are told apart by this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of a sequence.

    Attributes
    ----------
    times_ms : tuple of float
        Time of each frame since the start, ms.
    starts_ms : tuple of float
        The earliest of them of each time point, ms.
    period_ms : float, optional
        Intended time from one time point to the next, ms, if it is known.
    are_alike : bool
        All times are the same, but for what tells frames apart.
    started : datetime
        When relative time 0 was.
    assumption : str
        What is unknown and what was taken instead; empty when all is known.
    """

    times_ms: tuple[float, ...]
    starts_ms: tuple[float, ...]
    period_ms: float | None
    are_alike: bool
    started: datetime
    assumption: str


def timing_of(grid: FrameGrid, stated: StatedMetadata) -> Timing:
    """Return the times of the frames of a grid.

    They are what the files tell of each frame, if they tell of all; else multiples of the period,
    or what the stated loops plan; else each time point has the earliest modification time of its
    files. They are in the order of the frames, whatever the order in which these were taken.
    """
    period = _period(stated, grid)
    told = _relative(grid, stated)
    moments = [] if told else _acquired(grid.frames)
    begun = min((moment for moment in moments if moment is not None), default=None)
    if begun is not None:
        told = [None if m is None else (m - begun) / timedelta(milliseconds=1) for m in moments]
    planned = [] if told else _planned(grid, stated, period)
    raw = _filled(told) or _with_offsets(grid, planned or _modified(grid))
    times = _distinct(raw)
    count = grid.sizes[0]
    per_point = len(times) // count
    started = stated.started or begun or stated.told_start or grid.first.file.info.started
    return Timing(
        times_ms=tuple(times),
        starts_ms=tuple(min(times[t * per_point : (t + 1) * per_point]) for t in range(count)),
        period_ms=period,
        are_alike=len(set(raw)) == 1,
        started=started or _first_change(grid.frames),
        assumption=_assumption(
            started_known=started is not None,
            times_known=bool(told or planned or count == 1),
        ),
    )


def _period(stated: StatedMetadata, grid: FrameGrid) -> float | None:
    """Return the intended time between time points, ms: what is stated, else told, else none."""
    if stated.calibration.period_ms or not stated.label_times_ms:
        return stated.calibration.period_ms or grid.first.file.info.period_ms
    return None


def _assumption(*, started_known: bool, times_known: bool) -> str:
    """Return what had to be assumed; nothing when all is known."""
    if started_known and times_known:
        return ""
    what = "times of the acquisition are" if not times_known else "start of the acquisition is"
    return f"the {what} unknown; modification times of the files are written"


def _acquired(frames: Sequence[Frame]) -> list[datetime | None]:
    """Return when each frame was taken; nothing unless all files tell.

    That of a frame is that of its earliest channel, None where no plane is there.
    """
    moments: list[datetime | None] = []
    for planes in frames:
        known = [plane.acquired for plane in planes if plane is not None and not plane.is_repeated]
        there = [moment for moment in known if moment is not None]
        if len(there) < len(known):
            return []
        moments.append(min(there, default=None))
    return moments


def _relative(grid: FrameGrid, stated: StatedMetadata) -> list[float | None]:
    """Return the relative times that files tell of their planes, ms; nothing if one does not.

    Those of several files count only where they are since one start.
    """
    if not stated.have_one_start and len({plane.file.path for plane in grid.planes}) > 1:
        return []
    known = [
        [plane.info.time_ms for plane in planes if plane is not None and not plane.is_repeated]
        for planes in grid.frames
    ]
    if any(time is None for times in known for time in times):
        return []
    return [min((t for t in times if t is not None), default=None) for times in known]


def _filled(times: Sequence[float | None]) -> list[float]:
    """Return times in which a missing frame has that of the frame before it."""
    last = next((time for time in times if time is not None), 0.0)
    filled = []
    for time in times:
        last = last if time is None else time
        filled.append(last)
    return filled


def _planned(grid: FrameGrid, stated: StatedMetadata, period: float | None) -> list[float]:
    """Return when the stated loops, or the period, plan the frames, ms; nothing without a plan."""
    count = grid.sizes[0]
    per_point = len(grid.frames) // count
    if len(stated.label_times_ms) == count:
        return [time for time in stated.label_times_ms for _ in range(per_point)]
    if stated.experiment is not None and "t" in stated.experiment.sizes.keys() - stated.open_axes:
        planned = [planned_time_ms(stated.experiment, i) for i in range(len(grid.frames))]
        return planned if any(planned) else []
    if period is None:
        return []
    return [t * period for t in range(count) for _ in range(per_point)]


def _with_offsets(grid: FrameGrid, bases: Sequence[float]) -> list[float]:
    """Return times with those that each file tells of its planes added to that of its first frame.

    Nothing is added unless all files tell.
    """
    if any(plane.info.time_ms is None for plane in grid.planes if not plane.is_repeated):
        return list(bases)
    begun: dict[Path, tuple[float, float]] = {}
    times: list[float] = []
    for planes, base in zip(grid.frames, bases, strict=True):
        there = (plane for plane in planes if plane is not None and not plane.is_repeated)
        plane = next(there, None)
        if plane is None or plane.info.time_ms is None:
            times.append(times[-1] if times else base)
            continue
        start, first = begun.setdefault(plane.file.path, (base, plane.info.time_ms))
        times.append(start + plane.info.time_ms - first)
    return times


def _modified(grid: FrameGrid) -> list[float]:
    """Return for each frame when its time point's files were changed first, ms."""
    count = grid.sizes[0]
    per_point = len(grid.frames) // count
    changed = [_changed(grid.frames[t * per_point : (t + 1) * per_point]) for t in range(count)]
    risen = list(itertools.accumulate(changed, max))  # copied files may be out of order
    first = next((time for time in risen if time), 0)
    return [max(time - first, 0) / 1e6 for time in risen for _ in range(per_point)]


def _changed(frames: Sequence[Frame]) -> int:
    """Return when the first of the files was changed, ns; 0 without files."""
    times = {plane.file.key.mtime_ns for planes in frames for plane in planes if plane is not None}
    return min(times, default=0)


def _first_change(frames: Sequence[Frame]) -> datetime:
    """Return when the first of the files was changed, in local time."""
    seconds, ns = divmod(_changed(frames), 10**9)
    return datetime.fromtimestamp(seconds, UTC).astimezone() + timedelta(microseconds=ns // 1000)


def _distinct(times: Sequence[float]) -> list[float]:
    """Return times with small steps between equal ones, which do not reach the next time."""
    groups = [(time, len(list(equal))) for time, equal in itertools.groupby(times)]
    distinct: list[float] = []
    for index, (time, count) in enumerate(groups):
        step = _TIME_STEP_MS
        if index + 1 < len(groups) and groups[index + 1][0] > time:
            step = min(step, (groups[index + 1][0] - time) / count)
        distinct += [time + number * step for number in range(count)]
    return distinct
