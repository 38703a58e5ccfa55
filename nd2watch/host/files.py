"""Opening and syncing files, as far as systems differ in it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

# Errors by which a file system says that a folder cannot be synced (some network shares).
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def open_for_reading(path: Path) -> int:
    """Open a file, following no link and waiting for nobody at the other end of a FIFO."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def sync_file(descriptor: int) -> None:
    """Write an open file to the disk itself: on macOS, fsync stops at the cache of the drive."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # a share that cannot
            pass
        else:
            return
    os.fsync(descriptor)


def drop_cached(path: Path) -> None:
    """Have a file that was synced read from the disk itself the next time, where a system can.

    What is read back from memory alone shows nothing of the disk.
    """
    if not hasattr(os, "posix_fadvise"):  # macOS and Windows
        return
    with contextlib.suppress(OSError):  # a file system that keeps nothing, or cannot tell
        descriptor = open_for_reading(path)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk where the system can (not on Windows)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that a power failure takes none away.

    Raises
    ------
    FileExistsError
        If a file is in its place.
    OSError
        If it cannot be made.
    """
    try:
        folder.mkdir()
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folder(folder.parent)
        make_folder(folder)
        return
    except OSError:  # some systems give other reasons for a folder that is there
        if not folder.is_dir():
            raise
        return
    with contextlib.suppress(PermissionError):  # who may write there need not be allowed to read
        sync_folder(folder.parent)


def link(path: Path, other: Path) -> None:
    """Give a file, or a link as such, a second name on the same file system.

    Raises
    ------
    FileExistsError
        If the name is taken.
    OSError
        If system or file system have no such names.
    """
    if not hasattr(os, "link"):
        raise OSError(errno.ENOSYS, "this system has no hard links")
    if os.link in os.supports_follow_symlinks:
        os.link(path, other, follow_symlinks=False)
    else:
        os.link(path, other)


def folder_identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from another one of the same name, device and number.

    Raises
    ------
    OSError
        If it is not there or cannot be reached.
    """
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_empty_folder(folder: Path) -> bool:
    """Return whether there is nothing in a folder.

    Raises
    ------
    OSError
        If it cannot be listed.
    """
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def trusted_group(folder: Path) -> int | None:
    """Return the group that may enter a folder which is closed to all others.

    Returns
    -------
    int or None
        None for a folder that only its owner may enter, or everybody, and on Windows.
    """
    if sys.platform == "win32":
        return None
    status = folder.stat()
    return status.st_gid if status.st_mode & 0o011 == 0o010 else None
