"""Frames written by tiles: the same as written whole, in little memory."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
)
from tests.nd2.builders import assert_equal_pixels, loops, random_frames, read_ours, slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.nd2.tiles import FrameTiles
    from tests.nd2.builders import Pixels

LEVELS = pytest.mark.parametrize("level", [None, 6], ids=["uncompressed", "zlib"])
Box = tuple[int, int, int, int]


def attributes_of(pixels: Pixels, level: int | None = None, frames: int = 1) -> ImageAttributes:
    """Return the attributes of frames, shape (Y, X, component)."""
    height, width, components = pixels.shape
    return ImageAttributes(
        width=width,
        height=height,
        component_count=components,
        bits_in_memory=8 * pixels.dtype.itemsize,
        frame_count=frames,
        zlib_level=level,
    )


def write_tiles(path: Path, pixels: Pixels, boxes: list[Box], level: int | None = None) -> Path:
    """Write one frame by the tiles (y, x, height, width) of it."""
    with Nd2Writer(path, attributes_of(pixels, level)) as writer, writer.tiles() as tiles:
        for y, x, height, width in boxes:
            tiles.write(y, x, pixels[y : y + height, x : x + width])
    return path


def grid(ys: list[int], xs: list[int]) -> list[Box]:
    """Return the boxes between lines."""
    return [
        (top, left, bottom - top, right - left)
        for top, bottom in pairwise(ys)
        for left, right in pairwise(xs)
    ]


@st.composite
def mosaics(draw: st.DrawFn) -> tuple[Pixels, list[Box]]:
    """Return a frame and tiles that cover it, in any order."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    components = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.float32]))
    pixels = random_frames((1, height, width, components), np.uint8)[0].astype(dtype)
    ys = sorted({0, height, *draw(st.lists(st.integers(0, height), max_size=3))})
    xs = sorted({0, width, *draw(st.lists(st.integers(0, width), max_size=3))})
    return pixels, draw(st.permutations(grid(ys, xs)))


@slow
@given(mosaic=mosaics(), level=st.sampled_from([None, 1]))
def test_tiles_in_any_order_make_the_same_file_as_the_whole_frame(
    tmp_path_factory: pytest.TempPathFactory,
    mosaic: tuple[Pixels, list[Box]],
    level: int | None,
) -> None:
    pixels, boxes = mosaic
    folder = tmp_path_factory.mktemp("tiles")
    path = write_tiles(folder / "tiles.nd2", pixels, boxes, level)
    with Nd2Writer(folder / "whole.nd2", attributes_of(pixels, level)) as writer:
        writer.write_frame(pixels)
    assert_equal_pixels(path, pixels[np.newaxis])
    assert path.read_bytes() == (folder / "whole.nd2").read_bytes()


@LEVELS
def test_a_later_tile_replaces_what_it_overlaps(tmp_path: Path, level: int | None) -> None:
    expected = np.zeros((9, 11, 2), np.uint16)
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes_of(expected, level)) as writer, writer.tiles() as tiles:
        for number, (y, x, height, width) in enumerate(
            [(0, 0, 6, 7), (4, 5, 5, 6), (2, 0, 3, 11), (8, 10, 1, 1), (8, 10, 1, 1)], 1
        ):
            tile = np.full((height, width, 2), number)
            tile[..., 1] = 100 * number
            tiles.write(y, x, tile)
            expected[y : y + height, x : x + width] = tile
    assert_equal_pixels(path, expected[np.newaxis])


@LEVELS
@pytest.mark.parametrize("width", [5, 6])
def test_what_no_tile_covers_is_0(tmp_path: Path, level: int | None, width: int) -> None:
    pixels = random_frames((1, 4, width, 1))[0]
    path = write_tiles(tmp_path / "file.nd2", pixels, [(1, 2, 2, 2)], level)
    expected = np.zeros_like(pixels)
    expected[1:3, 2:4] = pixels[1:3, 2:4]
    assert_equal_pixels(path, expected[np.newaxis])
    assert not read_ours(write_tiles(tmp_path / "none.nd2", pixels, [], level)).any()


