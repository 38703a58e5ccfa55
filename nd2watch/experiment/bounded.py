"""Regular expressions that cannot hold anything up, whatever they and the names are."""

from __future__ import annotations

import time
from typing import Final

import regex

from nd2watch.errors import LayoutError

_LONGEST_S: Final = 0.05
_SHORTEST_S: Final = 0.001
_BUDGET_S: Final = 1.0
"""Seconds that an expression may lose in all before its time is cut to the shortest."""


class BoundedRegex:
    """A compiled regular expression with a limit of time for each match.

    Parameters
    ----------
    source : str
        The expression, as the package `regex` understands it.

    Raises
    ------
    LayoutError
        If it is malformed.
    """

    def __init__(self, source: str) -> None:
        try:
            self._regex = regex.compile(source)
        except (regex.error, OverflowError, RecursionError, ValueError) as error:
            raise LayoutError(f"malformed regular expression {source!r}: {error}") from error
        self._places = tuple((name, at - 1) for name, at in self._regex.groupindex.items())
        self._source = source
        self._lost_s = 0.0

    @property
    def source(self) -> str:
        """The expression as it was given."""
        return self._source

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in order."""
        return tuple(self._regex.groupindex)

    def match(self, text: str) -> dict[str, str] | None:
        """Return the groups that take part in a match of the whole text, None without a match.

        Raises
        ------
        LayoutError
            If the match takes too long.
        """
        found = self._fullmatch(text, partial=False)
        if found is None:
            return None
        parts = found.groups()  # looking groups up by name takes longer than the match
        return {name: part for name, at in self._places if (part := parts[at]) is not None}

    def reach(self, text: str) -> int:
        """Return how many characters of a text could begin a match.

        Raises
        ------
        LayoutError
            If that takes too long to find.
        """
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self._fullmatch(text[:middle], partial=True) is not None:
                low = middle
            else:
                high = middle - 1
        return low

    def _fullmatch(self, text: str, *, partial: bool) -> regex.Match[str] | None:
        """Match a text within the time that is left.

        What the package measures is the time of all threads: others may have taken it.
        """
        limit = _LONGEST_S if self._lost_s < _BUDGET_S else _SHORTEST_S
        begun = time.thread_time()
        while True:
            try:
                return self._regex.fullmatch(text, partial=partial, timeout=limit)
            except TimeoutError as error:
                taken = time.thread_time() - begun
                if taken < limit:
                    continue
                self._lost_s += taken
                raise LayoutError(
                    f"matching {text[:80]!r} takes too long; simplify the regular expression"
                    f" {self._source!r}"
                ) from error
