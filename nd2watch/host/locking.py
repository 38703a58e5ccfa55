"""Locks that other processes respect, where the system has them."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, Final

from nd2watch.host.files import open_for_reading

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE: Final = 1 << 20  # far behind the text of a file that is a lock
_LONGEST_NUMBER: Final = 20


def lock(descriptor: int) -> None:
    """Keep other processes from locking an open file while it is open here.

    On Windows only for small files that are locks: others cannot touch the byte at 1 MiB of it.

    Raises
    ------
    BlockingIOError
        If another process has locked it.
    OSError
        If its file system has no locks.
    """
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(errno.EAGAIN, "another process has locked the file") from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def create_locked(path: Path) -> int:
    """Create `path`, which must not exist, and hold a lock on it while it is open.

    Returns
    -------
    int
        Descriptor open for reading and writing.

    Raises
    ------
    FileExistsError
        If `path` exists, also as a dangling link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # a share without locks: the name alone is unique
            lock(descriptor)
    return descriptor


def open_locked(path: Path) -> int:
    """Open an existing file for reading and writing, and hold a lock on it while it is open.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    if sys.platform != "win32":
        try:
            lock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:  # a share without locks
            pass
    return descriptor


def remove_unlocked(path: Path) -> bool:
    """Delete a file that `create_locked` made unless a living process still holds it.

    Returns
    -------
    bool
        True when the file was deleted.
    """
    try:
        if sys.platform != "win32":
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                lock(descriptor)
                path.unlink()
            finally:
                os.close(descriptor)
        else:
            path.unlink()  # Windows itself refuses to delete a file that is open
    except OSError:
        return False
    return True


class FileLock:
    """A file that this process holds until it is closed; a context manager.

    However the process ends, the system lets go of the file. The file itself stays: removing it
    would let two processes hold two files of one name.

    Parameters
    ----------
    path : Path
        The file, made where it is missing; its folder must be there. It then holds the number of
        this process.

    Raises
    ------
    BlockingIOError
        If another process holds it, or this one already does; the message tells which.
    OSError
        If it cannot be made, is a link, or its file system has no locks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = _open_to_hold(path)
        try:
            lock(self._descriptor)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))
        except BlockingIOError as error:
            self.close()
            owner = lock_owner(path)
            who = "another process" if owner is None else f"process {owner}"
            raise BlockingIOError(errno.EAGAIN, f"held by {who}", str(path)) from error
        except BaseException:
            self.close()
            raise

    @property
    def is_in_place(self) -> bool:
        """Whether the file that is held is still the one of that name."""
        if self._descriptor is None:
            return False
        try:
            there = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116 - as of descriptors
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def close(self) -> None:
        """Let others hold the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_to_hold(path: Path) -> int:
    """Open a file that is a lock, which is made where it is missing."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)


def lock_owner(path: Path) -> int | None:
    """Return the number of the process that holds, or last held, a lock; None if none is known."""
    with contextlib.suppress(OSError):
        descriptor = open_for_reading(path)
        try:
            text = os.read(descriptor, _LONGEST_NUMBER + 1).rstrip()
        finally:
            os.close(descriptor)
        if text.isdigit() and len(text) <= _LONGEST_NUMBER:
            return int(text)
    return None
