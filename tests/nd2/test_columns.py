"""Recorded columns: numbers, integers and texts for each frame, as readers show them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import FrameMetadata, ImageAttributes, Nd2Reader, Nd2Writer, RecordedColumn
from nd2watch.nd2.columns import decode_tags, parse_xml
from tests.nd2.builders import loops, slow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Record = dict[str, Any]

TEMPERATURE = RecordedColumn(name="Temperature", unit="°C")
SHOTS = RecordedColumn(name="Shots", kind="integer")
NOTE = RecordedColumn(name="Note", kind="text")
BLANK = np.zeros((2, 2), np.uint16)


def write_rows(
    path: Path, rows: Sequence[FrameMetadata], recorded: Sequence[RecordedColumn] = ()
) -> Path:
    """Write a time series of black frames with what is recorded of them."""
    attributes = ImageAttributes(width=2, height=2, frame_count=len(rows))
    experiment = loops(times=len(rows))
    with Nd2Writer(path, attributes, experiment=experiment, recorded=recorded) as writer:
        for row in rows:
            writer.write_frame(BLANK, row)
    return path


def write_values(path: Path, column: RecordedColumn, values: Sequence[Any]) -> Path:
    """Write one column."""
    rows = [
        FrameMetadata(time_ms=float(n), recorded={} if value is None else {column.name: value})
        for n, value in enumerate(values)
    ]
    return write_rows(path, rows, [column])


def events(path: Path) -> dict[str, list[Any]]:
    """Return the columns that nd2 shows, by their headers."""
    with nd2.ND2File(path) as file:
        return {header: list(values) for header, values in file.events(orient="list").items()}


def test_numbers_integers_and_texts_read_back_with_their_units(tmp_path: Path) -> None:
    rows = [
        FrameMetadata(
            time_ms=1000.0 * n,
            recorded={"Temperature": 36.5 + n, "Shots": n - 5, "Note": f"frame {n}, é 😀 明"},
        )
        for n in range(3)
    ]
    path = write_rows(tmp_path / "file.nd2", rows, [TEMPERATURE, SHOTS, NOTE])
    shown = events(path)
    assert shown["Temperature [°C]"] == [36.5, 37.5, 38.5]
    assert shown["Shots"] == [-5, -4, -3]
    assert shown["Note"] == ["frame 0, é 😀 明", "frame 1, é 😀 明", "frame 2, é 😀 明"]
    assert shown["Time [s]"] == [0.0, 1.0, 2.0]
    with Nd2Reader(path) as reader:
        assert reader.recorded_columns() == (TEMPERATURE, SHOTS, NOTE)
        assert reader.frame_metadata() == rows


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (TEMPERATURE, [0.0, -1e300, 5e-324, math.inf]),
        (TEMPERATURE, [3, 2**40, True, np.float32(0.5)]),
        (SHOTS, [0, 2**31 - 1, -(2**31), np.int16(7)]),
        (NOTE, ["a" * 255, "😀" * 127, "x", "line\nbreak\ttab"]),
    ],
    ids=["numbers", "whole numbers", "integers", "texts"],
)
def test_extreme_values_read_back(
    tmp_path: Path, column: RecordedColumn, values: list[Any]
) -> None:
    path = write_values(tmp_path / "file.nd2", column, values)
    assert events(path)[column.header] == values
    with Nd2Reader(path) as reader:
        assert [row.recorded[column.name] for row in reader.frame_metadata()] == values


def test_a_value_that_a_frame_has_not_is_no_number_or_an_empty_text(tmp_path: Path) -> None:
    rows = [
        FrameMetadata(time_ms=0.0, recorded={"Temperature": 1.5}),
        FrameMetadata(time_ms=1.0, recorded={"Note": "only this"}),
        FrameMetadata(time_ms=2.0),
    ]
    path = write_rows(tmp_path / "file.nd2", rows, [TEMPERATURE, NOTE])
    shown = events(path)
    np.testing.assert_array_equal(shown["Temperature [°C]"], [1.5, math.nan, math.nan])
    assert shown["Note"] == ["", "only this", ""]
    with Nd2Reader(path) as reader:
        assert reader.frame_metadata() == rows


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        pytest.param(TEMPERATURE, "warm", "Temperature is no number", id="text for a number"),
        pytest.param(TEMPERATURE, "36.5", "Temperature is no number", id="digits for a number"),
        pytest.param(TEMPERATURE, 1j, "is no number", id="complex"),
        pytest.param(TEMPERATURE, [1.0], "is no number", id="list"),
        pytest.param(TEMPERATURE, 10**400, "is no number", id="too large a number"),
        pytest.param(SHOTS, 1.0, "Shots is no integer", id="number for an integer"),
        pytest.param(SHOTS, 2**31, "is no integer", id="too large an integer"),
        pytest.param(SHOTS, "1", "is no integer", id="text for an integer"),
        pytest.param(SHOTS, None, "has no value of column Shots", id="no integer"),
        pytest.param(NOTE, 1, "Note is no text", id="number for a text"),
        pytest.param(NOTE, b"a", "is no text", id="bytes for a text"),
        pytest.param(NOTE, "a" * 256, "longer than 255", id="long text"),
        pytest.param(NOTE, "😀" * 128, "longer than 255", id="text of too many units"),
        pytest.param(NOTE, "a\0b", r"column Note holds .* U\+0000", id="zero in a text"),
        pytest.param(NOTE, "\ud800", "not valid Unicode", id="half a surrogate pair"),
    ],
)
def test_a_value_of_another_kind_is_refused_and_the_frame_is_not_written(
    tmp_path: Path, column: RecordedColumn, value: Any, message: str
) -> None:
    path = tmp_path / "file.nd2"
    recorded = {} if value is None else {column.name: value}
    good: dict[str, Any] = {"Temperature": 1.0, "Shots": 2, "Note": "three"}
    with Nd2Writer(path, ImageAttributes(width=2, height=2), recorded=[column]) as writer:
        with pytest.raises(FormatError, match=message):
            writer.write_frame(BLANK + 1, FrameMetadata(time_ms=0.0, recorded=recorded))
        kept = {column.name: good[column.name]}
        writer.write_frame(BLANK + 2, FrameMetadata(time_ms=5.0, recorded=kept))
    with Nd2Reader(path) as reader:
        assert (reader.read_frame(0) == 2).all()
        assert reader.frame_metadata() == [FrameMetadata(time_ms=5.0, recorded=kept)]


def test_a_value_of_an_undeclared_column_is_refused(tmp_path: Path) -> None:
    values = {"Temperature": 1.0, "Temp": 1.0, "A": 2}
    row = FrameMetadata(time_ms=0.0, recorded=values)
    with pytest.raises(FormatError, match=r"columns \['A', 'Temp'\] were not declared"):
        write_rows(tmp_path / "file.nd2", [row], [TEMPERATURE])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param(["A", "B", "A"], "must differ in their names", id="a name twice"),
        pytest.param(["X Coord"], "must differ in their names", id="name of a stage column"),
        pytest.param(["Exposure Time"], "must differ in their names", id="name of the exposures"),
        pytest.param(["Index"], "would hide what readers show", id="name of an index"),
        pytest.param([("Time", "s")], r"\['Time \[s\]'\] would hide", id="name of the times"),
        pytest.param(["P Index", "Events"], r"\['Events', 'P Index'\]", id="names of events"),
    ],
)
def test_columns_that_readers_could_not_tell_apart_are_refused(
    tmp_path: Path, columns: list[Any], message: str
) -> None:
    recorded = [
        RecordedColumn(name=c) if isinstance(c, str) else RecordedColumn(name=c[0], unit=c[1])
        for c in columns
    ]
    with pytest.raises(FormatError, match=message):
        Nd2Writer(tmp_path / "file.nd2", ImageAttributes(width=2, height=2), recorded=recorded)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "has no name"),
        ({"name": " \t"}, "has no name"),
        ({"name": "a\0b"}, r"column's name holds .* U\+0000"),
        ({"name": "a\x01b"}, r"column's name holds the control character U\+0001"),
        ({"name": "a\uffffb"}, r"control character U\+FFFF"),
        ({"name": "\udc00"}, "not valid Unicode"),
        ({"name": "a", "unit": "\x1b[m"}, r"unit of column a holds .* U\+001B"),
        ({"name": "a", "kind": "float"}, "kind 'float' of column a is not known"),
    ],
)
def test_a_column_that_cannot_be_stored_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        RecordedColumn(**values)


NAMES = [
    "Temperature, upper",
    "温度",
    "é",
    "_",
    "Z drive",
    "Zeit",
    "X",
    "y",
    "AcqTimesCache",
    "WellPlateDesc_0",
    "Camera_ExposureTime1",
    "a_b_13",
    "a b",
    "a-b",  # number 13
    "a|b!c",
    "<&>\"'",
    "tab\tand\nline",
    " padded ",
    "n" * 300,
    "n" * 299 + "m",
]


def test_any_name_reads_back(tmp_path: Path) -> None:
    recorded = [RecordedColumn(name=name, unit="µ<&>\"'") for name in NAMES]
    row = FrameMetadata(
        time_ms=0.0,
        x_um=-1.0,
        y_um=-2.0,
        z_um=-3.0,
        exposure_ms=-4.0,
        recorded={name: float(n) for n, name in enumerate(NAMES)},
    )
    path = write_rows(tmp_path / "file.nd2", [row], recorded)
    shown = events(path)
    for number, column in enumerate(recorded):
        assert shown[column.header] == [number]
    with Nd2Reader(path) as reader:
        assert reader.frame_metadata() == [row]
        assert reader.recorded_columns() == tuple(recorded)
        own = ["X Coord", "Y Coord", "Z Coord", "Exposure Time"]
        assert [column.name for column, _ in reader.columns().values()] == [*own, *NAMES]
        assert all(key.isascii() and "!" not in key for key in reader.columns())


def test_exposures_are_a_column_when_every_frame_has_one(tmp_path: Path) -> None:
    rows = [FrameMetadata(time_ms=float(n), exposure_ms=20.0 + n) for n in range(3)]
    path = write_rows(tmp_path / "file.nd2", rows)
    assert events(path)["Exposure Time [ms]"] == [20.0, 21.0, 22.0]
    with Nd2Reader(path) as reader:
        assert reader.frame_metadata() == rows
        assert "CustomData|Camera_ExposureTime1!" in reader.chunks


@pytest.mark.parametrize(
    "known",
    [{"x_um": 1.0, "y_um": 2.0}, {"z_um": 3.0}, {"y_um": 2.0, "exposure_ms": 4.0}, {}],
    ids=["x and y", "z", "y and exposure", "nothing"],
)
def test_what_a_frame_has_is_a_column_and_the_rest_is_none(
    tmp_path: Path, known: dict[str, Any]
) -> None:
    rows = [
        FrameMetadata(time_ms=0.0, **known),
        FrameMetadata(time_ms=1.0),
    ]
    path = write_rows(tmp_path / "file.nd2", rows)
    headers = {"x_um": "X Coord [µm]", "y_um": "Y Coord [µm]", "z_um": "Z Coord [µm]"}
    headers["exposure_ms"] = "Exposure Time [ms]"
    shown = events(path)
    for name, header in headers.items():
        assert (header in shown) == (name in known)
    with Nd2Reader(path) as reader:
        found = reader.frame_metadata()
    assert found == rows


def test_a_file_without_columns_has_none(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "file.nd2", [FrameMetadata(time_ms=7.0)])
    with Nd2Reader(path) as reader:
        assert reader.columns() == {}
        assert reader.recorded_columns() == ()
        assert reader.frame_metadata() == [FrameMetadata(time_ms=7.0)]


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"),
    max_size=100,
)


@slow
@given(
    numbers=st.lists(st.floats(allow_nan=False), min_size=3, max_size=3),
    integers=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=3, max_size=3),
    notes=st.lists(texts.filter(bool), min_size=3, max_size=3),
    names=st.lists(texts.filter(str.strip), min_size=3, max_size=3, unique=True),
    unit=texts,
)
def test_random_columns_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    numbers: list[float],
    integers: list[int],
    notes: list[str],
    names: list[str],
    unit: str,
) -> None:
    recorded = [
        RecordedColumn(name=names[0], unit=unit),
        RecordedColumn(name=names[1], unit=unit, kind="integer"),
        RecordedColumn(name=names[2], unit=unit, kind="text"),
    ]
    rows = [
        FrameMetadata(time_ms=float(n), recorded=dict(zip(names, values, strict=True)))
        for n, values in enumerate(zip(numbers, integers, notes, strict=True))
    ]
    path = write_rows(tmp_path_factory.mktemp("columns") / "file.nd2", rows, recorded)
    with Nd2Reader(path) as reader:
        assert reader.recorded_columns() == tuple(recorded)
        assert reader.frame_metadata() == rows
    shown = events(path)
    assert [shown[column.header] for column in recorded] == [numbers, integers, notes]


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16-le"),
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"<a>&undefined;</a>",
        b"\xff\xfe",
    ],
    ids=["empty", "open", "entity", "UTF-16", "UTF-16 unmarked", "UTF-7", "undefined", "mark"],
)
def test_damaged_or_entity_laden_xml_is_refused(stored: bytes) -> None:
    with pytest.raises(FormatError, match="damaged XML"):
        parse_xml(stored)
    with pytest.raises(FormatError, match="damaged XML"):
        decode_tags(stored)
