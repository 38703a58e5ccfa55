"""A log that repeats of one event cannot flood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock

_MOST: Final = 100
_WINDOW_S: Final = 60.0


@dataclass(slots=True)
class _Window:
    """How often an event came since its window began."""

    began: float
    event: str
    count: int = 0
    last: dict[str, Any] = field(default_factory=dict)


class LimitedLog:
    """Shows 100 of each event a minute; the others are shown at level debug, and counted.

    Parameters
    ----------
    log : bound logger
        Gets the events.
    clock : Clock
        Measures the minutes.
    """

    def __init__(self, log: FilteringBoundLogger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._windows: dict[Hashable, _Window] = {}

    def tell(self, about: Hashable, level: str, event: str, **fields: Any) -> None:
        """Log an event.

        Parameters
        ----------
        about : hashable
            What is counted together.
        level, event : str
            Level and name of the event.
        **fields
            Its data.
        """
        window = self._windows.setdefault(about, _Window(self._clock.monotonic(), event))
        window.count += 1
        window.last = fields
        getattr(self._log, level if window.count <= _MOST else "debug")(event, **fields)

    def flush(self, *, everything: bool = False) -> None:
        """Report what was left out in windows that have ended, or, at the end, in all."""
        now = self._clock.monotonic()
        ended = [
            about
            for about, window in self._windows.items()
            if everything or now - window.began >= _WINDOW_S
        ]
        for about in ended:
            window = self._windows.pop(about)
            if window.count > _MOST:
                self._log.warning(
                    "more_of_the_same",
                    of=window.event,
                    left_out=window.count - _MOST,
                    **window.last,
                )
