"""Change events of watched folders, taken as hints on where to look."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import BaseObserver, ObservedWatch

# Opening and closing for reading are left out: our own reading causes these.
_CHANGES: Final = {
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
}
_MOST_PATHS: Final = 100_000


class ChangedPaths(FileSystemEventHandler):
    """Collects the paths that events name until someone takes them.

    It only puts paths into a set: a handler that is slow fills the observer's unbounded queue,
    and one that raises ends its thread.

    Parameters
    ----------
    wake : callable
        Called, on the observer's thread, when there is something to take again.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: set[Path] = set()
        self._scan = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note the paths of an event; a folder that appears calls for a scan."""
        if event.event_type not in _CHANGES:
            return
        paths = {Path(os.fsdecode(p)) for p in (event.src_path, event.dest_path) if p}
        with self._lock:
            idle = not self._paths and not self._scan
            if event.is_directory:
                self._scan |= event.event_type != EVENT_TYPE_MODIFIED
            else:
                self._paths |= paths
            if len(self._paths) > _MOST_PATHS:
                self._paths.clear()
                self._scan = True
            news = bool(self._paths) or self._scan
        if idle and news:
            self._wake()

    def take(self) -> tuple[set[Path], bool]:
        """Return the changed paths, and whether everything is to be scanned."""
        with self._lock:
            taken = self._paths, self._scan
            self._paths, self._scan = set(), False
        return taken


class FolderObserver:
    """Observes folders with watchdog, and again when they vanish and return.

    Parameters
    ----------
    handler : ChangedPaths
        Gets the events of all folders.
    """

    def __init__(self, handler: ChangedPaths) -> None:
        self._handler = handler
        self._observer: BaseObserver = Observer()
        self._watches: dict[Path, tuple[tuple[int, int], ObservedWatch]] = {}

    def start(self) -> None:
        """Start the observer's threads."""
        self._observer.start()

    def watch(self, root: Path) -> bool:
        """Observe a folder unless the very same one is observed already.

        Returns
        -------
        bool
            True when the folder is observed anew, so that it has to be scanned.

        Raises
        ------
        OSError
            If the folder is not there or cannot be observed.
        """
        status = root.stat()
        identity = (status.st_dev, status.st_ino)
        known = self._watches.get(root)
        if known is not None:
            if known[0] == identity and self._is_emitting(known[1]):
                return False
            self._observer.unschedule(known[1])
            del self._watches[root]
        watch = self._observer.schedule(self._handler, str(root), recursive=True)
        self._watches[root] = (identity, watch)
        return True

    def _is_emitting(self, watch: ObservedWatch) -> bool:
        """Return whether the thread that reads this folder's events lives."""
        return any(e.watch == watch and e.is_alive() for e in self._observer.emitters)

    @property
    def is_alive(self) -> bool:
        """Whether the thread that hands events on lives."""
        return self._observer.is_alive()

    def stop(self) -> None:
        """End all threads."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()