@LEVELS
@pytest.mark.parametrize("width", [7, 8])
def test_rgb_tiles_are_stored_as_rgb_frames_are(
    tmp_path: Path, level: int | None, width: int
) -> None:
    pixels = random_frames((1, 6, width, 3), np.uint8)[0]
    picture = Picture(channels=(Channel(name="RGB", component_count=3),))
    attributes = attributes_of(pixels, level)
    for name in ("tiles", "whole"):
        with Nd2Writer(tmp_path / name, attributes, picture=picture) as writer:
            if name == "whole":
                writer.write_frame(pixels)
                continue
            with writer.tiles() as tiles:
                for y, x, height, columns in grid([0, 4, 6], [0, 3, width]):
                    tiles.write(y, x, pixels[y : y + height, x : x + columns])
    assert np.array_equal(read_ours(tmp_path / "tiles"), [pixels])
    assert (tmp_path / "tiles").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("dtype", [">u2", "i4", "u1", "f8", "?"])
def test_tiles_of_other_types_are_stored_exactly(tmp_path: Path, dtype: str) -> None:
    pixels = random_frames((1, 4, 6, 1), np.uint8)[0] % 2
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=6, height=4)
    with Nd2Writer(path, attributes) as writer, writer.tiles() as tiles:
        tiles.write(0, 0, pixels[:, :4].astype(dtype))
        tiles.write(0, 4, pixels[:, 4:, 0].astype(dtype).tolist())
    assert_equal_pixels(path, pixels[np.newaxis].astype(np.uint16))


@LEVELS
@pytest.mark.parametrize(
    ("y", "x", "tile", "message"),
    [
        pytest.param(-1, 0, np.ones((2, 2)), "reaches beyond the frame", id="above"),
        pytest.param(0, -1, np.ones((2, 2)), "reaches beyond the frame", id="left"),
        pytest.param(3, 0, np.ones((2, 2)), "tile of 2 x 2 pixels at x=0, y=3", id="below"),
        pytest.param(0, 5, np.ones((2, 2)), "beyond the frame of 6 x 4", id="right"),
        pytest.param(0, 0, np.ones((5, 6)), "reaches beyond the frame", id="too high"),
        pytest.param(0, 0, np.ones((4, 7)), "reaches beyond the frame", id="too wide"),
        pytest.param(1 << 40, 0, np.ones((1, 1)), "reaches beyond the frame", id="far below"),
        pytest.param(0, 0, np.ones((2, 2, 2)), r"not \(2, 2, 1\)", id="components"),
        pytest.param(0, 0, np.ones(4), r"has shape \(4,\), not \(Y, X\)", id="flat"),
        pytest.param(0, 0, np.ones((1, 1, 1, 1)), "has shape", id="an axis more"),
        pytest.param(1, 2, np.full((2, 2), 0.5), "tile at x=2, y=1: value 0.5", id="fraction"),
        pytest.param(1, 2, np.full((2, 2), 4096), "needs more than 12 significant", id="bits"),
        pytest.param(0, 0, np.full((2, 2), "a"), "tile at x=0, y=0: .* stored", id="text"),
    ],
)
def test_a_tile_that_does_not_fit_is_refused_and_the_others_stay(
    tmp_path: Path, level: int | None, y: int, x: int, tile: Pixels, message: str
) -> None:
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=6, height=4, bits_significant=12, zlib_level=level)
    with Nd2Writer(path, attributes) as writer, writer.tiles() as tiles:
        tiles.write(0, 0, np.full((4, 6), 7))
        with pytest.raises(FormatError, match=message):
            tiles.write(y, x, tile)
    assert (read_ours(path) == 7).all()


def at(number: int) -> FrameMetadata:
    return FrameMetadata(time_ms=10.0 * number, x_um=float(number), y_um=0.0, z_um=5.0 * number)


@LEVELS
@pytest.mark.parametrize("fails", [0, 1, 2])
def test_a_frame_whose_block_fails_can_be_begun_again(
    tmp_path: Path, level: int | None, fails: int
) -> None:
    frames = random_frames((3, 30, 41, 1))
    path = tmp_path / "file.nd2"

    def failing(writer: Nd2Writer) -> None:
        with writer.tiles(FrameMetadata(time_ms=5000.0, x_um=-1.0, y_um=-1.0, z_um=-1.0)) as tiles:
            tiles.write(0, 0, np.full((30, 41), 9))
            raise RuntimeError("stop")

    with Nd2Writer(path, attributes_of(frames[0], level, 3), experiment=loops(times=3)) as writer:
        for number, frame in enumerate(frames):
            if number == fails:
                with pytest.raises(RuntimeError, match="stop"):
                    failing(writer)
            writer.write_frame(frame, at(number))
    assert_equal_pixels(path, frames)
    with Nd2Reader(path) as reader:
        assert reader.frame_times_ms.tolist() == [0.0, 10.0, 20.0]
        assert reader.missing_frames == ()
    with Nd2Writer(
        tmp_path / "same.nd2", attributes_of(frames[0], level, 3), experiment=loops(times=3)
    ) as writer:
        for number, frame in enumerate(frames):
            writer.write_frame(frame, at(number))
    assert path.read_bytes() == (tmp_path / "same.nd2").read_bytes()


