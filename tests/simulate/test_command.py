"""``nd2watch simulate`` writes what a program writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.cli import main

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["--frame-rate", "0", "--size", "24x16"]


def test_a_run_of_a_program_is_written_with_its_sidecar(tmp_path: Path) -> None:
    words = ["--preset", "metamorph", "--t", "2", "--p", "2", "--z", "3", "--name", "cells"]
    words += ["-c", "DAPI,DIC", "--single-plane", "DIC"]
    assert main(["simulate", str(tmp_path), *words, *QUICK]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"cells.nd", "cells_w1DAPI_s1_t1.TIF", "cells_w2DIC_s2_t2.TIF"} <= names
    assert len(names) == 9


def test_forms_and_wells_are_chosen(tmp_path: Path) -> None:
    words = ["--preset", "incucyte", "--form", "channel in name", "--wells", "A1,B2"]
    assert main(["simulate", str(tmp_path), *words, *QUICK]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"VID1630_phase_{well}_1_00d00h00m.tif" for well in ("A1", "B2")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "nothing"], "there is no preset 'nothing'; there are andor-fusion"),
        (["--preset", "zen", "--form", "x"], "there is no form 'x'; there are export"),
        (["--preset", "prairie", "--p", "2"], "do not tell XY positions, of which more than one"),
        (["--preset", "zen", "-p", "{t}.tif"], "--pattern makes no sense with --preset"),
        (["--preset", "zen", "--field", "a=b"], "--field makes no sense with --preset"),
        (["--preset", "zen", "--first-index", "0"], "--first-index makes no sense"),
        (["--form", "x"], "--form needs --preset"),
        (["--wells", "A1"], "--wells needs --preset"),
        (["--single-plane", "DAPI"], "--single-plane needs --preset"),
        (["--name", "x"], "--name needs --preset"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    folder = tmp_path / "frames"
    assert main(["simulate", str(folder), *words]) != 0
    assert message in capsys.readouterr().err
    assert not folder.exists()
