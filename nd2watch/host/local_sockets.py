"""Sockets that only programs of the same machine can reach."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 64
_LONGEST_NAME: Final = 103
"""Bytes of the name of a Unix socket that every system takes; Linux alone takes 107."""

_SO_PEERGROUPS: Final = 59  # of asm-generic/socket.h, not in the module
_MOST_GROUPS: Final = 256  # in the 1024 bytes that the module takes at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end of a socket.

    Attributes
    ----------
    user : int
        Its user.
    groups : frozenset of int, optional
        All of its groups; None where the system does not tell them.
    """

    user: int
    groups: frozenset[int] | None

    @property
    def is_trusted(self) -> bool:
        """Whether it is the user of this process, or the administrator."""
        return self.user in (0, os.geteuid())


def listen_at(path: Path, mode: int) -> socket.socket:
    """Listen at a Unix socket, in place of one that nobody listens at any more.

    Parameters
    ----------
    path : Path
        Its name; its folder must be there, and be writable for this user alone.
    mode : int
        Its permissions: who may write it may connect.

    Raises
    ------
    FileExistsError
        If another program listens there, or what is there is no socket of this user.
    OSError
        If the system has no Unix sockets, or not with so long a name; `path` is unchanged then.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "the system has no Unix sockets", str(path))
    with _address(path) as address:
        _remove_stale(path, address)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.bind(address)
            path.chmod(mode)  # nobody can connect before the next line
            channel.listen(_BACKLOG)
        except BaseException:
            channel.close()
            raise
    return channel


def connect_to(path: Path, timeout_s: float) -> socket.socket:
    """Connect to a Unix socket.

    Parameters
    ----------
    path : Path
        Its name.
    timeout_s : float
        Longest time for this and for each later call, s.

    Raises
    ------
    OSError
        If nobody listens there, or this user may not connect.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "the system has no Unix sockets", str(path))
    with _address(path) as address:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.settimeout(timeout_s)
            channel.connect(address)
        except BaseException:
            channel.close()
            raise
    return channel


def listen_on_loopback() -> socket.socket:
    """Listen at a free port of the loopback interface, which all users of the machine can reach."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would let others share the port
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        channel.bind((_LOOPBACK, 0))
        channel.listen(_BACKLOG)
    except BaseException:
        channel.close()
        raise
    return channel


def connect_to_loopback(port: int, timeout_s: float) -> socket.socket:
    """Connect to a port of the loopback interface.

    Raises
    ------
    OSError
        If nobody listens there.
    """
    return socket.create_connection((_LOOPBACK, port), timeout_s)


def peer_of(channel: socket.socket) -> Peer | None:
    """Return who is at the other end of a Unix socket; None where the system does not tell."""
    if sys.platform != "linux" or channel.family != socket.AF_UNIX:
        return None
    credentials = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    _, user, group = struct.unpack("iII", credentials)
    try:
        others = channel.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
    except OSError:  # before Linux 4.13, or they are more
        return Peer(user=user, groups=None)
    return Peer(user=user, groups=frozenset({group, *memoryview(others).cast("I")}))


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a name of a socket that is short enough for the system."""
    if len(os.fsencode(path)) <= _LONGEST_NAME:
        yield str(path)
        return
    if sys.platform != "linux":
        raise OSError(errno.ENAMETOOLONG, "the name is too long for a socket", str(path))
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _remove_stale(path: Path, address: str) -> None:
    """Remove a socket that nobody listens at; refuse to touch anything else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
        raise FileExistsError(errno.EEXIST, "what is there is no socket of this user", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.setblocking(False)
        try:
            other.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # so many wait there already
            pass
    raise FileExistsError(errno.EEXIST, "another program listens there", str(path))
