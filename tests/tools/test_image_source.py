"""Files of planes as programs for limnd2 see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

import nd2watch
from nd2watch.errors import FrameIncomplete, Nd2WatchError
from nd2watch.sources import FrameFile, SourceInfo
from nd2watch.sources.files import FileKey
from nd2watch.tools import LimImageSource
from tests.nd2.builders import random_frames

if TYPE_CHECKING:
    import numpy.typing as npt


def source_of(dtype: npt.DTypeLike, bits: int | None) -> LimImageSource:
    """Return a file whose header says how many bits samples fill."""
    info = SourceInfo(height=3, width=4, dtype=np.dtype(dtype), bits_significant=bits)
    key = FileKey(size=1, mtime_ns=0, ctime_ns=0, inode=0, device=0)
    return LimImageSource(FrameFile(path=Path("a.tif"), key=key, info=info))


def test_attributes_have_the_bits_that_the_file_tells(tmp_path: Path) -> None:
    attributes = nd2watch.ImageAttributes(width=4, height=3, bits_significant=12)
    with nd2watch.Nd2Writer(tmp_path / "a.nd2", attributes) as writer:
        writer.write_frame(np.full((3, 4), 4095, np.uint16))
    source = LimImageSource.open(tmp_path / "a.nd2")
    assert source.nd2_attributes() == attributes
    assert source.nd2_attributes(sequence_count=5).uiBpcSignificant == 12


@pytest.mark.parametrize(
    ("dtype", "told", "bits"),
    [
        ("uint16", None, 16),
        ("uint16", 10, 10),
        ("uint16", 5, 9),
        ("uint16", 20, 16),
        ("uint8", None, 8),
        ("uint8", 4, 4),
        ("uint8", 12, 8),
        ("bool", 1, 1),
        ("float32", None, 32),
        ("int16", 12, 32),
        ("uint32", 20, 32),
    ],
)
def test_bits_are_those_that_can_be_stored(dtype: str, told: int | None, bits: int) -> None:
    assert source_of(dtype, told).nd2_attributes().bits_significant == bits


def test_a_file_that_is_not_there_is_an_error_of_both_kinds(tmp_path: Path) -> None:
    path = tmp_path / "gone.tif"
    for kind in (FileNotFoundError, Nd2WatchError, FrameIncomplete):
        with pytest.raises(kind, match=r"gone\.tif is not there$"):
            LimImageSource.open(path)
    with pytest.raises(FrameIncomplete) as caught:
        LimImageSource.open(str(path))
    assert caught.value.path == path
    assert str(caught.value) == f"{path} is not there"


def test_a_link_is_followed(tmp_path: Path) -> None:
    pixels = random_frames((3, 4))
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    (tmp_path / "c.tif").symlink_to(tmp_path / "gone.tif")
    source = LimImageSource.open(tmp_path / "b.tif")
    assert np.array_equal(source.read(), pixels)
    with pytest.raises(FileNotFoundError, match=r"c\.tif is not there"):
        LimImageSource.open(tmp_path / "c.tif")
