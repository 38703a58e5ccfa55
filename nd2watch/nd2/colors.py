"""Display colours, and how they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Plain

_PALETTE: Final = (0x0000FF, 0x00FF00, 0xFF0000, 0xFF00FF, 0x00FFFF, 0xFFFF00, 0xFFFFFF)

_SPECTRUM: Final = (
    (400, 128, 0, 255),
    (440, 0, 0, 255),
    (490, 0, 255, 255),
    (510, 0, 255, 0),
    (580, 255, 255, 0),
    (645, 255, 0, 0),
)
"""Wavelengths, nm, with red, green and blue of the light; others lie between."""


def display_color(index: int, count: int) -> int:
    """Return a colour, 0xRRGGBB, for channel `index` of `count`; a single one is white."""
    return 0xFFFFFF if count == 1 else _PALETTE[index % len(_PALETTE)]


def wavelength_color(wavelength_nm: float) -> int:
    """Return the colour, 0xRRGGBB, in which light of a wavelength, nm, is shown.

    Light that is not seen has the colour of the nearest that is.
    """
    wavelengths, *parts = zip(*_SPECTRUM, strict=True)
    red, green, blue = (round(float(np.interp(wavelength_nm, wavelengths, part))) for part in parts)
    return red << 16 | green << 8 | blue


def check_color(color: int, what: str) -> None:
    """Refuse what is not 0xRRGGBB.

    Raises
    ------
    FormatError
        Names `what` has the colour.
    """
    if not 0 <= color <= 0xFFFFFF:
        raise FormatError(f"colour {color:#x} of {what} is not 0xRRGGBB")


def stored_color(color: int) -> int:
    """Return a colour, 0xRRGGBB, as stored, 0x00BBGGRR."""
    return int.from_bytes(color.to_bytes(3, "little"), "big")


def read_color(stored: Plain | None, default: int) -> int:
    """Return the colour, 0xRRGGBB, of a stored one; `default` when there is none."""
    return stored_color(stored & 0xFFFFFF) if isinstance(stored, int) else default
