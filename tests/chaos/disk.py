"""The disk of ND2 files, which may be full."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from tests.chaos.faults import Fault
from tests.mounts import fill, mount, unmount

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
        mount(laboratory.output, _DISK_BYTES)

    def fill(self) -> None:
        """Leave room for nothing, or for a part of a file."""
        self._left.append(self._left.pop(0))
        self._filler = fill(self._laboratory.output)
        size = max(self._filler.stat().st_size - self._left[0], 0)
        os.truncate(self._filler, size)

    def make_room(self) -> None:
        """Delete what fills it."""
        self._filler.unlink()

    def unmount(self) -> None:
        """Unmount it."""
        unmount(self._laboratory.output)


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
