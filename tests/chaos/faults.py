"""What is done to the surroundings of a service for a while."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading

    from tests.chaos.laboratory import Laboratory
    from tests.chaos.service import Service

_DISK_BYTES: Final = 48 << 20


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


class Disk(Fault):
    """A disk of ND2 files that is full."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._is_full = False

    def begin(self) -> bool:
        """Fill it, unless it is full."""
        if self._is_full:
            return False
        self._is_full = True
        self.fill()
        return True

    def end(self) -> None:
        """Make room."""
        self.make_room()
        self._is_full = False

    @abstractmethod
    def fill(self) -> None:
        """Fill it."""

    @abstractmethod
    def make_room(self) -> None:
        """Make room."""

    def unmount(self) -> None:
        """Take away what was mounted."""


class RealDisk(Disk):
    """A file system of its own for ND2 files, in memory."""

    kind = "disk full"

    def __init__(self, laboratory: Laboratory, left_bytes: tuple[int, ...] = (0,)) -> None:
        super().__init__(laboratory)
        self._filler = laboratory.output / "filler"
        self._left = list(left_bytes)
        _mount(laboratory.output)

    def fill(self) -> None:
        """Leave room for nothing, or for a part of a file."""
        self._left.append(self._left.pop(0))
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass
        size = max(self._filler.stat().st_size - self._left[0], 0)
        os.truncate(self._filler, size)

    def make_room(self) -> None:
        """Delete what fills it."""
        self._filler.unlink()

    def unmount(self) -> None:
        """Unmount it."""
        _unmount(self._laboratory.output)


class ReservedDisk(Disk):
    """A disk of which all is reserved, by the configuration, for others."""

    kind = "disk reserved"

    def __init__(self, laboratory: Laboratory, service: Service) -> None:
        super().__init__(laboratory)
        self._service = service

    def fill(self) -> None:
        """Reserve all of it."""
        self._laboratory.configure(reserve_mb=1e9)
        self._service.reload()

    def make_room(self) -> None:
        """Reserve nothing."""
        self._laboratory.configure()
        self._service.reload()


def can_mount() -> bool:
    """Return whether this process may mount file systems."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder))
        except (OSError, subprocess.CalledProcessError):
            return False
        _unmount(Path(folder))
    return True


def _mount(folder: Path) -> None:
    """Mount a small file system in memory."""
    size = f"size={_DISK_BYTES},mode=755"
    command = ["mount", "-t", "tmpfs", "-o", size, "nd2watch-chaos", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    """Unmount it, even if somebody uses it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
