"""Whole plates, wells and sites as files: their names, positions and wells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

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
from tests.presets.truth import Truth, check, wells_in

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate import ProgramRun
    from tests.oracles import VendorSdk

PLATES: Final = {
    96: ("H12", "B02", "C11"),
    384: ("P22", "A01", "J13"),
    1536: ("AF40", "AA01", "A01", "Z01", "B01"),
}
"""Wells that are visited on each plate: few, far apart, and told in no order."""

SITES: Final = {
    ("imagexpress", "export"): "{n}",
    ("yokogawa-cv8000", "cv7000"): "{n:03}",
    ("operetta", "phenix"): "{n:02}",
}
"""How the site stands in the names of files of one site each."""


MATRIX: Final = ("lasx-matrix", "matrix")
MATRIX_WELLS: Final = ("H12", "A01", "C02")

UNTOLD: Final = {
    "per-well": "",
    "per-site": 'file_per = "site"\n',
    "whole": 'file_per = "plate"\n',
    "stated": "plate.wells = 1536\n",
    "whole-and-stated": 'file_per = "plate"\nplate.wells = 1536\n',
}
"""Plates of a program that tells only wells, and what is said of them."""

NO_WELL: Final = "the well plate is unknown; no well is written: state it by plate.wells"


class Case(NamedTuple):
    """A run, and what of it becomes a file."""

    program: tuple[str, str]
    plate: int
    file_per: str

    @property
    def name(self) -> str:
        """Name of its watch."""
        return slug(*self.program, self.plate, self.file_per)


CASES: Final = [
    Case(program, plate, file_per)
    for program in SITES
    for plate in PLATES
    for file_per in ("plate", "well", "site")
    if plate < 1536 or file_per == "plate"
]


class Outcome(NamedTuple):
    """What was acquired, and what came of it."""

    acquired: ProgramRun
    converted: Converted


def acquired_by(
    folder: Path, program: tuple[str, str], wells: tuple[str, ...], name: str = ""
) -> ProgramRun:
    """Write a run of two sites in each well."""
    preset, form = program
    wanted = RunRequest(
        form=form,
        name=name,
        t=2,
        sites=2,
        channels=("GFP", "DAPI"),
        wells=wells,
        width=32,
        height=24,
    )
    return simulate(folder, preset, wanted)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Outcome]:
    folder = tmp_path_factory.mktemp("plates")
    runs = {
        case: acquired_by(frames_in(folder, case.name), case.program, PLATES[case.plate])
        for case in CASES
    }
    watches = {
        case.name: Watched(
            preset=case.program[0],
            # A file for each well is what plates are to be by their presets.
            further="" if case.file_per == "well" else f'file_per = "{case.file_per}"\n',
        )
        for case in CASES
    }
    converted = convert_all(folder, watches)
    return {case: Outcome(run, converted[case.name]) for case, run in runs.items()}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_plate_becomes_the_files_that_are_wanted(
    outcomes: dict[Case, Outcome], case: Case, vendor_sdk: VendorSdk
) -> None:
    acquired, converted = outcomes[case]
    truths = dict(truths_of(case, acquired))
    assert converted.complaints == []
    assert set(converted.outputs) == set(truths)
    for name, truth in truths.items():
        check(truth, converted.outputs[name], vendor_sdk)


def truths_of(case: Case, acquired: ProgramRun) -> list[tuple[str, Truth]]:
    """Return the names of all files, with what should be in them."""
    tells = replace(PROGRAMS[case.program], start_ms=1.0)
    whole = tells.output.format(folder=case.name, well="{well}")
    if case.file_per == "plate":
        # Sites have the same labels in all wells: positions are named after both.
        tells = replace(tells, positions="{well}_{n}")
        return [(whole.replace("_{well}", ""), Truth(acquired, tells))]
    if case.file_per == "well":
        return [
            (whole.format(well=w), Truth(acquired, tells, wells=[w])) for w in PLATES[case.plate]
        ]
    of_site = whole.replace("{well}", "{well}_" + SITES[case.program])
    return [
        (of_site.format(well=well, n=site + 1), Truth(acquired, tells, wells=[well], sites=[site]))
        for well in PLATES[case.plate]
        for site in range(acquired.run.sites)
    ]


@pytest.mark.parametrize(
    ("plate", "wells"),
    [
        (96, ("B02", "C11", "H12")),
        (384, ("A01", "J13", "P22")),
        (1536, ("A01", "B01", "Z01", "AA01", "AF40")),
    ],
)
def test_positions_of_a_plate_are_in_the_order_of_its_wells(
    outcomes: dict[Case, Outcome], plate: int, wells: tuple[str, ...]
) -> None:
    for program in SITES:
        case = Case(program, plate, "plate")
        ((_, truth),) = truths_of(case, outcomes[case].acquired)
        assert truth.places == [(well, site) for well in wells for site in (0, 1)]


@pytest.fixture(scope="module")
def untold(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    """Plates of programs that tell nothing but names."""
    folder = tmp_path_factory.mktemp("untold")
    watches = {
        name: Watched(preset="incell", further=f"{further}{SHORT_PAUSE}")
        for name, further in UNTOLD.items()
    }
    for name in watches:
        acquired_by(frames_in(folder, name), ("incell", "incell"), ("A01", "P24"))
    watches["matrix"] = Watched(preset="lasx-matrix", further=SHORT_PAUSE)
    acquired_by(frames_in(folder, "matrix"), MATRIX, MATRIX_WELLS)
    for number, file_per in enumerate(("plate", "well", "site"), start=1):
        further = f'file_per = "{file_per}"\n{SHORT_PAUSE}'
        watches[file_per] = Watched(preset="incucyte", further=further)
        wells = ("C11", "B02")
        acquired_by(frames_in(folder, file_per), ("incucyte", "export"), wells, f"VID{number}")
    return convert_all(folder, watches)


@pytest.mark.parametrize("name", ["per-well", "per-site"])
def test_a_plate_that_nothing_tells_is_not_guessed_from_one_well(
    untold: dict[str, Converted], name: str
) -> None:
    converted = untold[name]
    assert len(converted.outputs) == (2 if name == "per-well" else 4)
    assert [wells_in(path) for path in converted.outputs.values()] == [None] * len(
        converted.outputs
    )
    assert NO_WELL in converted.assumed


def test_a_plate_that_nothing_tells_is_the_smallest_usual_one_of_all_its_wells(
    untold: dict[str, Converted],
) -> None:
    converted = untold["whole"]
    assert [rows_in(path) for path in converted.outputs.values()] == [16]
    assert (
        "the well plate is unknown; one of 384 wells is written: state it by plate.wells"
        in converted.assumed
    )


@pytest.mark.parametrize("name", ["stated", "whole-and-stated"])
def test_a_stated_plate_is_that_of_all_files(untold: dict[str, Converted], name: str) -> None:
    converted = untold[name]
    assert {rows_in(path) for path in converted.outputs.values()} == {32}
    assert not any("plate" in reason for reason in converted.assumed)


def test_a_plate_of_rows_and_columns_from_0_is_told(
    untold: dict[str, Converted], vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    ((_, path),) = untold["matrix"].outputs.items()
    tells = replace(PROGRAMS[MATRIX], positions="{well}_0_{i}", has_wells=True)
    truth = Truth(acquired_by(tmp_path, MATRIX, MATRIX_WELLS), tells)
    check(truth, path, vendor_sdk)
    found = wells_in(path)
    assert found is not None
    assert {well.name for well in found[1].values()} == {"A01", "C02", "H12"}


def rows_in(path: Path) -> int | None:
    """Return the rows of the plate in a file."""
    told = wells_in(path)
    return None if told is None else told[0][0]


@pytest.mark.parametrize(
    ("file_per", "names"),
    [
        ("plate", {"plate_VID1.nd2"}),
        ("well", {f"well_VID2_{well}.nd2" for well in ("B02", "C11")}),
        ("site", {f"site_VID3_{well}_{site}.nd2" for well in ("B02", "C11") for site in (1, 2)}),
    ],
)
def test_names_of_files_tell_them_apart_whatever_they_are_of(
    untold: dict[str, Converted], file_per: str, names: set[str]
) -> None:
    assert untold[file_per].complaints == []
    assert set(untold[file_per].outputs) == names
