"""The disk of ND2 files, which may be full."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.chaos.faults import Fault

if TYPE_CHECKING:
    from tests.chaos.laboratory import Laboratory
    from tests.chaos.service import Service

_DISK_BYTES: Final = 256 << 20


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
