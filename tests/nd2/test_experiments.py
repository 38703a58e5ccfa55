"""Experiments of every kind of loop and any nesting, as the package nd2 and the SDK read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    Nd2Reader,
    NETimeLoop,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.nd2.extent import measured
from tests.nd2.builders import assert_equal_pixels, random_frames, slow, write_nd2

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2 import Loop
    from tests.oracles import VendorSdk

PHASES = NETimeLoop(
    phases=(
        TimeLoop(
            count=2,
            period_ms=100.0,
            duration_ms=100.0,
            period_min_ms=90.0,
            period_mean_ms=100.0,
            period_max_ms=110.0,
            name="before",
        ),
        TimeLoop(
            count=3,
            period_ms=2500.0,
            duration_ms=5000.0,
            period_min_ms=2400.0,
            period_mean_ms=2500.0,
            period_max_ms=2600.0,
            start_ms=200.0,
            name="after é",
        ),
    )
)
POSITIONS = XYPosLoop(
    positions=(
        StagePosition(name="A1", x_um=1.0, y_um=-2.0, z_um=3.0, pfs_offset=1234.5),
        StagePosition(x_um=10.0, y_um=-20.0, z_um=30.0),
    )
)


def write_experiment(path: Path, *loops: Loop, step_ms: float = 10.0) -> Path:
    """Write random frames, one every `step_ms`."""
    experiment = Experiment(loops=loops)
    frames = random_frames((experiment.frame_count, 3, 5, 1), seed=experiment.frame_count)
    rows = [FrameMetadata(time_ms=step_ms * n) for n in range(len(frames))]
    write_nd2(path, frames, experiment, metadata=rows)
    assert_equal_pixels(path, frames)
    return path


def shown(path: Path) -> list[Any]:
    """Return the loops that nd2 shows."""
    with nd2.ND2File(path) as file:
        return file.experiment


def test_phases_of_time_read_back(tmp_path: Path) -> None:
    path = write_experiment(tmp_path / "file.nd2", PHASES, ZStackLoop(count=2))
    time, stack = shown(path)
    assert (time.type, time.count) == ("NETimeLoop", 5)
    assert (stack.type, stack.nestingLevel) == ("ZStackLoop", 1)
    periods = time.parameters.periods
    assert [(p.count, p.periodMs, p.durationMs, p.startMs) for p in periods] == [
        (2, 100.0, 100.0, 0.0),
        (3, 2500.0, 5000.0, 200.0),
    ]
    with Nd2Reader(path) as reader:
        assert reader.experiment.loops[0] == PHASES
        assert reader.sizes == {"T": 5, "Z": 2, "C": 1, "Y": 3, "X": 5}
    with nd2.ND2File(path) as file:
        assert dict(file.sizes) == {"T": 5, "Z": 2, "Y": 3, "X": 5}
        assert "- Phase #2: 3 (Period 2500 ms)" in file.text_info["description"]


def test_the_vendors_reader_counts_the_points_of_all_phases(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    view = vendor_sdk.read(write_experiment(tmp_path / "file.nd2", PHASES, POSITIONS))
    assert view.loops == [("NETimeLoop", 5), ("XYPosLoop", 2)]
    assert view.coordinates == [(t, p) for t in range(5) for p in range(2)]


def test_phases_without_durations_tell_those_of_the_frames(tmp_path: Path) -> None:
    loop = NETimeLoop(phases=(TimeLoop(count=2), TimeLoop(count=3, period_ms=15.0)))
    (time,) = shown(write_experiment(tmp_path / "file.nd2", loop, step_ms=20.0))
    first, second = time.parameters.periods
    assert (first.durationMs, first.periodDiff.avg) == (20.0, 20.0)
    assert (second.periodMs, second.durationMs, second.periodDiff.max) == (15.0, 40.0, 20.0)


def test_measured_phases() -> None:
    loop = NETimeLoop.measured([0.0, 10.0, 1000.0, 2000.0, 3500.0], [2, 3])
    assert [(p.count, p.start_ms, p.period_ms, p.duration_ms) for p in loop.phases] == [
        (2, 0.0, 10.0, 10.0),
        (3, 1000.0, 1250.0, 2500.0),
    ]
    assert [(p.period_min_ms, p.period_max_ms) for p in loop.phases] == [
        (10.0, 10.0),
        (1000.0, 1500.0),
    ]


def test_positions_read_back_with_their_focus_offsets(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    path = write_experiment(tmp_path / "file.nd2", POSITIONS)
    (loop,) = shown(path)
    points = loop.parameters.points
    assert [tuple(p.stagePositionUm) for p in points] == [(1.0, -2.0, 3.0), (10.0, -20.0, 30.0)]
    assert [p.pfsOffset for p in points] == [1234.5, None]
    assert [p.name for p in points] == ["A1", None]
    with Nd2Reader(path) as reader:
        assert reader.experiment.loops == (POSITIONS,)
    (seen,) = vendor_sdk.read(path).experiment
    assert [p.get("pfsOffset") for p in seen["parameters"]["points"]] == [1234.5, None]


@pytest.mark.parametrize("upwards", [True, False], ids=["upwards", "downwards"])
@pytest.mark.parametrize(
    ("count", "home", "step"),
    [
        *((4, home, 0.1) for home in range(4)),
        (1, 0, 0.3),
        (2, 1, 7.0),
        (5, 3, 0.7),  # 4 * 3 * 0.7 / (4 * 0.7) is below 3
        (8, 6, 1.1),
        (10, 2, 0.1),
        (50, 49, 0.3),
    ],
)
def test_the_home_plane_and_the_direction_of_a_stack_read_back(
    vendor_sdk: VendorSdk, tmp_path: Path, count: int, home: int, step: float, upwards: bool
) -> None:
    stack = ZStackLoop(
        count=count, step_um=step, home_index=home, bottom_to_top=upwards, device="Piezo Z é"
    )
    path = write_experiment(tmp_path / "file.nd2", stack)
    (loop,) = shown(path)
    assert (loop.count, loop.parameters.stepUm) == (count, step if upwards or count == 1 else -step)
    assert (loop.parameters.homeIndex, loop.parameters.bottomToTop) == (home, upwards)
    assert loop.parameters.deviceName == "Piezo Z é"
    with Nd2Reader(path) as reader:
        assert reader.experiment.loops == (stack,)
    (seen,) = vendor_sdk.read(path).experiment
    parameters = seen["parameters"]
    assert (parameters["homeIndex"], parameters["bottomToTop"]) == (home, upwards)


@pytest.mark.parametrize("upwards", [True, False], ids=["upwards", "downwards"])
def test_heights_of_planes_count_from_the_home_plane(upwards: bool) -> None:
    stack = ZStackLoop(count=4, step_um=0.5, home_index=1, bottom_to_top=upwards)
    heights = [stack.height_um(plane) for plane in range(4)]
    assert heights == ([-0.5, 0.0, 0.5, 1.0] if upwards else [0.5, 0.0, -0.5, -1.0])


def test_a_device_over_several_lines_takes_one_line_of_the_description(tmp_path: Path) -> None:
    stack = ZStackLoop(count=2, device="Z\r\n\r\nDimensions: T(9)\n")
    path = write_experiment(tmp_path / "file.nd2", stack)
    with nd2.ND2File(path) as file:
        lines = file.text_info["description"].split("\r\n")
    assert "- Device: Z Dimensions: T(9)" in lines
    assert [line for line in lines if line.startswith("Dimensions:")] == ["Dimensions: Z(2)"]
    with Nd2Reader(path) as reader:
        assert reader.experiment.loops == (stack,)
        assert reader.text_info.description == ""


durations = st.floats(0, 1e6, allow_subnormal=False)
coordinates = st.floats(-1e5, 1e5, allow_subnormal=False)
names = st.text("aé 😀0.", max_size=5)
times = st.builds(
    TimeLoop,
    count=st.integers(1, 3),
    period_ms=durations,
    duration_ms=st.floats(1.0, 1e6),
    period_min_ms=durations,
    period_mean_ms=durations,
    period_max_ms=durations,
    start_ms=durations,
    name=names,
)
time_loops = times | st.lists(times, min_size=2, max_size=3).map(
    lambda phases: NETimeLoop(phases=tuple(phases))
)
positions = st.builds(
    StagePosition,
    name=names,
    x_um=coordinates,
    y_um=coordinates,
    z_um=coordinates,
    pfs_offset=st.none() | durations,
)
xy_loops = st.lists(positions, min_size=1, max_size=3).map(
    lambda found: XYPosLoop(positions=tuple(found))
)


@st.composite
def z_loops(draw: st.DrawFn) -> ZStackLoop:
    count = draw(st.integers(1, 4))
    return ZStackLoop(
        count=count,
        step_um=draw(st.floats(0.01, 100)),
        home_index=draw(st.integers(0, count - 1)),
        bottom_to_top=draw(st.booleans()),
        device=draw(names),
    )


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    kinds: list[st.SearchStrategy[Any]] = [time_loops, xy_loops, z_loops()]
    chosen = draw(st.lists(st.sampled_from(range(3)), unique=True))
    return Experiment(loops=tuple(draw(kinds[number]) for number in chosen))


def assert_shown(loop: Loop, found: Any) -> None:
    """Compare a loop with what nd2 shows of it."""
    parameters = found.parameters
    assert found.count == loop.count
    if isinstance(loop, TimeLoop):
        assert found.type == "TimeLoop"
        assert_shown_period(loop, parameters)
    elif isinstance(loop, NETimeLoop):
        assert found.type == "NETimeLoop"
        for phase, period in zip(loop.phases, parameters.periods, strict=True):
            assert period.count == phase.count
            assert_shown_period(phase, period)
    elif isinstance(loop, XYPosLoop):
        assert found.type == "XYPosLoop"
        for place, point in zip(loop.positions, parameters.points, strict=True):
            assert tuple(point.stagePositionUm) == (place.x_um, place.y_um, place.z_um)
            assert point.name == (place.name or None)
            assert point.pfsOffset == place.pfs_offset
    else:
        assert found.type == "ZStackLoop"
        falls = not loop.bottom_to_top and loop.count > 1
        assert parameters.stepUm == (-loop.step_um if falls else loop.step_um)
        assert parameters.homeIndex == loop.home_index
        assert parameters.bottomToTop == loop.bottom_to_top
        assert (parameters.deviceName or "") == loop.device


def assert_shown_period(phase: TimeLoop, found: Any) -> None:
    """Compare equidistant points with what nd2 shows of them."""
    assert (found.startMs, found.periodMs) == (phase.start_ms, phase.period_ms)
    assert found.durationMs == phase.duration_ms
    differences = found.periodDiff
    assert (differences.min, differences.avg, differences.max) == (
        phase.period_min_ms,
        phase.period_mean_ms,
        phase.period_max_ms,
    )


@slow
@given(experiment=experiments(), seed=st.integers(0, 99))
def test_random_experiments_read_back(
    tmp_path_factory: pytest.TempPathFactory, experiment: Experiment, seed: int
) -> None:
    frames = random_frames((experiment.frame_count, 2, 3, 2), seed=seed)
    rows = [FrameMetadata(time_ms=float(n)) for n in range(len(frames))]
    experiment = measured(experiment, [row.time_ms for row in rows])
    path = tmp_path_factory.mktemp("experiment") / "file.nd2"
    write_nd2(path, frames, experiment, metadata=rows)
    assert_equal_pixels(path, frames)
    with Nd2Reader(path) as ours, nd2.ND2File(path) as theirs:
        assert ours.experiment == experiment
        wanted = {axis: n for axis, n in ours.sizes.items() if n > 1}
        assert {axis: n for axis, n in theirs.sizes.items() if n > 1} == wanted
        assert list(ours.sizes) == [loop.axis.upper() for loop in experiment.loops] + list("CYX")
        for loop, found in zip(experiment.loops, theirs.experiment, strict=True):
            assert_shown(loop, found)
        shape = [loop.count for loop in experiment.loops]
        for index, at in enumerate(theirs.loop_indices):
            place = np.unravel_index(index, shape) if shape else ()
            axes = [loop.axis.upper() for loop in experiment.loops]
            assert at == dict(zip(axes, map(int, place), strict=True))
