"""NumPy files (.npy) of one array of planes each."""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy_format

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import PAGES, SourceInfo
from nd2watch.sources.files import check_start, ends_in_zeros, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    Header = tuple[tuple[int, ...], bool, np.dtype[Any]]

_HEAD: Final = 1 << 14
_BLOCK: Final = 1 << 20
_LEAST_RUN: Final = 1 << 24
_LARGEST_RUN: Final = 1 << 28
_PASSES: Final = 16
"""How often a file of middle size is read: other files may be read at the same time."""

_KINDS: Final = "buif"
_RGB_DTYPES: Final = (np.dtype("u1"), np.dtype("u2"))
_MOST_PAGE_AXES: Final = 2
_READERS: Final = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


class NpySource:
    """An open NumPy file.

    The last two axes of its array are Y and X, or the last three Y, X and red, green and blue when
    there are three or more, the last is of 3 and samples are uint8 or uint16. Up to two more axes
    before them are pages.

    Planes are read, not mapped to memory: a mapped file that another program cuts short ends the
    process, and on Windows that program cannot write it anew.

    In Fortran order the samples of all planes alternate, so that the whole file is read for any of
    them: as many planes as fit 16 to 256 MB are taken at once, and kept until they are read.

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

    Raises
    ------
    FrameIncomplete
        If the file is shorter than its header says.
    FrameUnreadable
        If it is no array of planes of integers or real numbers.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        size = key_of(file).size
        check_start(path, file, "NumPy", npy_format.MAGIC_PREFIX)
        (shape, self._is_fortran, self._dtype), self._start = _read_header(path, file)
        samples = _sample_axes(path, shape, self._dtype)
        self._pages = shape[: len(shape) - samples]
        end = self._start + math.prod(shape) * self._dtype.itemsize
        if end > size:
            raise FrameIncomplete(f"{path} has {size} bytes, its pixel data end at {end}", path)
        self._file = file
        self._gathered: dict[int, npt.NDArray[Any]] = {}
        self.info = SourceInfo(
            height=shape[-samples],
            width=shape[1 - samples],
            dtype=self._dtype.newbyteorder("="),
            rgb=samples == 3,
            axes=((PAGES, math.prod(self._pages)),),
            tail_is_zero=ends_in_zeros(file, self._start, end),
        )

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        count = math.prod(self.info.shape)
        if self._is_fortran:
            if plane not in self._gathered:
                self._gathered.clear()  # before there is another run in memory
                self._gathered.update(self._gather(plane))
            return self._gathered.pop(plane).copy().reshape(self.info.shape[::-1]).T
        pixels = self._samples(plane * count, count)
        return pixels.astype(self.info.dtype, copy=False).reshape(self.info.shape)

    def close(self) -> None:
        """Release nothing: nothing but the file is open."""

    def _samples(self, first: int, count: int) -> npt.NDArray[Any]:
        """Return samples in the order in which they are stored."""
        self._file.seek(self._start + first * self._dtype.itemsize)
        data = self._file.read(count * self._dtype.itemsize)
        if len(data) < count * self._dtype.itemsize:
            raise EOFError("the file ends within the pixel data")
        return np.frombuffer(data, self._dtype)

    def _gather(self, plane: int) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield the samples of a run of planes with their numbers: those of all alternate."""
        page_count, count = math.prod(self._pages), math.prod(self.info.shape)
        stored_at = np.arange(page_count).reshape(self._pages, order="F").ravel()
        size = count * self._dtype.itemsize
        run = min(max(page_count * size // _PASSES, _LEAST_RUN), _LARGEST_RUN)
        most = max(1, run // size)
        start = plane // most * most  # not the plane itself: the next may be before it
        places = stored_at[start : start + most]
        planes = np.empty((len(places), count), self.info.dtype)
        step = max(1, _BLOCK // (page_count * self._dtype.itemsize))
        for first in range(0, count, step):
            size = min(step, count - first)
            stored = self._samples(first * page_count, size * page_count)
            planes[:, first : first + size] = stored.reshape(size, page_count).T[places]
        yield from enumerate(planes, start)


def _read_header(path: Path, file: BinaryIO) -> tuple[Header, int]:
    """Return shape, whether the order is Fortran's, and dtype; and where the samples begin."""
    head = io.BytesIO(file.read(_HEAD))
    version = npy_format.read_magic(head)
    if version not in _READERS:
        raise FrameUnreadable(
            f"{path} is of version {version[0]}.{version[1]} of NumPy's format, not 1.0 or 2.0;"
            " save a plain array by numpy.save",
            path,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers by Python 2, or damaged ones
        header = _READERS[version](head)
    return header, head.tell()


def _sample_axes(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many axes at the end of the shape are those of a plane."""
    rgb = len(shape) >= 3 and shape[-1] == 3 and dtype.newbyteorder("=") in _RGB_DTYPES
    samples = 3 if rgb else 2
    if (
        dtype.kind not in _KINDS
        or not samples <= len(shape) <= samples + _MOST_PAGE_AXES
        or min(shape) < 1
    ):
        raise FrameUnreadable(
            f"{path} holds {' x '.join(map(str, shape)) or 'one value'} {dtype}; a frame file"
            " holds integers or real numbers of axes (Y, X), (N, Y, X) or (M, N, Y, X), or such"
            " of RGB, (..., 3), as uint8 or uint16",
            path,
        )
    return samples
