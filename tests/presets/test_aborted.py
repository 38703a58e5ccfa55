"""Runs that were stopped before all that was planned was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.nd2 import Nd2Reader
from nd2watch.simulate import Manner, RunRequest, plan_run, write_run
from tests.conformance.nd2_view import Nd2PackageReader
from tests.conformance.view import BLANK, Plane, digest
from tests.presets.once import SHORT_PAUSE, Converted, Watched, convert_all, frames_in, slug
from tests.presets.programs import ACQUIRED, PROGRAMS
from tests.presets.truth import Truth, check

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate import ProgramRun
    from nd2watch.simulate.run import RunFrame
    from tests.oracles import VendorSdk

PLANNED: Final = 4
WHOLE: Final = 2
"""Time points that are planned, and those that were taken as a whole; of the next, a half was."""

BY_PLAN: Final = (
    ("metamorph", "metamorph"),
    ("imagexpress", "export"),
    ("imagexpress", "database"),
    ("thorimage", "thorimage"),
)
"""Programs whose files never tell that a run is over."""

BY_LIST: Final = (
    ("micro-manager", "1.4"),
    ("micro-manager", "2.0"),
    ("prairie", "prairie"),
    ("operetta", "phenix"),
    ("yokogawa-cv8000", "cv7000"),
    ("yokogawa-cq1", "cv1000"),
)
"""Programs that end with a list of what was taken, also when they were stopped."""

QUICK: Final = Manner(frames_per_s=0, pieces=1)
_ACTION: Final = SHORT_PAUSE + '[watch.incomplete]\naction = "{}"\ndeadline_s = 0.2\n'
WAYS: Final = {
    "counts": "",
    "pause": SHORT_PAUSE,
    "trim": _ACTION.format("trim"),
    "fill": _ACTION.format("fill"),
}
"""What the configuration says of runs that are not whole."""


class Aborted:
    """A run that was stopped.

    Attributes
    ----------
    planned : ProgramRun
        What was to be acquired.
    taken : tuple of RunFrame
        What was acquired.
    """

    def __init__(self, folder: Path, preset: str, form: str) -> None:
        self.tells = tells = PROGRAMS[preset, form]
        wanted = RunRequest(
            form=form,
            t=PLANNED,
            sites=2 if "p" in tells.axes else 1,
            z=3,
            channels=ACQUIRED,
            width=32,
            height=24,
        )
        self.planned: ProgramRun = plan_run(built_in_presets()[preset], wanted)
        run = self.planned.run
        per_point = len(run.frames) // PLANNED
        self.taken: tuple[RunFrame, ...] = run.frames[: WHOLE * per_point + per_point // 2]
        stopped = replace(self.planned, run=replace(run, frames=self.taken))
        write_run(folder, stopped, QUICK)

    def planes(self, truth: Truth) -> dict[Plane, Any]:
        """Return the digests of the planes in a file, of which some were not taken."""
        return {
            Plane(point, number): digest(self.planned.pixels(frame))
            if frame in self.taken
            else BLANK
            for point, frames in truth.frames.items()
            for number, frame in frames.items()
        }

    def missing(self, truth: Truth) -> tuple[int, ...]:
        """Return the numbers of the frames of which nothing was taken."""
        return tuple(
            number
            for number, point in enumerate(sorted(truth.frames))
            if not set(truth.frames[point].values()) & set(self.taken)
        )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Aborted, Converted]]:
    folder = tmp_path_factory.mktemp("aborted")
    cases = [(p, way) for p in BY_PLAN for way in WAYS] + [(p, "counts") for p in BY_LIST]
    watches = {slug(*p, way): Watched(preset=p[0], further=WAYS[way]) for p, way in cases}
    runs = {slug(*p, way): Aborted(frames_in(folder, slug(*p, way)), *p) for p, way in cases}
    converted = convert_all(folder, watches)
    return {name: (run, converted[name]) for name, run in runs.items()}


@pytest.mark.parametrize("program", BY_PLAN, ids=" ".join)
@pytest.mark.parametrize("way", ["counts", "pause"])
def test_it_is_held_and_what_it_lacks_is_reported(
    outcomes: dict[str, tuple[Aborted, Converted]], program: tuple[str, str], way: str
) -> None:
    aborted, converted = outcomes[slug(*program, way)]
    assert converted.outputs == {}
    (event,) = converted.named("sequence_incomplete")
    assert event["found"] == len({frame.path for frame in aborted.taken})
    known = PLANNED if aborted.tells.has_plan else WHOLE + 1
    planned = {frame.path for frame in aborted.planned.run.frames if frame.t < known}
    assert event["expected"] == len(planned)
    lacking = len(event["missing"]) + event.get("more_missing", 0)
    assert lacking == event["expected"] - event["found"]


@pytest.mark.parametrize("program", BY_PLAN, ids=" ".join)
def test_its_whole_time_points_are_converted_when_that_is_wanted(
    outcomes: dict[str, tuple[Aborted, Converted]],
    program: tuple[str, str],
    vendor_sdk: VendorSdk,
) -> None:
    aborted, converted = outcomes[slug(*program, "trim")]
    (path,) = converted.outputs.values()
    check(Truth(aborted.planned, aborted.tells, times=WHOLE), path, vendor_sdk)
    assert any("lacks frames after time point 2" in reason for reason in converted.assumed)


@pytest.mark.parametrize("program", BY_PLAN, ids=" ".join)
def test_what_it_lacks_is_black_when_that_is_wanted(
    outcomes: dict[str, tuple[Aborted, Converted]], program: tuple[str, str]
) -> None:
    aborted, converted = outcomes[slug(*program, "fill")]
    assert len(converted.named("sequence_converted_incomplete")) == 1
    (path,) = converted.outputs.values()
    check_filled(aborted, path)


@pytest.mark.parametrize("program", BY_LIST, ids=" ".join)
def test_it_is_whole_when_its_program_lists_what_was_taken(
    outcomes: dict[str, tuple[Aborted, Converted]], program: tuple[str, str]
) -> None:
    aborted, converted = outcomes[slug(*program, "counts")]
    assert converted.complaints == []
    assert any("black is written instead" in reason for reason in converted.assumed)
    (path,) = converted.outputs.values()
    check_filled(aborted, path)


def check_filled(aborted: Aborted, path: Path) -> None:
    """Compare a file with what was taken, up to the last time point of which something was."""
    truth = Truth(aborted.planned, aborted.tells, times=WHOLE + 1)
    shown = Nd2PackageReader().read(path).values
    assert shown["sizes"].t == WHOLE + 1
    assert shown["planes"] == aborted.planes(truth)
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == aborted.missing(truth)