@LEVELS
def test_tiles_and_whole_frames_alternate(tmp_path: Path, level: int | None) -> None:
    frames = random_frames((5, 6, 7, 2))
    path = tmp_path / "file.nd2"
    attributes = attributes_of(frames[0], level, 5)
    with Nd2Writer(path, attributes, experiment=loops(times=5)) as writer:
        for number, frame in enumerate(frames):
            if number % 2:
                writer.write_frame(frame, at(number))
                continue
            with writer.tiles(at(number)) as tiles:
                tiles.write(3, 0, frame[3:])
                tiles.write(0, 0, frame[:3])
    assert_equal_pixels(path, frames)
    with Nd2Reader(path) as reader:
        assert reader.frame_times_ms.tolist() == [10.0 * number for number in range(5)]


@LEVELS
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda writer: writer.write_frame(np.zeros((4, 6))), id="whole frame"),
        pytest.param(lambda writer: writer.skip_frame(), id="missing frame"),
        pytest.param(lambda writer: writer.tiles().__enter__(), id="tiles"),
    ],
)
def test_another_frame_inside_the_block_of_tiles_is_refused(
    tmp_path: Path, level: int | None, act: Callable[[Nd2Writer], object]
) -> None:
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=6, height=4, frame_count=2, zlib_level=level)
    with Nd2Writer(path, attributes, experiment=loops(times=2)) as writer:
        with writer.tiles() as tiles:
            tiles.write(0, 0, np.full((2, 6), 7))
            with pytest.raises(FormatError, match="frame 0 is written by tiles"):
                act(writer)
            tiles.write(2, 0, np.full((2, 6), 7))
        writer.write_frame(np.full((4, 6), 8))
    assert [frame.min() for frame in read_ours(path)] == [7, 8]
    assert [frame.max() for frame in read_ours(path)] == [7, 8]


@LEVELS
def test_a_tile_after_its_block_is_refused(tmp_path: Path, level: int | None) -> None:
    kept: list[FrameTiles] = []
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=6, height=4, frame_count=2, zlib_level=level)
    with Nd2Writer(path, attributes, experiment=loops(times=2)) as writer:
        with writer.tiles() as tiles:
            kept.append(tiles)
            tiles.write(0, 0, np.full((4, 6), 7))
        with pytest.raises(FormatError, match="after its frame's block"):
            kept[0].write(0, 0, np.zeros((1, 1)))
        writer.write_frame(np.full((4, 6), 8))
    assert [frame.min() for frame in read_ours(path)] == [7, 8]


def test_tiles_beyond_the_last_frame_are_refused(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "file.nd2", ImageAttributes(width=6, height=4)) as writer:
        writer.write_frame(np.zeros((4, 6)))
        with pytest.raises(FormatError, match="all 1 frames"), writer.tiles():
            pass


SIDE, TILE = 6000, 500
MOSAIC = f"""
import resource, sys
import numpy as np
from nd2watch.nd2 import ImageAttributes, Nd2Writer

def peak():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

attributes = ImageAttributes(width={SIDE}, height={SIDE}, zlib_level=eval(sys.argv[2]))
tile = np.empty(({TILE}, {TILE}), np.uint16)
before = peak()
with Nd2Writer(sys.argv[1], attributes) as writer, writer.tiles() as tiles:
    for y in range(0, {SIDE}, {TILE}):
        for x in range(0, {SIDE}, {TILE}):
            tile[:] = y + x // {TILE}
            tiles.write(y, x, tile)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
@LEVELS
def test_a_large_mosaic_is_written_in_little_memory(tmp_path: Path, level: int | None) -> None:
    path = tmp_path / "mosaic.nd2"
    done = subprocess.run(
        [sys.executable, "-c", MOSAIC, str(path), repr(level)],
        check=True,
        capture_output=True,
        text=True,
    )
    frame_size = 2 * SIDE * SIDE
    assert int(done.stdout) < frame_size / 4
    places = np.arange(0, SIDE, TILE)
    expected = (places[:, None] + places // TILE).astype(np.uint16)
    with Nd2Reader(path) as reader:
        frame = reader.read_frame(0)[:, :, 0]
    path.unlink()
    blocks = frame.reshape(SIDE // TILE, TILE, SIDE // TILE, TILE)
    assert (blocks == expected[:, np.newaxis, :, np.newaxis]).all()
