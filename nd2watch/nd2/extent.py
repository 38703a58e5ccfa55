"""The extent of an experiment: how many points its loops have, and how long they took."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.loops import NETimeLoop, TimeLoop, XYPosLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nd2watch.nd2.loops import Loop

_MEASURED: Final = (
    "duration_ms",
    "period_min_ms",
    "period_mean_ms",
    "period_max_ms",
    "start_ms",
)


def resized(experiment: Experiment, frames: int) -> Experiment:
    """Return an experiment with just as many outermost points as `frames` frames need.

    A loop over planes keeps those up to its home plane, to which stage positions relate.

    Parameters
    ----------
    experiment : Experiment
        With at least one loop, unless there is one frame.
    frames : int
        Frames that there are, from the first to the last, at least 1.

    Raises
    ------
    FormatError
        If it would have to grow and its outermost loop is not over time.
    """
    if not experiment.loops:
        if frames > 1:
            raise FormatError(f"{frames} frames without a loop; only one can be there")
        return experiment
    outermost, *inner = experiment.loops
    count = -(-frames // Experiment(loops=tuple(inner)).frame_count)
    if count == outermost.count:
        return experiment
    return Experiment(loops=(_with_count(outermost, count), *inner))


def _with_count(loop: Loop, count: int) -> Loop:
    """Return a loop of another length."""
    if isinstance(loop, TimeLoop):
        return _with_points(loop, count)
    if isinstance(loop, NETimeLoop):
        return _with_phases(loop, count)
    if count > loop.count:
        raise FormatError("only the time points of a file can be added to, as its outermost loop")
    if isinstance(loop, XYPosLoop):
        return XYPosLoop(positions=loop.positions[:count])
    return replace(loop, count=max(count, loop.home_index + 1))


def _with_points(loop: TimeLoop, count: int) -> TimeLoop:
    """Return a time loop of another length; what was measured of it is no longer true."""
    return TimeLoop(count=count, period_ms=loop.period_ms, start_ms=loop.start_ms, name=loop.name)


def _with_phases(loop: NETimeLoop, count: int) -> NETimeLoop | TimeLoop:
    """Return phases of another length: the last ones are cut, or the last one goes on."""
    ends = list(accumulate(phase.count for phase in loop.phases))
    used = next((n for n, end in enumerate(ends, 1) if end >= count), len(ends))
    last = loop.phases[used - 1]
    length = count - (ends[used - 1] - last.count)
    phases = (*loop.phases[: used - 1], _with_points(last, length))
    return phases[0] if used == 1 else NETimeLoop(phases=phases)


def measured(experiment: Experiment, times_ms: npt.ArrayLike) -> Experiment:
    """Return an experiment whose time loop tells the durations and periods of real time stamps.

    A loop that tells them already stays as it is.

    Parameters
    ----------
    experiment : Experiment
        The loops.
    times_ms : array, shape (frame,)
        Time of each frame, ms; NaN where it is not known. Nothing is told of a loop of which a
        point has no known time.
    """
    times = np.asarray(times_ms, np.float64).reshape(
        [loop.count for loop in experiment.loops] or [-1]
    )
    loops: list[Loop] = []
    for axis, loop in enumerate(experiment.loops):
        others = tuple(other for other in range(times.ndim) if other != axis)
        starts = np.fmin.reduce(times, axis=others).tolist() if others else times.tolist()
        if any(math.isnan(start) for start in starts):
            loops.append(loop)
        elif isinstance(loop, TimeLoop):
            loops.append(_measured(loop, starts))
        elif isinstance(loop, NETimeLoop):
            ends = accumulate(phase.count for phase in loop.phases)
            phases = (
                _measured(p, starts[end - p.count : end], start_ms=starts[end - p.count])
                for p, end in zip(loop.phases, ends, strict=True)
            )
            loops.append(NETimeLoop(phases=tuple(phases)))
        else:
            loops.append(loop)
    return Experiment(loops=tuple(loops))


def _measured(loop: TimeLoop, starts: Sequence[float], *, start_ms: float = 0.0) -> TimeLoop:
    """Return a time loop with what it does not tell itself taken from the points' starts."""
    found = replace(TimeLoop.measured(starts), start_ms=start_ms)
    missing = {name: getattr(found, name) for name in _MEASURED if getattr(loop, name) == 0.0}
    return replace(loop, **missing)


def planned_time_ms(experiment: Experiment, index: int) -> float:
    """Return when the time loop plans frame `index`, ms since the start; 0 without a time loop."""
    for loop, point in experiment.place_of(index):
        if isinstance(loop, TimeLoop):
            return loop.start_ms + point * loop.period_ms
        if isinstance(loop, NETimeLoop):
            return _planned_in_phases(loop, point)
    return 0.0


def _planned_in_phases(loop: NETimeLoop, point: int) -> float:
    """Return when a time point of phases is planned: they follow each other unless they tell."""
    begun = 0.0
    for phase in loop.phases:
        begun = max(begun, phase.start_ms)
        if point < phase.count:
            return begun + point * phase.period_ms
        point -= phase.count
        begun += phase.count * phase.period_ms
    return begun
