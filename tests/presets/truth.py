"""What is true of a simulated run, in the terms of a `View`, and comparing a reader with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from nd2watch.nd2 import Nd2Reader, Well
from tests.conformance.nd2_view import Nd2PackageReader
from tests.conformance.sdk_view import SdkReader
from tests.conformance.view import Plane, Point, digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from nd2watch.simulate import ProgramRun
    from nd2watch.simulate.run import RunFrame
    from tests.conformance.view import View
    from tests.oracles import VendorSdk
    from tests.presets.programs import Tells

    Frames = dict[Point, dict[int, RunFrame]]

TIME_MS: Final = 1.0
_DAY_MS: Final = 86_400_000.0
_JULIAN_DAY_1970: Final = 2_440_587.5
_RELATIVE: Final = 1e-6
_KNOWN_BUGS: Final = {("nd2", "frame_z_um")}
"""Of readers, see ``tests.conformance.known``: the table of events has the true stage Z."""


class Truth:
    """What one ND2 file of a run should hold.

    Parameters
    ----------
    acquired : ProgramRun
        The run.
    tells : Tells
        What its program tells.
    wells : sequence of str, optional
        Wells in the file; all of the run when omitted.
    sites : sequence of int, optional
        Sites in the file, in each well; all of the run when omitted.
    channels : mapping from str to int, optional
        Its channels, where these are not those of `tells`.
    times : int, optional
        Its time points; all of the run when omitted.
    """

    def __init__(
        self,
        acquired: ProgramRun,
        tells: Tells,
        *,
        wells: Sequence[str] | None = None,
        sites: Sequence[int] | None = None,
        channels: Mapping[str, int] | None = None,
        times: int | None = None,
    ) -> None:
        self.acquired = acquired
        self.run = run = acquired.run
        self.tells = tells
        self.names = tells.channels if channels is None else channels
        self.channels = [run.channels[number] for number in self.names.values()]
        self.z = max(channel.z for channel in self.channels)
        self.t = run.t if times is None else times
        numbers = range(run.sites) if sites is None else sites
        visited = run.wells if wells is None else wells
        self.places = [(well, site) for well in visited or ("",) for site in numbers]
        self.frames = self._frames()

    def _frames(self) -> Frames:
        """Return the frames of each point by the number of the channel in the file.

        A channel of one plane is there on all planes of the others.
        """
        numbers = {acquired: number for number, acquired in enumerate(self.names.values())}
        found: Frames = {}
        for frame in self.run.frames:
            place = (frame.well, frame.site)
            if place in self.places and frame.c in numbers and frame.t < self.t:
                is_flat = self.run.channels[frame.c].z < self.z
                for z in range(self.z) if is_flat else [frame.z]:
                    point = Point(frame.t, self.places.index(place), z)
                    found.setdefault(point, {})[numbers[frame.c]] = frame
        return found

    def values(self) -> dict[str, Any]:
        """Return all fields of a `View` of which something is true."""
        sizes = {"TimeLoop": self.t, "XYPosLoop": len(self.places), "ZStackLoop": self.z}
        return {
            "width": self.run.width,
            "height": self.run.height,
            "component_count": len(self.channels),
            "frame_count": len(self.frames),
            "sizes": Point(*sizes.values()),
            "loops": tuple((kind, count) for kind, count in sizes.items() if count > 1),
            "planes": {
                Plane(point, number): digest(self.acquired.pixels(frame))
                for point, frames in self.frames.items()
                for number, frame in frames.items()
            },
            "channel_names": tuple(self.names),
            **{name: fact for name, fact in self._facts().items() if name in self.tells.facts},
            **self._positions(),
            **self._times(),
            **self._stage(),
        }

    def _facts(self) -> dict[str, Any]:
        """Return what may be told of scale, objective and channels."""
        run, channels, count = self.run, self.channels, len(self.channels)
        return {
            "pixel_size_um": (run.pixel_size_um,) * 2,
            **({"z_step_um": run.z_step_um} if self.z > 1 else {}),
            "objective_name": (run.objective,) * count,
            "magnification": (run.magnification,) * count,
            "numerical_aperture": (run.numerical_aperture,) * count,
            "channel_colors": tuple(channel.color for channel in channels),
            "excitation_nm": tuple(channel.excitation_nm for channel in channels),
            "emission_nm": tuple(channel.emission_nm for channel in channels),
            "exposure_ms": tuple(channel.exposure_ms for channel in channels),
        }

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

    def times_ms(self) -> dict[Point, float]:
        """Return when the frames were taken, ms since the start; nothing where it is not told."""
        if self.tells.times == "each point":
            return {point: point.t * self.run.period_ms for point in self.frames}
        every = self.tells.times == "each frame"
        return {p: min(f.time_ms for f in self._taken_at(p)) for p in self.frames if every}

    def _taken_at(self, point: Point) -> list[RunFrame]:
        """Return the frames of a point, in the order of channels, that are not repeated there."""
        there = [frame for _, frame in sorted(self.frames[point].items())]
        return [frame for frame in there if self.run.channels[frame.c].z == self.z]

    def _times(self) -> dict[str, Any]:
        """Return when frames were taken: since the start, and by the clock."""
        if not (times := self.times_ms()):
            return {}
        begun = _julian_day(self.run.started)
        return {
            "frame_time_ms": times,
            **({"phase_period_ms": (self.run.period_ms,)} if self.t > 1 else {}),
            **(
                {"frame_julian_day": {point: begun + t / _DAY_MS for point, t in times.items()}}
                if self.tells.start_ms is not None
                else {}
            ),
        }

    def _stage(self) -> dict[str, Any]:
        """Return where the stage stood for each frame, by the frame and by the table of events."""
        stage = {
            axis: {point: self._stage_um(point, number) for point in self.frames}
            for number, axis in enumerate("xyz")
        }
        told = self.tells.stage_axes if self.tells.stage_um is not None else ""
        return {
            **{f"frame_{axis}_um": values for axis, values in stage.items()},
            "recorded_stage_um": {a: values if a in told else {} for a, values in stage.items()},
        }

    def _stage_um(self, point: Point, number: int) -> float:
        """Return a coordinate of the stage; where it is not told, Z is from the home plane."""
        if self.tells.stage_um is not None and "xyz"[number] in self.tells.stage_axes:
            return self._taken_at(point)[0].stage_um[number]
        step_um = self.run.z_step_um if "z_step_um" in self.tells.facts else 1.0
        return (point.z - (self.z - 1) // 2) * step_um if number == 2 else 0.0

    def wells(self) -> tuple[tuple[int, int], dict[int, Well]] | None:
        """Return the size of the plate and the well of each frame; None without a plate."""
        if not self.run.wells or not self.tells.has_plate:
            return None
        points = sorted(self.frames)
        wells = {n: Well.parse(self.places[point.p][0]) for n, point in enumerate(points)}
        return (self.run.plate_rows, self.run.plate_columns), wells


def wells_in(path: Path) -> tuple[tuple[int, int], dict[int, Well]] | None:
    """Return the size of the plate and the well of each frame in a file; None without any."""
    with Nd2Reader(path) as reader:
        plate, wells = reader.well_plate, reader.frame_wells
    assert plate is not None or not wells
    return None if plate is None else ((plate.rows, plate.columns), wells)


def check(truth: Truth, path: Path, sdk: VendorSdk) -> None:
    """Compare what nd2 and the vendor's reader show of a file, and its wells, with the truth."""
    found = differences(truth, Nd2PackageReader().read(path), "nd2")
    found += differences(truth, SdkReader(sdk).read(path), "SDK")
    assert not found, "\n".join(found)
    assert wells_in(path) == truth.wells(), "wells"


