"""Who may ask the service, and that nobody can hold it up by asking."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch import host
from nd2watch.clock import SystemClock
from nd2watch.errors import JournalError, ServiceError, ServiceUnreachable
from nd2watch.service import control, protocol
from nd2watch.service.control import SOCKET, Control
from nd2watch.service.control_client import ask
from nd2watch.service.protocol import ADDRESS_FILE, VERSION, Address
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 20.0


def answer(request: Mapping[str, Any]) -> Any:
    """Answer like a service that fails in each of the ways in which one can."""
    kind = request["request"]
    if kind == "refuse":
        raise ServiceError("not now")
    if kind == "journal":
        raise JournalError("no journal")
    if kind == "fail":
        raise RuntimeError("nobody foresaw this")
    if kind == "break":
        raise OSError(errno.EIO, "a disk")
    if kind == "long":
        return "x" * protocol.LONGEST_LINE
    return {"kind": kind, "name": request.get("name")}


def no_unix_sockets(path: Path, mode: int) -> socket.socket:
    """Do what `host.listen_at` does on Windows."""
    raise OSError(errno.EAFNOSUPPORT, "the system has no Unix sockets", str(path))


class Served:
    """A control in a folder, with its log."""

    def __init__(self, folder: Path, answers: Any = answer) -> None:
        self.folder = folder
        self.capture = LogCapture()
        self.log = structlog.wrap_logger(None, [self.capture])
        self._answers = answers

    def open(self) -> Control:
        """Begin to listen."""
        config = self.folder / "config.toml"
        return Control(self.folder, self.folder, config, self._answers, SystemClock(), self.log)

    def connected(self) -> socket.socket:
        """Return a raw connection."""
        address = Address.of_folder(self.folder)
        assert address is not None
        if address.path is not None:
            return host.connect_to(Path(address.path), SECONDS)
        assert address.port is not None
        return host.connect_to_loopback(address.port, SECONDS)

    def said(self, data: bytes) -> bytes:
        """Return what comes back for data that a client sends."""
        with self.connected() as channel:
            channel.sendall(data)
            return b"".join(iter(lambda: channel.recv(65536), b""))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(params=["socket", "loopback"])
def served(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Yield a control that listens in each of the two ways."""
    if request.param == "loopback":
        monkeypatch.setattr(host, "listen_at", no_unix_sockets)
    elif sys.platform == "win32":
        pytest.skip("Windows has no Unix sockets")
    served = Served(folder)
    with served.open():
        yield served


def works(served: Served) -> bool:
    """Return whether an ordinary request is answered."""
    return bool(ask(served.folder, "ping", name="x") == {"kind": "ping", "name": "x"})


def test_requests_are_answered(served: Served) -> None:
    for number in range(50):
        assert ask(served.folder, "ping", name=f"\udcff{number}")["name"] == f"\udcff{number}"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("refuse", "not now"), ("journal", "no journal"), ("fail", "its log tells why"),
     ("break", "its log tells why"), ("long", "too long")],
)  # fmt: skip
def test_a_refusal_tells_the_reason(served: Served, kind: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason) as raised:
        ask(served.folder, kind)
    assert not isinstance(raised.value, ServiceUnreachable)
    assert works(served)
    failed = [e["event"] for e in served.capture.entries]
    assert failed == ["control_failed"] * (kind in ("fail", "break"))


@pytest.mark.parametrize(
    "data",
    [b"\n", b"hello\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 5000 + b"\n",
     b"[" * 50_000 + b"\n", b'{"version": 99, "request": "ping"}\n', b"{}\n", b"7\n"],
)  # fmt: skip
def test_garbage_is_refused(served: Served, data: bytes) -> None:
    assert b'"refused"' in served.said(data)
    assert works(served)


def test_a_line_without_end_is_refused_in_bounded_memory(served: Served) -> None:
    with served.connected() as channel, pytest.raises(OSError, match=r"pipe|reset|abort"):
        channel.sendall(b"x" * (10 << 20))
    assert works(served)


def test_clients_that_say_nothing_are_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENT_S", 0.1)
    with served.connected() as silent, served.connected() as half:
        half.sendall(b'{"version"')
        assert works(served)
        assert silent.recv(100) == b""
        assert half.recv(100) == b""


