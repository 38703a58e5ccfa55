"""Labels of time points that are times themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex
from nd2watch.sources.values import finite, known_moment, known_time_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS_MS: Final = {"d": 86_400_000.0, "h": 3_600_000.0, "m": 60_000.0, "s": 1000.0}
_MOMENT: Final = datetime(2001, 12, 31, 23, 59, 58, tzinfo=UTC)


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
        If an expression is malformed or has none of the groups, or a form is malformed.
    """

    elapsed: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    _expressions: tuple[BoundedRegex, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expressions = tuple(map(BoundedRegex, self.elapsed))
        for source, expression in zip(self.elapsed, expressions, strict=True):
            if not expression.groups or set(expression.groups) - _UNITS_MS.keys():
                raise LayoutError(f"{source!r} needs groups d, h, m, s, and no others")
        for form in self.clock:
            try:
                datetime.strptime(_MOMENT.strftime(form), form)
            except (ValueError, re.error) as error:
                raise LayoutError(f"{form!r} is no form of a clock time: {error}") from error
        object.__setattr__(self, "_expressions", expressions)

    @property
    def are_given(self) -> bool:
        """Whether labels are said to tell times."""
        return bool(self.elapsed or self.clock)

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
                parts = [(_UNITS_MS[unit], finite(text)) for unit, text in found.items()]
                known = [ms * number for ms, number in parts if number is not None]
                time = known_time_ms(sum(known)) if len(known) == len(parts) else None
                return time if time is None or time >= 0 else None
        return None

    def _moment(self, label: str) -> datetime | None:
        """Return the clock time that a label tells."""
        for form in self.clock:
            try:
                return known_moment(datetime.strptime(label, form).astimezone())
            except (ValueError, OverflowError, OSError):
                continue
        return None
