"""The pixels of a tile of a CZI file, stored plain or compressed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

PLAIN: Final = 0
_JPEG: Final = 1
_LZW: Final = 2
_JPEG_XR: Final = 4
_ZSTD: Final = 5
_ZSTD_WITH_HEADER: Final = 6
COMPRESSIONS: Final = (PLAIN, _JPEG, _LZW, _JPEG_XR, _ZSTD, _ZSTD_WITH_HEADER)
"""Numbers of the compressions that can be read."""

_SPLIT: Final = 1
"""Number of the only entry there is in the header, whose first bit tells of split bytes."""


def decode_tile(
    data: bytes, compression: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> npt.NDArray[Any]:
    """Return the pixels of a tile.

    Parameters
    ----------
    data : bytes
        As stored.
    compression : int
        One of `COMPRESSIONS`.
    shape : tuple of int
        (Y, X), or (Y, X, 3) for RGB.
    dtype : numpy.dtype
        Sample type.

    Returns
    -------
    array, shape `shape`, dtype `dtype`
        RGB is in the order red, green, blue.

    Raises
    ------
    Exception
        Of any kind, if the data are damaged or are no tile of this size.
    """
    if compression in (_JPEG, _JPEG_XR):
        decode = imagecodecs.jpeg8_decode if compression == _JPEG else imagecodecs.jpegxr_decode
        return np.asarray(decode(data, out=np.empty(shape, dtype)))
    size = math.prod(shape) * dtype.itemsize
    samples = np.frombuffer(_unpacked(data, compression, size), dtype.newbyteorder("<"))
    pixels = samples.reshape(shape).astype(dtype, copy=False)
    # These are stored as blue, green, red; the codecs above turn them round themselves.
    return np.ascontiguousarray(pixels[..., ::-1]) if len(shape) == 3 else pixels


def _unpacked(data: bytes, compression: int, size: int) -> bytes:
    """Return data without their compression, of which there must be `size` bytes."""
    split = False
    if compression == _ZSTD_WITH_HEADER:
        data, split = _without_header(data)
    if compression in (_ZSTD, _ZSTD_WITH_HEADER):
        data = bytes(imagecodecs.zstd_decode(data, out=size))
    elif compression == _LZW:
        data = bytes(imagecodecs.lzw_decode(data, out=size))
    if len(data) < size:
        raise ValueError(f"a tile has {len(data)} bytes instead of {size}")
    return _joined(data[:size]) if split else data[:size]


def _without_header(data: bytes) -> tuple[bytes, bool]:
    """Return data behind their header, and whether low and high bytes are apart in them."""
    length = data[0]
    if length == 1:
        return data[1:], False
    if length != 3 or data[1] != _SPLIT:
        raise ValueError(f"a tile has an unknown header of zstd data: {data[:length]!r}")
    return data[3:], bool(data[2] & 1)


def _joined(data: bytes) -> bytes:
    """Return samples of 16 bits of which all low bytes come before all high bytes."""
    return np.frombuffer(data, np.uint8).reshape(2, -1).T.tobytes()
