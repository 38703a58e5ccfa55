"""Pyramids: smaller copies of large frames, level by level half as wide and high.

Level k of a frame is ``width // 2**k`` x ``height // 2**k`` pixels; what an odd side leaves over
is dropped. A level is stored like a frame, with rows padded to 4 bytes and components in the same
order, but without a time and never compressed, whatever the frames are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes

LEVELS: Final = "CustomDataSeq|DownsampledColorData_"
"""Begins the name of every chunk of a level."""

SMALLEST: Final = 512
"""Size of the smallest level."""

# A type in which the sum of four samples is exact (integers) or cannot overflow (float32).
_SUMS: Final[dict[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype("u1"): np.dtype("u2"),
    np.dtype("<u2"): np.dtype("u4"),
    np.dtype("<f4"): np.dtype("f8"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a pyramid.

    Attributes
    ----------
    size : int
        The power of two in its name: the smallest that is not below its longer side.
    width, height : int
        Pixels.
    """

    size: int
    width: int
    height: int


def levels(width: int, height: int) -> tuple[Level, ...]:
    """Return the levels to write for frames of this size, the largest first.

    They reach down to size 512. Levels are found by their size, and readers do not agree on it
    where a side lies just above a power of two (2049 // 2 = 1024: 2048 by one rule, 1024 by the
    other). Such levels, and those below, are left out: any reader then makes them from the last
    one that is there. So are levels without a pixel.

    Parameters
    ----------
    width, height : int
        Pixels of a frame.
    """
    found = []
    size = _power_of_two(max(width, height))
    while size > SMALLEST:
        size, width, height = size // 2, width // 2, height // 2
        if min(width, height) < 1 or _power_of_two(max(width, height)) != size:
            break
        found.append(Level(size=size, width=width, height=height))
    return tuple(found)


def level_name(size: int, frame_index: int) -> str:
    """Return the chunk name of the level of this size of a frame, counted from 0."""
    return f"{LEVELS}{size}|{frame_index}!"


def level_attributes(attributes: ImageAttributes, level: Level) -> ImageAttributes:
    """Return size and sample format of a level of frames with these attributes."""
    return replace(attributes, width=level.width, height=level.height, zlib_level=None)


def halved(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the means of all squares of 2 x 2 pixels, of the same type.

    Means of integers are rounded to the nearest, halves up. Those of float32 are computed as
    ((top left + bottom left) + (top right + bottom right)) / 4 in double precision, then rounded
    once; a NaN makes its square NaN.

    Parameters
    ----------
    rows : array of uint8, uint16 or float32, shape (row, X, component)
        An even number of rows. An odd last column is dropped.

    Returns
    -------
    array of the same type, shape (row // 2, X // 2, component)

    Raises
    ------
    FormatError
        If the rows are odd in number, or of another type or shape.
    """
    kind = _SUMS.get(rows.dtype.newbyteorder("<"))
    if kind is None or rows.ndim != 3:
        raise FormatError(
            f"{rows.dtype} samples of shape {rows.shape} cannot be halved;"
            " they are uint8, uint16 or float32 of shape (row, X, component)"
        )
    if len(rows) % 2:
        raise FormatError(f"{len(rows)} rows cannot be halved; their number must be even")
    with np.errstate(invalid="ignore"):  # the sum of opposite infinities is NaN
        pairs = np.add(rows[0::2], rows[1::2], dtype=kind)
        sums: npt.NDArray[Any] = pairs[:, 0:-1:2] + pairs[:, 1::2]
        if kind.kind == "u":
            sums += 2
            sums >>= 2
        else:
            sums /= 4
    return sums.astype(rows.dtype)


def halved_strips(strips: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    """Yield the next smaller level strip by strip, given the rows of one from top to bottom.

    Parameters
    ----------
    strips : iterable of array, shape (row, X, component)
        Any number of rows each; an odd last row of the whole is dropped.

    Raises
    ------
    FormatError
        As `halved` does.
    """
    left_over: npt.NDArray[Any] | None = None
    for strip in strips:
        rows = strip if left_over is None else np.concatenate([left_over, strip])
        even = len(rows) // 2 * 2
        left_over = rows[even:].copy() if even < len(rows) else None
        if even:
            yield halved(rows[:even])


def _power_of_two(side: int) -> int:
    """Return the smallest power of two that is not below `side`."""
    return 1 << (side - 1).bit_length()
