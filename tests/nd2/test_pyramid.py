"""Pyramids: which levels there are, what a level holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import ImageAttributes, Nd2Reader, Nd2Writer, TimeLoop
from nd2watch.nd2.chunks import read_data, read_map
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.pyramid import (
    Level,
    halved,
    halved_strips,
    level_attributes,
    level_name,
    levels,
)
from tests.nd2.builders import attributes_of, quick, random_frames

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk

Rows = np.ndarray[tuple[int, ...], np.dtype[Any]]
DTYPES = ("u1", "<u2", "<f4")

sides = st.integers(1, 70_000) | st.integers(0, 16).map(lambda n: 2**n)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1, 1, []),
        (512, 512, []),
        (514, 10, [(512, 257, 5)]),
        (1024, 1024, [(512, 512, 512)]),
        (1100, 700, [(1024, 550, 350), (512, 275, 175)]),
        (700, 1101, [(1024, 350, 550), (512, 175, 275)]),
        (2048, 2044, [(1024, 1024, 1022), (512, 512, 511)]),
        (4000, 3000, [(2048, 2000, 1500), (1024, 1000, 750), (512, 500, 375)]),
        (
            12800,
            9600,
            [
                (8192, 6400, 4800),
                (4096, 3200, 2400),
                (2048, 1600, 1200),
                (1024, 800, 600),
                (512, 400, 300),
            ],
        ),
        pytest.param(8192, 3, [(4096, 4096, 1)], id="without a pixel from the second on"),
        pytest.param(8192, 1, [], id="one row"),
        pytest.param(1, 8192, [], id="one column"),
        pytest.param(1025, 1025, [], id="512 or 1024"),
        pytest.param(2049, 2000, [], id="1024 or 2048"),
        pytest.param(2050, 2000, [(2048, 1025, 1000)], id="512 or 1024 for the second"),
        pytest.param(2052, 2000, [(2048, 1026, 1000), (1024, 513, 500)], id="all agreed"),
    ],
)
def test_the_levels_of_a_frame(
    width: int, height: int, expected: list[tuple[int, int, int]]
) -> None:
    assert [(each.size, each.width, each.height) for each in levels(width, height)] == expected


def power_of_two(side: int) -> int:
    size = 1
    while size < side:
        size *= 2
    return size


@quick
@given(width=sides, height=sides)
@example(width=2047, height=2049)
def test_levels_are_those_on_which_every_reader_agrees(width: int, height: int) -> None:
    # One rule names a level by the frame's power of two, halved; the other by its own sides.
    full = power_of_two(max(width, height))
    expected = []
    for k in range(1, 17):
        level_width, level_height = width * (full >> k) // full, height // 2**k
        if full >> k < 512 or not min(level_width, level_height):
            break
        if power_of_two(max(level_width, level_height)) == full >> k:
            expected.append(Level(size=full >> k, width=level_width, height=level_height))
    assert levels(width, height) == tuple(expected)


@quick
@given(width=sides, height=sides)
def test_each_level_is_half_of_the_one_before(width: int, height: int) -> None:
    for each in levels(width, height):
        assert (each.width, each.height) == (width // 2, height // 2)
        assert each.size >= 512
        width, height = each.width, each.height


def test_the_name_of_a_level() -> None:
    assert level_name(2048, 0) == "CustomDataSeq|DownsampledColorData_2048|0!"
    assert level_name(512, 1234) == "CustomDataSeq|DownsampledColorData_512|1234!"


def test_a_level_is_stored_uncompressed_with_rows_padded_to_four_bytes() -> None:
    frames = ImageAttributes(
        width=1100, height=700, component_count=3, bits_in_memory=8, frame_count=5, zlib_level=6
    )
    _, smallest = levels(frames.width, frames.height)
    stored = level_attributes(frames, smallest)
    assert stored.shape == (175, 275, 3)
    assert stored.row_stride == 828
    assert stored.frame_size == 175 * 828
    assert stored.zlib_level is None
    assert (stored.dtype, stored.frame_count) == (frames.dtype, 5)


@pytest.mark.parametrize(
    ("square", "mean"),
    [
        ((0, 0, 0, 0), 0),
        ((0, 0, 0, 1), 0),
        ((0, 0, 1, 1), 1),
        ((0, 1, 1, 1), 1),
        ((1, 2, 3, 4), 3),
        ((1, 2, 3, 3), 2),
        ((255, 255, 255, 255), 255),
        ((255, 255, 255, 253), 255),
        ((255, 255, 255, 252), 254),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
def test_means_of_integers_are_rounded_half_up(
    square: tuple[int, ...], mean: int, dtype: str
) -> None:
    rows = np.array(square, dtype).reshape(2, 2, 1)
    found = halved(rows)
    assert found.tolist() == [[[mean]]]
    assert found.dtype == rows.dtype


@pytest.mark.parametrize(("dtype", "top"), [("u1", 255), ("<u2", 65535)])
def test_full_samples_stay_full(dtype: str, top: int) -> None:
    assert (halved(np.full((6, 10, 2), top, dtype)) == top).all()


@pytest.mark.parametrize(
    ("square", "mean"),
    [
        ((0.0, 0.5, 1.0, 0.5), 0.5),
        ((-1.0, -2.0, -3.0, -4.0), -2.5),
        ((3.4028234663852886e38,) * 4, 3.4028234663852886e38),
        ((3e38, 3e38, -3e38, -3e38), 0.0),
        ((1e-45, 1e-45, 1e-45, 1e-45), 1e-45),
        ((math.inf, 1.0, 1.0, 1.0), math.inf),
        ((math.inf, -math.inf, 1.0, 1.0), math.nan),
        ((math.nan, 1.0, 1.0, 1.0), math.nan),
    ],
)
def test_means_of_float32(square: tuple[float, ...], mean: float) -> None:
    found = halved(np.array(square, "<f4").reshape(2, 2, 1))
    assert found.dtype == np.dtype("<f4")
    assert np.array_equal(found, np.array(mean, "<f4").reshape(1, 1, 1), equal_nan=True)


def mean(square: list[Any], dtype: npt.DTypeLike) -> Any:
    """Return the mean of top left, top right, bottom left, bottom right."""
    if np.dtype(dtype).kind == "u":
        return (sum(square) + 2) // 4
    return np.float32(((square[0] + square[2]) + (square[1] + square[3])) / 4)


@st.composite
def images(draw: st.DrawFn, even: bool = False) -> Rows:
    dtype: np.dtype[Any] = np.dtype(draw(st.sampled_from(DTYPES)))
    height, width = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    shape = (2 * height if even else height, width, draw(st.integers(1, 4)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype.kind == "f":
        return (generator.normal(size=shape) * 10.0 ** generator.integers(-20, 20)).astype(dtype)
    return generator.integers(0, 1 << 8 * dtype.itemsize, shape).astype(dtype)


@quick
@given(rows=images(even=True))
def test_halved_rows_hold_the_mean_of_every_square(rows: Rows) -> None:
    found = halved(rows)
    height, width, components = rows.shape
    assert found.shape == (height // 2, width // 2, components)
    for y, x, component in np.ndindex(found.shape):
        square = rows[2 * y : 2 * y + 2, 2 * x : 2 * x + 2, component].ravel().tolist()
        assert found[y, x, component] == mean(square, rows.dtype)


@quick
@given(image=images(), cuts=st.lists(st.integers(0, 9), max_size=6))
def test_strips_of_any_height_give_the_same_level(image: Rows, cuts: list[int]) -> None:
    strips = np.split(image, sorted(min(cut, len(image)) for cut in cuts))
    found = list(halved_strips(strips))
    expected = halved(image[: len(image) // 2 * 2])
    whole = np.concatenate([expected[:0], *found])
    assert whole.dtype == image.dtype
    assert np.array_equal(whole, expected)
    assert all(map(len, found))


def test_strips_may_share_their_memory() -> None:
    image = random_frames((1, 9, 6, 2))[0]
    buffer = np.empty((3, 6, 2), image.dtype)

    def strips() -> Any:
        for start in range(0, 9, 3):
            buffer[:] = image[start : start + 3]
            yield buffer

    assert np.array_equal(np.concatenate(list(halved_strips(strips()))), halved(image[:8]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((3, 4, 1), "u2"), "3 rows cannot be halved; their number must be even"),
        (np.zeros((2, 4), "u2"), r"shape \(2, 4\) cannot be halved"),
        (np.zeros((2, 4, 1), "i2"), "int16 samples"),
        (np.zeros((2, 4, 1), "f8"), "float64 samples"),
        (np.zeros((2, 4, 1), "?"), "bool samples"),
    ],
)
def test_other_rows_are_refused_saying_what_is_wrong(rows: Rows, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        halved(rows)


def padded(image: Rows) -> bytes:
    """Return the rows of an image, each padded with zeros to a multiple of 4 bytes."""
    rows = (row.tobytes() for row in image)
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


def with_pyramid(path: Path, frames: Pixels) -> dict[str, Rows]:
    """Write frames, shape (frame, Y, X, component), with their levels; return these by name."""
    pyramid: dict[str, Rows] = {}
    for index, frame in enumerate(frames):
        image: Rows = frame
        for level in levels(frame.shape[1], frame.shape[0]):
            image = halved(image[: len(image) // 2 * 2])
            pyramid[level_name(level.size, index)] = image
    attributes = attributes_of(frames)
    with Nd2Writer(
        path,
        attributes,
        experiment=Experiment(loops=(TimeLoop(count=len(frames)),)),
        custom_chunks={name: padded(image) for name, image in pyramid.items()},
    ) as writer:
        for frame in frames:
            writer.write_frame(frame)
    return pyramid


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_readers_show_the_frames_of_a_file_with_a_pyramid(
    vendor_sdk: VendorSdk, tmp_path: Path, dtype: type
) -> None:
    path = tmp_path / "large.nd2"
    frames = random_frames((2, 701, 1102, 3), dtype)
    pyramid = with_pyramid(path, frames)
    assert list(pyramid) == [level_name(size, n) for n in (0, 1) for size in (1024, 512)]
    view = vendor_sdk.read(path)
    assert view.loops == [("TimeLoop", 2)]
    assert np.array_equal(view.frames, frames)
    with nd2.ND2File(path) as file:
        assert file.sizes == {"T": 2, "C": 3, "Y": 701, "X": 1102}
        assert np.array_equal(np.moveaxis(file.asarray(), 1, -1), frames)
    with Nd2Reader(path) as reader:
        assert np.array_equal([reader.read_frame(n) for n in range(len(frames))], frames)


def test_a_level_is_found_where_and_how_readers_look_for_it(tmp_path: Path) -> None:
    path = tmp_path / "large.nd2"
    frames = random_frames((2, 701, 1102, 3))
    pyramid = with_pyramid(path, frames)
    with path.open("rb") as file:
        places = read_map(file)
        for name, image in pyramid.items():
            data = read_data(file, name, places[name])
            height, width, components = image.shape
            strides = (-(-2 * components * width // 4) * 4, 2 * components, 2)
            found: Rows = np.ndarray(image.shape, "<u2", data, strides=strides)
            assert len(data) == height * strides[0]
            assert np.array_equal(found, image)
