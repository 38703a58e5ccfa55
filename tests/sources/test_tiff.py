"""What is taken for a frame, and what is refused with which reason."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceChanged, SourceError
from nd2watch.sources import encode_frame, open_frame, read_frame
from nd2watch.sources.tiff.pixels import read_slab
from tests.frames import noise

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "jpeg_2000_lossy"])
def test_reads_what_tifffile_reads(tmp_path: Path, dtype: str, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    pixels = noise(1).astype(dtype)
    options: dict[str, Any] = {"byteorder": ">"} if dtype == ">u2" else {}
    tifffile.imwrite(path, pixels, compression=compression, **options)
    frame = open_frame(path)
    assert (frame.info.height, frame.info.width) == (24, 32)
    np.testing.assert_array_equal(read_frame(frame), tifffile.imread(path))


def test_an_error_that_the_library_only_logs_refuses_the_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot decode a part, versions of tifffile leave that black and log why."""

    def complaining(*arguments: Any) -> Any:
        logging.getLogger("tifffile").error("a strip is missing")
        return read_slab(*arguments)

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(1))
    frame = open_frame(path)
    monkeypatch.setattr("nd2watch.sources.tiff.pages.read_slab", complaining)
    with pytest.raises(FrameUnreadable, match="a strip is missing"):
        read_frame(frame)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_frame(frame), noise(1))


def test_the_datetime_tag_is_no_acquisition_time(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(1), datetime=datetime(2026, 1, 2, 3, 4, 5), metadata=None)
    assert open_frame(path).info.plane(0).acquired is None


def test_sees_that_the_end_of_an_uncompressed_frame_is_still_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pixels = noise(1, (128, 128))
    pixels[64:] = 0
    path.write_bytes(encode_frame(pixels))
    assert open_frame(path).info.tail_is_zero
    path.write_bytes(encode_frame(noise(1, (128, 128))))
    assert not open_frame(path).info.tail_is_zero


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


WHOLE = encode_frame(noise(1))
UNFINISHED = {
    "empty": b"",
    "zeros": bytes(4096),
    "four bytes": WHOLE[:4],
    "header only": WHOLE[:8],
    "cut at a tenth": cut(WHOLE, 0.1),
    "cut at half": cut(WHOLE, 0.5),
    "one byte short": WHOLE[:-1],
}


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_a_file_that_may_still_grow_is_incomplete(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(FrameIncomplete, match=r"a\.tif") as caught:
        open_frame(path)
    assert caught.value.retryable
    assert caught.value.path == path


def test_a_missing_file_is_incomplete(tmp_path: Path) -> None:
    with pytest.raises(FrameIncomplete, match="not there"):
        open_frame(tmp_path / "a.tif")


DTYPES = ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">i2", ">f4"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_reads_a_plane_of_any_real_numbers(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.tif"
    pixels = noise(1).astype(dtype)
    options: dict[str, Any] = {"byteorder": ">"} if dtype.startswith(">") else {}
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)
    frame = open_frame(path)
    assert not frame.info.rgb
    assert frame.info.shape == (24, 32)
    assert frame.info.dtype == np.dtype(dtype).newbyteorder("=")
    assert frame.info.format_text == f"32 x 24 {frame.info.dtype}"
    np.testing.assert_array_equal(read_frame(frame), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_reads_rgb_in_the_order_y_x_sample(
    tmp_path: Path, dtype: str, compression: str | None, planar: str
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.stack([noise(n) for n in range(3)], axis=2).astype(dtype)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression=compression)
    frame = open_frame(path)
    assert frame.info.rgb
    assert frame.info.shape == (24, 32, 3)
    assert frame.info.format_text == f"32 x 24 RGB {dtype}"
    np.testing.assert_array_equal(read_frame(frame), pixels)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.complex64))
    with pytest.raises(FrameUnreadable, match="8 x 8 complex64; planes are of integers or real"):
        open_frame(path)


@pytest.mark.parametrize("data", [b"hello", b"<html><body>404</body></html>" * 99, b"\x89PNG\r\n"])
def test_other_files_named_tif_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(FrameUnreadable, match="not a TIFF file"):
        open_frame(path)


def test_damaged_pixel_data_are_noticed_when_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = bytearray(encode_frame(noise(1), "zlib"))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    frame = open_frame(path)
    with pytest.raises(FrameUnreadable, match=r"a\.tif"):
        read_frame(frame)


def test_a_file_that_changed_since_it_was_seen_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encode_frame(noise(1)))
    frame = open_frame(path)
    path.write_bytes(encode_frame(noise(2, (48, 48))))
    with pytest.raises(SourceChanged):
        read_frame(frame)
    path.unlink()
    with pytest.raises(SourceChanged):
        read_frame(frame)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
def test_links_and_fifos_are_not_opened(tmp_path: Path) -> None:
    target = tmp_path / "target.tif"
    target.write_bytes(WHOLE)
    link = tmp_path / "link.tif"
    link.symlink_to(target)
    with pytest.raises((SourceError, OSError)):
        open_frame(link)
    fifo = tmp_path / "fifo.tif"
    os.mkfifo(fifo)
    with pytest.raises(FrameUnreadable, match="not a regular file"):
        open_frame(fifo)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    damage=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12
    ),
    head=st.booleans(),
)
def test_no_damage_raises_anything_but_source_errors(
    tmp_path: Path, damage: list[tuple[int, int]], head: bool
) -> None:
    data = bytearray(WHOLE)
    for place, value in damage:
        data[place % 200 if head else place] = value
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        assert read_frame(frame).shape == frame.info.shape


def test_a_refusal_is_not_its_own_cause(tmp_path: Path) -> None:
    alpha = np.full((8, 8, 4), 255, np.uint8)
    alpha[0, 0, 3] = 0
    tifffile.imwrite(tmp_path / "a.tif", alpha, photometric="rgb")
    frame = open_frame(tmp_path / "a.tif")
    with pytest.raises(FrameUnreadable, match="transparent") as refusal:
        read_frame(frame)
    assert refusal.value.__cause__ is None
