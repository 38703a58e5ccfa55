"""Numbered files that tests write, and the ND2 files that come of them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import tifffile

from nd2watch.nd2 import Channel, Experiment, ImageAttributes, Nd2Writer, Picture, ZStackLoop
from nd2watch.tools import convert_sequence_to_nd2_args, convert_sequence_to_nd2_cli
from tests.frames import noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from tests.oracles import VendorSdk

    Pixels = npt.NDArray[Any]
    Files = dict[tuple[object, ...], Pixels]

FRAMES: Mapping[str, Sequence[object]] = {"t": (1, 2, 3), "z": (1, 2), "c": ("dapi", "gfp")}
TEMPLATE = "t{t:03}_z{z}_{c}.tif"
PATTERN = r"t(\d+)_z(\d+)_(\w+)\.tif"
GROUPS = ("-t", "1", "-z", "2", "-c", "3")
"""Three time points of two planes in two channels."""


def write_files(folder: Path, template: str = TEMPLATE, **labels: Sequence[object]) -> Files:
    """Write a file for each combination of labels, and return the pixels by them."""
    by_axis: Mapping[str, Sequence[object]] = labels or FRAMES
    files: Files = {}
    for seed, values in enumerate(product(*by_axis.values())):
        path = folder / template.format(**dict(zip(by_axis, values, strict=True)))
        path.parent.mkdir(parents=True, exist_ok=True)
        files[values] = noise(seed)
        tifffile.imwrite(path, files[values])
    return files


def write_pages(path: Path, planes: Sequence[Pixels]) -> None:
    """Write a TIFF file of pages that does not say what they are."""
    tifffile.imwrite(path, np.stack([*planes]), metadata=None, photometric="minisblack")


def write_nd2(path: Path, planes: Pixels, name: str = "Channel 1") -> None:
    """Write a stack of planes, 1.5 um apart, in a channel."""
    stack = ZStackLoop(count=len(planes), step_um=1.5)
    with Nd2Writer(
        path,
        ImageAttributes(width=32, height=24, frame_count=len(planes)),
        experiment=Experiment(loops=(stack,) if len(planes) > 1 else ()),
        picture=Picture(channels=(Channel(name=name),), pixel_size_um=0.25),
    ) as writer:
        for plane in planes:
            writer.write_frame(plane)


def remove(folder: Path, template: str = TEMPLATE, **labels: object) -> None:
    """Take one of the files away."""
    (folder / template.format(**labels)).unlink()


def convert(folder: Path, *words: str, name: str = "out.nd2") -> Path:
    """Convert a folder into a file in a folder in it."""
    target = ("-n", name, "-o", str(folder / "made"))
    return convert_sequence_to_nd2_args([str(folder), *words, *target])


def refuse(capsys: Any, folder: Path, *words: str) -> str:
    """Return the one line that tells why a folder is not converted; nothing is written."""
    before = sorted(folder.parent.rglob("*"))
    assert convert_sequence_to_nd2_cli([str(folder), *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert sorted(folder.parent.rglob("*")) == before
    return str(err.removeprefix("error: ").removesuffix("\n"))


def opened(path: Path) -> Any:
    """Open an ND2 file with the reader `nd2`."""
    return nd2.ND2File(path)


def assert_holds(
    path: Path, sizes: Mapping[str, int], pixels: Sequence[Pixels], sdk: VendorSdk
) -> None:
    """Compare sizes and every plane, in the order T, P, Z, C, in two independent readers."""
    expected = {axis: size for axis, size in sizes.items() if size > 1}
    with opened(path) as file:
        assert {axis: n for axis, n in file.sizes.items() if axis not in "YXS"} == expected
        found = file.asarray()
    stack = np.stack([*pixels])
    np.testing.assert_array_equal(found.reshape(stack.shape), stack)
    channels = sizes.get("C", 1)
    frames = sdk.read(path).frames
    assert len(frames) * channels == len(pixels)
    for number, plane in enumerate(pixels):
        frame, channel = divmod(number, channels)
        np.testing.assert_array_equal(frames[frame][..., channel], plane)
