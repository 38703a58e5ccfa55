"""What a service and the commands that ask it say to each other.

A connection carries one request and its answer, each a line of JSON. A request has the version of
the protocol, the token that the service has left for those who may ask, its kind, and what that
needs. An answer has a result, or the reason for a refusal.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import ServiceError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = 1
LONGEST_LINE: Final = 1 << 20
"""Bytes of the longest request or answer."""

ADDRESS_FILE: Final = "control.json"
"""File in the state folder that tells how a service is reached."""

_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How a service is reached.

    Attributes
    ----------
    config : str
        Its configuration file.
    path : str, optional
        The Unix socket that it listens at.
    port : int, optional
        Else the port of the loopback interface.
    token : str
        Those may ask who know it.
    """

    config: str
    path: str | None = None
    port: int | None = None
    token: str = ""

    @classmethod
    def of_folder(cls, state_folder: Path) -> Address | None:
        """Return the address of the service of a state folder, None if it never had one.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        try:
            told = json.loads((state_folder / ADDRESS_FILE).read_bytes())
            address = cls(**told)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # written by a newer program, or cut off by a crash
            return None
        return address if address._is_sound else None

    def write(self, state_folder: Path, mode: int) -> None:
        """Tell the address to whom the permissions `mode` let read it."""
        unfinished = state_folder / f".{ADDRESS_FILE}.tmp"
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(json.dumps(asdict(self)), encoding="ascii")
        unfinished.chmod(mode)
        unfinished.replace(state_folder / ADDRESS_FILE)

    @property
    def _is_sound(self) -> bool:
        """Whether its values are of their types."""
        texts = isinstance(self.config, str) and isinstance(self.token, str)
        by_path = isinstance(self.path, str) and self.port is None
        by_port = type(self.port) is int and 0 < self.port < 65536 and self.path is None
        return texts and (by_path or by_port)


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as a line.

    Raises
    ------
    ServiceError
        If it is too long.
    """
    line = json.dumps(message, allow_nan=False).encode("ascii") + b"\n"
    if len(line) > LONGEST_LINE:
        raise ServiceError(f"a message of {len(line)} bytes is too long")
    return line


def decode(line: bytes) -> dict[str, Any]:
    """Return the message of a line.

    Raises
    ------
    ServiceError
        If it is no message of this version.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ServiceError(f"what came is no message: {error}") from error
    if not isinstance(message, dict):
        raise ServiceError("what came is no message")
    if message.get("version") != VERSION:
        raise ServiceError(
            f"the other side speaks version {message.get('version')!r:.20} of the protocol, not"
            f" {VERSION}; use the command of the installation that the service runs from"
        )
    return message


def receive_line(channel: socket.socket, seconds: float) -> bytes:
    """Return the line that comes.

    Raises
    ------
    ServiceError
        If it is too long.
    OSError
        If it is not there in time, or its sender has gone.
    """
    deadline = time.monotonic() + seconds
    line = bytearray()
    while not line.endswith(b"\n"):
        if len(line) >= LONGEST_LINE:
            raise ServiceError(f"a message of more than {LONGEST_LINE} bytes is too long")
        left = deadline - time.monotonic()
        if left <= 0:  # it comes in drops
            raise TimeoutError("the other side is too slow")
        channel.settimeout(left)
        piece = channel.recv(_PIECE)
        if not piece:
            raise ConnectionResetError("the other side has gone")
        line += piece
    return bytes(line)
