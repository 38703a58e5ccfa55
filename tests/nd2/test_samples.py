"""Samples of every type: stored exactly, or refused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nd2watch.errors import FormatError
from nd2watch.nd2 import ImageAttributes, Nd2Reader, Nd2Writer, exact_samples, stored_dtype
from tests.nd2.builders import assert_equal_pixels, quick, write_one

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    Pixels = npt.NDArray[Any]

NAN, INF = math.nan, math.inf
BITS = {"uint8": 8, "uint16": 16, "float32": 32}
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
LARGEST = float(np.finfo(np.float32).max)


def attributes(stored: str, bits_significant: int = 0, shape: tuple[int, ...] = (1, 2)) -> Any:
    return ImageAttributes(
        height=shape[0],
        width=shape[1],
        bits_in_memory=BITS[stored],
        bits_significant=bits_significant,
    )


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("bool", "uint8"),
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        (">u2", "uint16"),
        ("int8", "float32"),
        ("int16", "float32"),
        (">i2", "float32"),
        ("float16", "float32"),
        ("float32", "float32"),
        (">f4", "float32"),
        ("int32", "float32"),
        ("uint32", "float32"),
        ("int64", "float32"),
        ("uint64", "float32"),
        ("float64", "float32"),
        ("longdouble", "float32"),
    ],
)
def test_every_real_type_has_a_stored_type(source: str, stored: str) -> None:
    assert stored_dtype(source) == np.dtype(stored)
    assert stored_dtype(source).str in {"|u1", "<u2", "<f4"}


@pytest.mark.parametrize(
    "source", ["complex64", "complex128", "U3", "S3", "O", "V4", "datetime64[s]", "timedelta64[s]"]
)
def test_what_is_no_real_number_is_refused(tmp_path: Path, source: str) -> None:
    dtype = np.dtype(source)
    with pytest.raises(FormatError, match="cannot be stored in ND2; convert them") as caught:
        stored_dtype(dtype)
    assert str(dtype) in str(caught.value)
    with (
        pytest.raises(FormatError, match=r"frame 0: .* cannot be stored in ND2"),
        Nd2Writer(tmp_path / "file.nd2", attributes("float32")) as writer,
    ):
        writer.write_frame(np.zeros((1, 2), dtype))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "values", "stored"),
    [
        ("bool", [False, True], "uint8"),
        ("bool", [False, True], "uint16"),
        ("bool", [False, True], "float32"),
        ("uint8", [0, 255], "uint16"),
        ("uint8", [0, 255], "float32"),
        ("uint16", [0, 255], "uint8"),
        ("uint16", [0, 65535], "float32"),
        ("int8", [-128, 127], "float32"),
        ("int16", [0, 32767], "uint16"),
        ("int16", [-32768, 32767], "float32"),
        (">i2", [-2, 258], "float32"),
        ("int32", [0, 65535], "uint16"),
        ("int32", [-(2**31), 2**24], "float32"),
        ("uint32", [2**32 - 256, 3], "float32"),
        ("int64", [0, 65535], "uint16"),
        ("int64", [-(2**40), 2**53], "float32"),
        ("uint64", [0, 2**53], "float32"),
        ("float16", [0.5, 65504.0], "float32"),
        ("float16", [NAN, -INF], "float32"),
        ("float32", [SMALLEST, -LARGEST], "float32"),
        (">f4", [NAN, INF], "float32"),
        ("float64", [0.5, 1e10], "float32"),
        ("float64", [SMALLEST, LARGEST], "float32"),
        ("float64", [NAN, INF], "float32"),
        ("float64", [0.0, 65535.0], "uint16"),
        ("longdouble", [0.5, NAN], "float32"),
    ],
)
def test_values_that_the_file_can_hold_are_stored(
    tmp_path: Path, source: str, values: list[float], stored: str
) -> None:
    pixels = np.array([values], source)
    path = write_one(tmp_path / "file.nd2", pixels, attributes(stored))
    assert_equal_pixels(path, np.array([values], stored).reshape(1, 1, 2, 1))


@pytest.mark.parametrize(
    ("source", "value", "stored"),
    [
        ("uint16", 256, "uint8"),
        ("int8", -1, "uint8"),
        ("int8", -1, "uint16"),
        ("int16", -1, "uint16"),
        ("int32", 65536, "uint16"),
        ("int32", 2**24 + 1, "float32"),
        ("uint32", 2**32 - 1, "float32"),
        ("int64", 2**53 + 1, "float32"),
        ("int64", 2**63 - 1, "float32"),
        ("int64", -(2**63) + 1, "float32"),
        ("uint64", 2**64 - 1, "float32"),
        ("uint64", 2**16, "uint16"),
        ("float16", 0.5, "uint16"),
        ("float32", 65536.0, "uint16"),
        ("float32", -1.0, "uint8"),
        ("float32", NAN, "uint16"),
        ("float32", INF, "uint8"),
        ("float32", -INF, "uint16"),
        ("float64", 0.1, "float32"),
        ("float64", 1e39, "float32"),
        ("float64", -1e300, "float32"),
        ("float64", 1e-46, "float32"),
        ("float64", 1e20, "uint16"),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_place(
    tmp_path: Path, source: str, value: float, stored: str
) -> None:
    pixels = np.zeros((3, 4), source)
    pixels[2, 1] = value
    with (
        pytest.raises(FormatError, match=r"frame 0: value .* is no .*; convert") as caught,
        Nd2Writer(tmp_path / "file.nd2", attributes(stored, shape=(3, 4))) as writer,
    ):
        writer.write_frame(pixels)
    message = str(caught.value)
    assert f"value {pixels[2, 1]} at (2, 1, 0) of {source} is no {stored}" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= 52, reason="long double is no wider than float64 here"
)
def test_what_only_a_long_double_tells_apart_is_refused() -> None:
    value = np.longdouble(1) + np.finfo(np.longdouble).eps
    with pytest.raises(FormatError, match=r"value 1\.0000000000000000001.* is no float32"):
        exact_samples(np.array([value]), np.dtype("<f4"), 32, "the frame")


@pytest.mark.parametrize(
    ("stored", "bits", "value", "source"),
    [
        ("uint16", 12, 4096, "uint16"),
        ("uint16", 12, 65535, ">u2"),
        ("uint16", 9, 512, "int32"),
        ("uint16", 10, 1024, "int16"),
        ("uint16", 15, 32768.0, "float64"),
        ("uint8", 7, 128, "uint8"),
    ],
)
def test_a_value_over_the_significant_bits_is_refused(
    tmp_path: Path, stored: str, bits: int, value: float, source: str
) -> None:
    pixels = np.full((3, 4), 1, source)
    pixels[0, 3] = value
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes(stored, bits, (3, 4))) as writer:
        with pytest.raises(FormatError, match=rf"value {value} at \(0, 3, 0\) needs more than"):
            writer.write_frame(pixels)
        pixels[0, 3] = (1 << bits) - 1
        writer.write_frame(pixels)
    assert_equal_pixels(path, pixels.astype(stored).reshape(1, 3, 4, 1))


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda a: a.astype(a.dtype.newbyteorder(">")), id="big-endian"),
        pytest.param(np.asfortranarray, id="Fortran order"),
        pytest.param(lambda a: np.repeat(a, 3, axis=1)[:, ::3], id="every third column"),
        pytest.param(lambda a: a[::-1, ::-1].copy()[::-1, ::-1], id="negative strides"),
        pytest.param(lambda a: np.broadcast_to(a[:1], a.shape), id="broadcast"),
        pytest.param(lambda a: a.tolist(), id="list"),
        pytest.param(lambda a: np.lib.stride_tricks.as_strided(a, writeable=False), id="read only"),
    ],
)
@pytest.mark.parametrize("source", ["int16", "float64", "float32", "uint32"])
def test_any_memory_layout_of_other_types_is_written(
    tmp_path: Path, view: Callable[[Pixels], npt.ArrayLike], source: str
) -> None:
    pixels = np.arange(3 * 5).reshape(3, 5).astype(source)
    given_pixels = view(pixels)
    path = write_one(tmp_path / "file.nd2", given_pixels, attributes("float32", shape=(3, 5)))
    assert_equal_pixels(path, np.asarray(given_pixels, "f4").reshape(1, 3, 5, 1))


def test_a_masked_pixel_is_refused(tmp_path: Path) -> None:
    pixels = np.ma.masked_equal(np.arange(12, dtype=np.uint16).reshape(3, 4), 5)
    attributes = ImageAttributes(width=4, height=3)
    with (
        pytest.raises(FormatError, match="frame 0 has masked pixels"),
        Nd2Writer(tmp_path / "masked.nd2", attributes) as writer,
    ):
        writer.write_frame(pixels)


def test_a_refused_frame_leaves_the_array_of_the_caller_as_it_is(tmp_path: Path) -> None:
    pixels = np.array([[1.0, 0.1]])
    with Nd2Writer(tmp_path / "file.nd2", attributes("float32")) as writer:
        with pytest.raises(FormatError):
            writer.write_frame(pixels)
        pixels[0, 1] = 0.25
        writer.write_frame(pixels)
    assert pixels.tolist() == [[1.0, 0.25]]
    with Nd2Reader(tmp_path / "file.nd2") as reader:
        assert reader.read_frame(0).ravel().tolist() == [1.0, 0.25]


def exactly(value: Any) -> Fraction | str:
    """Return a value as a fraction, or the name of what is none."""
    number = value.item() if isinstance(value, np.generic) else value
    return Fraction(number) if math.isfinite(number) else str(float(number))


SOURCES = ["?", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"]
INTERESTING = [
    *(float(n + d) for n in (0, 2**8, 2**12, 2**15, 2**16, 2**24) for d in (-1, 0, 1)),
    *(sign * 2.0**n for n in (-149, -150, 31, 53, 63, 64, 127, 128) for sign in (-1, 1)),
    *(0.1, 0.5, -0.0, NAN, INF, -INF, LARGEST, SMALLEST),
]


@quick
@given(data=st.data(), source=st.sampled_from(SOURCES), swapped=st.booleans())
@example(data=None, source="i1", swapped=False)
def test_what_is_accepted_has_its_value_and_what_would_change_is_refused(
    data: st.DataObject | None, source: str, swapped: bool
) -> None:
    dtype = np.dtype(source).newbyteorder("S" if swapped else "=")
    if data is None:
        value, stored, bits = np.array([-1], dtype), np.dtype("<u2"), 16
    else:
        drawn = data.draw(st.sampled_from(INTERESTING) | arrays.from_dtype(dtype))
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.array([drawn]).astype(dtype)
        stored = data.draw(st.sampled_from([np.dtype(name) for name in ("u1", "<u2", "<f4")]))
        top = 8 * stored.itemsize
        bits = data.draw(st.integers(1, top)) if stored.kind == "u" else top
    true = exactly(value[0])
    with np.errstate(over="ignore", invalid="ignore"):
        converted = exactly(value.astype(stored)[0])
    fits = converted == true and (
        stored.kind == "f" or (isinstance(true, Fraction) and 0 <= true < 2**bits)
    )
    assume(not isinstance(true, Fraction) or abs(true) <= 2**53 or dtype.kind == "f" or not fits)
    try:
        samples = exact_samples(value, stored, bits, "the frame")
    except FormatError:
        assert not fits
    else:
        assert fits
        assert samples.dtype == stored
        assert exactly(samples[0]) == true


@quick
@given(pixels=arrays.arrays(st.sampled_from(["i2", "f8", "u8"]), (2, 3)))
def test_of_an_array_either_every_value_is_kept_or_none(pixels: Pixels) -> None:
    try:
        samples = exact_samples(pixels, np.dtype("<f4"), 32, "the frame")
    except FormatError:
        with np.errstate(over="ignore"):
            held = [exactly(np.float32(v)) == exactly(v) and abs(v) <= 2**53 for v in pixels.flat]
        assert not all(held)
    else:
        assert [exactly(v) for v in samples.flat] == [exactly(v) for v in pixels.flat]
