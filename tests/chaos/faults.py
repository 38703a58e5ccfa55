"""What is done to the surroundings of a service for a while."""

from __future__ import annotations

import contextlib
import os
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from tests.chaos.service import Service


class Fault(ABC):
    """Something that is wrong from `begin` to `end`.

    Attributes
    ----------
    kind : str
        What it is, in the figures.
    """

    kind: str

    @abstractmethod
    def begin(self) -> bool:
        """Let it be wrong, and return whether that could be done."""

    @abstractmethod
    def end(self) -> None:
        """Make it right."""


class Locked(Fault):
    """Something wrong with a watched folder; meanwhile no microscope writes there."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def begin(self) -> bool:
        """Let it be wrong, unless something is there already."""
        if not self._lock.acquire(blocking=False):
            return False
        with contextlib.suppress(FileNotFoundError):  # it may just be put away
            if self.break_it():
                return True
        self._lock.release()
        return False

    def end(self) -> None:
        """Make it right."""
        try:
            self.mend()
        finally:
            self._lock.release()

    @abstractmethod
    def break_it(self) -> bool:
        """Let it be wrong, and return whether that could be done."""

    @abstractmethod
    def mend(self) -> None:
        """Make it right."""


class Closed(Locked):
    """A file or folder to which nobody has any permission."""

    def __init__(self, kind: str, path: Path, lock: threading.Lock) -> None:
        super().__init__(lock)
        self.kind = kind
        self._path = path

    def break_it(self) -> bool:
        """Take the permissions away; it is held open, as it may be renamed."""
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        self._mode = os.fstat(self._descriptor).st_mode & 0o7777
        os.fchmod(self._descriptor, 0)
        return True

    def mend(self) -> None:
        """Give them back."""
        os.fchmod(self._descriptor, self._mode)
        os.close(self._descriptor)


class Away(Locked):
    """A folder that is where nobody watches it."""

    kind = "folder renamed away"

    def __init__(self, folder: Path, elsewhere: Path, lock: threading.Lock) -> None:
        super().__init__(lock)
        self._folder = folder
        self._elsewhere = elsewhere

    def break_it(self) -> bool:
        """Rename it."""
        self._folder.rename(self._elsewhere)
        return True

    def mend(self) -> None:
        """Rename it back."""
        self._elsewhere.rename(self._folder)


class Replaced(Away):
    """A watched folder in the place of which there is an empty one, as without its share."""

    kind = "watched folder replaced by an empty one"

    def break_it(self) -> bool:
        """Put an empty one in its place."""
        super().break_it()
        self._folder.mkdir()
        return True

    def mend(self) -> None:
        """Put it back."""
        self._folder.rmdir()
        super().mend()


class Stopped(Fault):
    """A service that gets no time."""

    kind = "service stopped for a while"

    def __init__(self, service: Service) -> None:
        self._life = service.life

    def begin(self) -> bool:
        """Stop it."""
        return self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """Let it go on, unless it was killed meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> bool:
        """Send a signal; return whether it lives."""
        if self._life.process.poll() is not None:
            return False
        self._life.process.send_signal(number)
        return True
