"""Axes that tifffile knows of other programs' files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from nd2watch.sources import PAGES, SourceInfo, open_frame
from tests.sources.tiff_files import Tag, TiffBuilder, pixels, read_planes

if TYPE_CHECKING:
    from pathlib import Path


def fluoview(path: Path, *axes: tuple[str, int]) -> SourceInfo:
    """Return what a file of FluoView with axes tells."""
    header = np.zeros((), tifffile.TIFF.MM_HEADER)
    header["Dimensions"]["Size"] = 1
    for number, (name, size) in enumerate((("X", 32), ("Y", 24), *axes)):
        header["Dimensions"][number]["Name"] = name
        header["Dimensions"][number]["Size"] = size
    tags: dict[int, Tag] = {34361: (1, header.tobytes()), 34362: (1, bytes(64))}
    builder = TiffBuilder()
    for plane in pixels(12, 24, 32):
        builder.page(plane, tags)
    info, planes = read_planes(builder.write(path))
    np.testing.assert_array_equal(planes.reshape(12, 24, 32), pixels(12, 24, 32))
    return info


def test_fluoview_has_axes_by_name(tmp_path: Path) -> None:
    info = fluoview(tmp_path / "a.tif", ("Z", 3), ("Time", 2), ("Ch", 2))
    assert info.axes == (("c", 2), ("t", 2), ("z", 3))
    info = fluoview(tmp_path / "b.tif", ("XY", 3), ("Event", 4))
    assert info.axes == ((PAGES, 4), ("p", 3))
    assert fluoview(tmp_path / "c.tif", ("Z", 5)).axes == ((PAGES, 12),)


def test_slides_are_read_at_their_full_size_without_labels(tmp_path: Path) -> None:
    data = pixels(64, 96, dtype="uint8")
    path = tmp_path / "a.svs"
    with tifffile.TiffWriter(path) as writer:
        for number, image in enumerate((data, data[:24, :24], data[::4, ::4], data[:8, :16])):
            writer.write(
                image,
                photometric="minisblack",
                description=f"Aperio Image Library\n{image.shape}",
                tile=None if number % 2 else (16, 16),
                subfiletype=1 if number == 3 else 0,
                metadata=None,
            )
    frame = open_frame(path)
    assert frame.info.axes == ()
    np.testing.assert_array_equal(read_planes(path)[1], data)
