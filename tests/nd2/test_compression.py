"""Compressed frames: exact, in their order, and refused when damaged."""

from __future__ import annotations

import struct
import threading
import tracemalloc
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
)
from nd2watch.nd2.lite_variant import encode
from tests.nd2.builders import (
    assert_equal_pixels,
    attributes_of,
    chunks_of,
    file_of,
    loops,
    random_frames,
    read_ours,
    slow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk


def compressed(frames: Pixels, level: int = 6) -> ImageAttributes:
    return attributes_of(frames, zlib_level=level)


def write_compressed(
    path: Path, frames: Pixels, level: int = 6, threads: int | None = None
) -> Path:
    """Write frames, shape (frame, Y, X, component), as time points."""
    experiment = loops(times=len(frames))
    attributes = compressed(frames, level)
    with Nd2Writer(path, attributes, experiment=experiment, threads=threads) as writer:
        for frame in frames:
            writer.write_frame(frame)
    return path


def uneven_frames(count: int) -> Pixels:
    """Return frames of very different compressibility, the slow ones first."""
    frames = random_frames((count, 96, 128, 1))
    for number, frame in enumerate(frames):
        if number % 4:
            frame[number % 4 * 8 :] = number
    return frames


@pytest.mark.parametrize("level", range(10))
def test_every_level_reads_back(vendor_sdk: VendorSdk, tmp_path: Path, level: int) -> None:
    frames = random_frames((3, 7, 131, 2))
    frames[1] = 7
    path = write_compressed(tmp_path / "file.nd2", frames, level)
    assert_equal_pixels(path, frames)
    assert np.array_equal(vendor_sdk.read(path).frames, frames)
    with Nd2Reader(path) as reader:
        assert reader.attributes.zlib_level == level


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("height", "width", "components"), [(1, 1, 1), (3, 5, 2), (5, 6, 3)])
def test_every_sample_type_reads_back(
    tmp_path: Path, dtype: type, height: int, width: int, components: int
) -> None:
    frames: Pixels = random_frames((2, height, width, components), np.uint8).astype(dtype)
    assert_equal_pixels(write_compressed(tmp_path / "file.nd2", frames), frames)


def test_rgb_reads_back_as_it_was_given(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = random_frames((1, 5, 7, 3), np.uint8)
    picture = Picture(channels=(Channel(name="RGB", component_count=3),))
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, compressed(frames), picture=picture) as writer:
        writer.write_frame(frames[0])
    assert np.array_equal(read_ours(path), frames)
    (seen,) = vendor_sdk.read(path).frames
    assert np.array_equal(seen[:, :, ::-1], frames[0])


def test_like_pixels_become_small(tmp_path: Path) -> None:
    frames = np.full((2, 512, 512, 1), 7, np.uint16)
    small = write_compressed(tmp_path / "small.nd2", frames)
    large = write_compressed(tmp_path / "large.nd2", frames, level=0)
    assert small.stat().st_size < 100_000
    assert large.stat().st_size > frames.nbytes


@pytest.mark.parametrize("threads", [None, 1, 2, 4, 9])
def test_frames_keep_their_order_in_several_threads(tmp_path: Path, threads: int | None) -> None:
    frames = uneven_frames(60)
    path = write_compressed(tmp_path / "file.nd2", frames, level=9, threads=threads)
    assert np.array_equal(read_ours(path), frames)


def test_the_file_does_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    frames = uneven_frames(20)
    contents = {
        write_compressed(tmp_path / f"{threads}.nd2", frames, threads=threads).read_bytes()
        for threads in (1, 2, 5)
    }
    assert len(contents) == 1


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "i2", "f4"])
@pytest.mark.parametrize("width", [128, 127])
def test_the_array_of_the_caller_may_change_right_after_the_call(
    tmp_path: Path, dtype: str, width: int
) -> None:
    frames = random_frames((24, 64, width, 1), bits=15)
    buffer = np.zeros(frames.shape[1:], dtype)
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, compressed(frames, 9), experiment=loops(times=24), threads=2) as writer:
        for frame in frames:
            buffer[:] = frame
            writer.write_frame(buffer.data if buffer.dtype == "<u2" else buffer)
            buffer[:] = 0
    assert np.array_equal(read_ours(path), frames)


def test_missing_frames_and_tiles_between_compressed_frames_keep_their_place(
    tmp_path: Path,
) -> None:
    frames = uneven_frames(6)
    frames[2] = 0
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, compressed(frames, 9), experiment=loops(times=6), threads=2) as writer:
        for number, frame in enumerate(frames):
            if number == 2:
                writer.skip_frame()
            elif number in (3, 5):
                with writer.tiles() as tiles:
                    tiles.write(48, 0, frame[48:])
                    tiles.write(0, 0, frame[:48])
            else:
                writer.write_frame(frame)
    assert_equal_pixels(path, frames)
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == (2,)


