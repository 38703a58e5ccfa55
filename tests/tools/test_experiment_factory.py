"""Loops that are made step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest

import nd2watch
from nd2watch.errors import FormatError
from nd2watch.experiment_factory import ExperimentFactory, ExperimentLevel
from nd2watch.nd2 import Experiment, StagePosition, TimeLoop, XYPosLoop, ZStackLoop
from nd2watch.tools.experiment_factory import OpenZStackLoop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk


def z_loop(**settings: Any) -> ZStackLoop:
    """Return the Z loop of settings."""
    experiment = ExperimentFactory(z=settings)()
    assert experiment is not None
    assert experiment.z_stack is not None
    return experiment.z_stack


def test_counts_alone_make_loops_in_the_usual_order() -> None:
    experiment = ExperimentFactory(z=4, m=3, t=2).createExperiment()
    assert experiment is not None
    assert experiment.sizes == {"t": 2, "p": 3, "z": 4}
    assert experiment.is_in_usual_order
    assert experiment == ExperimentFactory(z=4, m=3, t=2)()


def test_settings_are_given_at_once_or_one_by_one() -> None:
    at_once = ExperimentFactory(
        t={"count": 3, "step": 350},
        m={"count": 2, "xcoords": [10, 20], "ycoords": [50, 70]},
        z={"count": 5, "step": 1.5},
    )
    factory = ExperimentFactory()
    factory.t.count = 3
    factory.t.step = 350
    factory.m.addPoint(10, 50)
    factory.m.addPoint(20, 70)
    factory.z.count = 5
    factory.z.step = 1.5
    expected = Experiment(
        loops=(
            TimeLoop(count=3, period_ms=350.0, duration_ms=700.0),
            XYPosLoop(positions=(StagePosition(x_um=10, y_um=50), StagePosition(x_um=20, y_um=70))),
            ZStackLoop(count=5, step_um=1.5),
        )
    )
    assert factory() == at_once() == expected


def test_without_a_count_there_is_no_loop() -> None:
    factory = ExperimentFactory()
    assert factory() is None
    factory.t.count = 10
    factory.z.step = 100
    experiment = factory()
    assert experiment is not None
    assert experiment.sizes == {"t": 10}


def test_a_count_of_one_makes_a_loop_of_one_point() -> None:
    experiment = ExperimentFactory(t=1, m=1, z=1)()
    assert experiment is not None
    assert experiment.sizes == {"t": 1, "p": 1, "z": 1}


def test_points_are_counted_unless_their_number_is_stated() -> None:
    factory = ExperimentFactory()
    assert factory.m.count == 0
    factory.m.addPoint(1, 2)
    assert factory.m.count == 1
    factory.m.count = 2
    with pytest.raises(ValueError, match="2 positions are stated, and 1 X and 1 Y of points"):
        factory()
    factory.m.addPoint(3, 4)
    assert factory() is not None


def test_positions_without_points_are_at_the_origin() -> None:
    experiment = ExperimentFactory(m=2)()
    assert experiment is not None
    assert experiment.loops == (XYPosLoop(positions=(StagePosition(), StagePosition())),)


@pytest.mark.parametrize(
    ("settings", "step_um", "rises"),
    [
        ({"count": 5}, 1.0, True),
        ({"count": 5, "step": 0.3}, 0.3, True),
        ({"count": 5, "step": -0.3}, 0.3, False),
        ({"count": 5, "start": 10, "end": 18}, 2.0, True),
        ({"count": 5, "start": 18, "end": 10}, 2.0, False),
        ({"count": 5, "step": 2, "start": 18, "end": 10}, 2.0, False),
        ({"count": 5, "step": 2, "start": 7}, 2.0, True),
        ({"count": 5, "step": 2, "end": 7}, 2.0, True),
        ({"count": 4, "step": 3.33, "start": 0, "end": 10}, 3.33, True),
        ({"count": 1, "start": 3, "end": 3}, 1.0, True),
        ({"count": 1, "step": 2, "start": 3, "end": 3}, 2.0, True),
    ],
)
def test_distance_and_direction_of_planes_follow_from_what_is_stated(
    settings: dict[str, Any], step_um: float, rises: bool
) -> None:
    loop = z_loop(**settings)
    assert (loop.count, loop.step_um) == (settings["count"], step_um)
    assert loop.bottom_to_top is rises


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        ({"count": 5}, True),
        ({"count": 5, "start": 18}, True),
        ({"count": 5, "end": 18}, True),
        ({"count": 1, "start": 3, "end": 8}, True),
        ({"count": 5, "step": 1}, False),
        ({"count": 5, "start": 10, "end": 14}, False),
    ],
)
def test_a_step_that_is_not_stated_is_left_open(settings: dict[str, Any], is_open: bool) -> None:
    loop = z_loop(**settings)
    assert isinstance(loop, OpenZStackLoop) is is_open
    assert (loop.step_um, loop.bottom_to_top) == (1.0, True)


def test_a_loop_with_an_open_step_is_written_as_1_um(tmp_path: Path) -> None:
    attributes = nd2watch.ImageAttributes(width=4, height=3, frame_count=2)
    path = tmp_path / "a.nd2"
    with nd2watch.Nd2Writer(path, attributes, experiment=ExperimentFactory(z=2)()) as writer:
        for _ in range(2):
            writer.write_frame(np.zeros((3, 4), np.uint16))
    with nd2watch.Nd2Reader(path) as reader:
        assert reader.experiment.loops == (ZStackLoop(count=2, step_um=1.0),)


def test_a_time_loop_without_a_step_has_no_period() -> None:
    expected = Experiment(loops=(TimeLoop(count=4),))
    assert ExperimentFactory(t=4)() == expected
    assert ExperimentFactory(t={"count": 4, "step": None})() == expected


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"z": {"count": 3, "step": 0}}, "the Z step is 0 um"),
        ({"z": {"count": 3, "start": 4, "end": 4}}, "the Z step is 0 um"),
        ({"z": {"count": 3, "step": float("nan")}}, "step is nan; it must be a finite number"),
        ({"z": {"count": 3, "step": "1"}}, "step is '1'; it must be a finite number"),
        ({"z": {"count": 3, "start": "0", "end": 9}}, "start is '0'; it must be a finite number"),
        ({"z": {"count": 3, "start": 0, "end": [9]}}, r"end is \[9\]; it must be a finite number"),
        ({"z": {"count": "3", "step": 1}}, "count is '3'; it must be a whole number"),
        ({"z": 2.5}, "count is 2.5; it must be a whole number"),
        ({"z": {"count": 3, "step": 1, "start": 0, "end": 9}}, "3 planes with a step of 1 um do"),
        ({"z": -1}, "a loop of -1 planes"),
        ({"t": {"count": 3, "step": -5}}, "period and duration of a time loop"),
        ({"t": -1}, "a loop of -1 time points"),
        ({"t": 2.5}, "count is 2.5; it must be a whole number"),
        ({"t": "3"}, "count is '3'; it must be a whole number"),
        ({"t": [3]}, r"count is \[3\]; it must be a whole number"),
        ({"t": {"count": 3, "step": "5"}}, "step is '5'; it must be a finite number"),
        ({"m": "2"}, "count is '2'; it must be a whole number"),
        ({"m": 1.5}, "count is 1.5; it must be a whole number"),
        ({"m": {"xcoords": 5, "ycoords": [1]}}, "xcoords is 5; it must be a list of numbers"),
        ({"m": {"xcoords": [1], "ycoords": "1"}}, "ycoords is '1'; it must be a list of numbers"),
        ({"m": {"xcoords": [1], "ycoords": [None]}}, r"ycoords is \[None\]; it must be a list"),
        ({"m": {"xcoords": ["a"], "ycoords": [1]}}, "x_um is 'a'"),
        ({"m": -1}, "-1 positions are stated"),
        ({"m": {"xcoords": [1, 2], "ycoords": [3]}}, "2 X and 1 Y of points"),
        ({"m": {"count": 3, "xcoords": [1, 2], "ycoords": [3, 4]}}, "3 positions are stated"),
        ({"m": {"xcoords": [float("inf")], "ycoords": [0]}}, "x_um is inf"),
    ],
)
def test_what_makes_no_loop_is_refused(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        ExperimentFactory(**stated)()
    assert isinstance(caught.value, ValueError)


def test_points_can_be_arrays() -> None:
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    experiment = ExperimentFactory(m={"xcoords": points[:, 0], "ycoords": points[:, 1]})()
    assert experiment is not None
    expected = (StagePosition(x_um=1, y_um=2), StagePosition(x_um=3, y_um=4))
    assert experiment.loops == (XYPosLoop(positions=expected),)


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="stepp"):
        ExperimentFactory(t={"count": 3, "stepp": 1})


def test_readers_find_the_loops_in_a_file(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    factory = ExperimentFactory(t={"count": 2, "step": 250}, z={"count": 3, "step": -0.5})
    factory.m.addPoint(10, 50)
    factory.m.addPoint(20, 70)
    attributes = nd2watch.ImageAttributes(width=4, height=3, frame_count=12)
    path = tmp_path / "a.nd2"
    with nd2watch.Nd2Writer(path, attributes, experiment=factory()) as writer:
        for value in range(12):
            writer.write_frame(np.full((3, 4), value, np.uint16))
    with nd2.ND2File(path) as file:
        assert dict(file.sizes) == {"T": 2, "P": 2, "Z": 3, "Y": 3, "X": 4}
        time, positions, planes = (loop.parameters for loop in file.experiment)
        assert (time.periodMs, time.durationMs) == (250.0, 250.0)  # type: ignore[union-attr]
        points = positions.points  # type: ignore[union-attr]
        assert [point.stagePositionUm[:2] for point in points] == [(10.0, 50.0), (20.0, 70.0)]
        assert planes.stepUm == -0.5  # type: ignore[union-attr]
        assert planes.bottomToTop is False  # type: ignore[union-attr]
    view = vendor_sdk.read(path)
    assert view.loops == [("TimeLoop", 2), ("XYPosLoop", 2), ("ZStackLoop", 3)]


def test_the_loops_have_limnd2s_name_too() -> None:
    assert ExperimentLevel is nd2watch.ExperimentLevel is Experiment
    assert nd2watch.ExperimentFactory is ExperimentFactory
