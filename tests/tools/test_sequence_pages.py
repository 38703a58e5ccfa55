"""The command for numbered files that hold several planes, and for groups that make one axis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nd2watch.tools import convert_sequence_to_nd2_args
from tests.frames import noise
from tests.tools.numbered import assert_holds, convert, opened, refuse, write_files, write_pages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk
    from tests.tools.numbered import Pixels

PAGES = 3


def save_pages(folder: Path, *names: str) -> list[Pixels]:
    """Write TIFF files of three pages that do not say what they are; return the pages."""
    folder.mkdir(exist_ok=True)
    pages = []
    for number, name in enumerate(names):
        planes = [noise(PAGES * number + page) for page in range(PAGES)]
        write_pages(folder / name, planes)
        pages += planes
    return pages


class TestExtraDimension:
    """Pages of which the files do not say what they are."""

    @pytest.mark.parametrize(
        ("dimension", "axis", "group"),
        [
            ("timeloop", "T", "-z"),
            ("zstack", "Z", "-t"),
            ("multipoint", "P", "-t"),
            ("channel", "C", "-t"),
        ],
    )
    def test_they_are_what_is_said(
        self, tmp_path: Path, vendor_sdk: VendorSdk, dimension: str, axis: str, group: str
    ) -> None:
        pages = save_pages(tmp_path / "in", "i1.tif", "i2.tif")
        words = ("-s", "i*.tif", group, "1", "--extra-dimension", dimension)
        path = convert(tmp_path / "in", *words)
        if dimension == "timeloop":  # which nests outside of what the names tell
            pages = [pages[PAGES * i + page] for page in range(PAGES) for i in range(2)]
        outer = {"-t": "T", "-z": "Z"}[group]
        assert_holds(path, {outer: 2, axis: PAGES}, pages, vendor_sdk)

    def test_json_tells_the_numbers_of_planes(self, tmp_path: Path) -> None:
        save_pages(tmp_path, "i1.tif", "i2.tif")
        words = ["-s", "i*.tif", "-c", "1", "--extra-dimension", "zstack", "-j", "about.json"]
        told = json.loads(convert_sequence_to_nd2_args([str(tmp_path), *words]).read_bytes())
        assert [frame["files"] for frame in told["frames"]] == [
            [{"file": f"i{i}.tif", "plane": plane} for i in (1, 2)] for plane in range(PAGES)
        ]

    def test_without_it_they_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save_pages(tmp_path / "in", "i1.tif", "i2.tif")
        told = refuse(capsys, tmp_path / "in", "-s", "i*.tif", "-t", "1", "-n", "a")
        assert f"{tmp_path / 'in' / 'i1.tif'} holds 3 pages" in told
        assert "--extra-dimension" in told

    def test_it_is_one_of_four(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        save_pages(tmp_path / "in", "i1.tif")
        words = ("-s", "i*.tif", "-t", "1", "-n", "a", "--extra-dimension", "depth")
        told = refuse(capsys, tmp_path / "in", *words)
        assert "--extra-dimension: invalid choice: 'depth'" in told
        assert "see convert-sequence-to-nd2 --help" in told

    def test_files_of_different_numbers_of_pages_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save_pages(tmp_path / "in", "i1.tif")
        write_files(tmp_path / "in", "i{i}.tif", i=(2,))
        words = ("-s", "i*.tif", "-t", "1", "-n", "a", "--extra-dimension", "zstack")
        told = refuse(capsys, tmp_path / "in", *words)
        assert "i2.tif has 1 planes" in told or "i1.tif has 3 planes" in told


class TestFlattenDuplicates:
    """Several groups of one dimension."""

    def test_groups_of_one_dimension_make_its_points_together(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        write_files(tmp_path / "in", "{light}_cam{cam}.tif", light=("red",), cam=(2,))
        files = write_files(tmp_path / "in", "{l}_cam{c}.tif", l=("blue", "red"), c=(1,))
        words = (r"(\w+)_cam(\d)\.tif", "-c", "1", "-c", "2", "--flatten_duplicates")
        path = convert(tmp_path / "in", *words)
        ordered = [files["blue", 1], files["red", 1], noise(0)]
        assert_holds(path, {"C": 3}, ordered, vendor_sdk)
        with opened(path) as file:
            names = [channel.channel.name for channel in file.metadata.channels]
        assert names == ["blue_1", "red_1", "red_2"]

    @pytest.mark.parametrize(("word", "axis"), [("-t", "T"), ("-z", "Z"), ("-m", "P")])
    def test_the_first_group_is_the_slowest(
        self, tmp_path: Path, vendor_sdk: VendorSdk, word: str, axis: str
    ) -> None:
        files = write_files(tmp_path / "in", "{b}-{a}.tif", b=(1, 2), a=(1, 2, 10))
        words = ("-s", "*-*.tif", word, "1", word, "2", "--flatten_duplicates")
        assert_holds(convert(tmp_path / "in", *words), {axis: 6}, [*files.values()], vendor_sdk)

    def test_x_and_y_go_together_with_a_position(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        files = write_files(tmp_path / "in", "m{m}x{x}y{y}.tif", m=(1, 2), x=(1, 2), y=(1, 2))
        words = ("-s", "m*x*y*.tif", "-m", "1", "-mx", "2", "-my", "3", "--flatten_duplicates")
        path = convert(tmp_path / "in", *words)
        ordered = [files[m, x, y] for x in (1, 2) for y in (1, 2) for m in (1, 2)]
        assert_holds(path, {"P": 8}, ordered, vendor_sdk)

    @pytest.mark.parametrize(
        ("word", "dimension", "axis"),
        [
            ("-t", "timeloop", "T"),
            ("-z", "zstack", "Z"),
            ("-m", "multipoint", "P"),
            ("-c", "channel", "C"),
        ],
    )
    def test_pages_of_a_file_follow_those_of_the_file_before(
        self, tmp_path: Path, vendor_sdk: VendorSdk, word: str, dimension: str, axis: str
    ) -> None:
        pages = save_pages(tmp_path / "in", "i1.tif", "i2.tif")
        words = ("-s", "i*.tif", word, "1", "--extra-dimension", dimension)
        path = convert(tmp_path / "in", *words, "--flatten_duplicates")
        assert_holds(path, {axis: 2 * PAGES}, pages, vendor_sdk)

    def test_that_is_refused_unless_asked_for(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save_pages(tmp_path / "in", "i1.tif", "i2.tif")
        words = ("-s", "i*.tif", "-t", "1", "--extra-dimension", "timeloop", "-n", "a")
        assert "--flatten_duplicates" in refuse(capsys, tmp_path / "in", *words)

    def test_names_that_fall_together_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in", "{name}.tif", name=("a_b-c", "a-b_c"))
        words = ("-s", "*-*.tif", "-m", "1", "-m", "2", "--flatten_duplicates", "-n", "a")
        assert refuse(capsys, tmp_path / "in", *words) == (
            "a and b_c make the same name on the axis p as a_b and c: a_b_c;"
            " let one group capture all of it"
        )
