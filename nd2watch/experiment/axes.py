"""The axes of an image sequence, and the order of the labels on them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AXES: Final = ("t", "p", "z", "c")
"""Time, XY position, Z, channel: the order of frames and components in a file."""

AXIS_NAMES: Final = {"t": "time point", "p": "position", "z": "plane", "c": "channel"}

Coordinate = tuple[str, str, str, str]
"""Labels on the axes t, p, z, c; the empty label on an axis that the name does not have."""

_NUMBER_PARTS: Final = re.compile(r"(\d+)")
_WELL: Final = re.compile(r"([A-Z]{1,2})\d{1,2}(?![0-9A-Za-z])")
"""A well at the start of the label of a position, like ``B02``, ``AF48_3`` or ``A1-Site_0``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisSize:
    """How many labels an axis is to have, and which, if that is known.

    Attributes
    ----------
    count : int
        Number of labels.
    labels : tuple of str
        The labels as they occur in file names, in their order; empty when only the number is
        known and labels are put in order by `natural_key`.
    """

    count: int
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(plain_label(label) for label in self.labels))
        if self.count < 1:
            raise LayoutError(f"an axis of {self.count} values; it needs at least 1")
        if self.labels and len(set(self.labels)) != self.count:
            raise LayoutError(f"the labels {list(self.labels)} are not {self.count} different ones")


@lru_cache(maxsize=1 << 14)
def plain_label(label: str) -> str:
    """Return a label of digits without its padding, which differs within real sequences.

    Equal labels are one object: names have few different ones, and many frames.
    """
    return sys.intern(str(int(label)) if label.isdecimal() else label)


def natural_key(label: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sorting key by which ``t9`` precedes ``t10``."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in _NUMBER_PARTS.split(label)
        if part
    )


def ordered_labels(seen: Iterable[str], expected: Sequence[str] = ()) -> tuple[str, ...]:
    """Return labels in their order on an axis.

    Labels that are numbers are ranked, whatever their base, padding or gaps. Where all begin with
    a well, wells go row by row: row Z of a large plate precedes row AA. Where the axis is expected
    to have certain labels and the files show only these, they count, in their order.
    """
    labels = set(seen)
    if expected and labels <= set(expected):
        return tuple(expected)
    wells = {label: found for label in labels if (found := _WELL.match(label))}
    ordered = sorted(labels, key=natural_key)
    if len(wells) == len(labels):  # else letters are those of words, as in Cy5 and DAPI
        ordered.sort(key=lambda label: len(wells[label][1]))
    return tuple(ordered)
