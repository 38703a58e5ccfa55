"""What is noted of the folder and of the labels in its names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.tools import plan_sequence
from tests.tools.numbered import convert, refuse, write_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_passed_over_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "in", "pos{m}/t{t}.tif", m=("A", "B"), t=(1, 2))
    (tmp_path / "in" / "pos").mkdir()
    (tmp_path / "in" / "pos" / "t3.tif").symlink_to(tmp_path / "in" / "posA" / "t1.tif")
    (tmp_path / "in" / "posC").symlink_to(tmp_path / "in" / "posA")
    (tmp_path / "in" / "link.txt").symlink_to(tmp_path / "in")
    words = (r"pos(\w)/t(\d)\.tif", "-m", "1", "-t", "2")
    told = plan_sequence([str(tmp_path / "in"), *words])
    assert told["passed_over_files"] == 3
    assert "3 links are not followed" in told["notes"]
    convert(tmp_path / "in", *words)
    assert "note: 3 links are not followed\n" in capsys.readouterr().out
    line = refuse(capsys, tmp_path / "in" / "pos", "-s", "t*.tif", "-t", "1", "-n", "a")
    assert line.endswith("0 such files do not match; 1 link is not followed")


def test_numbers_that_are_left_out_are_noted(tmp_path: Path) -> None:
    labels: dict[str, tuple[object, ...]] = {
        "few": (1, 2, 5),
        "many": (0, 1, 20),
        "steps": (0, 50, 100),
        "two": (9, 11),
        "all": (9, 10, 11),
        "words": ("a1", "a3"),
    }
    for name, times in labels.items():
        write_files(tmp_path / name, "{t}.tif", t=times)
    notes = {
        folder.name: [
            note.removeprefix("t lacks ")
            for note in plan_sequence([str(folder), "-s", "*.tif", "-t", "1"])["notes"]
            if "lacks" in note
        ]
        for folder in tmp_path.iterdir()
    }
    assert notes == {
        "few": ["3, 4"],
        "many": ["2, 3, 4, 5, 6, 7, 8, 9, 10, 11, and 8 more"],
        "steps": [],
        "two": ["10"],
        "all": [],
        "words": [],
    }


@pytest.mark.parametrize(
    ("labels", "noted"), [(("gfp", "dapi"), True), (("z9", "z10"), False), (("gfp",), False)]
)
def test_words_for_planes_are_doubted(tmp_path: Path, labels: tuple[str, ...], noted: bool) -> None:
    write_files(tmp_path, "t{t}_{z}.tif", t=(1, 2), z=labels)
    notes = plan_sequence([str(tmp_path), "-s", "t*_*.tif", "-t", "1", "-z", "2"])["notes"]
    doubt = "planes are in the order of their names: dapi, gfp; is group 2 the Z plane?"
    assert (doubt in notes) == noted
