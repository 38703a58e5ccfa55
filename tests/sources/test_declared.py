"""Small files that declare many pixels: refused before there is room made for these."""

from __future__ import annotations

from pathlib import Path

import pytest

from nd2watch.errors import FrameUnreadable
from nd2watch.sources.declared import check_declared

MIB = 1 << 20


BELIEVED = (
    *((0, 0), (65536, 1), (256 * MIB, 4096), (2048 * MIB, MIB), (4096 * MIB, 2 * MIB)),
    *((8192 * MIB, 128 * MIB), (10**12, 10**12)),
)
"""Bytes of pixels, and those of what they are stored in."""


@pytest.mark.parametrize(("declared", "stored"), BELIEVED)
def test_images_as_empty_as_can_be_are_believed(declared: int, stored: int) -> None:
    check_declared(Path("a.tif"), declared, stored)
    if stored:
        with pytest.raises(FrameUnreadable, match=f"a.tif declares {declared} bytes of pixels"):
            check_declared(Path("a.tif"), declared, stored // 1025)


def test_a_hundred_thousand_pixels_squared_need_a_file_of_their_size() -> None:
    with pytest.raises(FrameUnreadable, match="holds 10000000 bytes for them"):
        check_declared(Path("a.tif"), 100_000**2, 10_000_000)
