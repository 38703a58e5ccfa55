"""Wells that the names of positions tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch import Nd2Reader
from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    Experiment,
    ImageAttributes,
    Nd2Writer,
    Picture,
    StagePosition,
    Well,
    WellPlate,
    XYPosLoop,
)
from nd2watch.tools import plan_sequence
from tests.frames import noise
from tests.tools.numbered import assert_holds, convert, opened, refuse, write_files, write_pages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.oracles import VendorSdk

BY_NAME = ("-s", "*.tif", "-m", "1")
PLATE_96 = WellPlate.standard(96)


def wells_of(path: Path) -> tuple[WellPlate | None, list[str]]:
    """Return the plate of a file and the well of each frame."""
    with Nd2Reader(path) as reader:
        return reader.well_plate, [well.name for _, well in sorted(reader.frame_wells.items())]


def planned(folder: Path, template: str, names: Sequence[str], *words: str) -> object:
    """Return plate and wells that are planned for positions of these names."""
    write_files(folder, template, m=names)
    return plan_sequence([str(folder), *words])["wellplate"]


class TestNames:
    """Positions named like A01."""

    def test_each_frame_is_in_its_well(self, tmp_path: Path, vendor_sdk: VendorSdk) -> None:
        names = ("A01", "A12", "H03")
        files = write_files(tmp_path / "in", "{m}_t{t}.tif", m=names, t=(1, 2))
        path = convert(tmp_path / "in", "-s", "*_t*.tif", "-m", "1", "-t", "2")
        assert wells_of(path) == (PLATE_96, [*names, *names])
        ordered = [files[m, t] for t in (1, 2) for m in names]
        assert_holds(path, {"T": 2, "P": 3}, ordered, vendor_sdk)
        with opened(path) as file:
            points = file.experiment[1].parameters.points
            assert [point.name for point in points] == [*names]
            assert (
                "positions are taken for wells of a 96 Well Plate"
                in (file.text_info["description"])
            )

    @pytest.mark.parametrize(
        ("names", "count"),
        [
            (("A01", "B02"), 96),
            (("A1", "B1"), 96),
            (("A01", "A02"), 96),
            (("C07",), 96),
            (("A01", "I12"), 384),
            (("A13", "B24"), 384),
            (("A25", "P24"), 1536),
            (("AF48", "A01"), 1536),
        ],
    )
    def test_the_plate_is_the_smallest_usual_one(
        self, tmp_path: Path, names: tuple[str, ...], count: int
    ) -> None:
        told = planned(tmp_path, "{m}.tif", names, *BY_NAME)
        plate = WellPlate.standard(count)
        assert told == {
            "name": plate.name,
            "rows": plate.rows,
            "columns": plate.columns,
            "row_naming": plate.row_naming,
            "column_naming": plate.column_naming,
            "wells": sorted(Well.parse(name).name for name in names),
        }

    @pytest.mark.parametrize(
        "names",
        [
            ("A1", "A2"),  # a letter with a running number
            ("P01", "P02", "P03"),
            ("a01", "b01"),
            ("A00", "A01"),
            ("A01", "left"),
            ("AG01", "A01"),  # beyond 1536 wells
            ("A49", "B49"),
            ("1", "2"),
            ("left", "right"),
        ],
    )
    def test_other_names_are_no_wells(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        assert planned(tmp_path / "in", "{m}.tif", names, *BY_NAME) is None
        assert wells_of(convert(tmp_path / "in", *BY_NAME))[0] is None

    def test_a_single_position_may_be_in_a_well(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "B02_z{z}.tif", z=(1, 2))
        words = ("-s", "*_z*.tif", "-m", "1", "-z", "2", "--wellplate-rows", "8")
        assert wells_of(convert(tmp_path / "in", *words)) == (PLATE_96, ["B02", "B02"])

    def test_several_sites_of_a_well_are_in_it(self, tmp_path: Path, vendor_sdk: VendorSdk) -> None:
        files = write_files(tmp_path / "in", "{w}_s{s}.tif", w=("A01", "B01"), s=(1, 2))
        words = ("-s", "*_s*.tif", "-m", "1", "-m", "2", "--flatten_duplicates")
        path = convert(tmp_path / "in", *words)
        assert wells_of(path) == (PLATE_96, ["A01", "A01", "B01", "B01"])
        assert_holds(path, {"P": 4}, [*files.values()], vendor_sdk)

    def test_positions_in_the_files_have_wells_too(self, tmp_path: Path) -> None:
        places = tuple(StagePosition(name=name) for name in ("A01", "B02"))
        for t in (1, 2):
            with Nd2Writer(
                tmp_path / f"t{t}.nd2",
                ImageAttributes(width=32, height=24, frame_count=2),
                experiment=Experiment(loops=(XYPosLoop(positions=places),)),
                picture=Picture(channels=(Channel(name="GFP"),)),
            ) as writer:
                writer.write_frame(noise(t))
                writer.write_frame(noise(t + 2))
        path = convert(tmp_path, "-s", "t*.nd2", "-t", "1")
        assert wells_of(path) == (PLATE_96, ["A01", "B02", "A01", "B02"])


class TestRowAndColumn:
    """Positions by a group for the row and one for the column."""

    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("r{r}c{c}.tif", ("-m", "1", "-m", "2", "--flatten_duplicates")),
            ("c{c}r{r}.tif", ("-m", "1", "-m", "2", "--flatten_duplicates")),
            ("r{r}c{c}.tif", ("-my", "1", "-mx", "2")),
            ("c{c}r{r}.tif", ("-mx", "1", "-my", "2")),
        ],
    )
    def test_letters_are_the_row(
        self, tmp_path: Path, template: str, words: tuple[str, ...]
    ) -> None:
        write_files(tmp_path / "in", template, r=("A", "D"), c=("01", "12"))
        pattern = template.format(r=r"([A-Z]+)", c=r"(\d+)")
        plate, wells = wells_of(convert(tmp_path / "in", pattern, *words))
        assert plate == PLATE_96
        assert sorted(wells) == ["A01", "A12", "D01", "D12"]

    def test_the_column_is_next_to_the_row_rather_than_anywhere(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "s{s}_{r}_{c}.tif", s=(1, 2), r=("A", "B"), c=(3,))
        groups = [word for number in "123" for word in ("-m", number)]
        words = ("-s", "s*_*_*.tif", *groups, "--flatten_duplicates")
        assert wells_of(convert(tmp_path / "in", *words))[1] == ["A03", "B03", "A03", "B03"]

    def test_a_well_of_a_grid_that_is_missing_is_known(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "{r}{c}.tif", r=("A", "B"), c=(1, 2))
        (tmp_path / "in" / "B1.tif").unlink()
        words = (r"([AB])(\d)\.tif", "-my", "1", "-mx", "2", "--allow_missing_files")
        assert wells_of(convert(tmp_path / "in", *words))[1] == ["A01", "B01", "A02", "B02"]

    def test_so_are_those_of_several_sites_in_a_file(self, tmp_path: Path) -> None:
        for seed, well in enumerate(("A1", "A2", "B2")):
            write_pages(tmp_path / f"{well}.tif", [noise(seed), noise(seed + 9)])
        words = (r"([AB])(\d)\.tif", "-my", "1", "-mx", "2", "--allow_missing_files")
        pages = ("--extra-dimension", "multipoint", "--flatten_duplicates")
        wells = wells_of(convert(tmp_path, *words, *pages))[1]
        assert wells == [name for name in ("A01", "B01", "A02", "B02") for _ in range(2)]


class TestStated:
    """What is stated of the plate."""

    def test_all_of_it_is_written(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "{m}.tif", m=("A01", "B06"))
        words = ("--wellplate-rows", "4", "--wellplate-columns", "6", "--wellplate-name", "Plate 7")
        naming = ("--wellplate-row-naming", "number", "--wellplate-column-naming", "left to right")
        plate, wells = wells_of(convert(tmp_path / "in", *BY_NAME, *words, *naming))
        assert plate == WellPlate(
            name="Plate 7", rows=4, columns=6, row_naming="1-4", column_naming="left to right"
        )
        assert wells == ["A01", "B06"]

    @pytest.mark.parametrize(
        ("words", "plate"),
        [
            (("--wellplate-rows", "40"), WellPlate(name="480 Well Plate", rows=40, columns=12)),
            (("--wellplate-columns", "6"), WellPlate(name="48 Well Plate", rows=8, columns=6)),
            (("--wellplate-name", "Mine"), WellPlate(name="Mine", rows=8, columns=12)),
            (
                ("--wellplate-row-naming", "number", "--wellplate-column-naming", "letter"),
                WellPlate(
                    name="96 Well Plate",
                    rows=8,
                    columns=12,
                    row_naming="1-8",
                    column_naming="A-L",
                ),
            ),
            (
                ("--wellplate-row-naming", "letter", "--wellplate-column-naming", "number"),
                PLATE_96,
            ),
        ],
    )
    def test_the_rest_is_that_of_the_usual_plate(
        self, tmp_path: Path, words: tuple[str, ...], plate: WellPlate
    ) -> None:
        write_files(tmp_path / "in", "{m}.tif", m=("A01", "B02"))
        assert wells_of(convert(tmp_path / "in", *BY_NAME, *words))[0] == plate

    @pytest.mark.parametrize("names", [("A1", "A2"), ("a01", "a02")])
    def test_then_names_may_be_without_padding_or_small(
        self, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        write_files(tmp_path / "in", "{m}.tif", m=names)
        path = convert(tmp_path / "in", *BY_NAME, "--wellplate-name", "Mine")
        assert wells_of(path)[1] == ["A01", "A02"]
        with opened(path) as file:
            assert [p.name for p in file.experiment[0].parameters.points] == [*names]
            assert "are taken for wells" not in file.text_info["description"]

    @pytest.mark.parametrize(
        ("words", "wells"),
        [
            (("-mx", "1", "-my", "2"), ["B01", "C01", "B02", "C02"]),
            (("-m", "1", "-m", "2", "--flatten_duplicates"), ["A02", "A03", "B02", "B03"]),
        ],
    )
    def test_two_numbers_are_x_and_y_or_row_and_column(
        self, tmp_path: Path, words: tuple[str, ...], wells: list[str]
    ) -> None:
        write_files(tmp_path / "in", "{a}_{b}.tif", a=(1, 2), b=(2, 3))
        plain = convert(tmp_path / "in", "-s", "*_*.tif", *words, name="plain")
        assert wells_of(plain)[0] is None
        stated = convert(tmp_path / "in", "-s", "*_*.tif", *words, "--wellplate-rows", "8")
        assert wells_of(stated)[1] == wells

    @pytest.mark.parametrize(
        "words", [("-m", "1", "-m", "2", "-m", "3"), ("-my", "1", "-mx", "2", "-m", "3")]
    )
    def test_of_three_numbers_the_first_two_are_row_and_column(
        self, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        write_files(tmp_path / "in", "r{r:02}c{c:02}f{f:02}.tif", r=(2, 3), c=(1, 7), f=(1, 2))
        words = (r"r(\d+)c(\d+)f(\d+)", *words, "--flatten_duplicates")
        assert wells_of(convert(tmp_path / "in", *words, name="plain"))[0] is None
        plate, wells = wells_of(convert(tmp_path / "in", *words, "--wellplate-rows", "8"))
        assert plate == PLATE_96
        by_row = ["B01", "B01", "B07", "B07", "C01", "C01", "C07", "C07"]
        by_column = ["B01", "B01", "C01", "C01", "B07", "B07", "C07", "C07"]
        assert wells == (by_column if "-mx" in words else by_row)

    @pytest.mark.parametrize(
        "template", ["x{x}y{y}f{f}", "y{y}x{x}f{f}", "y{y}f{f}x{x}", "f{f}y{y}x{x}"]
    )
    def test_x_and_y_come_before_the_field(self, tmp_path: Path, template: str) -> None:
        write_files(tmp_path, f"{template}.tif", x=(1, 2), y=(3, 4), f=(5, 6))
        letters = template[0], template[4], template[8]
        numbers = {letter: str(number) for number, letter in enumerate(letters, 1)}
        pattern = template.format(x=r"(\d)", y=r"(\d)", f=r"(\d)")
        words = ("-mx", numbers["x"], "-my", numbers["y"], "-m", numbers["f"])
        told = plan_sequence([str(tmp_path), pattern, *words, "--flatten_duplicates"])
        assert told["axes"]["multipoint"] == [
            f"{x}_{y}_{f}" for x in (1, 2) for y in (3, 4) for f in (5, 6)
        ]

    def test_it_is_off_when_that_is_said(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "{m}.tif", m=("A01", "B02"))
        auto = convert(tmp_path / "in", *BY_NAME, "--wellplate-mode", "auto", name="auto")
        assert wells_of(auto)[0] == PLATE_96
        off = convert(tmp_path / "in", *BY_NAME, "--wellplate-mode", "off", "--wellplate-rows", "8")
        assert wells_of(off)[0] is None


class TestRefusals:
    """Plates that cannot be."""

    @pytest.mark.parametrize(
        ("names", "words", "told"),
        [
            (
                ("A01", "B07"),
                ("--wellplate-rows", "4", "--wellplate-columns", "6"),
                "position B07 is in well B07, which the plate of 4 rows and 6 columns",
            ),
            (
                ("left", "right"),
                ("--wellplate-name", "Mine"),
                "a well plate is stated, but the positions (left, right) are not named like A01",
            ),
            (
                ("0_1", "1_1"),
                ("--wellplate-rows", "8"),
                "a well plate is stated, but the positions (0_1, 1_1) are not named like A01",
            ),
            (("A01",), ("--wellplate-rows", "0"), "--wellplate-rows 0: a plate has at least 1"),
            (("A01",), ("--wellplate-columns", "-2"), "--wellplate-columns -2: a plate has at"),
            (("A01",), ("--wellplate-rows", "10000"), "a plate of 10000 rows; it has 1 to 9999"),
            (
                ("A01",),
                ("--wellplate-columns", "many"),
                "argument --wellplate-columns: invalid int value: 'many'",
            ),
            (("A01",), ("--wellplate-name", "\ud83d"), "the plate's name"),
        ],
    )
    def test_each_is_told(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        names: tuple[str, ...],
        words: tuple[str, ...],
        told: str,
    ) -> None:
        write_files(tmp_path / "in", "{m}.tif", m=names)
        assert told in refuse(capsys, tmp_path / "in", *BY_NAME, *words, "-n", "a")

    def test_two_groups_that_are_no_numbers(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in", "{a}_{b}.tif", a=("left", "right"), b=(1,))
        words = ("-s", "*_*.tif", "-mx", "1", "-my", "2", "--wellplate-rows", "8", "-n", "a")
        assert "the positions (left_1, right_1) are not" in refuse(capsys, tmp_path / "in", *words)

    def test_a_plate_without_positions(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in", "t{t}.tif", t=(1, 2))
        words = ("-s", "t*.tif", "-t", "1", "-n", "a", "--wellplate-rows", "8")
        assert "the positions (without names) are not" in refuse(capsys, tmp_path / "in", *words)
        write_files(tmp_path / "wells", "{m}.tif", m=("A09",))
        with pytest.raises(FormatError, match="position A09"):
            convert(tmp_path / "wells", *BY_NAME, "--wellplate-columns", "8")
