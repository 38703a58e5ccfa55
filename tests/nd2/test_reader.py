"""Files that the reader refuses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import ImageAttributes, Nd2Reader
from nd2watch.nd2.chunks import encode_signature
from nd2watch.nd2.lite_variant import Int32, UInt32, encode
from tests.nd2.builders import (
    chunks_of,
    file_of,
    frame_metadata,
    loops,
    quick,
    random_frames,
    write_nd2,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2.lite_variant import Item

EXPERIMENT = loops(2, 2, 3)
FRAMES = random_frames((12, 3, 5, 2))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nd2(tmp_path_factory.mktemp("good") / "file.nd2", FRAMES, EXPERIMENT)


def write_chunks(path: Path, chunks: dict[str, bytes]) -> Path:
    """Write chunks and their map, whatever they hold."""
    path.write_bytes(file_of(chunks))
    return path


def read_all(path: Path) -> None:
    """Read everything that the reader reads."""
    with Nd2Reader(path) as reader:
        for index in range(min(reader.attributes.frame_count, 100)):
            reader.read_frame(index)
        assert reader.frame_times_ms.ndim == 1
        assert reader.provenance is None or reader.provenance.software


def test_a_good_file_reads_back(good: Path) -> None:
    with Nd2Reader(good) as reader:
        assert reader.sizes == {"T": 2, "P": 2, "Z": 3, "C": 2, "Y": 3, "X": 5}
        assert reader.experiment == EXPERIMENT
        assert np.array_equal([reader.read_frame(n) for n in range(12)], FRAMES)
        assert reader.frame_times_ms.tolist() == [row.time_ms for row in frame_metadata(EXPERIMENT)]


def test_a_file_in_another_order_of_chunks_reads_back(good: Path, tmp_path: Path) -> None:
    chunks = dict(reversed(chunks_of(good).items()))
    with Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks)) as reader:
        assert np.array_equal([reader.read_frame(n) for n in range(12)], FRAMES)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"II*\0" + bytes(20_000), id="TIFF"),
        pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20_000), id="old ND2 on JPEG 2000"),
        pytest.param(bytes(8192), id="zeros"),
        pytest.param(encode_signature() * 2, id="signatures"),
    ],
)
def test_what_is_no_nd2_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"file\.nd2: "):
        Nd2Reader(path)


def test_a_missing_file_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Nd2Reader(tmp_path / "file.nd2")


def test_every_truncation_is_refused(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "cut.nd2"
    edges = [n + d for n in range(0, len(content), 4096) for d in (-1, 0, 1)]
    for length in sorted({*range(0, len(content), 1009), *edges, len(content) - 40}):
        if 0 <= length < len(content):
            path.write_bytes(content[:length])
            with pytest.raises(FormatError):
                Nd2Reader(path)


def attributes_with(**changes: Item) -> bytes:
    whole = ImageAttributes(width=5, height=3, component_count=2, frame_count=12).encode()
    return encode("SLxImageAttributes", {**whole, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"eCompression": Int32(1)}, "lossy compression", id="lossy"),
        pytest.param({"uiWidthBytes": UInt32(22)}, "not padded to 4 bytes", id="unpadded rows"),
        pytest.param({"uiBpcInMemory": Int32(64)}, "64 bits a sample", id="64 bits"),
        pytest.param({"uiBpcInMemory": Int32(32)}, "16 significant bits", id="16 bits of a float"),
        pytest.param({"ePixelType": Int32(0)}, "signed samples", id="signed"),
        pytest.param({"ePixelType": Int32(2)}, "not read here", id="float of 16 bits"),
        pytest.param({"uiComp": UInt32(3), "uiWidthBytes": UInt32(32)}, "3 comp", id="components"),
        pytest.param({"uiWidth": UInt32(0)}, "width is 0", id="no pixels"),
        pytest.param({"uiWidth": "five"}, "no int named uiWidth", id="text for a number"),
    ],
)
def test_a_file_of_a_kind_that_is_not_written_is_refused(
    good: Path, tmp_path: Path, changes: dict[str, Item], message: str
) -> None:
    chunks = chunks_of(good) | {"ImageAttributesLV!": attributes_with(**changes)}
    with pytest.raises(FormatError, match=rf"file\.nd2: .*{message}"):
        Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks))


@pytest.mark.parametrize("name", ["ImageAttributesLV!", "ImageMetadataSeqLV|0!"])
def test_a_file_without_a_needed_chunk_is_refused(good: Path, tmp_path: Path, name: str) -> None:
    chunks = chunks_of(good)
    del chunks[name]
    with pytest.raises(FormatError) as caught:
        Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks))
    assert f"chunk {name} is missing" in str(caught.value)


@pytest.mark.parametrize("index", [-1, 12, 2**40])
def test_a_frame_that_no_loop_has_is_refused(good: Path, index: int) -> None:
    with (
        Nd2Reader(good) as reader,
        pytest.raises(FormatError, match=rf"file\.nd2: there is no frame {index} among 12"),
    ):
        reader.read_frame(index)


def test_a_frame_without_a_chunk_is_listed_and_reads_as_zeros(good: Path, tmp_path: Path) -> None:
    chunks = chunks_of(good)
    del chunks["ImageDataSeq|3!"]
    with Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks)) as reader:
        assert reader.missing_frames == (3,)
        assert not reader.read_frame(3).any()
        assert reader.read_frame(3).shape == FRAMES[3].shape
        assert list(reader.read_strips(3)) == []
        assert np.array_equal(reader.read_frame(4), FRAMES[4])


def test_uncompressed_frames_said_to_be_compressed_are_refused(good: Path, tmp_path: Path) -> None:
    chunks = chunks_of(good) | {"ImageAttributesLV!": attributes_with(eCompression=Int32(0))}
    with (
        Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks)) as reader,
        pytest.raises(FormatError, match=r"file\.nd2: frame 0 is damaged"),
    ):
        reader.read_frame(0)


@pytest.mark.parametrize(("change", "message"), [(-1, "59 bytes, not 60"), (1, "61 bytes, not 60")])
def test_a_frame_of_another_size_is_refused(
    good: Path, tmp_path: Path, change: int, message: str
) -> None:
    chunks = chunks_of(good)
    data = chunks["ImageDataSeq|3!"]
    chunks["ImageDataSeq|3!"] = (data + b"\0")[: len(data) + change]
    with (
        Nd2Reader(write_chunks(tmp_path / "file.nd2", chunks)) as reader,
        pytest.raises(FormatError, match=rf"file\.nd2: frame 3 has {message}"),
    ):
        reader.read_frame(3)


def picture(planes: Item) -> bytes:
    tree: Item = {"sPicturePlanes": {"sPlaneNew": planes}, "dCalibration": UInt32(1)}
    return encode("SLxPictureMetadata", tree)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("ImageMetadataSeqLV|0!", picture({"b0": {}}), id="planes of other names"),
        pytest.param("ImageMetadataSeqLV|0!", picture([{}]), id="planes without names"),
        pytest.param("ImageMetadataSeqLV|0!", b"", id="empty picture"),
        pytest.param("ImageMetadataLV!", encode("x", {"eType": UInt32(7)}), id="custom loop"),
        pytest.param("ImageMetadataLV!", encode("x", [UInt32(7)]), id="list for a loop"),
        pytest.param("CustomData|AcqTimesCache!", bytes(13), id="times of 13 bytes"),
        pytest.param("CustomDataVar|Nd2WatchProvenanceV1_0!", b"\xff<", id="provenance"),
        pytest.param(
            "CustomDataVar|Nd2WatchProvenanceV1_0!",
            b'<?xml version="1.0" encoding="no-such"?><a/>',
            id="provenance in an unknown encoding",
        ),
    ],
)
def test_a_damaged_chunk_raises_a_format_error(
    good: Path, tmp_path: Path, name: str, data: bytes
) -> None:
    path = write_chunks(tmp_path / "file.nd2", chunks_of(good) | {name: data})
    with pytest.raises(FormatError):
        read_all(path)


@pytest.mark.timeout(30)
@quick
@given(data=st.data())
def test_one_wrong_byte_in_the_metadata_raises_nothing_but_a_format_error(
    good: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    chunks = chunks_of(good)
    name = data.draw(
        st.sampled_from(["ImageAttributesLV!", "ImageMetadataLV!", "ImageMetadataSeqLV|0!"])
    )
    old = chunks[name]
    at = data.draw(st.integers(0, len(old) - 1))
    chunks[name] = old[:at] + bytes([data.draw(st.integers(0, 255))]) + old[at + 1 :]
    path = write_chunks(tmp_path_factory.getbasetemp() / "wrong-byte.nd2", chunks)
    try:
        read_all(path)
    except FormatError:
        return


def test_the_file_is_closed_when_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(bytes(100))
    for _ in itertools.repeat(None, 3):
        with pytest.raises(FormatError):
            Nd2Reader(path)
    # an open file would be reported as a ResourceWarning, which is an error here


def test_a_closed_reader_reads_no_more(good: Path) -> None:
    with Nd2Reader(good) as reader:
        pass
    with pytest.raises(ValueError, match="closed"):
        reader.read_frame(0)
