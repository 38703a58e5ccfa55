"""Labels of time points that are times themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS_MS: Final = {"d": 86_400_000.0, "h": 3_600_000.0, "m": 60_000.0, "s": 1000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLabels:
    """How labels tell times.

    Attributes
    ----------
    elapsed : tuple of str
        Regular expressions with the groups ``d``, ``h``, ``m``, ``s``: days, hours, minutes and
        seconds since the start.
    clock : tuple of str
        Forms of `datetime.strptime`, in local time.

    Raises
    ------
    LayoutError
        If an expression is malformed or has none of the groups.
    """

    elapsed: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    _expressions: tuple[BoundedRegex, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expressions = tuple(map(BoundedRegex, self.elapsed))
        for source, expression in zip(self.elapsed, expressions, strict=True):
            if not expression.groups or set(expression.groups) - _UNITS_MS.keys():
                raise LayoutError(f"{source!r} needs groups d, h, m, s, and no others")
        object.__setattr__(self, "_expressions", expressions)

    def times_ms(self, labels: Sequence[str]) -> tuple[float, ...]:
        """Return the time of each label, ms since the start, or since the first of clock times.

        It is empty unless all labels tell, all in the same way.
        """
        elapsed = [self._elapsed_ms(label) for label in labels]
        if None not in elapsed:
            return tuple(time for time in elapsed if time is not None)
        clock = [self._moment(label) for label in labels]
        known = [moment for moment in clock if moment is not None]
        if not known or len(known) < len(labels):
            return ()
        begun = min(known)
        return tuple((moment - begun) / timedelta(milliseconds=1) for moment in known)

    def started(self, labels: Sequence[str]) -> datetime | None:
        """Return the earliest clock time of labels, with its time zone; None without one."""
        return min(filter(None, map(self._moment, labels)), default=None)

    def _elapsed_ms(self, label: str) -> float | None:
        """Return the time since the start that a label tells, ms."""
        for expression in self._expressions:
            found = expression.match(label)
            if found is not None:
                return sum(_UNITS_MS[unit] * float(text) for unit, text in found.items())
        return None

    def _moment(self, label: str) -> datetime | None:
        """Return the clock time that a label tells."""
        for form in self.clock:
            try:
                return datetime.strptime(label, form).astimezone()
            except (ValueError, OverflowError, OSError):
                continue
        return None
