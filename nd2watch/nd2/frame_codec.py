"""The pixels of a frame as stored: padded rows, component order, compression."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.samples import exact_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes

_STRIP_BYTES: Final = 1 << 24
_DEFLATE_LIMIT: Final = 1032
"""Bytes that one byte of a zlib stream can stand for at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCodec:
    """Between arrays of samples and stored rows.

    Attributes
    ----------
    attributes : ImageAttributes
        Size and sample format.
    rgb : bool
        The components are red, green and blue; they are stored in the order blue, green, red.
    """

    attributes: ImageAttributes
    rgb: bool = False

    @property
    def spread(self) -> int:
        """Least bytes from frame 0 to frame 1 so that Bio-Formats counts the channels right.

        It takes small frames of which 3 to 6 would fit between those two for three channels.
        """
        height, width, components = self.attributes.shape
        size = height * width * components * self.attributes.dtype.itemsize
        distance = spec.aligned(spec.ALIGNMENT + self.attributes.frame_size)
        uncompressed = self.attributes.zlib_level is None
        return 6 * size if uncompressed and 3 * size < distance < 6 * size else 0

    def checked(self, pixels: npt.ArrayLike, shape: tuple[int, int], what: str) -> npt.NDArray[Any]:
        """Return pixels as exact samples, shape (Y, X, component).

        Parameters
        ----------
        pixels : array, shape (Y, X, component), or (Y, X) for one component
            Samples of any type that holds the file's values.
        shape : tuple of int
            Expected (Y, X).
        what : str
            What the pixels are, for errors.

        Raises
        ------
        FormatError
            If the shape is another, a pixel is masked, or a value cannot be stored exactly.
        """
        if isinstance(pixels, np.ma.MaskedArray) and np.ma.is_masked(pixels):
            raise FormatError(f"{what} has masked pixels, which ND2 cannot hold; fill them first")
        array = np.asarray(pixels)
        if array.ndim == 2:
            array = array[:, :, np.newaxis]
        expected = (*shape, self.attributes.component_count)
        if array.shape != expected:
            raise FormatError(f"{what} has shape {array.shape}, not {expected} (Y, X, component)")
        return exact_samples(array, self.attributes.dtype, self.attributes.bits_significant, what)

    def ordered(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return samples as `checked` gives them in stored order, without gaps in memory."""
        return np.ascontiguousarray(samples[:, :, ::-1] if self.rgb else samples)

    def encode_rows(self, samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return rows as stored, each padded with zeros, shape (row, stride).

        Parameters
        ----------
        samples : array, shape (row, X, component)
            As `checked` returns them; whole rows.
        """
        flat = self.ordered(samples).reshape(len(samples), -1).view(np.uint8)
        stride, size = self.attributes.row_stride, self.attributes.row_size
        if stride == size:
            return flat
        padded = np.zeros((len(samples), stride), np.uint8)
        padded[:, :size] = flat
        return padded

    def decode_rows(self, stored: bytes) -> npt.NDArray[Any]:
        """Return the samples, shape (row, X, component), of stored rows."""
        rows = np.frombuffer(stored, np.uint8).reshape(-1, self.attributes.row_stride)
        flat = np.ascontiguousarray(rows[:, : self.attributes.row_size])
        samples = flat.view(self.attributes.dtype).reshape(-1, *self.attributes.shape[1:])
        return np.ascontiguousarray(samples[:, :, ::-1]) if self.rgb else samples

    @property
    def strip_rows(self) -> int:
        """Rows of a strip of about 16 MiB, an even number."""
        return max(2, _STRIP_BYTES // self.attributes.row_stride // 2 * 2)

    def check_size(self, size: int, what: str) -> None:
        """Refuse a frame whose stored bytes cannot be a whole one, before they are read.

        Parameters
        ----------
        size : int
            Stored bytes, without the time.
        what : str
            What is read, for errors.

        Raises
        ------
        FormatError
            If there are too few or, uncompressed, too many.
        """
        needed = self.attributes.frame_size
        if self._compressed and size * _DEFLATE_LIMIT < needed:
            raise FormatError(f"{what} has {size} bytes, too few for {needed}")
        if not self._compressed and size != needed:
            raise FormatError(f"{what} has {size} bytes, not {needed}")

    def strips(self, stored: Iterable[bytes], what: str) -> Iterator[npt.NDArray[Any]]:
        """Yield a frame strip by strip, shape (row, X, component).

        Parameters
        ----------
        stored : iterable of bytes
            The frame's data, without its time, in pieces of any size.
        what : str
            What is read, for errors.

        Raises
        ------
        FormatError
            If the data are damaged, or are not exactly one frame.
        """
        size = self.strip_rows * self.attributes.row_stride
        left = self.attributes.frame_size
        buffer = bytearray()
        for piece in _inflated(stored, size, what) if self._compressed else stored:
            buffer += piece
            left -= len(piece)
            if left < 0:
                raise FormatError(f"{what} has more than {self.attributes.frame_size} bytes")
            while len(buffer) >= size:
                yield self.decode_rows(bytes(buffer[:size]))
                del buffer[:size]
        if left:
            raise FormatError(
                f"{what} has {self.attributes.frame_size - left} bytes,"
                f" not {self.attributes.frame_size}"
            )
        if buffer:
            yield self.decode_rows(bytes(buffer))

    @property
    def _compressed(self) -> bool:
        return self.attributes.zlib_level is not None


def _inflated(stored: Iterable[bytes], size: int, what: str) -> Iterator[bytes]:
    """Yield what a zlib stream holds, at most `size` bytes at a time."""
    inflater = zlib.decompressobj()
    try:
        for piece in stored:
            rest = piece
            while not inflater.eof:
                part = inflater.decompress(rest, size)
                rest = inflater.unconsumed_tail
                if not part and not rest:
                    break
                yield part
    except zlib.error as error:
        raise FormatError(f"{what} is damaged: {error}") from error
    if not inflater.eof:
        raise FormatError(f"{what} is cut short")
