"""A frame that is written tile by tile, without being held in memory."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    from nd2watch.nd2.frame_codec import FrameCodec


class FrameTiles:
    """The pixels of one frame in a file, in any order; what is never written stays 0.

    Parameters
    ----------
    file : BinaryIO
        Open for writing.
    start : int
        Where the frame's rows begin, bytes; the file is made to reach to their end.
    codec : FrameCodec
        Size and sample format.
    """

    def __init__(self, file: BinaryIO, start: int, codec: FrameCodec) -> None:
        self._file = file
        self._start = start
        self._codec = codec
        self._closed = False
        self.end = start + codec.attributes.frame_size
        file.truncate(self.end)

    def write(self, y: int, x: int, tile: npt.ArrayLike) -> None:
        """Write a tile; where it overlaps others, it replaces them.

        Parameters
        ----------
        y, x : int
            Row and column of its first pixel.
        tile : array, shape (Y, X, component), or (Y, X) for one component
            Samples, RGB in this order.

        Raises
        ------
        FormatError
            If it reaches beyond the frame, its samples cannot be stored exactly, or the block of
            the tiles is left already.
        """
        if self._closed:
            raise FormatError("a tile came after its frame's block had been left")
        y, x = operator.index(y), operator.index(x)  # those of numpy would overflow
        attributes = self._codec.attributes
        array = _with_components(tile)
        height, width = array.shape[:2]
        if not (0 <= y <= attributes.height - height and 0 <= x <= attributes.width - width):
            raise FormatError(
                f"a tile of {width} x {height} pixels at x={x}, y={y} reaches beyond the frame of"
                f" {attributes.width} x {attributes.height}"
            )
        what = f"the tile at x={x}, y={y}"
        samples = self._codec.ordered(self._codec.checked(array, (height, width), what))
        pixel = attributes.component_count * attributes.dtype.itemsize
        if pixel * width == attributes.row_stride:
            self._file.seek(self._start + y * attributes.row_stride)
            self._file.write(samples.data)
            return
        for row, line in enumerate(samples, y):
            self._file.seek(self._start + row * attributes.row_stride + x * pixel)
            self._file.write(line.data)

    def close(self) -> None:
        """Take no more tiles."""
        self._closed = True


def _with_components(tile: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a tile with its axis of components."""
    array = np.asarray(tile)
    if array.ndim == 2:
        return array[:, :, np.newaxis]
    if array.ndim != 3:
        raise FormatError(f"a tile has shape {array.shape}, not (Y, X) or (Y, X, component)")
    return array