def differences(truth: Truth, view: View, reader: str) -> list[str]:
    """Return in what a reader shows something else than what is true."""
    return [
        f"{name}: {true!r}, but it shows {view.values[name]!r}"
        for name, true in truth.values().items()
        if name in view.values
        and (reader, name) not in _KNOWN_BUGS
        and not _is_alike(name, true, view.values[name], truth.tells)
    ]


def _is_alike(name: str, true: Any, shown: Any, tells: Tells) -> bool:
    """Return whether two values of a field are the same, within what the program tells."""
    if name == "recorded_stage_um":
        return all(_is_alike(f"frame_{a}_um", true[a], shown[a], tells) for a in true)
    if name == "frame_time_ms":  # whatever time 0 is: clock times tell more
        true, shown = _since_first(true), _since_first(shown)
    absolute = 0.0
    if name in ("frame_time_ms", "phase_period_ms"):
        absolute = TIME_MS
    elif name == "frame_julian_day":
        absolute = (tells.start_ms or 0.0) / _DAY_MS
    elif name.startswith(("frame_", "position_")) and name.endswith("_um"):
        absolute = tells.stage_um or 0.0
    if not _holds_numbers(true):
        return bool(shown == true)
    return bool(shown == pytest.approx(true, rel=0.0 if absolute else _RELATIVE, abs=absolute))


def _since_first(times: Mapping[Point, float]) -> dict[Point, float]:
    """Return times since the earliest."""
    first = min(times.values())
    return {point: time - first for point, time in times.items()}


def _holds_numbers(value: object) -> bool:
    """Return whether a value is a number, or a row or table of numbers."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    items = items if isinstance(items, (list, tuple)) else [items]
    return all(isinstance(item, (int, float)) for item in items)


def _julian_day(moment: datetime) -> float:
    """Return the Julian day of a moment."""
    return moment.timestamp() * 1000 / _DAY_MS + _JULIAN_DAY_1970
