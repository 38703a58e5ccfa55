"""Strips and tiles that are images themselves, whose size is theirs to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from nd2watch.errors import FrameUnreadable
from nd2watch.sources import open_frame, read_frame
from tests.hostile.raw_tiff import RawTiff
from tests.sources.test_raster import by_pillow, png, samples, smooth
from tests.sources.tiff_files import pixels, write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

LARGE = (2048, 4096)
GRAY = np.zeros(LARGE, np.uint8)
COLORED = np.zeros((*LARGE, 3), np.uint8)
JPEG, JPEG_2000, JPEG_XR, JPEG_XL, WEBP, LERC, PNG = 7, 34712, 34934, 50002, 50001, 34887, 34933
IMAGES: dict[str, tuple[int, Any]] = {
    "JPEG": (JPEG, imagecodecs.jpeg8_encode(GRAY)),
    "JPEG of the old kind": (6, imagecodecs.jpeg8_encode(GRAY)),
    "lossless JPEG": (34892, imagecodecs.jpeg8_encode(GRAY, lossless=True)),
    "JPEG 2000": (JPEG_2000, imagecodecs.jpeg2k_encode(GRAY)),
    "JPEG 2000 without a container": (33005, imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k")),
    "JPEG XR": (JPEG_XR, imagecodecs.jpegxr_encode(GRAY)),
    "JPEG XL": (JPEG_XL, imagecodecs.jpegxl_encode(GRAY, effort=1)),
    "JPEG XL in a container": (52546, imagecodecs.jpegxl_encode(GRAY, usecontainer=True)),
    "WebP": (WEBP, imagecodecs.webp_encode(COLORED, method=0)),
    "lossless WebP": (WEBP, imagecodecs.webp_encode(COLORED, lossless=True, method=0)),
    "LERC": (LERC, imagecodecs.lerc_encode(GRAY)),
}


def of_strip(path: Path, code: int, strip: bytes) -> Path:
    """Write a page of 8 x 8 pixels that is stored in `strip`."""
    tiff = RawTiff()
    tiff.page(tiff.gray(8, 8, strip, t259=[code]))
    path.write_bytes(tiff.data)
    return path


@pytest.mark.parametrize(("code", "strip"), IMAGES.values(), ids=IMAGES)
def test_a_strip_is_no_image_of_a_size_far_beyond_its_page(
    tmp_path: Path, code: int, strip: Any
) -> None:
    frame = open_frame(of_strip(tmp_path / "a.tif", code, bytes(strip)))
    with pytest.raises(FrameUnreadable, match=r"declares \d+ samples in a part of"):
        read_frame(frame)


PNGS = {
    "far too many pixels": png(samples(8, 8, 8), 8, 0, size=(30_000, 30_000)),
    "interlaced": png(samples(8, 8, 8), 8, 0, interlaced=True),
    "with a text": png(samples(8, 8, 8), 8, 0, ((b"zTXt", b"\x1b[2J\0\0"),)),
    "without pixels": png(samples(8, 0, 8), 8, 0, size=(8, 8)),
}


@pytest.mark.parametrize("strip", PNGS.values(), ids=PNGS)
def test_png_of_which_libpng_would_talk_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], strip: bytes
) -> None:
    frame = open_frame(of_strip(tmp_path / "a.tif", PNG, strip))
    with pytest.raises(FrameUnreadable):
        read_frame(frame)
    assert capfd.readouterr() == ("", "")


def test_a_strip_of_a_thousand_scans_is_refused(tmp_path: Path) -> None:
    data = by_pillow(Image.fromarray(smooth(8, 8)), progressive=True)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    strip = data[:start] + data[start:end] * 1000 + data[end:]
    with pytest.raises(FrameUnreadable, match="scans"):
        read_frame(open_frame(of_strip(tmp_path / "a.tif", JPEG, strip)))


WAYS: dict[str, dict[str, Any]] = {
    "jpeg": {"dtype": "uint8"},
    "jpeg2000": {},
    "jpegxr": {},
    "jpegxl": {},
    "webp": {"dtype": "uint8", "shape": (100, 50, 3), "photometric": "rgb"},
    "lerc": {},
}


@pytest.mark.parametrize("tiled", [False, True], ids=["strips", "tiles"])
@pytest.mark.parametrize("compression", WAYS)
def test_images_of_their_page_are_read(tmp_path: Path, compression: str, tiled: bool) -> None:
    way = dict(WAYS[compression])
    data: npt.NDArray[Any] = pixels(*way.pop("shape", (100, 50)), dtype=way.pop("dtype", "uint16"))
    parts: dict[str, Any] = {"tile": (32, 32)} if tiled else {"rowsperstrip": 16}
    path = write(tmp_path / "a.tif", data, compression=compression, **parts, **way)
    np.testing.assert_array_equal(read_frame(open_frame(path)), tifffile.imread(path))
