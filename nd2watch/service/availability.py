"""Whether a watched folder can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock


class Availability:
    """Tells when a folder cannot be looked at any more, and when it can again.

    Parameters
    ----------
    folder : Path
        The folder.
    clock : Clock
        Tells the time of day.
    log : bound logger
        Gets both.

    Attributes
    ----------
    reason : str
        Why the folder cannot be listed, or that another, empty one is in its place; else empty.
    since : float, optional
        Since when, s since 1970.
    """

    def __init__(self, folder: Path, clock: Clock, log: FilteringBoundLogger) -> None:
        self.reason = ""
        self.since: float | None = None
        self._folder = folder
        self._clock = clock
        self._log = log

    def note(self, reason: str) -> None:
        """Note why the folder could not be looked at now; nothing if it could."""
        if reason and not self.reason:
            self.since = self._clock.time()
            self._log.error("folder_unavailable", folder=self._folder, reason=reason)
        elif self.reason and not reason:
            self.since = None
            self._log.info("folder_available", folder=self._folder)
        self.reason = reason
