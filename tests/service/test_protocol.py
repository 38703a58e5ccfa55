"""Messages between the service and its commands, and where it is reached."""

from __future__ import annotations

import json
import socket
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from nd2watch.errors import ServiceError
from nd2watch.service import protocol
from nd2watch.service.protocol import ADDRESS_FILE, VERSION, Address, decode, encode, receive_line

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS: dict[str, Any] = {"config": "/etc/c.toml", "path": "/run/s", "port": None, "token": ""}


def test_a_message_is_one_line_of_ascii_whatever_is_in_it() -> None:
    message = {"version": VERSION, "path": "a\nb\udcff\N{MICRO SIGN}\x00"}
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"GET / HTTP/1.1\r\n", b"\xff\xfe\n", b"[]\n", b"null\n", b'"text"\n', b"{}\n",
     b'{"version": 2}\n', b'{"version": "1"}\n', b"[" * 100_000 + b"\n", b"9" * 100_000 + b"\n"],
)  # fmt: skip
def test_what_is_no_message_of_this_version_is_refused(line: bytes) -> None:
    with pytest.raises(ServiceError):
        decode(line)


def test_messages_are_of_bounded_length() -> None:
    with pytest.raises(ServiceError, match="too long"):
        encode({"text": "x" * protocol.LONGEST_LINE})


def test_a_line_may_come_in_pieces() -> None:
    one, other = socket.socketpair()

    def send() -> None:
        for piece in (b"a", b"bc", b"d\n"):
            other.sendall(piece)

    with one, other:
        thread = threading.Thread(target=send)
        thread.start()
        assert receive_line(one, 10.0) == b"abcd\n"
        thread.join()


@pytest.mark.parametrize("closes", [True, False])
def test_half_a_line_is_not_waited_for_longer_than_allowed(closes: bool) -> None:
    one, other = socket.socketpair()
    with one, other:
        other.sendall(b"half")
        if closes:
            other.close()
        with pytest.raises(ConnectionResetError if closes else TimeoutError):
            receive_line(one, 0.05)


def test_a_line_that_comes_in_drops_is_given_up() -> None:
    one, other = socket.socketpair()
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.005):
            other.sendall(b"x")

    with one, other:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(TimeoutError):
            receive_line(one, 0.1)
        ended.set()
        thread.join()


def test_an_address_is_told_to_the_owner_alone_unless_the_group_may_know(tmp_path: Path) -> None:
    for mode in (0o600, 0o640, 0o600):
        Address(**ADDRESS).write(tmp_path, mode)
        assert Address.of_folder(tmp_path) == Address(**ADDRESS)
        if sys.platform != "win32":
            assert stat.S_IMODE((tmp_path / ADDRESS_FILE).stat().st_mode) == mode
    assert [path.name for path in tmp_path.iterdir()] == [ADDRESS_FILE]


def test_there_is_no_address_where_no_service_was(tmp_path: Path) -> None:
    assert Address.of_folder(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "null", "{}", "\x00" * 50]
    + [
        json.dumps({**ADDRESS, **wrong})
        for wrong in (
            {"config": 7}, {"path": None}, {"path": 7}, {"port": 80}, {"token": None},
            {"path": None, "port": 0}, {"path": None, "port": "80"}, {"path": None, "port": True},
            {"path": None, "port": 1 << 70}, {"further": 1},
        )
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ADDRESS_FILE).write_text(text, encoding="utf-8")
    assert Address.of_folder(tmp_path) is None
