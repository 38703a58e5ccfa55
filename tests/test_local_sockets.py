"""Sockets of the machine, each system played by what it has and has not."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nd2watch import host

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows is played on a system that has Unix sockets"
)

SECONDS = 10.0


def talk(listener: socket.socket, client: socket.socket) -> bytes:
    """Return what a client that has connected gets to hear."""
    server, _ = listener.accept()
    with server, client:
        server.sendall(b"hello")
        return client.recv(100)


def both(path: Path) -> list[Callable[[], socket.socket]]:
    """Return what listens at a path and what connects to it."""
    return [lambda: host.listen_at(path, 0o600), lambda: host.connect_to(path, SECONDS)]


def open_files() -> int:
    """Return how many files this process has open (Linux only)."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_those_may_connect_who_may_write_the_socket(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "socket"
    with host.listen_at(path, mode) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert talk(listener, host.connect_to(path, SECONDS)) == b"hello"


def test_a_socket_that_nobody_listens_at_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    host.listen_at(path, 0o600).close()
    with pytest.raises(ConnectionRefusedError):
        host.connect_to(path, SECONDS)
    with host.listen_at(path, 0o600) as listener:
        assert talk(listener, host.connect_to(path, SECONDS)) == b"hello"


def test_a_socket_that_another_program_listens_at_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with host.listen_at(path, 0o600) as listener:
        with pytest.raises(FileExistsError, match="another program listens there"):
            host.listen_at(path, 0o600)
        listener.accept()[0].close()  # the look of the other one
        assert talk(listener, host.connect_to(path, SECONDS)) == b"hello"


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("precious", encoding="ascii")
    host.listen_at(tmp_path / "stale", 0o600).close()
    link.symlink_to(tmp_path / "stale")
    for each in (path, link, tmp_path):
        with pytest.raises(FileExistsError, match="no socket of this user"):
            host.listen_at(each, 0o600)
    assert path.read_text(encoding="ascii") == "precious"
    assert link.is_symlink()


def test_a_socket_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "socket"
    host.listen_at(path, 0o600).close()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(FileExistsError, match="no socket of this user"):
        host.listen_at(path, 0o600)
    assert path.is_socket()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no long names")
def test_names_may_be_longer_than_the_system_takes(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    path = folder / "socket"
    before = open_files()
    for _ in range(2):
        with host.listen_at(path, 0o600) as listener:
            assert talk(listener, host.connect_to(path, SECONDS)) == b"hello"
    assert open_files() == before


def test_where_long_names_cannot_be_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    path = tmp_path / ("a" * 100) / "socket"
    path.parent.mkdir()
    for act in both(path):
        with pytest.raises(OSError, match="too long") as raised:
            act()
        assert raised.value.errno == errno.ENAMETOOLONG
    assert list(path.parent.iterdir()) == []


def test_a_system_without_unix_sockets_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    path = tmp_path / "socket"
    for act in both(path):
        with pytest.raises(OSError, match="no Unix sockets"):
            act()


def test_nothing_is_left_open_when_the_address_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        host.listen_at(tmp_path / "nowhere" / "socket", 0o600)
    with pytest.raises(FileNotFoundError):
        host.connect_to(tmp_path / "socket", SECONDS)


def test_the_loopback_interface_serves_where_there_are_no_unix_sockets() -> None:
    with host.listen_on_loopback() as listener:
        address, port = listener.getsockname()
        assert address == "127.0.0.1"
        assert talk(listener, host.connect_to_loopback(port, SECONDS)) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        host.connect_to_loopback(port, SECONDS)


def test_no_other_program_can_share_the_port_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    # An option that this system has stands for the one of Windows.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with host.listen_on_loopback() as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asked of Linux alone")
def test_the_system_tells_who_is_at_the_other_end(tmp_path: Path) -> None:
    with (
        host.listen_at(tmp_path / "socket", 0o600) as listener,
        host.connect_to(tmp_path / "socket", SECONDS),
    ):
        server, _ = listener.accept()
        with server:
            peer = host.peer_of(server)
    assert peer == host.Peer(user=os.geteuid(), groups=frozenset({os.getegid(), *os.getgroups()}))


class Accepted(socket.socket):
    """A socket of a Linux that tells groups, or of one that does not."""

    groups: tuple[int, ...] | None

    def getsockopt(self, level: int, name: int, size: int = 0) -> Any:
        if name == socket.SO_PEERCRED:
            return struct.pack("iII", 77, 4242, 100)
        if self.groups is None:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        return struct.pack(f"{len(self.groups)}I", *self.groups)


@pytest.mark.skipif(sys.platform != "linux", reason="asked of Linux alone")
@pytest.mark.parametrize(
    ("told", "groups"),
    [((), {100}), ((100,), {100}), ((7, 4_000_000_000), {7, 100, 4_000_000_000}), (None, None)],
)
def test_all_groups_are_told_or_none(told: tuple[int, ...] | None, groups: set[int] | None) -> None:
    with Accepted(socket.AF_UNIX) as channel:
        channel.groups = told
        expected = None if groups is None else frozenset(groups)
        assert host.peer_of(channel) == host.Peer(user=4242, groups=expected)


def test_nothing_is_known_of_peers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = socket.socketpair()
    with one, other, monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        assert host.peer_of(one) is None
    with host.listen_on_loopback() as listener:
        assert host.peer_of(listener) is None


def test_a_group_is_trusted_where_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path.stat().st_gid
    for mode, trusted in ((0o750, group), (0o770, group), (0o700, None), (0o755, None)):
        tmp_path.chmod(mode)
        assert host.trusted_group(tmp_path) == trusted
    tmp_path.chmod(0o750)
    monkeypatch.setattr(sys, "platform", "win32")
    assert host.trusted_group(tmp_path) is None