def threads_named(prefix: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_inside_the_block_removes_the_file_and_ends_the_threads(
    tmp_path: Path, error: type[BaseException]
) -> None:
    frames = random_frames((40, 128, 128, 1))

    def interrupted() -> None:
        with Nd2Writer(
            tmp_path / "file.nd2", compressed(frames, 9), experiment=loops(times=40), threads=3
        ) as writer:
            for frame in frames[:20]:
                writer.write_frame(frame)
            assert threads_named("nd2-zlib")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        interrupted()
    assert threads_named("nd2-zlib") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused_before_any_file_exists(tmp_path: Path, threads: int) -> None:
    with pytest.raises(FormatError, match=rf"{threads} threads"):
        Nd2Writer(
            tmp_path / "file.nd2",
            ImageAttributes(width=1, height=1, zlib_level=1),
            threads=threads,
        )
    assert list(tmp_path.iterdir()) == []


def test_few_frames_are_in_memory_at_a_time(tmp_path: Path) -> None:
    frame = np.zeros((512, 1024), np.uint16)
    attributes = ImageAttributes(width=1024, height=512, frame_count=64, zlib_level=1)
    path = tmp_path / "file.nd2"
    tracemalloc.start()
    try:
        with Nd2Writer(path, attributes, experiment=loops(times=64), threads=2) as writer:
            for _ in range(64):
                writer.write_frame(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * frame.nbytes


ATTRIBUTES = ImageAttributes(width=7, height=5, zlib_level=6)
PIXELS = random_frames((1, 5, 7, 1))[0]


def rows_of(pixels: npt.NDArray[np.generic], stride: int = 16) -> bytes:
    """Return the stored rows of one component."""
    return b"".join(row.tobytes().ljust(stride, b"\0") for row in pixels)


STREAM = zlib.compress(rows_of(PIXELS))


def write_streams(
    path: Path, streams: Sequence[bytes], attributes: ImageAttributes = ATTRIBUTES
) -> Path:
    """Write frames of one component that hold any bytes."""
    attributes = replace(attributes, frame_count=len(streams))
    chunks = chunks_of(write_compressed(path, np.zeros((len(streams), 1, 1, 1), np.uint8)))
    chunks["ImageAttributesLV!"] = encode("SLxImageAttributes", attributes.encode())
    for index, stream in enumerate(streams):
        chunks[f"ImageDataSeq|{index}!"] = struct.pack("<d", float(index)) + stream
    path.write_bytes(file_of(chunks))
    return path


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        pytest.param(b"", "0 bytes, too few for 80", id="empty"),
        pytest.param(b"no zlib stream", "is damaged", id="no zlib"),
        pytest.param(rows_of(PIXELS), "is damaged", id="not compressed"),
        pytest.param(STREAM[:-1], "is cut short", id="a byte short"),
        pytest.param(STREAM[:-4], "is cut short", id="without its sum"),
        pytest.param(STREAM[:20], "is cut short", id="cut"),
        pytest.param(STREAM[:-1] + bytes([STREAM[-1] ^ 1]), "is damaged", id="another sum"),
        pytest.param(zlib.compress(rows_of(PIXELS)[:-1]), "79 bytes, not 80", id="a pixel short"),
        pytest.param(zlib.compress(rows_of(PIXELS) + b"\0"), "more than 80", id="a byte more"),
        pytest.param(zlib.compress(b""), "0 bytes, not 80", id="nothing compressed"),
    ],
)
def test_a_damaged_stream_is_refused(tmp_path: Path, stream: bytes, message: str) -> None:
    path = write_streams(tmp_path / "file.nd2", [stream, STREAM])
    with Nd2Reader(path) as reader:
        with pytest.raises(FormatError, match=rf"file\.nd2: frame 0 .*{message}"):
            reader.read_frame(0)
        assert np.array_equal(reader.read_frame(1), PIXELS)


@slow
@given(data=st.data())
def test_no_changed_byte_of_a_stream_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(STREAM) - 1))
    stream = STREAM[:at] + bytes([data.draw(st.integers(0, 255))]) + STREAM[at + 1 :]
    path = write_streams(tmp_path_factory.mktemp("changed") / "file.nd2", [stream])
    with Nd2Reader(path) as reader:
        try:
            assert np.array_equal(reader.read_frame(0), PIXELS)
        except FormatError:
            assert stream != STREAM


def test_a_stream_that_swells_is_refused_in_little_memory(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(100 << 20))
    path = write_streams(tmp_path / "file.nd2", [bomb, STREAM])
    with Nd2Reader(path) as reader:
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match="frame 0 has more than 80 bytes"):
                reader.read_frame(0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 64 << 20
        assert np.array_equal(reader.read_frame(1), PIXELS)


def test_a_frame_that_its_stream_cannot_hold_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    attributes = ImageAttributes(width=2**20, height=2**30, zlib_level=6)
    path = write_streams(tmp_path / "file.nd2", [STREAM], attributes)
    with Nd2Reader(path) as reader:
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match="too few for"):
                reader.read_frame(0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 1 << 20


STRIP = 1 << 24


@pytest.mark.parametrize("rows", [1023, 1024, 1025, 2048, 2049])
@pytest.mark.parametrize("level", [0, 1])
def test_frames_about_as_large_as_a_strip_read_back(tmp_path: Path, rows: int, level: int) -> None:
    width = STRIP // 1024
    pixels = np.zeros((rows, width, 1), np.uint8)
    pixels[:, ::4096, 0] = np.arange(rows)[:, None] % 251
    attributes = ImageAttributes(width=width, height=rows, bits_in_memory=8, zlib_level=level)
    stream = zlib.compress(pixels.tobytes(), level)
    with Nd2Reader(write_streams(tmp_path / "file.nd2", [stream], attributes)) as reader:
        strips = [strip.copy() for strip in reader.read_strips(0)]
    assert [len(strip) for strip in strips] == [1024] * (rows // 1024) + [rows % 1024] * (
        rows % 1024 > 0
    )
    assert np.array_equal(np.concatenate(strips), pixels)


def test_a_stream_behind_which_other_bytes_follow_reads_back(tmp_path: Path) -> None:
    path = write_streams(tmp_path / "file.nd2", [STREAM + b"more", STREAM])
    assert np.array_equal(read_ours(path), [PIXELS, PIXELS])
