"""Runs of one name in several folders become files of their own, by every preset."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.experiment import OutputName
from nd2watch.layouts import only_layout_of
from nd2watch.simulate import RunRequest, plan_run
from tests.presets.once import SHORT_PAUSE, Converted, Watched, convert_all, simulate, slug
from tests.presets.programs import PROGRAMS

WELL: Final = "B02"
PRESETS: Final = built_in_presets()
PLACES: Final = ("mouse1", "mouse2", "mouse2/day1")
"""Folders of the runs below the watched one."""

IN_FOLDERS: Final = [p for p in PROGRAMS if p[0] in ("incucyte", "incucyte-archive", "prairie")]
"""Programs whose files were once named without these folders."""


def request_of(program: tuple[str, str]) -> RunRequest:
    """Return a small run, in one well where the program has wells."""
    tells = PROGRAMS[program]
    return RunRequest(
        form=program[1],
        name=tells.name,
        t=2 if "t" in tells.axes else 1,
        wells=(WELL,) if tells.has_wells else (),
        width=32,
        height=24,
    )


def output_of(program: tuple[str, str], place: str) -> str:
    """Return the name of the file of a run in a folder; that of the watched one is empty."""
    output = PROGRAMS[program].output
    output = output if place else output.removeprefix("{folder}_")
    return output.format(folder=place.replace("/", "_"), well=WELL)


@pytest.mark.parametrize("place", ["", *PLACES])
@pytest.mark.parametrize("program", PROGRAMS, ids=[slug(*program) for program in PROGRAMS])
def test_a_file_is_named_after_the_folders_of_its_run(program: tuple[str, str], place: str) -> None:
    preset = PRESETS[program[0]]
    frame = plan_run(preset, request_of(program)).run.frames[0]
    key = only_layout_of(preset).parse(PurePosixPath(place) / frame.path).sequence
    named = OutputName(template=preset.output).path(key, "scope")
    assert str(named) == output_of(program, place)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    folder = tmp_path_factory.mktemp("twins")
    watches = {}
    for program in IN_FOLDERS:
        watch = slug(*program)
        for place in PLACES:
            simulate(folder / "in" / watch / place, program[0], request_of(program))
        further = "" if PROGRAMS[program].has_plan else SHORT_PAUSE
        watches[watch] = Watched(preset=program[0], further=further)
    return convert_all(folder, watches)


@pytest.mark.parametrize("program", IN_FOLDERS, ids=[slug(*program) for program in IN_FOLDERS])
def test_runs_of_one_name_are_all_converted(
    converted: dict[str, Converted], program: tuple[str, str]
) -> None:
    found = converted[slug(*program)]
    assert found.complaints == []
    assert set(found.outputs) == {output_of(program, place) for place in PLACES}
