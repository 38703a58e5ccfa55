"""The free space of disks that may not answer."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from nd2watch import host

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

_DISK_S: Final = 1.0
"""Longest wait for a disk, which may be a share that hangs."""


class FreeSpace:
    """Tells the free space of disks, and waits for none that hangs; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[Path, Future[int | None]] = {}

    def of(self, folder: Path) -> int | None:
        """Return the bytes that are free for files in a folder; None if that is not known."""
        with self._lock:
            answer = self._asked.get(folder)
            if answer is None or answer.done():
                answer = self._asked[folder] = host.ask(partial(host.free_bytes, folder))
        try:
            return answer.result(_DISK_S)
        except (TimeoutError, RuntimeError):  # no answer, or no thread to ask
            return None
