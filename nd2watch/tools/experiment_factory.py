"""Making loops step by step, as programs for limnd2 do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nd2watch.errors import FormatError
from nd2watch.nd2 import Experiment, StagePosition, TimeLoop, XYPosLoop, ZStackLoop
from nd2watch.nd2.checks import check_finite
from nd2watch.tools.checks import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nd2watch.nd2 import Loop

ExperimentLevel = Experiment
"""The loops that a factory makes, by limnd2's name."""

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenZStackLoop(ZStackLoop):
    """Planes whose step is not stated: it is taken from the files if they tell it, else 1 um."""


@dataclass(slots=True)
class TimeSettings:
    """Equidistant time points.

    Attributes
    ----------
    count : int
        Time points; 0 for no loop.
    step : float, optional
        Planned time from one to the next, ms; 0 when it is not known.
    """

    count: int = 0
    step: float | None = 0.0

    def loop(self) -> TimeLoop:
        """Return the loop, with the duration that is planned.

        Raises
        ------
        FormatError
            If a value is no number, or out of range.
        """
        check_finite(self, "step")
        count, step = whole(self.count, "count"), self.step or 0.0
        return TimeLoop(count=count, period_ms=step, duration_ms=max(count - 1, 0) * step)


class MultipointSettings:
    """Stage positions.

    Parameters
    ----------
    count : int, optional
        Positions; as many as there are points when left out.
    xcoords, ycoords : sequence of float, optional
        Where the points are, um. Without any, all positions are at 0, 0.

    Attributes
    ----------
    xcoords, ycoords : list of float
        Where the points are, um.

    Raises
    ------
    FormatError
        If there are no lists of points.
    """

    def __init__(
        self, count: int = 0, xcoords: Sequence[float] = (), ycoords: Sequence[float] = ()
    ) -> None:
        self._stated_count = count
        self.xcoords = _listed(xcoords, "xcoords")
        self.ycoords = _listed(ycoords, "ycoords")

    @property
    def count(self) -> int:
        """Number of positions: what is stated, else that of the points; 0 for no loop."""
        return self._stated_count or len(self.xcoords)

    @count.setter
    def count(self, count: int) -> None:
        self._stated_count = count

    def addPoint(self, x: float, y: float) -> None:
        """Add a point, um."""
        self.xcoords.append(x)
        self.ycoords.append(y)

    def loop(self) -> XYPosLoop:
        """Return the loop.

        Raises
        ------
        FormatError
            If there are other numbers of X and of Y, or of points than are stated, or a value is no
            number.
        """
        count = whole(self.count, "count")
        xs = _listed(self.xcoords, "xcoords") or [0.0] * count
        ys = _listed(self.ycoords, "ycoords") or [0.0] * count
        if not len(xs) == len(ys) == count:
            raise FormatError(
                f"{count} positions are stated, and {len(xs)} X and {len(ys)} Y of points;"
                " state as many, or add the points alone"
            )
        return XYPosLoop(
            positions=tuple(StagePosition(x_um=x, y_um=y) for x, y in zip(xs, ys, strict=True))
        )


@dataclass(slots=True)
class ZStackSettings:
    """Equidistant planes.

    Attributes
    ----------
    count : int
        Planes; 0 for no loop.
    step : float, optional
        Distance of planes, um; below 0 when the first one is the highest. When left out it is
        that which start and end make, else it is taken from the files.
    start, end : float, optional
        Z of the first and the last plane, um. Of these only distance and direction are stored:
        loops tell Z in relation to the home plane, the middle one.
    """

    count: int = 0
    step: float | None = None
    start: float | None = None
    end: float | None = None

    def loop(self) -> ZStackLoop:
        """Return the loop: an `OpenZStackLoop` when nothing tells the distance of planes.

        Raises
        ------
        FormatError
            If the step is 0, start, end, step and count contradict each other, or a value is no
            number.
        """
        check_finite(self, "step", "start", "end")
        count = whole(self.count, "count")
        step = self._step_um(count)
        if step is None:
            return OpenZStackLoop(count=count)
        if step == 0:
            raise FormatError("the Z step is 0 um; state the distance of planes, or leave it out")
        return ZStackLoop(count=count, step_um=abs(step), bottom_to_top=step > 0)

    def _step_um(self, count: int) -> float | None:
        """Return the distance of planes, below 0 when the first one is the highest, if stated."""
        if self.start is None or self.end is None:
            return self.step
        gaps, rise = count - 1, self.end - self.start
        if self.step is None:
            return rise / gaps if gaps > 0 else None
        if abs(abs(rise) - abs(self.step) * gaps) > abs(self.step) / 2:
            raise FormatError(
                f"{count} planes with a step of {self.step:g} um do not reach from"
                f" {self.start:g} to {self.end:g} um; leave out one of these"
            )
        return math.copysign(self.step, rise) if rise else self.step


class ExperimentFactory:
    """Makes loops, nested as time, position, Z.

    Parameters
    ----------
    t : int or mapping, optional
        Number of time points, or what `TimeSettings` takes.
    m : int or mapping, optional
        Number of positions, or what `MultipointSettings` takes.
    z : int or mapping, optional
        Number of planes, or what `ZStackSettings` takes.

    Attributes
    ----------
    t : TimeSettings
        Time points.
    m : MultipointSettings
        Stage positions.
    z : ZStackSettings
        Planes.
    """

    def __init__(
        self,
        *,
        t: int | Mapping[str, Any] | None = None,
        m: int | Mapping[str, Any] | None = None,
        z: int | Mapping[str, Any] | None = None,
    ) -> None:
        self.t = _settings(TimeSettings, t)
        self.m = _settings(MultipointSettings, m)
        self.z = _settings(ZStackSettings, z)

    def createExperiment(self) -> Experiment | None:
        """Return the loops that have a count; None when there are none.

        Raises
        ------
        FormatError
            If values are out of range or contradict each other.
        """
        stated = [settings for settings in (self.t, self.m, self.z) if settings.count]
        loops: tuple[Loop, ...] = tuple(settings.loop() for settings in stated)
        return Experiment(loops=loops) if loops else None

    def __call__(self) -> Experiment | None:
        """Return what `createExperiment` does."""
        return self.createExperiment()


def _settings(make: Callable[..., Settings], stated: int | Mapping[str, Any] | None) -> Settings:
    """Return settings of a count, or of more that is stated."""
    if isinstance(stated, Mapping):
        return make(**stated)
    return make() if stated is None else make(count=stated)


def _listed(points: Sequence[float], name: str) -> list[float]:
    """Return the coordinates of points."""
    is_list = hasattr(points, "__iter__") and not isinstance(points, str)
    if not is_list or any(point is None for point in points):
        raise FormatError(f"{name} is {points!r}; it must be a list of numbers")
    return list(points)
