"""Values in sidecars."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nd2watch.sidecars.values import (
    label_of,
    list_of,
    local_moment,
    moment_since_1970,
    relative_path,
    text_of,
    well_name,
    whole,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        ("007", 7),
        (3, 3),
        (3.0, 3),
        (999_999_999, 999_999_999),
        *((text, None) for text in ("", "-5", "+5", " 5", "5.0", "1e3", "\u0663", "1" * 10)),
        *((number, None) for number in (-1, 2.5, 1e999, float("nan"), 10**30, 10**9)),
        (None, None),
        (True, None),
        ([1], None),
    ],
)
def test_whole_numbers_count_things(value: object, number: int | None) -> None:
    assert whole(value) == number
    assert type(whole(value)) is type(number)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.tif", "a.tif"),
        (" a b.tif\n", "a b.tif"),
        ("Image\\a.tif", "Image/a.tif"),
        (".//Image/./a.tif", "Image/a.tif"),
        ("..a/b...tif", "..a/b...tif"),
        *((text, "") for text in ("", ".", "..", "/a", "\\a", "\\\\host\\a", "C:\\a", "c:a")),
        *((text, "") for text in ("a/../b", "a\\..", "a\0.tif", "a\n/b", "\ud800", None, 3)),
    ],
)
def test_paths_stay_below_the_folder(text: object, path: str) -> None:
    assert relative_path(text) == path


@pytest.mark.parametrize(
    ("row", "column", "name"),
    [
        (1, 1, "A01"),
        (26, 24, "Z24"),
        (27, 100, "AA100"),
        (32, 48, "AF48"),
        (703, 1, "AAA01"),
        *((row, column, "") for row, column in ((0, 1), (1, 0), (None, 1), (1, None))),
    ],
)
def test_wells_are_named_by_row_and_column(row: int | None, column: int | None, name: str) -> None:
    assert well_name(row, column) == name


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("001", "1"),
        ("000", "0"),
        ("DAPI", "DAPI"),
        ("", ""),
        ("-1", "-1"),
        ("0" * 5000, "0" * 5000),
    ],
)
def test_labels_of_digits_lose_their_padding(text: str, label: str) -> None:
    assert label_of(text) == label


def test_what_has_another_type_is_empty() -> None:
    assert (text_of("a"), text_of(1), text_of(None)) == ("a", "", "")
    assert (list_of([1]), list_of((1,)), list_of("a"), list_of(None)) == ([1], [], [], [])


@pytest.mark.parametrize("value", ["", "soon", None, True, "1e300", float("inf"), -1e18])
def test_moments_beyond_the_calendar_are_unknown(value: object) -> None:
    assert moment_since_1970(value) is None


def test_moments_are_told_in_seconds_or_in_a_form() -> None:
    assert moment_since_1970("1.5") == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    local = local_moment(" 05/06/2024 07:08:09", "%m/%d/%Y %H:%M:%S")
    assert local == datetime(2024, 5, 6, 7, 8, 9).astimezone()
    assert local_moment("2024-05-06", "%m/%d/%Y") is None
