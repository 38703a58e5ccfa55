"""Folders below a watched one that cannot be read, each told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.service.troubles import Troubles


class UnreadableFolders:
    """Tells when folders become unreadable, and when they can be read again.

    Parameters
    ----------
    log : bound logger
        Gets both.
    troubles : Troubles
        Where they are noted meanwhile.
    """

    def __init__(self, log: FilteringBoundLogger, troubles: Troubles) -> None:
        self._log = log
        self._troubles = troubles
        self._known: set[Path] = set()
        self._found: set[Path] = set()

    def begin(self) -> None:
        """Note that all folders are going to be looked at."""
        self._found = set()

    def add(self, folder: Path, error: OSError) -> None:
        """Tell of a folder that cannot be read, once until it can be."""
        self._found.add(folder)
        reason = f"{error}; the user of the service needs to read and enter it"
        self._troubles.note(folder, "folder_unavailable", reason)
        if folder not in self._known:
            self._known.add(folder)
            self._log.error("folder_unavailable", folder=folder, reason=reason)

    def end(self) -> frozenset[Path]:
        """Tell of the folders that can be read again, after all were looked at.

        Returns
        -------
        frozenset of Path
            Those that could not be.
        """
        for folder in sorted(self._known - self._found):
            self._troubles.clear(folder)
            self._log.info("folder_available", folder=folder)
        self._known &= self._found
        return frozenset(self._found)
