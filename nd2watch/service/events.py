"""Change events of watched folders, taken as hints on where to look."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from dataclasses import dataclass, field
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
_LIBRARY: Final = logging.getLogger("watchdog")
_LOST: Final = "filesystem events were lost"
"""What watchdog logs, and tells in no other way, when the system had more events than it keeps."""


@dataclass(slots=True)
class Changes:
    """What events told since they were last taken.

    Attributes
    ----------
    paths : set of Path
        Files to look at.
    gone : set of Path
        Folders that were deleted or moved.
    scan : bool
        Everything is to be looked at.
    lost : int
        How often events were lost.
    """

    paths: set[Path] = field(default_factory=set)
    gone: set[Path] = field(default_factory=set)
    scan: bool = False
    lost: int = 0

    def __bool__(self) -> bool:
        return bool(self.paths) or self.scan


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
        self._changes = Changes()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note the paths of an event; a folder that comes or goes calls for a scan."""
        if event.event_type not in _CHANGES:
            return
        with self._lock:
            changes = self._changes
            idle = not changes
            if not event.is_directory:
                paths = (event.src_path, event.dest_path)
                changes.paths |= {Path(os.fsdecode(path)) for path in paths if path}
            elif event.event_type != EVENT_TYPE_MODIFIED:
                changes.scan = True
                if event.event_type in (EVENT_TYPE_DELETED, EVENT_TYPE_MOVED):
                    changes.gone.add(Path(os.fsdecode(event.src_path)))
            if len(changes.paths) > _MOST_PATHS:
                changes.paths.clear()
                changes.scan = True
        if idle and changes:
            self._wake()

    def note_loss(self) -> None:
        """Note that events were lost, of whatever folder: everything is to be looked at."""
        with self._lock:
            self._changes.scan = True
            self._changes.lost += 1
        self._wake()

    def take(self) -> Changes:
        """Return what has changed since the last call."""
        with self._lock:
            taken, self._changes = self._changes, Changes()
        return taken


class _Losses(logging.Handler):
    """Hears from watchdog's log when events were lost."""

    def __init__(self, note: Callable[[], None]) -> None:
        super().__init__()
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a loss on."""
        if _LOST in str(record.msg):
            self._note()


class FolderObserver:
    """Observes folders with watchdog, and again when they vanish and return.

    Parameters
    ----------
    handler : ChangedPaths
        Gets the events of all folders.
    """

    def __init__(self, handler: ChangedPaths) -> None:
        self._handler = handler
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, tuple[tuple[int, int], ObservedWatch]] = {}
        self._losses = _Losses(handler.note_loss)

    def watch(self, root: Path) -> None:
        """Observe a folder unless the very same one is observed already.

        Raises
        ------
        OSError
            If the folder is not there or cannot be observed.
        """
        try:
            status = root.stat()
        except OSError:
            self.forget(root)
            raise
        identity = (status.st_dev, status.st_ino)
        known = self._watches.get(root)
        if known is not None:
            if known[0] == identity and self._is_emitting(known[1]):
                return
            self.forget(root)
        watch = self._started().schedule(self._handler, str(root), recursive=True)
        self._watches[root] = (identity, watch)

    def _started(self) -> BaseObserver:
        """Return the observer; it is made when it is wanted, as the system may have none left."""
        if self._observer is None:
            # Folders that are made fast are found twice, which the library warns of and then heals.
            warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
            observer = Observer()
            try:
                observer.start()
            except BaseException:
                observer.stop()  # on Linux it has a thread before it is started
                raise
            _LIBRARY.addHandler(self._losses)
            self._observer = observer
        return self._observer

    def forget(self, root: Path) -> None:
        """Observe a folder no more: one that was deleted gives no events when it is made anew."""
        known = self._watches.pop(root, None)
        if known is not None and self._observer is not None:
            with contextlib.suppress(KeyError):
                self._observer.unschedule(known[1])

    def _is_emitting(self, watch: ObservedWatch) -> bool:
        """Return whether the thread that reads this folder's events lives."""
        emitters = () if self._observer is None else self._observer.emitters
        return any(e.watch == watch and e.is_alive() for e in emitters)

    @property
    def is_alive(self) -> bool:
        """Whether the thread that hands events on lives, or there is none yet."""
        return self._observer is None or self._observer.is_alive()

    def stop(self) -> None:
        """End all threads."""
        _LIBRARY.removeHandler(self._losses)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
