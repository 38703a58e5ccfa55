"""Numbered files that are missing."""

from __future__ import annotations

import re
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from nd2watch import Nd2Reader
from nd2watch.errors import LayoutError, SequenceIncomplete
from nd2watch.tools import plan_sequence
from tests.frames import noise
from tests.tools.numbered import (
    FRAMES,
    GROUPS,
    PATTERN,
    TEMPLATE,
    assert_holds,
    convert,
    opened,
    refuse,
    remove,
    write_files,
    write_pages,
)

if TYPE_CHECKING:
    from tests.oracles import VendorSdk

ALL = list(product(*FRAMES.values()))
ALLOWED = (PATTERN, *GROUPS, "--allow_missing_files")
BLACK = np.zeros((24, 32), np.uint16)


@settings(max_examples=30, deadline=None)
@given(absent=st.sets(st.sampled_from(ALL), max_size=len(ALL) - 1))
def test_any_subset_of_missing_files_is_listed_exactly(absent: set[tuple[object, ...]]) -> None:
    present = [place for place in ALL if place not in absent]
    known = [sorted({place[number] for place in present}, key=str) for number in range(len(FRAMES))]
    expected = [f"t={t} z={z} c={c}" for t, z, c in product(*known) if (t, z, c) not in present]
    with tempfile.TemporaryDirectory() as temporary:
        for t, z, c in present:
            tifffile.imwrite(Path(temporary, TEMPLATE.format(t=t, z=z, c=c)), BLACK[:2, :2])
        words = [temporary, PATTERN, *GROUPS]
        planned = plan_sequence(words)["missing"]
        assert planned == {
            "allowed": False,
            "files": len(expected),
            "planes": len(expected),
            "combinations": expected,
        }
        if expected:
            with pytest.raises(SequenceIncomplete) as refusal:
                convert(Path(temporary), PATTERN, *GROUPS)
            assert str(refusal.value) == (
                f"{temporary} lacks {len(expected)} of {len(expected) + len(present)} files:"
                f" {'; '.join(expected)}; --allow_missing_files writes black planes in their place"
            )


def test_of_very_many_the_first_are_listed_and_the_others_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        write_files(tmp_path / "in", "t{t}_z{z}.tif", t=(number,), z=(number,))
    told = refuse(capsys, tmp_path / "in", "-s", "t*_z*.tif", "-t1", "-z2", "-n", "a")
    assert " lacks 132 of 144 files: t=0 z=1; t=0 z=2; " in told
    assert "; t=4 z=6; and 82 more; --allow_missing_files" in told


def test_numbers_that_run_on_together_make_no_grid_of_millions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*_: object, **__: object) -> None:
        raise AssertionError("a grid is built")

    monkeypatch.setattr("nd2watch.tools.folder.join_files", built)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(1, 1201):
        np.save(folder / f"t{number}_z{number}.npy", BLACK[:1, :1])
    words = ("-s", "t*_z*.npy", "-t1", "-z2", "-n", "a")
    assert " lacks 1438800 of 1440000 files: t=1 z=2; " in refuse(capsys, folder, *words)
    told = "1200 files cannot fill t=1200 z=1200; are these the right groups?"
    assert refuse(capsys, folder, *words, "--allow_missing_files") == told
    with pytest.raises(LayoutError, match=re.escape(told)):
        plan_sequence([str(folder), *words])


