"""What is simulated of a program, by its preset alone, is what readers find in the ND2 file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import nd2
import pytest

from nd2watch.config import built_in_presets
from nd2watch.simulate import RunRequest
from tests.conformance.nd2_view import Nd2PackageReader
from tests.conformance.sdk_view import SdkReader
from tests.presets.once import (
    SHORT_PAUSE,
    Converted,
    Watched,
    convert_all,
    frames_in,
    simulate,
    slug,
)
from tests.presets.programs import ACQUIRED, PROGRAMS
from tests.presets.truth import TIME_MS, Truth, differences, wells_in

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate import ProgramRun
    from tests.oracles import VendorSdk
    from tests.presets.programs import Tells

POINTS: Final = {"t": 2, "p": 2, "z": 3}
WELLS: Final = ("C11", "B02")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The ND2 files of a run, and what should be in each."""

    tells: Tells
    converted: Converted
    truths: dict[str, Truth]

    @property
    def files(self) -> list[tuple[Path, Truth]]:
        """Each file with its truth."""
        return [(self.converted.outputs[name], truth) for name, truth in self.truths.items()]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Outcome]:
    folder = tmp_path_factory.mktemp("programs")
    runs = {program: acquired_by(folder, program) for program in PROGRAMS}
    further = {program: "" if PROGRAMS[program].has_plan else SHORT_PAUSE for program in PROGRAMS}
    watches = {slug(*p): Watched(preset=p[0], further=further[p]) for p in PROGRAMS}
    converted = convert_all(folder, watches)
    return {
        program: Outcome(
            tells=tells,
            converted=converted[slug(*program)],
            truths={
                tells.output.format(folder=slug(*program), well=well): Truth(
                    runs[program], tells, wells=[well]
                )
                for well in runs[program].run.wells or ("",)
            },
        )
        for program, tells in PROGRAMS.items()
    }


def acquired_by(folder: Path, program: tuple[str, str]) -> ProgramRun:
    """Write a run of several points on each axis that a program tells."""
    (preset, form), tells = program, PROGRAMS[program]
    counts = {axis: n for axis, n in {**POINTS, **tells.points}.items() if axis in tells.axes}
    wanted = RunRequest(
        form=form,
        name=tells.name,
        t=counts.get("t", 1),
        sites=counts.get("p", 1),
        z=counts.get("z", 1),
        channels=ACQUIRED if "c" in tells.axes else ACQUIRED[:1],
        wells=WELLS if tells.has_wells else (),
        width=32,
        height=24,
    )
    return simulate(frames_in(folder, slug(*program)), preset, wanted)


@pytest.fixture(scope="module", params=PROGRAMS, ids=" ".join)
def outcome(request: pytest.FixtureRequest, outcomes: dict[tuple[str, str], Outcome]) -> Outcome:
    return outcomes[request.param]


def test_every_form_of_every_preset_is_tried() -> None:
    known = {(name, form) for name, preset in built_in_presets().items() for form in preset.names}
    assert known == set(PROGRAMS)


def test_a_preset_alone_makes_one_file_of_each_sequence(outcome: Outcome) -> None:
    assert outcome.converted.complaints == []
    assert outcome.converted.ended == "all done"
    assert set(outcome.converted.outputs) == set(outcome.truths)


def test_nd2_finds_what_was_acquired(outcome: Outcome) -> None:
    for path, truth in outcome.files:
        assert differences(truth, Nd2PackageReader().read(path), "nd2") == []


def test_the_vendors_reader_finds_what_was_acquired(
    outcome: Outcome, vendor_sdk: VendorSdk
) -> None:
    for path, truth in outcome.files:
        assert differences(truth, SdkReader(vendor_sdk).read(path), "SDK") == []


def test_the_table_of_events_tells_when_frames_were_taken(outcome: Outcome) -> None:
    for path, truth in outcome.files:
        with nd2.ND2File(path) as file:
            seconds = file.events(orient="list")["Time [s]"]
        times = truth.times_ms()
        first = min(times.values(), default=0.0)
        since_first = [1000 * (second - min(seconds)) for second in seconds]
        assert len(since_first) == len(truth.frames)
        if times:
            true = [times[point] - first for point in sorted(times)]
            assert since_first == pytest.approx(true, abs=TIME_MS)


def test_frames_are_in_the_wells_of_the_run(outcome: Outcome) -> None:
    for path, truth in outcome.files:
        assert wells_in(path) == truth.wells()


def test_what_a_program_does_not_tell_is_said_to_be_assumed(outcome: Outcome) -> None:
    tells = outcome.tells
    knows_times = tells.times != "nothing" or "t" not in tells.axes
    lacking = {
        "the pixel size is unknown": "pixel_size_um" not in tells.facts,
        "the Z step is unknown": "z" in tells.axes and "z_step_um" not in tells.facts,
        "stage positions are unknown": "p" in tells.axes and tells.stage_um is None,
        "the well plate is unknown": tells.has_wells and not tells.has_plate,
        "the times of the acquisition are unknown": not knows_times,
        "the start of the acquisition is unknown": knows_times and tells.start_ms is None,
    }
    said = {reason.partition(";")[0] for reason in outcome.converted.assumed}
    assert said == {reason for reason, is_lacking in lacking.items() if is_lacking}
