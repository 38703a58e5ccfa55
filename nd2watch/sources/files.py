"""Files as the file system knows them: their identity, and how they are opened."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import FrameIncomplete, FrameUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_TAIL: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """Identity of a file's content as far as the file system tells.

    Attributes
    ----------
    size : int
        Bytes.
    mtime_ns, ctime_ns : int
        Last change of content and of the entry, ns. Compared for equality only: clocks of file
        servers differ.
    inode, device : int
        Which file it is.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    def same_content(self, other: FileKey) -> bool:
        """Return whether the content is the same as far as size and change time tell."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    def came_ns(self, now: float) -> int:
        """Return when the file came to its place, ns since 1970, as far as its times tell.

        A copy keeps the time of its content; the other one is that of the copy. Those ahead of
        `now`, s since 1970, are of a wrong clock.
        """
        now_ns = int(now * 1e9)
        return max((n for n in (self.mtime_ns, self.ctime_ns) if n <= now_ns), default=now_ns)

    def is_of(self, status: os.stat_result) -> bool:
        """Return whether it is the key in a result of `os.stat`, at less cost than `of_status`."""
        return (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.size
            and status.st_ctime_ns == self.ctime_ns
            and status.st_ino == self.inode
            and status.st_dev == self.device
        )

    @classmethod
    def of_status(cls, status: os.stat_result) -> FileKey:
        """Return the key in a result of `os.stat`."""
        changed, entered = status.st_mtime_ns, status.st_ctime_ns
        return cls(  # equal numbers are kept once: there may be a million keys
            size=_shared(status.st_size),
            mtime_ns=changed,
            ctime_ns=changed if entered == changed else entered,
            inode=status.st_ino,
            device=_shared(status.st_dev),
        )

    @classmethod
    def of_entry(cls, entry: os.DirEntry[str]) -> FileKey | None:
        """Return the key of a file in a folder that is listed just now, as `of_path` does."""
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not status.st_ino:  # Windows tells no identity by the folder alone
            return cls.of_path(entry.path)
        return cls.of_status(status) if stat.S_ISREG(status.st_mode) else None

    @classmethod
    def of_path(cls, path: Path | str) -> FileKey | None:
        """Return the key of a regular file, None when there is none; links are not followed."""
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - no pathlib twin raises less
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls.of_status(status) if stat.S_ISREG(status.st_mode) else None


@lru_cache(maxsize=256)
def _shared(number: int) -> int:
    """Return a number as the same object each time it comes again before long."""
    return number


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, following no link.

    Raises
    ------
    FrameIncomplete
        If it is not there.
    FrameUnreadable
        If it is no regular file.
    """
    file = open_regular(path)
    with file:
        yield file


def open_regular(path: Path) -> BinaryIO:
    """Return a regular file, opened for reading, as `opened` does."""
    try:
        descriptor = host.open_for_reading(path)
    except FileNotFoundError as error:
        raise FrameIncomplete(f"{path} is not there (any more)", path) from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FrameUnreadable(f"{path} is a folder", path)
    file = os.fdopen(descriptor, "rb")
    try:
        if FileKey.of_path(path) is None:
            raise FrameUnreadable(f"{path} is not a regular file", path)
    except BaseException:
        file.close()
        raise
    return file


def key_of(file: BinaryIO) -> FileKey:
    """Return the identity of an open file."""
    return FileKey.of_status(os.fstat(file.fileno()))


def check_not_replaced(path: Path, file: BinaryIO) -> None:
    """Refuse a name that is of another file than the open one, for libraries that open by name.

    Raises
    ------
    FrameIncomplete
        If it is.
    """
    if FileKey.of_path(path) != key_of(file):
        raise FrameIncomplete(f"{path} was replaced while it was opened", path)


def check_start(path: Path, file: BinaryIO, title: str, *magic: bytes, advice: str = "") -> None:
    """Refuse a file that does not begin as files of its format do; it is left at its start.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.
    title : str
        Name of the format for people.
    *magic : bytes
        What files of the format begin with, one of them.
    advice : str
        What to do with a file that begins otherwise.

    Raises
    ------
    FrameIncomplete
        If it is empty or begins with zeros.
    FrameUnreadable
        If it begins with anything else.
    """
    file.seek(0)
    start = file.read(max(8, *map(len, magic)))
    file.seek(0)
    if not any(start):
        what = "begins with zeros" if start else "is empty"
        raise FrameIncomplete(f"{path} {what}; it is not written yet", path)
    if not any(start.startswith(known) or known.startswith(start) for known in magic):
        found = f"it begins with {start!r}{'; ' * bool(advice)}{advice}"
        raise FrameUnreadable(f"{path} is not a {title} file: {found}", path)


def ends_in_zeros(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether the last bytes of the data from `start` to `end` are all zero."""
    start = max(start, end - _TAIL)
    file.seek(start)
    return not any(file.read(end - start))