def test_clients_that_take_no_answer_are_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENT_S", 0.2)
    served = Served(folder, lambda request: "x" * (protocol.LONGEST_LINE - 1000))
    with served.open() as opened, served.connected() as deaf:
        deaf.sendall(protocol.encode({"version": VERSION, "request": "x", "token": token(served)}))
        until(lambda: len(opened._clients) == 1, "its thread")
        until(lambda: not opened._clients, "its end")
        assert len(ask(folder, "x")) > 1_000_000


def token(served: Served) -> str:
    """Return the token that the control wants."""
    return str(json.loads((served.folder / ADDRESS_FILE).read_text(encoding="ascii"))["token"])


def test_many_clients_are_refused_without_harm(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENT_S", 60.0)
    before = threading.active_count()
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connected()) for _ in range(60)]
        refused = 0
        for client in clients[control._MOST_CLIENTS :]:
            with client:
                refused += b"too many ask at one time" in client.recv(1000)
        assert refused == len(clients) - control._MOST_CLIENTS
        assert threading.active_count() - before == control._MOST_CLIENTS
        with pytest.raises(ServiceError, match="too many ask at one time; try again"):
            ask(served.folder, "ping")
    until(lambda: threading.active_count() == before, "the end of their threads")
    assert works(served)


def test_clients_that_go_at_once_do_no_harm(served: Served) -> None:
    for _ in range(100):
        with suppress(BlockingIOError):  # so many wait there
            served.connected().close()

    def is_free() -> bool:
        with suppress(ServiceError):  # it has not come to the end of them yet
            return works(served)
        return False

    until(is_free, "an answer")


def test_a_slow_client_does_not_delay_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENT_S", 60.0)
    served = Served(folder)
    with ExitStack() as clients:
        with served.open() as opened:
            clients.enter_context(served.connected())
            until(lambda: len(opened._clients) == 1, "its thread")
        assert not opened._clients
    with pytest.raises(ServiceUnreachable, match="does not run"):
        ask(folder, "ping")


@pytest.mark.parametrize("wrong", ["", "0" * 64, "\udcff", 7, None, ["x"]])
def test_who_does_not_know_the_token_may_not_ask(served: Served, wrong: object) -> None:
    message = {"version": VERSION, "request": "ping", "token": wrong}
    assert b"the token is not that of this service" in served.said(protocol.encode(message))
    assert works(served)


def test_the_token_is_another_one_each_time(folder: Path) -> None:
    tokens = set()
    for _ in range(3):
        served = Served(folder)
        with served.open():
            tokens.add(token(served))
    assert [len(each) for each in tokens] == [64, 64, 64]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize(
    ("of_folder", "of_socket", "of_address"),
    [(0o700, 0o600, 0o600), (0o750, 0o660, 0o640), (0o770, 0o660, 0o640), (0o755, 0o600, 0o600),
     (0o711, 0o600, 0o600), (0o740, 0o600, 0o600)],
)  # fmt: skip
def test_the_group_may_ask_where_the_folder_is_open_to_it_alone(
    folder: Path, of_folder: int, of_socket: int, of_address: int
) -> None:
    folder.chmod(of_folder)
    with Served(folder).open():
        assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == of_socket
        assert stat.S_IMODE((folder / ADDRESS_FILE).stat().st_mode) == of_address
    assert not (folder / SOCKET).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody tells on Windows who asks")
@pytest.mark.parametrize(
    ("of_folder", "user", "in_group", "may_ask"),
    [(0o700, 4242, True, False), (0o750, 4242, True, True), (0o750, 4242, False, False),
     (0o700, 4242, None, False), (0o750, 4242, None, True), (0o700, 0, False, True),
     (0o700, None, False, True)],
)  # fmt: skip
def test_the_system_is_asked_who_asks(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_folder: int,
    user: int | None,
    in_group: bool | None,
    may_ask: bool,
) -> None:
    folder.chmod(of_folder)
    group = folder.stat().st_gid if in_group else folder.stat().st_gid + 1
    groups = None if in_group is None else frozenset({group})
    peer = host.Peer(user=os.geteuid() if user is None else user, groups=groups)
    monkeypatch.setattr(host, "peer_of", lambda _: peer)
    served = Served(folder)
    with served.open():
        if may_ask:
            assert works(served)
            return
        with pytest.raises(ServiceUnreachable):
            ask(folder, "ping")
    assert [e["event"] for e in served.capture.entries] == ["control_refused"]
    assert served.capture.entries[0]["user"] == user


