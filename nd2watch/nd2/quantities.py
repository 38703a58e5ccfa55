"""Optical quantities as they are stored: above 0, or unknown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from nd2watch.nd2.lite_variant import Double

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Plain

UNKNOWN: Final = Double(-1.0)
"""How quantities that are not known are stored."""


def stored_quantity(value: float | None) -> Double:
    """Return a quantity as stored."""
    return UNKNOWN if value is None else Double(value)


def known(value: Plain | None) -> float | None:
    """Return a stored quantity, None when it is not above 0: unknown ones are stored as -1."""
    if isinstance(value, (int, float)) and 0 < value < math.inf:
        return float(value)
    return None
