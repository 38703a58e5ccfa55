"""Asking a service that runs in another process."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch import host
from nd2watch.errors import ServiceError, ServiceUnreachable
from nd2watch.service.protocol import VERSION, Address, decode, encode, receive_line

if TYPE_CHECKING:
    import socket

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 30.0


def ask(state_folder: Path, request: str, *, seconds: float = _ANSWER_S, **fields: Any) -> Any:
    """Return what the service of a state folder answers.

    Parameters
    ----------
    state_folder : Path
        Where it keeps its journal.
    request : str
        Kind of the request, such as "status".
    seconds : float, default 30
        How long to wait for the answer, s.
    **fields
        What the request needs.

    Raises
    ------
    ServiceUnreachable
        If it does not run, or does not answer.
    ServiceError
        If it refuses the request.
    """
    address = _address_of(state_folder)
    message = {"version": VERSION, "token": address.token, "request": request, **fields}
    try:
        with _connected(address) as channel:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it tells why
                channel.sendall(encode(message))
            answer = decode(receive_line(channel, seconds))
    except TimeoutError as error:
        raise ServiceUnreachable(
            "the service does not answer in time; its process may hang"
        ) from error
    except BlockingIOError as error:
        raise ServiceError("too many ask the service at one time; try again") from error
    except PermissionError as error:
        raise ServiceUnreachable(
            "this user may not ask the service; use its own user, root, or its group where its"
            f" folders allow that ({error})"
        ) from error
    except OSError as error:
        raise ServiceUnreachable(f"the service does not run ({error})") from error
    if "refused" in answer:
        raise ServiceError(str(answer["refused"]))
    return answer.get("result")


def _address_of(state_folder: Path) -> Address:
    """Return where the service is reached."""
    try:
        address = Address.of_folder(state_folder)
    except OSError as error:
        raise ServiceUnreachable(f"how to reach the service cannot be read: {error}") from error
    if address is None:
        raise ServiceUnreachable(f"the service does not run: it has never used {state_folder}")
    return address


def _connected(address: Address) -> socket.socket:
    """Return a connection to a service."""
    if address.path is not None:
        return host.connect_to(Path(address.path), _CONNECT_S)
    if address.port is not None:
        return host.connect_to_loopback(address.port, _CONNECT_S)
    raise ServiceUnreachable("the service does not tell how to reach it")
