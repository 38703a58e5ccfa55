"""Wells as names tell them, and the plate that has them."""

from __future__ import annotations

import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment import WellNames, plate_for
from nd2watch.nd2 import Well

PLACED = WellNames(fields=("row", "col"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A1", "A01"),
        ("A01", "A01"),
        ("b003", "B03"),
        ("H12", "H12"),
        ("P24", "P24"),
        ("AF48", "AF48"),
        ("Z9", "Z09"),
        ("AA100", "AA100"),
    ],
)
def test_a_name_of_a_well_has_one_form(text: str, expected: str) -> None:
    assert WellNames().name({"well": text, "t": "1"}) == expected


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        ("B", "2", "B02"),
        ("b", "02", "B02"),
        ("AA", "48", "AA48"),
        ("02", "03", "B03"),
        ("1", "1", "A01"),
        ("16", "24", "P24"),
        ("27", "1", "AA01"),
    ],
)
def test_a_row_of_letters_or_numbers_and_a_column_are_a_well(
    row: str, column: str, expected: str
) -> None:
    assert PLACED.name({"row": row, "col": column}) == expected


@pytest.mark.parametrize(
    ("number", "columns", "expected"),
    [
        ("1", 12, "A01"),
        ("12", 12, "A12"),
        ("13", 12, "B01"),
        ("00096", 12, "H12"),
        ("384", 24, "P24"),
        ("1536", 48, "AF48"),
        ("7", 1, "G01"),
        ("B03", 12, "B03"),
    ],
)
def test_a_running_number_goes_row_by_row(number: str, columns: int, expected: str) -> None:
    assert WellNames(fields=("pos",), columns=columns).name({"pos": number}) == expected


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [("0", "0", "A01"), ("00", "11", "A12"), ("7", "0", "H01"), ("B", "2", "B03")],
)
def test_rows_and_columns_may_count_from_0(row: str, column: str, expected: str) -> None:
    names = WellNames(fields=("row", "col"), first=0)
    assert names.name({"row": row, "col": column}) == expected


@pytest.mark.parametrize(("number", "expected"), [("0", "A01"), ("12", "B01"), ("095", "H12")])
def test_a_running_number_may_count_from_0(number: str, expected: str) -> None:
    names = WellNames(fields=("pos",), columns=12, first=0)
    assert names.name({"pos": number}) == expected


@pytest.mark.parametrize(
    ("names", "fields", "what"),
    [
        (PLACED, {"row": "0", "col": "1"}, "row 0"),
        (PLACED, {"row": "1", "col": "00"}, "column 00"),
        (WellNames(columns=12), {"well": "0"}, "well 0"),
    ],
)
def test_a_number_below_the_first_tells_how_to_count_from_0(
    names: WellNames, fields: dict[str, str], what: str
) -> None:
    with pytest.raises(LayoutError, match=f"^{what} is none, .* count from 1; .* first = 0"):
        names.name(fields)


@pytest.mark.parametrize(
    "fields", [{}, {"well": ""}, {"row": "B"}, {"row": "B", "col": ""}, {"col": "2"}]
)
def test_a_name_without_a_well_tells_none(fields: dict[str, str]) -> None:
    assert WellNames().name(fields) is None
    assert PLACED.name(fields) is None


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        (WellNames(), {"well": "B0"}),
        (WellNames(), {"well": "12"}),
        (WellNames(), {"well": "B-2"}),
        (WellNames(), {"well": "B99999"}),
        (WellNames(), {"well": "ABCD1"}),
        (WellNames(columns=12), {"well": "0"}),
        (WellNames(columns=12), {"well": "9" * 30}),
        (WellNames(columns=1), {"well": "10000"}),
        (PLACED, {"row": "0", "col": "1"}),
        (PLACED, {"row": "1", "col": "0"}),
        (PLACED, {"row": "B", "col": "0"}),
        (PLACED, {"row": "B", "col": "C"}),
        (PLACED, {"row": "2", "col": "C"}),
        (PLACED, {"row": "99999", "col": "1"}),
        (WellNames(columns=12), {"well": "²"}),
        (PLACED, {"row": "²", "col": "1"}),
    ],
    ids=str,
)
def test_what_can_be_no_well_is_refused(names: WellNames, fields: dict[str, str]) -> None:
    with pytest.raises(LayoutError):
        names.name(fields)


@pytest.mark.parametrize("fields", [(), ("a", "b", "c")])
def test_a_well_is_told_by_one_field_or_two(fields: tuple[str, ...]) -> None:
    with pytest.raises(LayoutError, match="one field, or by those of row and column"):
        WellNames(fields=fields)


@pytest.mark.parametrize(
    ("wells", "size", "name"),
    [
        (["A01"], (8, 12), "96 Well Plate"),
        (["A01", "H12"], (8, 12), "96 Well Plate"),
        (["H12", "A13"], (16, 24), "384 Well Plate"),
        (["I01"], (16, 24), "384 Well Plate"),
        (["P24"], (16, 24), "384 Well Plate"),
        (["Q01"], (32, 48), "1536 Well Plate"),
        (["AF48"], (32, 48), "1536 Well Plate"),
        (["AG02"], (33, 2), "66 Well Plate"),
        (["A49", "C01"], (3, 49), "147 Well Plate"),
    ],
)
def test_the_smallest_usual_plate_with_the_wells_is_taken(
    wells: list[str], size: tuple[int, int], name: str
) -> None:
    plate = plate_for(map(Well.parse, wells))
    assert (plate.rows, plate.columns) == size
    assert plate.name == name
