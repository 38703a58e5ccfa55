"""Numbers with units, names of colours, and times as the metadata of TIFF files have them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from nd2watch.sources.values import finite

_UM: Final = {
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer"), 1.0),
    **dict.fromkeys(("micrometers", "micrometre", "micrometres", r"\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers"), 1e-3),
    **dict.fromkeys(("\u00e5", "\u212b", "angstrom"), 1e-4),
    "pm": 1e-6,
    **dict.fromkeys(("mm", "millimeter", "millimeters"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 1e4),
    **dict.fromkeys(("m", "meter", "meters"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
}
_MS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e3),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("us", "\u00b5s", "\u03bcs"), 1e-3),
    "ns": 1e-6,
    **dict.fromkeys(("min", "minute", "minutes"), 6e4),
    **dict.fromkeys(("h", "hour", "hours"), 3.6e6),
    **dict.fromkeys(("d", "day", "days"), 8.64e7),
}
_QUANTITY: Final = re.compile(r"\s*([-+0-9.eE]+)\s*([^\s\d.]+)")
_MAGNIFICATION: Final = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)\s*[xX\u00d7](?![A-Za-z])")
_APERTURE: Final = re.compile(r"[xX\u00d7]\s*/\s*(\d+[.,]\d+)|NA\s*=?\s*(\d+[.,]\d+)")
_ZONE: Final = re.compile(r"\s+([+-]\d\d:?\d\d)$")


def length_um(value: object, unit: object) -> float | None:
    """Return a length in um, None when it is no number or its unit is none of length."""
    number = finite(value)
    factor = _UM.get(unit.strip().lower()) if isinstance(unit, str) else None
    return None if number is None or factor is None else number * factor


def distance_um(value: object, unit: object) -> float | None:
    """Return a length without its direction, as `length_um` does."""
    length = length_um(value, unit)
    return None if length is None else abs(length)


def duration_ms(value: object, unit: object) -> float | None:
    """Return a duration in ms, None when it is no number or its unit is none of time."""
    number = finite(value)
    factor = _MS.get(unit.strip().lower()) if isinstance(unit, str) else None
    return None if number is None or factor is None else number * factor


def duration_of_text_ms(text: object) -> float | None:
    """Return a duration that is written with its unit, like ``80 ms``, in ms."""
    found = _QUANTITY.match(text) if isinstance(text, str) else None
    return duration_ms(*found.groups()) if found else None


def magnification_of(name: str) -> float | None:
    """Return the magnification in the name of an objective, like ``4X Plan Apo``."""
    found = _MAGNIFICATION.search(name)
    return finite(found[1].replace(",", ".")) if found else None


def aperture_of(name: str) -> float | None:
    """Return the numerical aperture in the name of an objective, like ``63x/1.40 Oil``."""
    found = _APERTURE.search(name)
    return finite((found[1] or found[2]).replace(",", ".")) if found else None


def moment(text: object) -> datetime | None:
    """Return a time written as ISO 8601 has it, or almost; without time zone it is local time."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(_ZONE.sub(r"\1", text.strip())).astimezone()
    except (ValueError, OverflowError, OSError):  # such years are beyond the calendar
        return None
