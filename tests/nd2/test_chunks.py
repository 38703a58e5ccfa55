"""Chunks and the chunk map: alignment, golden bytes, damage."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.chunks import (
    ChunkPlace,
    encode_header,
    encode_map,
    encode_metadata,
    encode_signature,
    read_data,
    read_map,
)
from tests.nd2.builders import file_of, quick

if TYPE_CHECKING:
    from pathlib import Path

END = b"ND2 CHUNK MAP SIGNATURE 0000001!"


def test_the_signature_chunk_has_the_bytes_of_the_format() -> None:
    chunk = encode_signature()
    assert chunk[:16].hex() == "dacebe0a200000004000000000000000"
    assert chunk[16:48] == b"ND2 FILE SIGNATURE CHUNK NAME01!"
    assert chunk[48:112] == b"Ver3.0" + bytes(58)
    assert chunk[112:] == bytes(4096 - 112)


def test_a_header_holds_the_sizes_and_the_padded_name() -> None:
    header = encode_header("ImageDataSeq|0!", 4072, 1_000_008)
    assert header[:16].hex() == "dacebe0ae80f000048420f0000000000"
    assert header[16:] == b"ImageDataSeq|0!" + bytes(4072 - 15)
    assert len(header) == 4088


@pytest.mark.parametrize(
    ("data_size", "name_size", "total"),
    [
        (240, 3840, 4096),
        (580, 3500, 4096),
        (8816, 3456, 12288),
    ],
)
def test_metadata_sizes_are_those_of_real_files(data_size: int, name_size: int, total: int) -> None:
    data = b"\x5a" * data_size
    chunk = encode_metadata("ImageAttributesLV!", data)
    assert len(chunk) == total
    assert struct.unpack_from("<IIQ", chunk) == (0x0ABECEDA, name_size, data_size)
    assert chunk[-data_size:] == data


@pytest.mark.parametrize(
    ("data_size", "total"),
    [(4096 - 16 - 20 - 2, 4096), (4096 - 16 - 20 - 1, 8192)],
    ids=["just fits", "one byte more"],
)
def test_twenty_bytes_stay_free_behind_a_metadata_name(data_size: int, total: int) -> None:
    chunk = encode_metadata("A!", bytes(data_size))
    assert len(chunk) == total
    assert chunk[18:38] == bytes(20)


@quick
@given(
    name=st.text("ABCxyz|_09", min_size=1, max_size=60).map(lambda text: text + "!"),
    data=st.binary(max_size=9000),
)
def test_metadata_end_on_a_boundary(name: str, data: bytes) -> None:
    chunk = encode_metadata(name, data)
    magic, name_size, data_size = struct.unpack_from("<IIQ", chunk)
    assert magic == 0x0ABECEDA
    assert data_size == len(data)
    assert len(chunk) == 16 + name_size + data_size
    assert len(chunk) % 4096 == 0
    assert chunk[16 : 16 + name_size] == name.encode().ljust(name_size, b"\0")
    assert chunk[16 + name_size :] == data


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 0), (1, 4096), (4095, 4096), (4096, 4096), (4097, 8192)]
)
def test_sizes_are_rounded_up_to_the_alignment(size: int, expected: int) -> None:
    assert spec.aligned(size) == expected


def test_the_map_has_the_bytes_of_the_format() -> None:
    places = {
        "A!": ChunkPlace(offset=4096, data_size=7),
        "B!": ChunkPlace(offset=8192, data_size=9),
    }
    chunk = encode_map(places, 12288)
    end = END + (12288).to_bytes(8, "little")
    assert len(chunk) == 4096
    assert chunk[:16].hex() == "dacebe0a20000000d00f000000000000"
    assert chunk[16:48] == b"ND2 FILEMAP SIGNATURE NAME 0001!"
    entries = (
        b"B!" + bytes.fromhex("0020000000000000 0900000000000000")
        + b"A!" + bytes.fromhex("0010000000000000 0700000000000000")
    )  # fmt: skip
    assert chunk[48:] == (entries + end).ljust(4048 - 40, b"\0") + end


places_by_name = st.dictionaries(
    st.text("ABCDabcd|_0129 ", min_size=1, max_size=30).map(lambda text: text + "!"),
    st.builds(ChunkPlace, offset=st.integers(0, 2**64 - 1), data_size=st.integers(0, 2**64 - 1)),
    max_size=300,
)


@quick
@given(places=places_by_name)
def test_the_map_reads_back_sorted_in_descending_order(places: dict[str, ChunkPlace]) -> None:
    signature = encode_signature()
    chunk = encode_map(places, len(signature))
    found = read_map(io.BytesIO(signature + chunk))
    assert found == places
    assert list(found) == sorted(places, key=str.encode, reverse=True)
    assert len(chunk) % 4096 == 0
    assert chunk[-40:] == END + struct.pack("<Q", 4096)


@quick
@given(
    chunks=st.dictionaries(
        st.sampled_from(["A!", "AB!", "CustomData|X!", "ImageDataSeq|1!", "ImageDataSeq|10!"]),
        st.binary(max_size=5000),
    )
)
def test_every_chunk_is_found_through_the_map(chunks: dict[str, bytes]) -> None:
    file = io.BytesIO(file_of(chunks))
    places = read_map(file)
    assert {name: read_data(file, name, place) for name, place in places.items()} == chunks


GOOD = file_of({"A!": b"data of A", "B!": b"data of B"})
MAP_AT = len(GOOD) - 4096


def patched(at: int, new: bytes, content: bytes = GOOD) -> bytes:
    """Return a file with other bytes at one place, counted from the end when negative."""
    at %= len(content)
    return content[:at] + new + content[at + len(new) :]


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not an ND2 3.0 file", id="empty"),
        pytest.param(b"II*\0" + bytes(9000), "not an ND2 3.0 file", id="a TIFF"),
        pytest.param(patched(53, b"1"), "not an ND2 3.0 file", id="version 3.1"),
        pytest.param(GOOD[:4096], "ends after its signature", id="signature alone"),
        pytest.param(GOOD[:-1], "no chunk map", id="a byte short"),
        pytest.param(GOOD[:MAP_AT], "no chunk map", id="no map"),
        pytest.param(GOOD + bytes(4096), "no chunk map", id="bytes behind the map"),
        pytest.param(patched(-8, u64(0)), "no chunk map", id="map at 0"),
        pytest.param(patched(-8, u64(len(GOOD))), "no chunk map", id="map behind the end"),
        pytest.param(patched(-8, u64(2**64 - 1)), "no chunk map", id="map far away"),
        pytest.param(patched(-8, u64(4096)), "no chunk ND2 FILEMAP", id="map elsewhere"),
        pytest.param(patched(-8, u64(len(GOOD) - 8)), "file ends before", id="map in the trailer"),
        pytest.param(patched(MAP_AT, b"\0"), "no chunk ND2 FILEMAP", id="magic lost"),
        pytest.param(patched(MAP_AT + 8, u64(4049)), "file ends inside", id="map too long"),
        pytest.param(patched(MAP_AT + 8, u64(2**62)), "file ends inside", id="map of exabytes"),
        pytest.param(patched(MAP_AT + 8, u64(2**64 - 1)), "file ends inside", id="map of 2**64"),
        pytest.param(patched(MAP_AT + 8, u64(20)), "no end mark", id="map too short"),
        pytest.param(
            patched(MAP_AT + 48, b"?" * 4000), "no end mark", id="map without entries or mark"
        ),
    ],
)
def test_a_damaged_file_or_map_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(FormatError, match=message):
        read_map(file)


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        pytest.param(GOOD, (8192, 9), "no chunk A! at byte 8192", id="another chunk"),
        pytest.param(GOOD, (4095, 9), "no chunk A!", id="not on a chunk"),
        pytest.param(GOOD, (4096, 8), "holds 9 bytes, the map lists 8", id="another size"),
        pytest.param(GOOD, (len(GOOD), 9), "file ends before chunk A!", id="behind the end"),
        pytest.param(GOOD, (2**63, 9), "A!", id="far behind the end"),
        pytest.param(GOOD, (2**64 - 1, 9), "A!", id="farthest behind the end"),
        pytest.param(
            patched(4104, u64(2**40)), (4096, 2**40), "file ends inside chunk A!", id="terabyte"
        ),
        pytest.param(
            patched(4104, u64(2**62)), (4096, 2**62), "file ends inside chunk A!", id="exabytes"
        ),
        pytest.param(
            patched(4104, u64(2**63)), (4096, 2**63), "file ends inside chunk A!", id="2**63"
        ),
    ],
)
def test_a_chunk_that_is_not_where_the_map_says_is_refused(
    tmp_path: Path, content: bytes, place: tuple[int, int], message: str
) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(content)
    listed = ChunkPlace(offset=place[0], data_size=place[1])
    with path.open("rb") as file, pytest.raises(FormatError, match=message):
        read_data(file, "A!", listed)


def test_every_cut_of_a_file_is_refused() -> None:
    for length in [*range(0, len(GOOD), 97), len(GOOD) - 40, len(GOOD) - 1]:
        with pytest.raises(FormatError):
            read_map(io.BytesIO(GOOD[:length]))


@quick
@given(at=st.integers(MAP_AT, len(GOOD) - 1), value=st.integers(0, 255))
def test_one_wrong_byte_in_the_map_raises_nothing_but_a_format_error(at: int, value: int) -> None:
    file = io.BytesIO(patched(at, bytes([value])))
    try:
        places = read_map(file)
        for name, place in places.items():
            read_data(file, name, place)
    except FormatError:
        return
