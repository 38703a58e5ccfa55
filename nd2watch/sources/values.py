"""Values in headers of frame files, of which those that cannot be are unknown."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    Stage = tuple[float, float, float | None]

_NO_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FARTHEST_UM: Final = 1e9
_LONGEST_MS: Final = 1e13
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2200
_LEAST: Final = 1e-6
MOST: Final = {
    **dict.fromkeys(("pixel_size_um", "z_step_um", "pinhole_um"), _FARTHEST_UM),
    **dict.fromkeys(("excitation_nm", "emission_nm"), 1e6),
    **dict.fromkeys(("magnification", "numerical_aperture", "immersion_index", "zoom"), 1e6),
    "exposure_ms": 1e10,
    "period_ms": _LONGEST_MS,
}
"""Largest sizes that are believed, by name: sums of larger ones would overflow."""


def finite(value: object) -> float | None:
    """Return a number of a header as float, None when it is none or not finite."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def above_zero(value: object) -> float | None:
    """Return a number of a header as float, None when it is none, not finite, or not above 0."""
    number = finite(value)
    return number if number is not None and number > 0 else None


def known_size(name: str, value: object) -> float | None:
    """Return a size as float, None when it is not from 1e-6 to the most of its name in `MOST`."""
    return _within(value, _LEAST, MOST[name])


def known_time_ms(time_ms: object) -> float | None:
    """Return a relative time as float, None beyond centuries."""
    return _within(time_ms, -_LONGEST_MS, _LONGEST_MS)


def known_stage_um(stage_um: Stage | None) -> Stage | None:
    """Return a stage position (X, Y, Z), um, without a Z that no stage has; None without X or Y."""
    if stage_um is None:
        return None
    x, y, z = (_within(each, -_FARTHEST_UM, _FARTHEST_UM) for each in stage_um)
    return None if x is None or y is None else (x, y, z)


def known_moment(moment: datetime | None) -> datetime | None:
    """Return a moment, None without a time zone or outside the years 1900 to 2200."""
    if moment is None or moment.utcoffset() is None:
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def plain_text(text: object) -> str:
    """Return a text of a header on one line, without control characters; empty for no text."""
    return _NO_TEXT.sub(" ", text).strip() if isinstance(text, str) else ""


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return names, of which those that repeat are numbered; none where all are the same."""
    counts = Counter(names)
    if len(counts) == 1 < len(names):
        return ()
    numbers = {name: itertools.count(1) for name in counts}
    return tuple(
        next(new for n in numbers[name] if (new := f"{name} {n}") not in counts)
        if name and counts[name] > 1
        else name
        for name in names
    )


def _within(value: object, least: float, most: float) -> float | None:
    """Return a number as float, None when it is none or out of range."""
    number = finite(value)
    return number if number is not None and least <= number <= most else None
