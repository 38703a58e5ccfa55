"""The last error of each watched folder, for people who ask how the service is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nd2watch.clock import Clock

_LEVELS: Final = ("error", "critical", "exception")
_ABOUT: Final = ("path", "folder", "output", "sequence")
"""Fields of an event that tell what it is about, the most telling first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastError:
    """An error as it was logged.

    Attributes
    ----------
    moment : float
        When, s since 1970.
    event : str
        What, by its short name.
    about : str
        The file, folder or sequence concerned; empty for none.
    reason : str
        Why.
    """

    moment: float
    event: str
    about: str
    reason: str


class LastErrors:
    """Hears of all that is logged, and keeps the last error of each watch; for any thread.

    Parameters
    ----------
    clock : Clock
        Tells the time of day.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, LastError] = {}

    def hear(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """Keep an event that is an error."""
        if level in _LEVELS:
            self._last[str(fields.get("watch", ""))] = LastError(
                moment=self._clock.time(),
                event=event,
                about=str(next((fields[name] for name in _ABOUT if name in fields), "")),
                reason=str(fields.get("reason") or sys.exception() or ""),
            )

    def of(self, watch: str) -> LastError | None:
        """Return the last error of a watch; by an empty name, that of no single watch."""
        return self._last.get(watch)
