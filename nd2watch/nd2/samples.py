"""Samples of other types, exactly as one of the types that ND2 stores, or not at all.

=========================================  ==========  ============================================
source                                     stored      refused
=========================================  ==========  ============================================
bool                                       uint8       never; false is 0, true is 1
uint8, uint16, float32, any byte order     the same    never
int8, int16, float16                       float32     never
int32, uint32, int64, uint64, float64      float32     a value that float32 does not hold exactly
complex, text, objects                     --          always
=========================================  ==========  ============================================

A file may state another type than the table's (int16 pixels in a uint16 file, say): then each
value must be one of that type. Nothing is ever rounded, clipped or wrapped. 64-bit integers beyond
2**53 are always refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[Any]
    Dtype = np.dtype[Any]

_FLOAT: Final[np.dtype[Any]] = np.dtype("<f4")
_SAME: Final[dict[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype("?"): np.dtype("u1"),
    np.dtype("u1"): np.dtype("u1"),
    np.dtype("<u2"): np.dtype("<u2"),
}
_EXACT_IN_DOUBLE: Final = 2**53


def stored_dtype(dtype: npt.DTypeLike) -> Dtype:
    """Return the type, uint8, uint16 or float32, in which samples of `dtype` are stored.

    Raises
    ------
    FormatError
        If ND2 has no type for them.
    """
    source = np.dtype(dtype)
    if source.kind not in "?buif":
        raise FormatError(
            f"{source} pixels cannot be stored in ND2; convert them to float32 channels first"
            " (complex pixels: real and imaginary part, or amplitude and phase)"
        )
    return _SAME.get(source.newbyteorder("<"), _FLOAT)


def exact_samples(pixels: npt.NDArray[Any], dtype: Dtype, bits: int, what: str) -> Samples:
    """Return `pixels` as `dtype`, each value unchanged.

    Parameters
    ----------
    pixels : array of any shape
        Boolean, integer or real numbers.
    dtype : numpy.dtype
        uint8, uint16 or float32.
    bits : int
        Significant bits of an integer `dtype`.
    what : str
        What the pixels are, for errors.

    Raises
    ------
    FormatError
        If `pixels` are no numbers, or a value, which is named, is none of `dtype` or needs more
        than `bits` bits.
    """
    try:
        stored_dtype(pixels.dtype)
    except FormatError as error:
        raise FormatError(f"{what}: {error}") from error
    if pixels.dtype.newbyteorder("<") == dtype.newbyteorder("<") or pixels.dtype == bool:
        samples = pixels.astype(dtype, copy=False)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            samples = pixels.astype(dtype)
        _refuse(_changed(pixels, samples), pixels, f"{what}: %s of {pixels.dtype} is no {dtype}")
    if dtype.kind == "u" and bits < 8 * dtype.itemsize and samples.size:
        too_large = samples > (1 << bits) - 1
        _refuse(too_large, pixels, f"{what}: %s needs more than {bits} significant bits")
    return samples


def _changed(pixels: npt.NDArray[Any], samples: Samples) -> npt.NDArray[np.bool_]:
    """Return where a conversion changed the value."""
    if pixels.dtype.kind == "f":
        changed = (pixels != samples) & ~(np.isnan(pixels) & np.isnan(samples))
        return np.asarray(changed)
    # Integers of 64 bits are compared as doubles as far as those are exact.
    large = (pixels > _EXACT_IN_DOUBLE) | (pixels < -_EXACT_IN_DOUBLE)
    return np.asarray(large | (pixels.astype(np.float64) != samples))


def _refuse(where: npt.NDArray[np.bool_], pixels: npt.NDArray[Any], message: str) -> None:
    """Raise with the first value that cannot be stored."""
    if where.any():
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(where)), where.shape))
        raise FormatError(message % f"value {pixels[at]!s} at {at}" + "; convert the pixels first")