class TestAllowed:
    """Black planes in the place of missing files."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        write_files(tmp_path / "in")
        for t, z, c in ((2, 1, "gfp"), (3, 1, "gfp"), (3, 1, "dapi")):
            remove(tmp_path / "in", t=t, z=z, c=c)
        return convert(tmp_path / "in", *ALLOWED)

    def test_all_other_planes_are_in_their_place(self, path: Path, vendor_sdk: VendorSdk) -> None:
        absent = {(2, 1, "gfp"), (3, 1, "gfp"), (3, 1, "dapi")}
        planes = [BLACK if place in absent else noise(n) for n, place in enumerate(ALL)]
        assert_holds(path, {"T": 3, "Z": 2, "C": 2}, planes, vendor_sdk)

    def test_readers_see_in_a_column_what_is_missing(self, path: Path) -> None:
        with opened(path) as file:
            column = [event["Missing Planes"] for event in file.events()]
        assert column == ["", "", "gfp", "", "dapi, gfp", ""]

    def test_a_frame_without_planes_is_a_missing_frame(self, path: Path) -> None:
        with Nd2Reader(path) as reader:
            assert reader.missing_frames == (4,)
            assert "Missing frames: 1 (4)" in _description(path)

    def test_the_sources_tell_what_is_missing(self, path: Path) -> None:
        with Nd2Reader(path) as reader:
            assert reader.provenance is not None
            names = [
                [source and source.name for source in frame.sources]
                for frame in reader.provenance.frames
            ]
        assert names[2] == ["t002_z1_dapi.tif", None]
        assert names[4] == [None, None]
        assert sum(name is None for frame in names for name in frame) == 3

    def test_the_text_and_a_note_tell_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in")
        remove(tmp_path / "in", t=1, z=1, c="gfp")
        note = "1 plane is missing; black is written instead"
        assert note in _description(convert(tmp_path / "in", *ALLOWED))
        assert f"note: {note}\n" in capsys.readouterr().out

    def test_a_complete_sequence_is_the_same_with_it(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        files = write_files(tmp_path / "in")
        path = convert(tmp_path / "in", *ALLOWED)
        assert_holds(path, {"T": 3, "Z": 2, "C": 2}, [*files.values()], vendor_sdk)
        with opened(path) as file:
            assert "Missing Planes" not in file.events()[0]

    def test_a_missing_file_of_several_pages_is_black_in_all(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        planes = []
        for number, (t, c) in enumerate(product((1, 2), ("a", "b"))):
            pages = [noise(2 * number), noise(2 * number + 1)]
            if (t, c) == (2, "a"):
                pages = [BLACK, BLACK]
            else:
                write_pages(tmp_path / f"t{t}{c}.tif", pages)
            planes.append(pages)
        words = (r"t(\d)(\w)\.tif", "-t1", "-c2", "--extra-dimension", "zstack")
        told = plan_sequence([str(tmp_path), *words])["missing"]
        assert (told["files"], told["planes"], told["combinations"]) == (1, 2, ["t=2 c=a"])
        path = convert(tmp_path, *words, "--allow_missing_files")
        ordered = [planes[2 * t + c][z] for t in range(2) for z in range(2) for c in range(2)]
        assert_holds(path, {"T": 2, "Z": 2, "C": 2}, ordered, vendor_sdk)


class TestGrid:
    """Positions by X and Y, which make a grid."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_files(tmp_path / "in", "x{x}y{y}t{t}.tif", x=(1, 2), y=(1, 2), t=(1, 2))
        for t in (1, 2):
            (tmp_path / "in" / f"x2y1t{t}.tif").unlink()
        return tmp_path / "in"

    def test_a_hole_in_it_is_missing(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ("-s", "x*y*t*.tif", "-mx", "1", "-my", "2", "-t3", "-n", "a")
        told = refuse(capsys, folder, *words)
        assert "lacks 2 of 8 files: t=1 p=2_1; t=2 p=2_1; --allow" in told

    def test_it_is_black_when_that_is_allowed(self, folder: Path, vendor_sdk: VendorSdk) -> None:
        words = ("-s", "x*y*t*.tif", "-mx", "1", "-my", "2", "-t3", "--allow_missing_files")
        path = convert(folder, *words)
        planes = [
            BLACK if (x, y) == (2, 1) else noise(4 * (x - 1) + 2 * (y - 1) + t - 1)
            for t, x, y in product((1, 2), (1, 2), (1, 2))
        ]
        assert_holds(path, {"T": 2, "P": 4}, planes, vendor_sdk)
        with Nd2Reader(path) as reader:
            assert reader.missing_frames == (2, 6)

    def test_positions_by_other_groups_are_those_that_there_are(
        self, folder: Path, vendor_sdk: VendorSdk
    ) -> None:
        words = ("-s", "x*y*t*.tif", "-m1", "-m2", "-t3", "--flatten_duplicates")
        planes = [noise(n) for t in (0, 1) for n in (0 + t, 2 + t, 6 + t)]
        assert_holds(convert(folder, *words), {"T": 2, "P": 3}, planes, vendor_sdk)

    def test_coordinates_that_make_no_grid_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "in").mkdir()
        for number in range(1001):
            np.save(tmp_path / "in" / f"x{number}y{number}.npy", BLACK[:1, :1])
        words = ("-s", "x*y*.npy", "-mx", "1", "-my", "2", "-n", "a", "--allow_missing_files")
        assert refuse(capsys, tmp_path / "in", *words) == (
            "1001 positions make no grid of 1001 x 1001; give both of their groups by --multipoint,"
            " with --flatten_duplicates"
        )


def _description(path: Path) -> str:
    with opened(path) as file:
        return str(file.text_info["description"])
