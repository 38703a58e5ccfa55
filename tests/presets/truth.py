"""What is true of a simulated run, in the terms of a `View`, and comparing a reader with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from nd2watch.nd2 import Well
from tests.conformance.view import Plane, Point, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from nd2watch.simulate import ProgramRun
    from nd2watch.simulate.run import RunChannel, RunFrame
    from tests.conformance.view import View
    from tests.presets.programs import Tells

    Frames = dict[Point, dict[int, RunFrame]]

TIME_MS: Final = 1.0
DAY_MS: Final = 86_400_000.0
_JULIAN_DAY_1970: Final = 2_440_587.5
_RELATIVE: Final = 1e-6


class Truth:
    """What one ND2 file of a run should hold.

    Parameters
    ----------
    acquired : ProgramRun
        The run.
    tells : Tells
        What its program tells.
    wells : sequence of str
        Wells in the file; empty without a plate.
    sites : sequence of int
        Sites in the file, in each well.
    """

    def __init__(
        self, acquired: ProgramRun, tells: Tells, wells: Sequence[str], sites: Sequence[int]
    ) -> None:
        self.acquired = acquired
        self.run = acquired.run
        self.tells = tells
        self.places = [(well, site) for well in wells or ("",) for site in sites]
        self.channels: list[RunChannel] = [self.run.channels[n] for n in tells.channels.values()]
        self.z = max(channel.z for channel in self.channels)
        self.frames = self._frames()

    def _frames(self) -> Frames:
        """Return the frames of each point by the number of the channel in the file.

        A channel of one plane is there on all planes of the others.
        """
        numbers = {acquired: number for number, acquired in enumerate(self.tells.channels.values())}
        found: Frames = {}
        for frame in self.run.frames:
            if (frame.well, frame.site) in self.places and frame.c in numbers:
                p = self.places.index((frame.well, frame.site))
                planes = range(self.z) if self.run.channels[frame.c].z < self.z else [frame.z]
                for z in planes:
                    own = found.setdefault(Point(frame.t, p, z), {})
                    own[numbers[frame.c]] = frame
        return found

    def own(self, point: Point) -> list[RunFrame]:
        """Return the frames of a point that were taken there, and nowhere else."""
        there = [frame for _, frame in sorted(self.frames[point].items())]
        return [f for f in there if self.run.channels[f.c].z == self.z] or there

    def values(self) -> dict[str, Any]:
        """Return all fields of a `View` of which something is true."""
        run, channels, count = self.run, self.channels, len(self.channels)
        return {
            "width": run.width,
            "height": run.height,
            "component_count": count,
            "frame_count": len(self.frames),
            "sizes": Point(run.t, len(self.places), self.z),
            "loops": tuple(
                (kind, size)
                for kind, size in (
                    ("TimeLoop", run.t),
                    ("XYPosLoop", len(self.places)),
                    ("ZStackLoop", self.z),
                )
                if size > 1
            ),
            "planes": {
                Plane(point, number): digest(self.acquired.pixels(frame))
                for point, frames in self.frames.items()
                for number, frame in frames.items()
            },
            "channel_names": tuple(self.tells.channels),
            **self._optics(),
            **self._of_channels(channels),
            **self._positions(),
            **self._times(),
            **self._stage(),
        }

    def _optics(self) -> dict[str, Any]:
        """Return what is told of scale and objective."""
        run, count = self.run, len(self.channels)
        told = {
            "pixel_size_um": (run.pixel_size_um,) * 2,
            "objective_name": (run.objective,) * count,
            "magnification": (run.magnification,) * count,
            "numerical_aperture": (run.numerical_aperture,) * count,
        } | ({"z_step_um": run.z_step_um} if self.z > 1 else {})
        return {name: value for name, value in told.items() if name in self.tells.facts}

    def _of_channels(self, channels: Sequence[RunChannel]) -> dict[str, Any]:
        """Return what is told of channels."""
        told = {
            "channel_colors": tuple(channel.color for channel in channels),
            "excitation_nm": tuple(channel.excitation_nm for channel in channels),
            "emission_nm": tuple(channel.emission_nm for channel in channels),
            "exposure_ms": tuple(channel.exposure_ms for channel in channels),
        }
        return {name: value for name, value in told.items() if name in self.tells.facts}

    def _positions(self) -> dict[str, Any]:
        """Return names and places of the positions, in focus."""
        if len(self.places) == 1:
            return {}
        names = tuple(self._name(well, site) for well, site in self.places)
        homes = [Point(0, p, (self.z - 1) // 2) for p in range(len(self.places))]
        return {
            "position_names": names,
            "frame_position_name": {point: names[point.p] for point in self.frames},
            **{
                f"position_{axis}_um": tuple(self._stage_um(home, number) for home in homes)
                for number, axis in enumerate("xyz")
            },
        }

    def _name(self, well: str, site: int) -> str:
        """Return the name of a position."""
        parsed = Well.parse(well) if well else None
        number = parsed.row * self.run.plate_columns + parsed.column + 1 if parsed else 1
        return self.tells.positions.format(n=site + 1, i=site, well=well, number=number)

    def _times(self) -> dict[str, Any]:
        """Return when frames were taken: since the first one, and by the clock."""
        run, tells = self.run, self.tells
        if tells.times == "nothing":
            return {}
        every = tells.times == "each frame"
        times = {
            point: min(f.time_ms for f in self.own(point)) if every else point.t * run.period_ms
            for point in self.frames
        }
        days = {point: _julian_day(run.started) + time / DAY_MS for point, time in times.items()}
        found: dict[str, Any] = {"frame_time_ms": times}
        if run.t > 1:
            found["phase_period_ms"] = (run.period_ms,)
        return {**found, "frame_julian_day": days} if tells.has_start else found

    def _stage(self) -> dict[str, Any]:
        """Return where the stage stood for each frame, at 0 where it is not told."""
        if self.tells.stage_um is None and len(self.places) == 1:
            return {}
        return {
            f"frame_{axis}_um": {point: self._stage_um(point, number) for point in self.frames}
            for number, axis in enumerate("xyz")
        }

    def _stage_um(self, point: Point, number: int) -> float | None:
        """Return a coordinate of the stage, 0 where it is not told."""
        return 0.0 if self.tells.stage_um is None else self.own(point)[0].stage_um[number]

    def of_wells(self) -> list[Well]:
        """Return the well of each frame in the order of the file."""
        points = sorted(self.frames)
        return [Well.parse(self.places[point.p][0]) for point in points]


def _julian_day(moment: datetime) -> float:
    """Return the Julian day of a moment."""
    return moment.timestamp() * 1000 / DAY_MS + _JULIAN_DAY_1970
