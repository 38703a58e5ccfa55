"""When all files of a folder are looked at: often enough, and at little cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nd2watch.clock import Clock

_LOCAL_S: Final = 10.0
_NETWORK_S: Final = 30.0
"""Longest time between scans where there are no events."""

_REST: Final = 150
"""Regular scans beside events rest for so many times what a scan takes: they cost less than 1 %."""

_PAUSE: Final = 10
"""Scans that are asked for rest for so many times what one takes: they must not eat up all time."""


class ScanPace:
    """Measures the scans of a folder, and tells when the next one may be.

    Parameters
    ----------
    wanted_s : float
        Seconds between regular scans, as configured.
    clock : Clock
        Measures.

    Attributes
    ----------
    is_network : bool
        The folder is on a share.
    ended : float, optional
        When the last scan ended, monotonic seconds.
    took_s : float
        How long it took, s.
    has_events : bool
        Changes are told by events, too.
    """

    def __init__(self, wanted_s: float, clock: Clock) -> None:
        self.is_network = False
        self._wanted_s = wanted_s
        self._clock = clock
        self.ended: float | None = None
        self.took_s = 0.0
        self.has_events = True

    def note(self, begun: float) -> None:
        """Note that a scan has ended just now."""
        self.ended = self._clock.monotonic()
        self.took_s = self.ended - begun

    @property
    def interval_s(self) -> float:
        """Seconds between regular scans."""
        longest_s = _NETWORK_S if self.is_network else _LOCAL_S
        return self._wanted_s if self.has_events else min(self._wanted_s, longest_s)

    @property
    def asks_every_s(self) -> float:
        """At which intervals to ask whether a regular scan is due, s."""
        return min(self._wanted_s, _LOCAL_S)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a regular scan, when asked at those intervals."""
        return self._since() >= max(self._rest_s, self.interval_s - self.asks_every_s / 2)

    @property
    def is_overdue(self) -> bool:
        """Whether regular scans were not asked for."""
        return self._since() > 2 * max(self.interval_s, self._rest_s)

    @property
    def left_s(self) -> float:
        """Seconds until a scan that is asked for may be; it is not put off for long."""
        return min(_PAUSE * self.took_s, self.interval_s) - self._since()

    @property
    def _rest_s(self) -> float:
        """Seconds after a scan in which no regular one is due."""
        return _REST * self.took_s if self.has_events else 0.0

    def _since(self) -> float:
        """Return the seconds since the last scan."""
        return math.inf if self.ended is None else self._clock.monotonic() - self.ended
