"""The labels that were seen on an axis, and the numbers that their counter has left out."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

_LEAST_SEEN: Final = 0.5
"""Share of a counter's numbers that are there; where fewer are, labels are no plain numbers, but
times or heights."""


class SeenLabels(Counter[str]):
    """Labels with the number of frames that have them.

    All costs the same however many labels there are: frames come one by one.

    Parameters
    ----------
    first : int, optional
        Number that the axis always begins with; the least that is seen when omitted.
    """

    def __init__(self, first: int | None = None) -> None:
        super().__init__()
        self._first = first
        self._is_stale = False
        self._begin()

    def note(self, label: str) -> None:
        """Count a label once more."""
        self[label] += 1
        if self[label] == 1:
            self._go_to(label)

    def drop(self, label: str) -> int:
        """Count a label once less, and return how often it is left."""
        self[label] -= 1
        if self[label]:
            return self[label]
        del self[label]
        self._is_stale = True
        return 0

    @property
    def passed(self) -> int:
        """How many numbers a counter has gone through, by ones or any step; 0 where it is none."""
        if self._is_stale:
            self._begin()
            for label in self:
                self._go_to(label)
        count = (self._end - self._start) // (self._step or 1) + 1
        is_counter = self._is_number and self._numbers >= _LEAST_SEEN * count
        return count if is_counter else 0

    @property
    def counted(self) -> tuple[str, ...]:
        """The numbers that a counter has gone through, in order."""
        numbers = range(self.passed)
        return tuple(str(self._start + number * (self._step or 1)) for number in numbers)

    def _begin(self) -> None:
        """Begin to count."""
        self._is_stale = False
        self._start = self._end = self._first or 0
        self._step = self._numbers = 0
        self._is_number = True

    def _go_to(self, label: str) -> None:
        """Count up to a label that is new; the empty one is none."""
        if not label:
            return
        if not label.isdecimal():
            self._is_number = False
            return
        number = int(label)
        if not self._numbers and self._first is None:
            self._start = self._end = number
        self._step = math.gcd(self._step, number - self._start)
        self._start, self._end = min(self._start, number), max(self._end, number)
        self._numbers += 1
