"""Lists of which each is of one position: they are final for that position alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from nd2watch.cli import main
from nd2watch.config import built_in_presets
from nd2watch.simulate import RunRequest, plan_run, write_run
from tests.frames import QUICK
from tests.service.test_arrival import bench_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.fakes import Bench

FORMS = ("1.4", "2.0", "stack")
CONFIG = """
[output]
folder = "nd2"

[[watch]]
name = "scope"
folder = "in"
preset = "micro-manager"
"""
POSITION = {"1.4": "cells_1/Pos1", "2.0": "cells_1/Pos1", "stack": "cells_1"}
FRAMES = {"1.4": "img_*", "2.0": "img_*", "stack": "*Pos1.ome.tif"}
SIDECAR = {"1.4": "metadata.txt", "2.0": "metadata.txt", "stack": "*Pos1_metadata.txt"}


def acquired(folder: Path, form: str, sites: int = 2) -> None:
    """Write a finished run of 2 time points, 3 planes and 2 channels at some positions."""
    wanted = RunRequest(
        form=form, t=2, sites=sites, z=3, channels=("DAPI", "GFP"), width=32, height=24
    )
    write_run(folder, plan_run(built_in_presets()["micro-manager"], wanted), QUICK)


def taken_away(folder: Path, form: str, *patterns: str) -> None:
    """Delete what the second position has of some names."""
    for pattern in patterns:
        for path in (folder / POSITION[form]).glob(pattern):
            path.unlink()


def missing_of(bench: Bench) -> list[str]:
    """Return what the one sequence lacks."""
    (collection,) = bench.intake.collections.values()
    return collection.sequence.missing()


@pytest.mark.parametrize("form", FORMS)
def test_a_position_of_which_nothing_came_is_missing(tmp_path: Path, form: str) -> None:
    bench = bench_of(tmp_path, "micro-manager")
    acquired(tmp_path, form)
    taken_away(tmp_path, form, FRAMES[form], SIDECAR[form])
    bench.settle()
    bench.wait(1e5)
    assert bench.ready == 0
    assert "1 of 2 values of p" in missing_of(bench)


@pytest.mark.parametrize("form", ["1.4", "2.0"])
def test_frames_of_a_position_without_its_list_are_not_black_planes(
    tmp_path: Path, form: str
) -> None:
    bench = bench_of(tmp_path, "micro-manager")
    acquired(tmp_path, form)
    taken_away(tmp_path, form, SIDECAR[form], "img_*1_GFP_*", "img_channel001_*time000000001*")
    bench.settle()
    assert bench.ready == 0
    channel = {"1.4": "GFP", "2.0": "1"}[form]
    assert missing_of(bench) == [f"t=1 p=Pos1 z={z} c={channel}" for z in range(3)]


@pytest.mark.parametrize("form", FORMS)
def test_a_position_whose_list_never_comes_is_taken_when_it_was_quiet(
    tmp_path: Path, form: str
) -> None:
    bench = bench_of(tmp_path, "micro-manager")
    acquired(tmp_path, form)
    taken_away(tmp_path, form, SIDECAR[form])
    bench.settle()
    assert bench.ready == 0
    bench.wait(300)
    assert bench.ready == 1


@pytest.mark.parametrize("form", ["1.4", "2.0"])
def test_folders_of_other_names_are_sequences_that_wait_for_no_other(
    tmp_path: Path, form: str
) -> None:
    bench = bench_of(tmp_path, "micro-manager")
    acquired(tmp_path, form)
    (tmp_path / "cells_1/Pos0").rename(tmp_path / "cells_1/nucleus")
    shutil.rmtree(tmp_path / "cells_1/Pos1")
    sidecar = tmp_path / "cells_1/nucleus/metadata.txt"
    sidecar.write_text(sidecar.read_text().replace("Pos0/", "nucleus/"))
    bench.settle()
    assert bench.ready == 1


def test_each_of_several_folders_of_other_names_is_a_sequence(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "micro-manager")
    acquired(tmp_path, "2.0", sites=3)
    for number, name in enumerate(("A1", "A2", "B1")):
        folder = (tmp_path / f"cells_1/Pos{number}").rename(tmp_path / "cells_1" / name)
        sidecar = folder / "metadata.txt"
        sidecar.write_text(sidecar.read_text().replace(f"Pos{number}/", f"{name}/"))
    (lost,) = (tmp_path / "cells_1/B1").glob("*channel001*time000000001_z002*")
    content = lost.read_bytes()
    lost.unlink()
    bench.settle()
    assert bench.ready == 2
    lost.write_bytes(content)
    bench.settle()
    assert bench.ready == 3
    sequences = [collection.sequence for collection in bench.intake.collections.values()]
    assert {sequence.title for sequence in sequences} == {
        f"cells_1/{n}" for n in ("A1", "A2", "B1")
    }
    assert all(sequence.sizes() == (2, 1, 3, 2) for sequence in sequences)


def test_plan_tells_which_position_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    acquired(tmp_path / "in", "2.0")
    taken_away(tmp_path / "in", "2.0", FRAMES["2.0"], SIDECAR["2.0"])
    assert main(["plan", "-c", "config.toml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  cells_1: 12 of 24 frames" in lines
    assert "    missing: 1 of 2 values of p" in lines
