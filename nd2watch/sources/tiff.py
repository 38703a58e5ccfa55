"""TIFF files of one frame each, read through tifffile."""

from __future__ import annotations

import io
import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import tifffile

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceChanged, SourceError
from nd2watch.sources.base import FileKey, FrameFile, SourceInfo
from nd2watch.sources.metaseries import PlaneRecord, read_plane_record

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def open_frame(path: Path) -> FrameFile:
    """Read the header of a frame file and check that all of its pixel data can be there.

    No pixels are decoded.

    Raises
    ------
    FrameIncomplete
        If the file is missing, cut short, or looks as if it is still being written.
    FrameUnreadable
        If it is no TIFF file, or one that holds something else than one plane
        of real numbers, or one RGB image.
    """
    with _opened(path) as file:
        key = FileKey.of_status(os.fstat(file.fileno()))
        _check_start(path, file, key.size)
        with _parsed(path, file, FrameIncomplete) as tiff:
            info = _read_info(path, tiff, file, key.size)
    return FrameFile(path=path, key=key, info=info)


def read_frame(frame: FrameFile) -> npt.NDArray[Any]:
    """Return the pixels of a frame, shape (Y, X), or (Y, X, 3) for RGB.

    Raises
    ------
    SourceChanged
        If the file is not the one that `open_frame` saw, or changed while it was read.
    FrameUnreadable
        If its pixels cannot be decoded.
    """
    path = frame.path
    try:
        with _opened(path) as file:
            before = FileKey.of_status(os.fstat(file.fileno()))
            with _parsed(path, file, FrameUnreadable) as tiff:
                page = tiff.pages.first
                pixels = page.asarray()
                if page.axes == _PLANAR:
                    pixels = np.moveaxis(pixels, 0, 2)
            after = FileKey.of_status(os.fstat(file.fileno()))
    except FrameIncomplete as error:
        raise SourceChanged(f"{error} (it was whole before)", path) from error
    if before != frame.key or after != frame.key:
        raise SourceChanged(f"{path} changed while it was converted; it is read again", path)
    if pixels.shape != frame.info.shape or pixels.dtype != frame.info.dtype:
        raise FrameUnreadable(
            f"{path} decodes to {pixels.shape} {pixels.dtype}, not to {frame.info.format_text}",
            path,
        )
    return np.asarray(pixels)


def encode_frame(
    pixels: npt.NDArray[np.generic], compression: Literal["none", "zlib", "lzw"] = "none"
) -> bytes:
    """Return a TIFF file that holds one plane.

    Parameters
    ----------
    pixels : array, shape (Y, X)
        The plane.
    compression : {"none", "zlib", "lzw"}
        Compression of the pixel data.
    """
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="minisblack",
        metadata=None,
        compression=None if compression == "none" else compression,
    )
    return buffer.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, following no link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        # O_NONBLOCK: a FIFO under a frame's name must not hold us up.
        descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise FrameIncomplete(f"{path} is not there (any more)", path) from error
    with os.fdopen(descriptor, "rb") as file:
        if FileKey.of_path(path) is None:
            raise FrameUnreadable(f"{path} is not a regular file", path)
        yield file


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


@contextmanager
def _parsed(path: Path, file: BinaryIO, damage: type[SourceError]) -> Iterator[tifffile.TiffFile]:
    """Yield the parsed file; what tifffile raises or logs as an error becomes `damage`."""
    with _Complaints() as complaints:
        try:
            # tifffile raises many kinds: struct.error, ValueError, codec errors, MemoryError, ...
            with tifffile.TiffFile(file, name=path.name) as tiff:
                if not tiff.pages:
                    raise damage(f"{path} holds no image yet", path)
                yield tiff
        except (SourceError, OSError):
            raise
        except Exception as error:
            raise damage(
                f"{path} is damaged or cut short: {type(error).__name__}: {error}", path
            ) from error
    if complaints.messages:
        raise damage(f"{path} is damaged or cut short: {complaints.messages[0]}", path)


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
        acquired=record.acquired,
        pixel_size_um=record.pixel_size_um,
        stage_um=record.stage_um,
        tail_is_zero=page.compression == _NO_COMPRESSION
        and _is_zero(file, page.dataoffsets[-1], end),
    )


def _is_zero(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether the last bytes of the data from `start` to `end` are all zero."""
    start = max(start, end - _TAIL)
    file.seek(start)
    return not any(file.read(end - start))


class _Complaints(logging.Handler):
    """Collects what tifffile logs as an error on this thread; it often does not raise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self._thread:
            self.messages.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        logging.getLogger("tifffile").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tifffile").removeHandler(self)
