"""Comparing what a reader shows with what was written."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.conformance.view import FIELDS

if TYPE_CHECKING:
    from tests.conformance.view import View

_ABSENT: Final = "nothing"
_SHOWN: Final = 300
_HIDDEN: Final = re.compile("^\u00a0", re.MULTILINE)


class Outcome(enum.Enum):
    """How a field of a reader compares."""

    EQUAL = "equal"
    NOT_EXPOSED = "not exposed"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One field of one file in one reader.

    Attributes
    ----------
    field : str
        Name of the field.
    outcome : Outcome
        How it compares.
    difference : str
        What was written and what is shown, when they differ.
    """

    field: str
    outcome: Outcome
    difference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a number may be off, and why; all others must be equal to the last bit.

    Attributes
    ----------
    relative, absolute : float
        Largest difference.
    reason : str
        What the reader computes.
    """

    relative: float = 0.0
    absolute: float = 0.0
    reason: str


_SECONDS: Final = Tolerance(relative=1e-15, reason="milliseconds to seconds and back")
TOLERANCES: Final[Mapping[tuple[str, str], Tolerance]] = {
    ("Bio-Formats", "frame_time_ms"): _SECONDS,
    ("Bio-Formats", "exposure_ms"): _SECONDS,
    ("nd2reader", "frame_time_ms"): _SECONDS,
    ("nd2reader", "roi_places"): Tolerance(relative=1e-15, reason="pixels to micrometres and back"),
}
"""By the title of the reader and the name of the field."""


def compare(written: View, shown: View, reader: str) -> tuple[Comparison, ...]:
    """Return how each field compares.

    Parameters
    ----------
    written, shown : View
        What was written, and what the reader shows.
    reader : str
        Title of the reader.
    """
    return tuple(
        _compare_field(field.name, written, shown, TOLERANCES.get((reader, field.name)))
        for field in FIELDS
    )


def _compare_field(
    name: str, written: View, shown: View, tolerance: Tolerance | None
) -> Comparison:
    """Return how one field compares."""
    if name not in shown.values:
        return Comparison(field=name, outcome=Outcome.NOT_EXPOSED)
    expected, found = written.values.get(name, _ABSENT), shown.values[name]
    if name.startswith("text_") and isinstance(found, str):
        found = _HIDDEN.sub("", found)  # before lines that readers would take for facts
        if name == "text_description" and found.endswith(expected):
            found = expected  # behind the writer's own lines
    if _is_row(expected) and not _is_row(found):
        found = (found,) * len(expected)  # one for all channels
    difference = _difference(expected, found, tolerance)
    if difference is None:
        return Comparison(field=name, outcome=Outcome.EQUAL)
    return Comparison(field=name, outcome=Outcome.DIFFERS, difference=difference)


def _difference(expected: Any, found: Any, tolerance: Tolerance | None) -> str | None:
    """Return the first difference, None when there is none."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        if expected.keys() != found.keys():
            lacking, more = expected.keys() - found.keys(), found.keys() - expected.keys()
            return f"lacks {_short(sorted(lacking))}, has besides {_short(sorted(more))}"
        pairs = {str(key): (expected[key], found[key]) for key in expected}
    elif _is_row(expected) and _is_row(found) and len(expected) == len(found):
        pairs = {str(n): pair for n, pair in enumerate(zip(expected, found, strict=True))}
    else:
        same = _is_same(expected, found, tolerance)
        return None if same else f"wrote {_short(expected)}, shows {_short(found)}"
    differences = {
        key: text
        for key, (one, other) in pairs.items()
        if (text := _difference(one, other, tolerance)) is not None
    }
    if not differences:
        return None
    key, text = next(iter(differences.items()))
    return f"{len(differences)} of {len(pairs)}; at {key}: {text}"


def _is_row(value: Any) -> bool:
    """Tell sequences from texts."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_same(expected: Any, found: Any, tolerance: Tolerance | None) -> bool:
    """Tell whether two values are the same; numbers within the tolerance."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)) and tolerance:
        relative, absolute = tolerance.relative, tolerance.absolute
        return math.isclose(expected, found, rel_tol=relative, abs_tol=absolute)
    return bool(expected == found)


def _short(value: Any) -> str:
    """Return a value as text that fits a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
