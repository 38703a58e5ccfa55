"""Files of each format become ND2 files that readers show as the pixels were written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import imagecodecs
import nd2
import numpy as np
import pytest
import tifffile
from PIL import Image

from nd2watch.convert import check_file
from nd2watch.nd2 import (
    Channel,
    Experiment,
    ImageAttributes,
    Nd2Writer,
    Picture,
    TimeLoop,
    ZStackLoop,
)
from nd2watch.tools import LimImageSource, convert_file_to_nd2, convert_sequence_to_nd2
from tests.sources.czi_builder import built, tiles_of
from tests.sources.olympus_builder import axes, members_of, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from tests.oracles import VendorSdk

    Pixels = npt.NDArray[Any]

RANDOM = np.random.default_rng(7)
STACK = RANDOM.integers(0, 65536, (2, 3, 2, 24, 32)).astype("u2")  # T, Z, C, Y, X
COLOR = RANDOM.integers(0, 256, (24, 32, 3)).astype("u1")


def ome_tiff(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "TZCYX"}, tile=(16, 16), compression="zlib")
    return path, STACK, "TZC"


def imagej(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TZCYX"})
    return path, STACK, "TZC"


def big_endian_bigtiff(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.tiff"
    pages = STACK.reshape(12, 24, 32)
    tifffile.imwrite(path, pages, bigtiff=True, byteorder=">", metadata=None, predictor=True,
                     compression="lzw")  # fmt: skip
    return path, pages, "P"


def float_pyramid(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.tif"
    pixels = RANDOM.random((64, 64)).astype("f4")
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, subifds=1, tile=(32, 32))
        file.write(pixels[::2, ::2], subfiletype=1, tile=(32, 32))
    return path, pixels, ""


def rgb_tiff(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.tif"
    tifffile.imwrite(path, np.moveaxis(COLOR, 2, 0), photometric="rgb", planarconfig="separate")
    return path, COLOR, "S"


def gray_png(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.png"
    path.write_bytes(imagecodecs.png_encode(STACK[0, 0, 0]))
    return path, STACK[0, 0, 0], ""


def rgb_png(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.png"
    Image.fromarray(COLOR).save(path)
    return path, COLOR, "S"


def turned_jpeg(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    Image.fromarray(COLOR).save(path, exif=exif)
    with Image.open(path) as image:
        return path, np.rot90(np.asarray(image), -1), "S"


def numpy_pages(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.npy"
    np.save(path, STACK[:, 0, 0])
    return path, STACK[:, 0, 0], "P"


def nd2_file(folder: Path) -> tuple[Path, Pixels, str]:
    path = folder / "a.nd2"
    loops = Experiment(loops=(TimeLoop(count=2), ZStackLoop(count=3)))
    attributes = ImageAttributes(width=32, height=24, component_count=2, frame_count=6)
    picture = Picture(channels=(Channel(name="A"), Channel(name="B")))
    with Nd2Writer(path, attributes, experiment=loops, picture=picture) as writer:
        for frame in STACK.reshape(6, 2, 24, 32):
            writer.write_frame(np.moveaxis(frame, 0, 2))
    return path, STACK, "TZC"


def czi(folder: Path) -> tuple[Path, Pixels, str]:
    tiles = tiles_of(T=2, C=2)
    path = built(folder, tiles)
    pixels = np.stack([tile.pixels for tile in tiles])
    return path, pixels.reshape(2, 2, *pixels.shape[1:]), "TC"


def oib(folder: Path) -> tuple[Path, Pixels, str]:
    members = members_of(C=2, Z=3)
    path = write(folder, ".oib", axes("XYCZ", X=32, Y=24, C=2, Z=3), members)
    planes = {name: tifffile.imread(io.BytesIO(data)) for name, data in members.items()}
    named = [[planes[f"s_C{c:03}Z{z:03}.tif"] for c in (1, 2)] for z in (1, 2, 3)]
    return path, np.array(named), "ZC"


FORMATS: tuple[Callable[[Path], tuple[Path, Pixels, str]], ...] = (
    ome_tiff, imagej, big_endian_bigtiff, float_pyramid, rgb_tiff, gray_png, rgb_png, turned_jpeg,
    numpy_pages, nd2_file, czi, oib,
)  # fmt: skip


@pytest.mark.parametrize("write_file", FORMATS, ids=lambda write_file: write_file.__name__)
def test_the_pixels_are_those_that_were_written(
    tmp_path: Path, write_file: Callable[[Path], tuple[Path, Pixels, str]], vendor_sdk: VendorSdk
) -> None:
    (tmp_path / "in").mkdir()
    path, pixels, order = write_file(tmp_path / "in")
    output = convert_file_to_nd2(path, tmp_path / "out.nd2")
    with nd2.ND2File(output) as file:
        assert "".join(file.sizes) == f"{order.removesuffix('S')}YX{'S' * order.endswith('S')}"
        seen = file.asarray()
    stored = pixels[..., ::-1] if order == "S" else pixels  # nd2 hands out blue, green, red
    assert seen.dtype == pixels.dtype
    np.testing.assert_array_equal(seen, stored)
    frames = np.stack(vendor_sdk.read(output).frames)
    channels = pixels.shape[order.index("C")] if "C" in order else 1
    if order == "S":
        np.testing.assert_array_equal(frames[0], stored)
    else:
        planes = pixels.reshape(-1, channels, *pixels.shape[-2:])
        np.testing.assert_array_equal(frames, np.moveaxis(planes, 1, 3))
    check = check_file(output, sources=True)
    assert check.problems == ()
    assert check.as_sources == len(frames)


def test_files_of_different_formats_make_one_sequence(tmp_path: Path) -> None:
    planes = STACK[:, 0].reshape(4, 24, 32)
    tifffile.imwrite(tmp_path / "a.tif", planes[0], compression="zstd")
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(planes[1]))
    np.save(tmp_path / "c.npy", planes[2].astype(">u2"))
    tifffile.imwrite(tmp_path / "d.tif", planes[3], tile=(16, 16), compression="jpeg2000",
                     compressionargs={"reversible": True})  # fmt: skip
    files = [LimImageSource.open(path) for path in sorted(tmp_path.iterdir())]
    output = convert_sequence_to_nd2(files, tmp_path / "o.nd2", experiment="z")
    with nd2.ND2File(output) as file:
        np.testing.assert_array_equal(file.asarray(), planes)
