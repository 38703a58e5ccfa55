"""Frames of every sample type, from TIFF files to the file that independent readers see."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import nd2
import numpy as np
import pytest
import tifffile

from nd2watch.convert import (
    check_file,
    collect_folder,
    convert_folder,
    holds_sequence,
    plan_conversion,
)
from nd2watch.errors import FormatError, FrameMismatch, Nd2WatchError
from nd2watch.experiment import Layout, compile_pattern
from nd2watch.nd2 import Nd2Reader
from tests.frames import noise

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.oracles import VendorSdk

LAYOUT = Layout(pattern=compile_pattern("t{t}_c{c}.tif"))
RNG_SHAPE = (24, 30)


def write_stack(
    folder: Path, stack: npt.NDArray[Any], planar: Literal["contig", "separate"] | None = None
) -> None:
    """Write a stack, shape (T, C, Y, X) or (T, C, Y, X, 3), a file a plane."""
    folder.mkdir()
    rgb = stack.ndim == 5
    for (t, c), _ in np.ndenumerate(stack[:, :, 0, 0] if not rgb else stack[:, :, 0, 0, 0]):
        plane = np.moveaxis(stack[t, c], 2, 0) if planar == "separate" else stack[t, c]
        tifffile.imwrite(
            folder / f"t{t}_c{c}.tif",
            plane,
            photometric="rgb" if rgb else "minisblack",
            planarconfig=planar,
        )


def random_stack(dtype: str, *shape: int) -> npt.NDArray[Any]:
    """Return random values over the whole range that a type shares with float32."""
    generator = np.random.default_rng(7)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return generator.normal(0, 1000, shape).astype(np.float16).astype(kind)
    if kind.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    low = 0 if kind.kind == "u" else -(1 << min(23, 8 * kind.itemsize - 1))
    return generator.integers(low, 1 << min(23, 8 * kind.itemsize - 1), shape).astype(kind)


STORED = [
    ("bool", "uint8"),
    ("u1", "uint8"),
    ("u2", "uint16"),
    ("i1", "float32"),
    ("i2", "float32"),
    ("i4", "float32"),
    ("u4", "float32"),
    ("i8", "float32"),
    ("f2", "float32"),
    ("f4", "float32"),
    ("f8", "float32"),
]


@pytest.mark.parametrize(("dtype", "stored"), STORED)
def test_every_value_is_stored_exactly(tmp_path: Path, dtype: str, stored: str) -> None:
    stack = random_stack(dtype, 3, 2, *RNG_SHAPE)
    write_stack(tmp_path / "in", stack)
    output = tmp_path / "o.nd2"
    convert_folder(tmp_path / "in", output, LAYOUT)
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 3, "C": 2, "Y": 24, "X": 30}
        assert file.dtype == stored
        np.testing.assert_array_equal(file.asarray(), stack)
    check = check_file(output, sources=True)
    assert check.problems == ()
    assert check.as_sources == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_is_stored_as_one_channel(
    tmp_path: Path, vendor_sdk: VendorSdk, dtype: str, planar: Literal["contig", "separate"]
) -> None:
    stack = random_stack(dtype, 2, 1, 24, 30, 3)
    write_stack(tmp_path / "in", stack, planar)
    output = tmp_path / "o.nd2"
    convert_folder(tmp_path / "in", output, LAYOUT)
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 2, "Y": 24, "X": 30, "S": 3}
        blue_green_red = file.asarray()  # as it is stored
    np.testing.assert_array_equal(blue_green_red[..., ::-1], stack[:, 0])
    with Nd2Reader(output) as reader:
        assert reader.picture.is_rgb
        np.testing.assert_array_equal(reader.read_frame(1), stack[1, 0])
    np.testing.assert_array_equal(vendor_sdk.read(output).frames[1][..., ::-1], stack[1, 0])
    check = check_file(output, sources=True)
    assert check.problems == ()
    assert check.as_sources == 2


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("u4", 2**24 + 1), ("i4", -(2**30) - 1), ("i8", 2**60 + 1), ("f8", 0.1), ("f8", 1e300)],
)
def test_a_value_that_cannot_be_stored_exactly_is_named_with_its_file(
    tmp_path: Path, dtype: str, value: float
) -> None:
    stack = np.zeros((2, 1, 4, 6), dtype)
    stack[1, 0, 2, 3] = value
    write_stack(tmp_path / "in", stack)
    with pytest.raises(FormatError) as caught:
        convert_folder(tmp_path / "in", tmp_path / "out" / "o.nd2", LAYOUT)
    assert f"{tmp_path / 'in' / 't1_c0.tif'}: value {stack[1, 0, 2, 3]} at (2, 3)" in str(
        caught.value
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_rgb_beside_another_channel_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path / "in", random_stack("u1", 2, 2, 24, 30, 3))
    with pytest.raises(FormatError, match="an RGB channel cannot be stored beside others"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", LAYOUT)
    assert not (tmp_path / "o.nd2").exists()


def test_rgb_of_real_numbers_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path / "in", random_stack("f4", 2, 1, 24, 30, 3))
    with pytest.raises(Nd2WatchError, match="RGB is stored as uint8 or uint16"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", LAYOUT)
    assert not (tmp_path / "o.nd2").exists()


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        (noise(1).astype(np.float32), "32 x 24 float32"),
        (np.zeros((24, 32, 3), np.uint16), "32 x 24 RGB uint16"),
    ],
    ids=["real numbers", "RGB"],
)
def test_a_frame_of_another_kind_is_named(
    tmp_path: Path, other: npt.NDArray[Any], seen: str
) -> None:
    write_stack(tmp_path / "in", np.stack([noise(n)[np.newaxis] for n in range(3)]))
    tifffile.imwrite(
        tmp_path / "in" / "t1_c0.tif",
        other,
        photometric="rgb" if other.ndim == 3 else "minisblack",
    )
    with pytest.raises(FrameMismatch, match=f"t1_c0.tif is {seen}"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", LAYOUT)


def test_frames_with_undefined_values_equal_themselves(tmp_path: Path) -> None:
    stack = random_stack("f4", 2, 1, *RNG_SHAPE)
    stack[:, :, 3:5] = np.nan
    stack[:, :, 7] = -np.inf
    write_stack(tmp_path / "in", stack)
    output = tmp_path / "o.nd2"
    convert_folder(tmp_path / "in", output, LAYOUT)
    with nd2.ND2File(output) as file:
        np.testing.assert_array_equal(file.asarray(), stack[:, 0])
    for path in (tmp_path / "in").iterdir():
        os.utime(path, ns=(0, 0))
    plan = plan_conversion(collect_folder(tmp_path / "in", LAYOUT)[0])
    assert holds_sequence(output, plan)