def test_files_that_run_out_are_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted(socket.socket):
        """A listener that the system gives no more files for a while."""

        failures = 3

        def accept(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    def loopback(real: Any = host.listen_on_loopback) -> socket.socket:
        listener = real()
        return Exhausted(fileno=listener.detach())

    monkeypatch.setattr(host, "listen_at", no_unix_sockets)
    monkeypatch.setattr(host, "listen_on_loopback", loopback)
    monkeypatch.setattr(control, "_FULL_S", 0.01)
    served = Served(folder)
    with served.open():
        assert works(served)
    assert [e["event"] for e in served.capture.entries] == ["control_blocked"] * 3


def test_it_ends_also_while_files_have_run_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(self: socket.socket) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(control, "_FULL_S", 60.0)
    served = Served(folder)
    with served.open() as opened:
        monkeypatch.setattr(socket.socket, "accept", accept)
        client = served.connected()
        until(lambda: bool(served.capture.entries), "the message")
    client.close()
    assert not opened._thread.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let them wait")
def test_more_than_may_wait_are_told_to_try_again(folder: Path) -> None:
    with host.listen_at(folder / SOCKET, 0o600) as listener, ExitStack() as stack:
        Address(config="c", path=str(folder / SOCKET)).write(folder, 0o600)
        with suppress(BlockingIOError):
            for _ in range(1000):
                stack.enter_context(host.connect_to(folder / SOCKET, SECONDS))
        with pytest.raises(ServiceError, match="try again") as raised:
            ask(folder, "ping")
        assert not isinstance(raised.value, ServiceUnreachable)
        assert listener.fileno() > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")
def test_what_is_in_the_way_is_not_touched(folder: Path) -> None:
    (folder / SOCKET).write_text("precious", encoding="ascii")
    with pytest.raises(FileExistsError, match="no socket of this user"):
        Served(folder).open()
    assert (folder / SOCKET).read_text(encoding="ascii") == "precious"
    assert not (folder / ADDRESS_FILE).exists()


@pytest.mark.parametrize("platform", [sys.platform, "darwin"])
def test_the_state_folder_may_lie_deep(
    folder: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    deep = folder / ("a" * 120) / ("b" * 120)
    deep.mkdir(parents=True)
    served = Served(deep)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        with served.open():
            assert works(served)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")
def test_a_service_that_listens_is_not_displaced(folder: Path) -> None:
    served = Served(folder)
    with served.open():
        with pytest.raises(FileExistsError, match="another program listens there"):
            Served(folder).open()
        assert works(served)


class TestClient:
    """What a command says of a service that does not answer."""

    def test_there_was_never_one(self, folder: Path) -> None:
        with pytest.raises(ServiceUnreachable, match="has never used"):
            ask(folder, "ping")

    def test_its_address_may_not_be_read(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refusing(self: Path) -> bytes:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", refusing)
        with pytest.raises(ServiceUnreachable, match="cannot be read"):
            ask(folder, "ping")

    def test_it_may_not_be_asked(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refusing(path: Path, timeout_s: float) -> socket.socket:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(host, "connect_to", refusing)
        Address(config="c", path=str(folder / SOCKET)).write(folder, 0o600)
        with pytest.raises(ServiceUnreachable, match="this user may not ask"):
            ask(folder, "ping")

    @pytest.mark.parametrize(
        ("said", "reason"),
        [(b"", "does not run"), (b"220 mail.example ESMTP\r\n", "no message"),
         (b'{"version": 2}\n', "version 2"), (None, "does not answer in time")],
    )  # fmt: skip
    def test_another_program_has_its_port(
        self, folder: Path, said: bytes | None, reason: str
    ) -> None:
        with host.listen_on_loopback() as stranger:
            Address(config="c", port=stranger.getsockname()[1]).write(folder, 0o600)

            def serve() -> None:
                channel, _ = stranger.accept()
                with channel:
                    channel.recv(1000)
                    channel.sendall(said or b"")
                    if said is None:
                        channel.recv(1000)  # until the client gives up

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(ServiceError, match=reason):
                ask(folder, "ping", seconds=0.2)
            thread.join()
