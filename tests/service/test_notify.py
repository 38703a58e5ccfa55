"""What the service tells systemd, over real sockets and from a real process."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nd2watch.service.notify import Notifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)

_ROOT = Path(__file__).parent.parent.parent
_DEADLINE_S = 30.0
_CONFIG = """
[output]
folder = "nd2"
[[watch]]
name = "a"
folder = "incoming"
pattern = "img_t{t}.tif"
[watch.axes]
t = 2
"""


class Manager:
    """The receiving end, as the service manager has it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def close(self) -> None:
        self._socket.close()

    def receive(self, seconds: float = 1.0) -> dict[str, str]:
        """Return the next message as its assignments."""
        self._socket.settimeout(seconds)
        lines = self._socket.recv(65536).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def wait_for(self, key: str, value: str | None = None) -> dict[str, str]:
        """Return the first message with a key, and this value if one is given."""
        end = time.monotonic() + _DEADLINE_S
        passed: list[dict[str, str]] = []
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.receive(left)
            except TimeoutError:
                break
            if key in message and value in (None, message[key]):
                return message
            passed.append(message)
        pytest.fail(f"no {key} within {_DEADLINE_S} s, only {passed}")

    def is_silent(self) -> bool:
        """Return whether nothing has come; a datagram is there as soon as it is sent."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def manager() -> Iterator[Manager]:
    # Unlike pytest's own folders, its path is short enough for a socket.
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(f"{folder}/notify")
        yield manager
        manager.close()


@pytest.mark.parametrize(
    ("tell", "message"),
    [
        (lambda n: n.ready("first scan"), {"READY": "1", "STATUS": "first scan"}),
        (lambda n: n.status("2 folders"), {"STATUS": "2 folders"}),
        (lambda n: n.stopping(), {"STOPPING": "1", "STATUS": "stopping"}),
        (lambda n: n.alive(), {"WATCHDOG": "1"}),
    ],
)
def test_each_state_is_one_datagram(
    tell: Callable[[Notifier], None], message: dict[str, str], manager: Manager
) -> None:
    tell(Notifier({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}))

    assert manager.receive() == message
    assert manager.is_silent()


def test_a_reload_carries_the_monotonic_time(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address})
    before = time.monotonic_ns() // 1000

    notifier.reloading()

    message = manager.receive()
    assert message.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert message["RELOADING"] == "1"
    assert before <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")
def test_an_address_with_an_at_sign_names_an_abstract_socket() -> None:
    manager = Manager(f"@nd2watch-{secrets.token_hex(8)}")
    try:
        Notifier({"NOTIFY_SOCKET": manager.address}).status("here")

        assert manager.receive() == {"STATUS": "here"}
    finally:
        manager.close()


def test_the_environment_of_the_process_counts_when_no_other_is_given(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    notifier = Notifier()
    notifier.alive()

    assert notifier.watchdog_s == 120
    assert manager.receive() == {"WATCHDOG": "1"}


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_service_manager_nothing_is_sent(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("nd2watch.host.send_datagram", lambda *message: sent.append(message))
    notifier = Notifier({"WATCHDOG_USEC": "1000000", **environment})

    notifier.ready("first scan")
    notifier.reloading()
    notifier.status("2 folders")
    notifier.alive()
    notifier.stopping()

    assert sent == []


def test_a_service_manager_that_has_gone_does_no_harm(manager: Manager, tmp_path: Path) -> None:
    manager.close()

    Notifier({"NOTIFY_SOCKET": manager.address}).ready("first scan")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "missing")}).ready("first scan")
    Notifier({"NOTIFY_SOCKET": "vsock:2:1234"}).ready("first scan")


def test_a_status_is_sent_only_when_it_changes(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address})

    for text in ("one", "one", "two", "two", "one"):
        notifier.status(text)

    assert [manager.receive()["STATUS"] for _ in range(3)] == ["one", "two", "one"]
    assert manager.is_silent()


def test_a_status_that_a_reload_hid_is_shown_again(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address})

    notifier.status("2 folders")
    notifier.ready("reloaded")
    notifier.status("2 folders")

    assert [manager.receive()["STATUS"] for _ in range(3)] == ["2 folders", "reloaded", "2 folders"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getppid())}, None),
    ],
)
def test_the_watchdog_counts_only_when_it_is_on_and_meant_for_this_process(
    environment: dict[str, str], seconds: float | None, manager: Manager
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address, **environment})

    notifier.alive()

    assert notifier.watchdog_s == seconds
    assert manager.is_silent() == (seconds is None)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_the_service_reports_its_life_from_start_over_reloads_to_stop(
    manager: Manager, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(_CONFIG, encoding="utf-8")
    (tmp_path / "incoming").mkdir()
    log = tmp_path / "log"
    environment = {k: v for k, v in os.environ.items() if k != "WATCHDOG_PID"}
    environment |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}

    def reload() -> None:
        before = time.monotonic_ns() // 1000
        service.send_signal(signal.SIGHUP)
        reloading = manager.wait_for("RELOADING", "1")
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        manager.wait_for("READY", "1")
        manager.wait_for("WATCHDOG", "1")

    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "nd2watch", "run", "--config", config],
            cwd=_ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as service,
    ):
        try:
            assert "STATUS" in manager.wait_for("READY", "1")
            assert manager.wait_for("STATUS")["STATUS"].startswith("1 folders watched;")
            for _ in range(3):
                manager.wait_for("WATCHDOG", "1")

            reload()
            config.write_text("[output\n", encoding="utf-8")
            reload()

            service.send_signal(signal.SIGTERM)
            manager.wait_for("STOPPING", "1")
            assert service.wait(_DEADLINE_S) == 0
        finally:
            service.kill()

    lines = log.read_text(encoding="utf-8")
    events = ["started", "reloaded", "reload_failed", "stopped"]
    assert [event for event in events if f'"event": "{event}"' in lines] == events
