"""Calls whose behaviour depends on the operating system, each with a plain fallback."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform != "win32":
    import fcntl
    import resource

_OPEN_FILES_WANTED = 8192
_OPEN_FILES_AT_LEAST = 256  # what every system allows

# Errors by which a file system says that it has no hard links.
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
# Errors by which a file system says that a folder cannot be synced (some network shares).
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}

MOUNTS: Final = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted."""

# Kernel names of file systems that other machines write too, without "fuse.".
_NETWORK_FILE_SYSTEMS = (
    "9p acfs afpfs afs beegfs ceph cifs coda curlftpfs davfs gcsfuse glusterfs gpfs lustre ncpfs"
    " nfs nfs4 ocfs2 orangefs panfs prl_fs rclone s3fs smb smb3 smbfs sshfs vboxsf vmhgfs"
    " vmhgfs-fuse"
)

_PR_SET_PDEATHSIG: Final = 1  # of linux/prctl.h


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
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
        else:
            path.unlink()  # Windows itself refuses to delete a file that is open
    except OSError:
        return False
    return True


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


def publish(temporary: Path, final: Path, *, replace: bool = False) -> None:
    """Give a finished file its final name in the same folder, in one step.

    Parameters
    ----------
    temporary, final : Path
        Present and wanted path, both in one folder.
    replace : bool, default False
        Replace an existing `final`.

    Raises
    ------
    FileExistsError
        If `final` exists and `replace` is False; `temporary` is left as it is.
    """
    if replace:
        temporary.replace(final)
    elif sys.platform == "win32":
        temporary.rename(final)  # refuses an existing target on Windows
    else:
        try:
            os.link(temporary, final, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            _publish_by_claim(temporary, final)
        else:
            temporary.unlink()
    with contextlib.suppress(OSError):  # the file has its name: nothing after that may fail
        sync_folder(final.parent)


def _publish_by_claim(temporary: Path, final: Path) -> None:
    """Create the final name, which only one of two writers can, and replace that empty file."""
    os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        temporary.replace(final)
    except OSError:
        final.unlink()
        raise


def open_files_allowed() -> int:
    """Return how many files may be open at once, after asking the system for more of them."""
    if sys.platform == "win32":
        return _OPEN_FILES_AT_LEAST
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = (
            _OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_WANTED)
        )
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    except (OSError, ValueError):
        return _OPEN_FILES_AT_LEAST
    return _OPEN_FILES_WANTED if soft == resource.RLIM_INFINITY else soft


def watch_limit_hint(error: OSError) -> str:
    """Return what to do when the system's limit of watched folders is reached, else nothing."""
    if error.errno in (errno.ENOSPC, errno.EMFILE):
        return "; raise the kernel settings fs.inotify.max_user_watches and max_user_instances"
    return ""


@contextlib.contextmanager
def exit_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command like an error does, so that nothing unfinished is left.

    A SIGHUP that is ignored, as by nohup, stays ignored.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def send_datagram(address: str, message: bytes) -> bool:
    """Send one datagram to a Unix socket (a leading ``@`` names an abstract one).

    Returns
    -------
    bool
        False where Unix sockets are missing or nobody listens.
    """
    if not hasattr(socket, "AF_UNIX"):
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(target)
            channel.sendall(message)
    except OSError:
        return False
    return True


def on_stop_signal(stop: Callable[[str], None]) -> None:
    """Call `stop` with the signal's name on SIGINT or SIGTERM (on Windows also Ctrl-Break)."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda received, _: stop(signal.Signals(received).name))


def on_reload_signal(reload: Callable[[], None]) -> None:
    """Call `reload` on SIGHUP, where the system has it."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: reload())


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


def file_system_of(path: Path) -> str | None:
    """Return the kernel's name of the file system that a path is or would be on.

    Returns
    -------
    str or None
        Such as ``ext4`` or ``cifs``; None where the system does not tell.
    """
    try:
        lines = MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return None
    target = os.fsencode(os.path.realpath(path)) + b"/"
    best, kind = b"", None
    for line in lines:
        # number, parent, device, root, mount point, options, any more, "-", type, source, options
        before, _, after = line.partition(b" - ")
        words = before.split(b" ")
        if len(words) < 5 or not after:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 0xFF]), words[4])
        point = point.rstrip(b"/") + b"/"
        if target.startswith(point) and len(point) >= len(best):  # a later mount hides one before
            best, kind = point, os.fsdecode(after.split(b" ")[0])
    return kind


def is_network(file_system: str | None) -> bool:
    """Return whether other machines write a file system too, by the kernel's name of it."""
    return (file_system or "").removeprefix("fuse.") in _NETWORK_FILE_SYSTEMS.split()


def group_arguments() -> dict[str, Any]:
    """Return arguments of `subprocess.Popen` for a process in a group of its own.

    Signals that a terminal or somebody sends to the group of this process do not reach it.
    """
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"process_group": 0}


def become_expendable() -> None:
    """Let this process be the first to go: with its parent, and when memory runs out (Linux only).

    It is killed when the thread that started it ends, whatever this process hangs in.
    """
    if sys.platform != "linux":
        return
    # The system's C library has no wrapper in Python for it; without it, pipes tell of the end.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_memory(size: int) -> None:
    """Limit the address space of this process, bytes, where the system can (not on Windows)."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError, ValueError):  # a stricter limit is there, or none can be
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
