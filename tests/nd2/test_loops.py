"""Loops of an experiment: what they refuse, what they store."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Experiment,
    NETimeLoop,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.nd2.experiment import decode_loops
from nd2watch.nd2.lite_variant import Double, decode, encode
from tests.nd2.builders import finite, quick

if TYPE_CHECKING:
    from nd2watch.nd2 import Loop
    from nd2watch.nd2.lite_variant import Item, Plain

Make = Callable[[], object]
NAN, INF = math.nan, math.inf
PHASES = NETimeLoop(phases=(TimeLoop(count=2), TimeLoop(count=3)))


def time_loop(**changes: Any) -> Make:
    return lambda: TimeLoop(count=2, **changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: TimeLoop(count=0), "0 time points", id="no time point"),
        pytest.param(time_loop(period_ms=NAN), "period_ms is nan", id="period nan"),
        pytest.param(time_loop(duration_ms=INF), "duration_ms is inf", id="duration inf"),
        pytest.param(time_loop(period_mean_ms=-INF), "period_mean_ms", id="mean inf"),
        pytest.param(time_loop(period_min_ms=NAN), "period_min_ms is nan", id="shortest nan"),
        pytest.param(time_loop(period_max_ms=INF), "period_max_ms is inf", id="longest inf"),
        pytest.param(time_loop(period_ms=-1.0), "must not be below 0", id="period below 0"),
        pytest.param(time_loop(duration_ms=-1.0), "must not be below 0", id="duration below 0"),
        pytest.param(time_loop(start_ms=NAN), "start_ms is nan", id="start nan"),
        pytest.param(lambda: TimeLoop(count=1, name="a\0b"), r"U\+0000", id="name of a phase"),
        pytest.param(lambda: TimeLoop.measured([]), "0 time points", id="nothing measured"),
        pytest.param(lambda: NETimeLoop(phases=()), "needs two phases", id="no phase"),
        pytest.param(
            lambda: NETimeLoop(phases=(TimeLoop(count=3),)), "one is a TimeLoop", id="one phase"
        ),
        pytest.param(
            lambda: NETimeLoop.measured([0.0, 1.0, 2.0], [1, 1]),
            r"phases of \[1, 1\] points are not 3 points",
            id="phases of too few points",
        ),
        pytest.param(
            lambda: NETimeLoop.measured([0.0, 1.0], [2, 0]), "0 time points", id="empty phase"
        ),
        pytest.param(lambda: XYPosLoop(positions=()), "0 positions", id="no position"),
        pytest.param(lambda: StagePosition(x_um=NAN), "x_um is nan", id="position nan"),
        pytest.param(lambda: StagePosition(z_um=INF), "z_um is inf", id="position inf"),
        pytest.param(lambda: StagePosition(pfs_offset=NAN), "pfs_offset is nan", id="PFS nan"),
        pytest.param(lambda: StagePosition(pfs_offset=-1), "below 0 stands for none", id="PFS -1"),
        pytest.param(lambda: StagePosition(name="a\0"), r"position's name .* U\+0000", id="name"),
        pytest.param(lambda: ZStackLoop(count=0), "0 planes", id="no plane"),
        pytest.param(lambda: ZStackLoop(count=2, device="\ud800"), "Z drive", id="drive"),
        pytest.param(
            lambda: ZStackLoop(count=2, step_um=0.0),
            "step is 0.0 um; it must be above 0",
            id="step 0",
        ),
        pytest.param(lambda: ZStackLoop(count=2, step_um=-1), "must be above 0", id="step down"),
        pytest.param(lambda: ZStackLoop(count=2, step_um=NAN), "step_um is nan", id="step nan"),
        pytest.param(
            lambda: ZStackLoop(count=2, home_index=2),
            "home plane 2 is not among 2",
            id="home above",
        ),
        pytest.param(lambda: ZStackLoop(count=2, home_index=-2), "home plane -2", id="home below"),
        pytest.param(
            lambda: Experiment(loops=(TimeLoop(count=2), TimeLoop(count=3))),
            "once, not t, t",
            id="two time loops",
        ),
        pytest.param(
            lambda: Experiment(loops=(TimeLoop(count=2), PHASES)),
            "once, not t, t",
            id="two time loops, one of phases",
        ),
    ],
)
def test_a_wrong_loop_is_refused_saying_what_is_wrong(make: Make, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make()


def stored(tree: dict[str, Item]) -> Plain:
    return decode(encode("root", tree))[1]


names = st.text(
    st.characters(exclude_characters="\ufffe\uffff", exclude_categories=["Cc", "Cs"])
    | st.sampled_from("\t\r\n"),
    max_size=10,
)
durations = st.floats(0, 1e6, allow_subnormal=False)
time_loops = st.builds(
    TimeLoop,
    count=st.integers(1, 1000),
    period_ms=durations,
    duration_ms=durations,
    period_min_ms=finite,
    period_mean_ms=finite,
    period_max_ms=finite,
    start_ms=finite,
    name=names,
)
phased_loops = st.builds(NETimeLoop, phases=st.lists(time_loops, min_size=2, max_size=4).map(tuple))
positions = st.builds(
    StagePosition,
    name=names,
    x_um=finite,
    y_um=finite,
    z_um=finite,
    pfs_offset=st.none() | durations,
)
xy_loops = st.builds(XYPosLoop, positions=st.lists(positions, min_size=1, max_size=5).map(tuple))
steps = st.floats(1e-3, 1e3) | st.integers(1, 2000).map(lambda n: n / 100)


@st.composite
def z_loops(draw: st.DrawFn) -> ZStackLoop:
    count = draw(st.integers(1, 300))
    home = draw(st.integers(-1, count - 1))
    return ZStackLoop(
        count=count,
        step_um=draw(steps),
        home_index=home,
        bottom_to_top=draw(st.booleans()),
        device=draw(names),
    )


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    found: list[Loop] = []
    for kind in (time_loops | phased_loops, xy_loops, z_loops()):
        found += draw(st.lists(cast("st.SearchStrategy[Loop]", kind), max_size=1))
    return Experiment(loops=tuple(draw(st.permutations(found))))


@pytest.mark.timeout(20)
@quick
@given(experiment=experiments())
def test_loops_read_back(experiment: Experiment) -> None:
    assert decode_loops(stored(experiment.encode())) == experiment.loops
    assert experiment.frame_count == math.prod(loop.count for loop in experiment.loops)


def planes_counted(loop: ZStackLoop) -> int:
    """Return the number of planes that Bio-Formats derives from range and step."""
    item = loop.encode()
    low, high, step = item["dZLow"], item["dZHigh"], item["dZStep"]
    assert isinstance(low, Double)
    assert isinstance(high, Double)
    assert isinstance(step, Double)
    return math.ceil(abs(high.value - low.value) / abs(step.value)) + 1


@pytest.mark.timeout(20)
@quick
@given(loop=z_loops())
@example(loop=ZStackLoop(count=4, step_um=0.1))
@example(loop=ZStackLoop(count=4, step_um=0.1, home_index=0))
def test_the_range_of_a_stack_never_adds_a_plane(loop: ZStackLoop) -> None:
    assert planes_counted(loop) <= loop.count
    assert planes_counted(loop) >= loop.count - 1


@pytest.mark.timeout(3)
def test_the_range_of_a_stack_whose_home_is_on_top_never_adds_a_plane() -> None:
    # 3 * 0.1 / 0.1 is above 3
    assert planes_counted(ZStackLoop(count=4, step_um=0.1, home_index=3)) == 4


@pytest.mark.parametrize(("count", "home"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_the_home_plane_is_the_lower_middle_one(count: int, home: int) -> None:
    assert ZStackLoop(count=count).home_index == home


@pytest.mark.parametrize("code", [0, 3, 5, 6, 7, 9, 10])
def test_a_loop_of_another_kind_is_refused(code: int) -> None:
    with pytest.raises(FormatError, match=f"kind {code} is not read"):
        decode_loops({"eType": code, "uLoopPars": {}})


@pytest.mark.parametrize("low", [NAN, INF, -INF])
def test_a_stored_stack_without_finite_range_is_refused(low: float) -> None:
    stack: Plain = {"uiCount": 2, "dZStep": 1.0, "dZHome": 0.0, "dZLow": low}
    with pytest.raises(FormatError):
        decode_loops({"eType": 4, "uLoopPars": stack})


@pytest.mark.parametrize(
    ("starts", "period", "expected"),
    [
        ([5.0], None, (0.0, 0.0, 0.0, 0.0, 0.0)),
        ([5.0], 100.0, (100.0, 0.0, 0.0, 0.0, 0.0)),
        ([0.0, 10.0, 30.0, 36.0], None, (12.0, 36.0, 6.0, 12.0, 20.0)),
        ([0.0, 10.0, 30.0, 36.0], 10.0, (10.0, 36.0, 6.0, 12.0, 20.0)),
        ([30.0, 0.0], None, (0.0, 0.0, -30.0, -30.0, -30.0)),
    ],
    ids=["one", "one with a period", "measured", "with a period", "running backwards"],
)
def test_measured_periods(
    starts: list[float], period: float | None, expected: tuple[float, ...]
) -> None:
    loop = TimeLoop.measured(starts, period)
    assert loop.count == len(starts)
    assert expected == (
        loop.period_ms,
        loop.duration_ms,
        loop.period_min_ms,
        loop.period_mean_ms,
        loop.period_max_ms,
    )
