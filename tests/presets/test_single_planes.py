"""Channels of one plane beside those of a stack: repeated, or in a file of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.simulate import RunRequest
from tests.presets.once import (
    SHORT_PAUSE,
    Converted,
    Watched,
    convert_all,
    frames_in,
    simulate,
    slug,
)
from tests.presets.programs import PROGRAMS
from tests.presets.truth import Truth, check

if TYPE_CHECKING:
    from nd2watch.simulate import ProgramRun
    from tests.oracles import VendorSdk
    from tests.presets.programs import Tells

    Program = tuple[str, str]

CHANNELS: Final = ("DIC", "GFP", "DAPI")
"""The first has one plane: its stage position must not be taken for that of the stacks."""

IN_ORDER: Final = {"DIC": 0, "GFP": 1, "DAPI": 2}
BY_NAME: Final = {"DAPI": 2, "DIC": 0, "GFP": 1}
ORDERS: Final = {
    ("metamorph", "metamorph"): IN_ORDER,
    ("imagexpress", "export"): IN_ORDER,
    ("imagexpress", "database"): IN_ORDER,
    ("operetta", "phenix"): IN_ORDER,
    ("yokogawa-cv8000", "cv7000"): IN_ORDER,
    ("yokogawa-cq1", "cv1000"): IN_ORDER,
    ("micro-manager", "1.4"): IN_ORDER,
    ("micro-manager", "2.0"): IN_ORDER,
    ("micro-manager", "stack"): IN_ORDER,
    ("incell", "incell"): BY_NAME,
}
"""Programs that have such channels, and tell by names or sidecars that they are such."""

UNTOLD: Final = ("imagexpress-hcsai", "hcsai")
"""A program of which nothing tells that."""

STATED: Final = """
[watch.axes]
c = [
  { name = "DIC", label = "0", z = 1 },
  { name = "GFP", label = "1" },
  { name = "DAPI", label = "2" },
]
"""
WAYS: Final = {
    **{
        (program, way): f'ragged_z = "{way}"\n'
        for program in ORDERS
        for way in ("replicate", "separate")
    },
    (UNTOLD, "untold"): "",
    (UNTOLD, "stated"): STATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was acquired, and what came of it."""

    acquired: ProgramRun
    tells: Tells
    stem: str
    converted: Converted


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Program, str], Outcome]:
    folder = tmp_path_factory.mktemp("planes")
    names = {case: slug(*case[0], case[1]) for case in WAYS}
    runs: dict[tuple[Program, str], ProgramRun] = {}
    for ((preset, form), way), name in names.items():
        wanted = RunRequest(
            form=form,
            t=2,
            sites=2,
            z=3,
            channels=CHANNELS,
            single_plane=CHANNELS[:1],
            width=32,
            height=24,
        )
        runs[(preset, form), way] = simulate(frames_in(folder, name), preset, wanted)
    watches = {
        names[case]: Watched(preset=case[0][0], further=further + SHORT_PAUSE)
        for case, further in WAYS.items()
    }
    converted = convert_all(folder, watches)
    return {
        case: Outcome(
            acquired=run,
            tells=replace(PROGRAMS[case[0]], channels=ORDERS.get(case[0], IN_ORDER)),
            stem=PROGRAMS[case[0]]
            .output.format(folder=names[case], well="B02")
            .removesuffix(".nd2"),
            converted=converted[names[case]],
        )
        for case, run in runs.items()
    }


@pytest.mark.parametrize("program", ORDERS, ids=" ".join)
def test_the_one_plane_is_repeated(
    outcomes: dict[tuple[Program, str], Outcome], program: Program, vendor_sdk: VendorSdk
) -> None:
    outcome = outcomes[program, "replicate"]
    converted = outcome.converted
    assert converted.complaints == []
    assert set(converted.outputs) == {f"{outcome.stem}.nd2"}
    (path,) = converted.outputs.values()
    check(Truth(outcome.acquired, outcome.tells), path, vendor_sdk)
    notes = [reason for reason in converted.assumed if "repeated on each of 3" in reason]
    assert len(notes) == 1


@pytest.mark.parametrize("program", ORDERS, ids=" ".join)
def test_the_one_plane_gets_a_file_of_its_own(
    outcomes: dict[tuple[Program, str], Outcome], program: Program, vendor_sdk: VendorSdk
) -> None:
    outcome = outcomes[program, "separate"]
    converted, tells, stem = outcome.converted, outcome.tells, outcome.stem
    assert converted.complaints == []
    assert set(converted.outputs) == {f"{stem}.nd2", f"{stem}_DIC.nd2"}
    stacks = {name: number for name, number in tells.channels.items() if name != "DIC"}
    for name, channels in ((f"{stem}.nd2", stacks), (f"{stem}_DIC.nd2", {"DIC": 0})):
        truth = Truth(outcome.acquired, tells, channels=channels)
        check(truth, converted.outputs[name], vendor_sdk)


def test_a_channel_of_one_plane_that_nothing_tells_is_waited_for(
    outcomes: dict[tuple[Program, str], Outcome],
) -> None:
    converted = outcomes[UNTOLD, "untold"].converted
    assert converted.outputs == {}
    (event,) = converted.named("sequence_incomplete")
    assert event["missing"][0] == "t=0 p=0 z=1 c=0"
    assert event["hint"] == (
        "of channel 0 only one plane was seen; if there are no more, say z = 1 with its name in c"
        " of the table axes"
    )


def test_it_is_known_by_what_is_stated(
    outcomes: dict[tuple[Program, str], Outcome], vendor_sdk: VendorSdk
) -> None:
    outcome = outcomes[UNTOLD, "stated"]
    (path,) = outcome.converted.outputs.values()
    check(Truth(outcome.acquired, outcome.tells), path, vendor_sdk)
