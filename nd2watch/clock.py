"""The clock that timeouts are measured with, as a value that tests can replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Source of monotonic time, and of the time of day."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences have a meaning."""
        ...

    def time(self) -> float:
        """Return seconds since 1970, as files have them; they may jump."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def monotonic(self) -> float:
        """Return `time.monotonic`."""
        return time.monotonic()

    def time(self) -> float:
        """Return `time.time`."""
        return time.time()
