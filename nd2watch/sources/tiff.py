"""TIFF files of one frame each, read through tifffile."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import PlaneInfo, SourceInfo
from nd2watch.sources.files import key_of
from nd2watch.sources.metaseries import PlaneRecord, read_plane_record

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

SMALLEST_TIFF: Final = 8 + 2 + 12 + 4
"""Bytes of a header and a directory of one entry."""

_MAGIC: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TAIL: Final = 4096
_NO_COMPRESSION: Final = 1
_PHOTOMETRIC_RGB: Final = 2
_KINDS: Final = "?buif"
_PLANAR: Final = "SYX"
_RGB_AXES: Final = ("YXS", _PLANAR)


class TiffSource:
    """An open TIFF file.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.

    Attributes
    ----------
    info : SourceInfo
        What its header says.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        size = key_of(file).size
        _check_start(path, file, size)
        with _Complaints(path):
            self._tiff = tifffile.TiffFile(file, name=path.name)
            if not self._tiff.pages:
                raise FrameIncomplete(f"{path} holds no image yet", path)
            self.info = _read_info(path, self._tiff, file, size)
        self._path = path

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        del plane
        with _Complaints(self._path):
            page = self._tiff.pages.first
            pixels: npt.NDArray[Any] = page.asarray()
        return np.moveaxis(pixels, 0, 2) if page.axes == _PLANAR else pixels

    def close(self) -> None:
        """Release the parsed file."""
        self._tiff.close()


def _check_start(path: Path, file: BinaryIO, size: int) -> None:
    """Refuse what is no TIFF by its size and first bytes."""
    start = file.read(8)
    file.seek(0)
    if not any(start):
        what = "begins with zeros" if start else "is empty"
        raise FrameIncomplete(f"{path} {what}; it is not written yet", path)
    if not any(magic.startswith(start[:4]) for magic in _MAGIC):
        raise FrameUnreadable(f"{path} is not a TIFF file: it begins with {start!r}", path)
    if size < SMALLEST_TIFF:
        raise FrameIncomplete(f"{path} has only {size} bytes; it is not written yet", path)


def _read_info(path: Path, tiff: tifffile.TiffFile, file: BinaryIO, size: int) -> SourceInfo:
    """Return what the first directory says, checking it against the file's size."""
    page = tiff.pages.first
    end = max(
        (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0
    )
    if end > size:
        raise FrameIncomplete(f"{path} has {size} bytes, its pixel data end at {end}", path)
    if len(tiff.pages) != 1:
        raise FrameUnreadable(f"{path} holds {len(tiff.pages)} pages; a frame file holds one", path)
    rgb = (
        page.axes in _RGB_AXES
        and page.samplesperpixel == 3
        and page.photometric == _PHOTOMETRIC_RGB
    )
    if (
        page.dtype is None
        or page.dtype.kind not in _KINDS
        or 0 in page.shape
        or not (rgb or len(page.shape) == 2)
    ):
        raise FrameUnreadable(
            f"{path} holds {' x '.join(map(str, page.shape))} {page.dtype};"
            " a frame file holds one plane of integers or real numbers, or one RGB image",
            path,
        )
    record = read_plane_record(tiff) or PlaneRecord()
    return SourceInfo(
        height=page.imagelength,
        width=page.imagewidth,
        dtype=np.dtype(page.dtype),
        rgb=rgb,
        pixel_size_um=record.pixel_size_um,
        planes=(PlaneInfo(acquired=record.acquired, stage_um=record.stage_um),),
        tail_is_zero=page.compression == _NO_COMPRESSION
        and _is_zero(file, page.dataoffsets[-1], end),
    )


def _is_zero(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether the last bytes of the data from `start` to `end` are all zero."""
    start = max(start, end - _TAIL)
    file.seek(start)
    return not any(file.read(end - start))


class _Complaints(logging.Handler):
    """Raises what tifffile logs as an error on this thread; it often does not raise."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path
        self._messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self._thread:
            self._messages.append(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("tifffile").addHandler(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        logging.getLogger("tifffile").removeHandler(self)
        if self._messages and kind is None:
            raise ValueError(self._messages[0])
