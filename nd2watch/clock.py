"""The clock that timeouts are measured with, as a value that tests can replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Source of monotonic time."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences have a meaning."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def monotonic(self) -> float:
        """Return `time.monotonic`."""
        return time.monotonic()
