"""A log that repeats of one event cannot flood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_MOST: Final = 20
_WINDOW_S: Final = 60.0


@dataclass(slots=True)
class _Window:
    """How often an event came since its window began."""

    began: float
    count: int = 0


class LimitedLog:
    """Shows so many of each event a minute; the others are shown at level debug, and counted.

    Parameters
    ----------
    log : bound logger
        Gets the events.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._windows: dict[str, _Window] = {}

    def tell(self, now: float, level: str, event: str, **fields: Any) -> None:
        """Log an event.

        Parameters
        ----------
        now : float
            Monotonic seconds.
        level, event : str
            Level and name of the event.
        **fields
            Its data.
        """
        window = self._windows.setdefault(event, _Window(now))
        if now - window.began >= _WINDOW_S:
            self._windows[event] = window = _Window(now)
        window.count += 1
        getattr(self._log, level if window.count <= _MOST else "debug")(event, **fields)
        if window.count == _MOST:
            self._log.warning("more_of_the_same", of=event, reason="shown at level debug only")
