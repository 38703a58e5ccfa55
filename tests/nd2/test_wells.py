"""Well plates: names of wells, what is stored, and what is refused."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nd2watch.nd2.wells
from nd2watch.errors import FormatError
from nd2watch.nd2 import Nd2Reader, Nd2Writer
from nd2watch.nd2.lite_variant import UInt32, encode
from nd2watch.nd2.wells import (
    FRAME_WELLS,
    PLATE,
    Well,
    WellPlate,
    decode_frame_wells,
    decode_plate,
    encode_frame_wells,
    encode_plate,
)
from tests.nd2.builders import attributes_of, loops, quick, random_frames

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2 import Experiment
    from tests.oracles import VendorSdk

Make = Callable[[], object]

PLATE_96 = WellPlate.standard(96)
A1, A2, B1, H12 = (Well.parse(name) for name in ("A1", "A2", "B1", "H12"))

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
labels = texts.filter(bool)
sides = st.integers(1, 9999)
wells = st.builds(Well, row=st.integers(0, 9998), column=st.integers(0, 9998))
plates = st.builds(
    WellPlate, name=texts, rows=sides, columns=sides, row_naming=labels, column_naming=labels
)


@st.composite
def plates_with_frames(draw: st.DrawFn) -> tuple[WellPlate, list[Well | None]]:
    plate = draw(plates)
    on_it = st.builds(
        Well,
        row=st.integers(0, plate.rows - 1),
        column=st.integers(0, plate.columns - 1),
    )
    return plate, draw(st.lists(st.none() | on_it, max_size=30))


def stored(entries: Any) -> bytes:
    return zlib.compress(json.dumps(entries).encode())


def entry(**changes: object) -> dict[str, object]:
    values = {"plateIndex": 0, "seqIndex": 0, "wellIndex": 0, "wellRowIndex": 0, "wellColIndex": 0}
    return values | changes


@pytest.mark.parametrize(
    ("well", "name", "compact_name"),
    [
        (Well(row=0, column=0), "A01", "A1"),
        (Well(row=1, column=2), "B03", "B3"),
        (Well(row=7, column=11), "H12", "H12"),
        (Well(row=25, column=0), "Z01", "Z1"),
        (Well(row=26, column=11), "AA12", "AA12"),
        (Well(row=31, column=47), "AF48", "AF48"),
        (Well(row=701, column=99), "ZZ100", "ZZ100"),
        (Well(row=702, column=0), "AAA01", "AAA1"),
        (Well(row=9998, column=9998), "NTO9999", "NTO9999"),
    ],
)
def test_names_of_a_well(well: Well, name: str, compact_name: str) -> None:
    assert (well.name, well.compact_name) == (name, compact_name)


@pytest.mark.parametrize(
    ("name", "well"),
    [
        ("B3", Well(row=1, column=2)),
        ("B03", Well(row=1, column=2)),
        ("b003", Well(row=1, column=2)),
        ("AA12", Well(row=26, column=11)),
        ("aa12", Well(row=26, column=11)),
    ],
)
def test_a_well_by_its_name(name: str, well: Well) -> None:
    assert Well.parse(name) == well


@quick
@given(well=wells)
def test_every_name_leads_back_to_its_well(well: Well) -> None:
    assert Well.parse(well.name) == Well.parse(well.compact_name) == well


@pytest.mark.parametrize(
    "name",
    ["", "A", "3", "3B", "B0", "B00", "B-1", "B 3", " B3", "B3\n", "Ä3", "B٣", "B3.5", "B3C"],
)
def test_what_is_no_name_of_a_well_is_refused(name: str) -> None:
    with pytest.raises(FormatError, match="is no name of a well, such as A1, B03 or AA12"):
        Well.parse(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: Well(row=-1, column=0), "row -1, column 0 is no well", id="row -1"),
        pytest.param(lambda: Well(row=0, column=9999), "column 9999 is no well", id="column 9999"),
        pytest.param(lambda: Well.parse("ZZZ1"), "row 18277, column 0 is no well", id="ZZZ1"),
        pytest.param(lambda: WellPlate(rows=0, columns=1), "a plate of 0 rows", id="no row"),
        pytest.param(
            lambda: WellPlate(rows=1, columns=10_000), "a plate of 10000 columns", id="columns"
        ),
        pytest.param(
            lambda: WellPlate(rows=1, columns=1, name="a\0b"), r"name holds .* U\+0000", id="U+0000"
        ),
        pytest.param(
            lambda: WellPlate(rows=1, columns=1, row_naming="\ud800"),
            "row_naming is not valid Unicode",
            id="lone surrogate",
        ),
        pytest.param(
            lambda: WellPlate.standard(97),
            "no standard plate has 97 wells; they have 6, 12, 24, 48, 96, 384, 1536",
            id="97 wells",
        ),
    ],
)
def test_a_wrong_value_is_refused_saying_what_is_wrong(make: Make, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make()


@pytest.mark.parametrize(
    ("count", "rows", "columns", "naming"),
    [
        (6, 2, 3, ("A-B", "1-3")),
        (12, 3, 4, ("A-C", "1-4")),
        (24, 4, 6, ("A-D", "1-6")),
        (48, 6, 8, ("A-F", "1-8")),
        (96, 8, 12, ("A-H", "1-12")),
        (384, 16, 24, ("A-P", "1-24")),
        (1536, 32, 48, ("A-AF", "1-48")),
    ],
)
def test_standard_plates(count: int, rows: int, columns: int, naming: tuple[str, str]) -> None:
    plate = WellPlate.standard(count)
    assert (plate.rows, plate.columns) == (rows, columns)
    assert (plate.row_naming, plate.column_naming) == naming
    assert plate.name == f"{count} Well Plate"
    assert WellPlate.standard(count, "Plate 7").name == "Plate 7"


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def test_the_stored_plate_byte_for_byte() -> None:
    children = [
        b"\x08\x05" + utf16("name") + utf16("96 Well Plate"),
        b"\x03\x05" + utf16("rows") + b"\x08\0\0\0",
        b"\x03\x08" + utf16("columns") + b"\x0c\0\0\0",
        b"\x08\x0a" + utf16("rowNaming") + utf16("A-H"),
        b"\x08\x0d" + utf16("columnNaming") + utf16("1-12"),
    ]
    head = b"\x0b\x0a" + utf16("PlateDesc")
    size = len(head) + 12 + sum(map(len, children))
    assert size == 0xB4
    # From the level's start to columnNaming, columns, name, rowNaming, rows: sorted by name.
    offsets = b"".join(offset.to_bytes(8, "little") for offset in (0x8E, 0x5A, 0x22, 0x70, 0x4A))
    length = b"\x05\0\0\0" + size.to_bytes(8, "little")
    assert encode_plate(PLATE_96) == head + length + b"".join(children) + offsets


def test_the_stored_wells_of_frames_letter_for_letter() -> None:
    data = encode_frame_wells(PLATE_96, [Well.parse("B3"), None, H12, Well.parse("B3")])
    first = '"plateIndex":0,"plateUuid":"1caa7458-8811-5d08-b91c-fa0137a31e1a","seqIndex"'
    b3 = '"wellIndex":0,"wellName":"B03","wellCompactName":"B3","wellColIndex":2,"wellRowIndex":1'
    h12 = '"wellIndex":1,"wellName":"H12","wellCompactName":"H12","wellColIndex":11'
    assert zlib.decompress(data).decode() == (
        f'[{{{first}:0,{b3}}},{{{first}:2,{h12},"wellRowIndex":7}},{{{first}:3,{b3}}}]'
    )


@quick
@given(plate=plates)
def test_plates_read_back(plate: WellPlate) -> None:
    assert decode_plate(encode_plate(plate)) == plate


@quick
@given(case=plates_with_frames())
def test_wells_of_frames_read_back(case: tuple[WellPlate, list[Well | None]]) -> None:
    plate, frames = case
    data = encode_frame_wells(plate, frames)
    expected = {frame: well for frame, well in enumerate(frames) if well is not None}
    assert decode_frame_wells(plate, data, len(frames)) == expected
    assert encode_frame_wells(plate, frames) == data


@quick
@given(plate=plates, other=plates)
def test_plates_have_one_identity_for_equal_values(plate: WellPlate, other: WellPlate) -> None:
    assert (plate.uuid == other.uuid) == (plate == other)


def test_a_large_plate_is_stored_in_little_space() -> None:
    plate = WellPlate.standard(1536)
    every = [Well(row=row, column=column) for row in range(32) for column in range(48)]
    frames = [well for well in every for _ in range(9)]
    data = encode_frame_wells(plate, frames)
    assert len(data) < 10 * len(frames)
    assert decode_frame_wells(plate, data, len(frames)) == dict(enumerate(frames))


@pytest.mark.parametrize(
    "well", [Well(row=8, column=0), Well(row=0, column=12)], ids=["below", "right"]
)
def test_a_well_outside_the_plate_is_refused_naming_the_frame(well: Well) -> None:
    message = (
        f"frame 1 is in well {well.name}, which the plate of 8 rows and 12 columns"
        r" \(A01 to H12\) does not have"
    )
    with pytest.raises(FormatError, match=message):
        encode_frame_wells(PLATE_96, [A1, well])
    place = {"wellRowIndex": well.row, "wellColIndex": well.column}
    with pytest.raises(FormatError, match=message):
        decode_frame_wells(PLATE_96, stored([entry(seqIndex=1, **place)]), 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "cut short", id="nothing"),
        pytest.param(b"not zlib", "incorrect header", id="not zlib"),
        pytest.param(stored([entry()])[:-5], "cut short", id="cut short"),
        pytest.param(zlib.compress(b"[1,"), "damaged list of wells", id="no JSON"),
        pytest.param(zlib.compress(b"\xff\xfe"), "damaged list of wells", id="no UTF-8"),
        pytest.param(zlib.compress(b"[" * 2000), "damaged list of wells", id="nested too deeply"),
        pytest.param(stored({"a": 1}), "it is no list", id="no list"),
        pytest.param(stored([3]), "no number named seqIndex", id="a number as entry"),
        pytest.param(stored([entry(seqIndex=True)]), "no number named seqIndex", id="bool"),
        pytest.param(stored([entry(seqIndex="0")]), "no number named seqIndex", id="text"),
        pytest.param(stored([entry(wellRowIndex=None)]), "named wellRowIndex", id="no row"),
        pytest.param(stored([entry(wellColIndex=1.5)]), "named wellColIndex", id="no column"),
        pytest.param(stored([entry(wellRowIndex=-1)]), "row -1, column 0 is no well", id="row -1"),
        pytest.param(stored([entry(seqIndex=2)]), "frame 2 is listed among 2", id="frame 2 of 2"),
        pytest.param(stored([entry(seqIndex=-1)]), "frame -1 is listed among 2", id="frame -1"),
        pytest.param(stored([entry(), entry()]), "frame 0 is listed twice", id="twice"),
        pytest.param(stored([entry(plateIndex=1)]), "several plates", id="second plate"),
    ],
)
def test_damaged_wells_are_refused_saying_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_frame_wells(PLATE_96, data, 2)


def test_wells_that_inflate_without_end_are_refused_in_little_memory() -> None:
    bomb = zlib.compress(b" " * (1 << 24), 9)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="holds more than 3072 bytes"):
            decode_frame_wells(PLATE_96, bomb, 2)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_claims_endless_frames_does_not_lift_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nd2watch.nd2.wells, "MAX_LIST_BYTES", 1000)
    assert decode_frame_wells(PLATE_96, stored([entry()]), 2**62) == {0: A1}
    with pytest.raises(FormatError, match="holds more than 1000 bytes"):
        decode_frame_wells(PLATE_96, zlib.compress(b" " * 1001), 2**62)


def test_more_wells_than_can_be_read_back_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nd2watch.nd2.wells, "MAX_LIST_BYTES", 1000)
    assert len(decode_frame_wells(PLATE_96, encode_frame_wells(PLATE_96, 5 * [A1]), 5)) == 5
    with pytest.raises(FormatError, match="the wells of 6 frames are more than a file can list"):
        encode_frame_wells(PLATE_96, 6 * [A1])


@quick
@given(data=st.binary(max_size=300))
def test_random_bytes_are_no_plate(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_plate(data)


@quick
@given(flip=st.integers(0, 8 * 220 - 1))
def test_a_damaged_plate_is_another_plate_or_refused(flip: int) -> None:
    data = bytearray(encode_plate(PLATE_96))
    data[flip // 8] ^= 1 << flip % 8
    with contextlib.suppress(FormatError):
        assert isinstance(decode_plate(bytes(data)), WellPlate)


def test_another_root_is_no_plate() -> None:
    data = encode("Plate", {"rows": UInt32(1), "columns": UInt32(1)})
    with pytest.raises(FormatError, match="'Plate' instead of PlateDesc"):
        decode_plate(data)


def test_a_plate_without_texts_is_read() -> None:
    data = encode("PlateDesc", {"rows": UInt32(2), "columns": UInt32(3)})
    assert decode_plate(data) == WellPlate(rows=2, columns=3)


def spread(experiment: Experiment, by_position: list[Well | None]) -> list[Well | None]:
    """Return the well of each frame, given that of each position."""
    sizes = experiment.sizes
    numbers = np.arange(experiment.frame_count)
    at = np.unravel_index(numbers, tuple(sizes.values()))[list(sizes).index("p")]
    return [by_position[position] for position in at]


def test_readers_show_the_frames_of_a_file_with_wells(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    path = tmp_path / "plate.nd2"
    frames = random_frames((8, 5, 7, 1))
    experiment = loops(times=2, positions=4)
    frame_wells = spread(experiment, [A1, A1, H12, H12])
    chunks = {
        PLATE: encode_plate(PLATE_96),
        FRAME_WELLS: encode_frame_wells(PLATE_96, frame_wells),
    }
    with Nd2Writer(
        path, attributes_of(frames), experiment=experiment, custom_chunks=chunks
    ) as writer:
        for frame in frames:
            writer.write_frame(frame)
    view = vendor_sdk.read(path)
    assert view.loops == [("TimeLoop", 2), ("XYPosLoop", 4)]
    assert np.array_equal(view.frames, frames)
    with nd2.ND2File(path) as file:
        assert file.sizes == {"T": 2, "P": 4, "Y": 5, "X": 7}
        assert np.array_equal(file.asarray().reshape(frames.shape), frames)
    with Nd2Reader(path) as reader:
        assert np.array_equal([reader.read_frame(n) for n in range(len(frames))], frames)
