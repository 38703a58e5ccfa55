"""What is said of files that were made to do harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import SourceError
from nd2watch.sources import open_frame, read_frame
from tests.hostile.crafted import crafted

if TYPE_CHECKING:
    from pathlib import Path

REASONS = {
    "declared.tif": "its pixel data end at",
    "zlib-100000-padded.tif": "declares 10000000000 bytes of pixels, but holds",
    "zlib-46000.tif": "declares 2116000000 bytes of pixels, but holds",
    "zlib-of-8-gib-whole.tif": "declares 8589934592 bytes of pixels, but holds",
    "sparse-tiles.tif": "declares 10000000000 bytes of pixels, but holds",
    "huge-tile.tif": "declares 10000000000 bytes of pixels, but holds",
    "one-strip-for-all.tif": "declares 10000000000 bytes of pixels, but holds",
    "inside-jpeg.tif": "declares 900000000 samples in a part of",
    "planes-of-one-pixel.tif": "announces 131070 planes",
    "loop-of-5.tif": "page 5 is followed by an earlier one",
    "values-that-all-share.tif": "values of its tags lie in each other",
    "strips-that-all-share.tif": "values of its tags lie in each other",
    "directory-of-65535.tif": "lists 65535 tags",
    "imagej-pixels.tif": "announces 131070 images of 1 bytes",
    "imagej-images.tif": "its pixel data end at",
    "png-100000-8.png": "says that it is of 100000 x 100000 uint8",
    "png-46000-8.png": "declares 2116000000 bytes of pixels",
    "png-zlib-bomb.png": "INSUFFICIENT_SPACE",
    "jpeg-65535-65535.jpg": "declares 4294836225 bytes of pixels",
    "jpeg-scans.jpg": "stored in 1005 scans",
    "npy-huge.npy": "its pixel data end at 20000000078",
    "npy-negative.npy": "holds -1 x 8 uint16",
    "html.tif": "not a TIFF file: it begins with b'<!DOCTYP'",
    "empty.tif": "is empty",
}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return dict(crafted())


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_says_what_is_wrong(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(files[name])
    with pytest.raises(SourceError) as refusal:
        read_frame(open_frame(path))
    assert REASONS[name] in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_no_two_have_one_name(files: dict[str, bytes]) -> None:
    assert len(files) == sum(1 for _ in crafted())
