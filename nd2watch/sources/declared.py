"""How many pixels a file may declare: a small one that declares a huge image fills the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameUnreadable

if TYPE_CHECKING:
    from pathlib import Path

_BELIEVED: Final = ((1 << 28, 1 << 16), (1 << 32, 1 << 11))
"""Bytes of pixels up to which so many are believed for one stored byte.

Zlib stores up to 1032 bytes in one, other codecs more where all pixels are equal.
"""

_ALWAYS_BELIEVED: Final = 1 << 6


def check_declared(path: Path, declared: int, stored: int) -> None:
    """Refuse pixels that take far more memory than the data they are to be made from.

    Parameters
    ----------
    path : Path
        The file, for messages.
    declared : int
        Bytes of the pixels that are decoded at a time.
    stored : int
        Bytes of the file, or of the data in it that are decoded then.

    Raises
    ------
    FrameUnreadable
        If no image is so empty: up to 256 MiB of pixels are believed if one byte in 65,536 is
        stored, up to 4 GiB if one in 2048 is, and more than these if one in 64 is.
    """
    most = next((ratio for limit, ratio in _BELIEVED if declared <= limit), _ALWAYS_BELIEVED)
    if declared > stored * most:
        raise FrameUnreadable(
            f"{path} declares {declared} bytes of pixels, but holds {stored} bytes for them; it is"
            " damaged, or made to fill the memory",
            path,
        )
