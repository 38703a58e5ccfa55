"""Where a running service is asked how it is, and told what to do."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from nd2watch import host
from nd2watch.errors import Nd2WatchError, ServiceError
from nd2watch.service.protocol import VERSION, Address, decode, encode, receive_line
from nd2watch.service.report import LimitedLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock

    Answer = Callable[[Mapping[str, Any]], Any]

SOCKET: Final = "control.sock"

_MOST_CLIENTS: Final = 16
_CLIENT_S: Final = 5.0
"""A client that takes longer to send its request, or to take its answer, is given up, s."""

_FULL_S: Final = 1.0
"""Pause when the system has no more files to open."""

_JOIN_S: Final = 5.0
_OWNER_MODE: Final = 0o600
_GROUP_MODE: Final = 0o660


class Control:
    """Listens for requests, and has each answered on a thread of its own; a context manager.

    It listens at a Unix socket for the service's own user, root, and, where the socket's folder
    is open to its group but to nobody else, the group. Where that cannot be, it listens at a port
    of the loopback interface. Either way, those may ask who can read a token in the state folder.

    Parameters
    ----------
    state_folder : Path
        Folder for the file that tells its address.
    socket_folder : Path
        Folder for the socket.
    config : Path
        The configuration that the service works by, so that commands find it.
    answer : callable
        Gets a request and returns what becomes the result, or raises `Nd2WatchError`. It is
        called on several threads.
    clock : Clock
        Measures how often one thing is logged.
    log : bound logger
        Gets what a person may want to know.

    Raises
    ------
    OSError
        If it cannot listen.
    """

    def __init__(
        self,
        state_folder: Path,
        socket_folder: Path,
        config: Path,
        answer: Answer,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._answer = answer
        self._log = log
        self._limited = LimitedLog(log, clock)
        self._group = host.trusted_group(socket_folder)
        self._token = secrets.token_hex(32)
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._waker, self._wakes = socket.socketpair()
        self._path: Path | None = socket_folder / SOCKET
        try:
            mode = _OWNER_MODE if self._group is None else _GROUP_MODE
            self._listener = self._listen(self._path, mode)
            self._listener.setblocking(False)
            self._address(config).write(state_folder, mode & 0o640)
        except BaseException:
            self._close_sockets()
            raise
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def _listen(self, path: Path, mode: int) -> socket.socket:
        """Listen at a Unix socket, or where there can be none at a port."""
        try:
            return host.listen_at(path, mode)
        except FileExistsError:
            raise
        except OSError:
            self._path = None
            return host.listen_on_loopback()

    def _address(self, config: Path) -> Address:
        """Return how this service is reached."""
        path = None if self._path is None else str(self._path)
        port = self._listener.getsockname()[1] if path is None else None
        return Address(config=str(config.resolve()), path=path, port=port, token=self._token)

    def close(self) -> None:
        """Listen no more; requests that are being answered have some seconds."""
        self._waker.send(b"\0")
        self._thread.join()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        with self._lock:
            clients = dict(self._clients)
        for channel in clients:
            with contextlib.suppress(OSError):  # it may have gone by itself
                channel.shutdown(socket.SHUT_RD)
        for thread in clients.values():
            thread.join(_JOIN_S)
        self._close_sockets()

    def _close_sockets(self) -> None:
        """Close what it listens with."""
        self._waker.close()
        self._wakes.close()
        if hasattr(self, "_listener"):
            self._listener.close()

    def _accept(self) -> None:
        """Take clients until the end."""
        with selectors.DefaultSelector() as waiting, selectors.DefaultSelector() as ending:
            waiting.register(self._listener, selectors.EVENT_READ)
            waiting.register(self._wakes, selectors.EVENT_READ)
            ending.register(self._wakes, selectors.EVENT_READ)
            while all(key.fileobj is self._listener for key, _ in waiting.select()):
                try:
                    channel, _ = self._listener.accept()
                except (BlockingIOError, ConnectionError):  # it has gone already
                    continue
                except OSError as error:
                    self._limited.tell("control", "warning", "control_blocked", reason=str(error))
                    if ending.select(_FULL_S):
                        return
                else:
                    self._admit(channel)
                self._limited.flush()

    def _admit(self, channel: socket.socket) -> None:
        """Begin to serve a client, if it may ask and there is room for it."""
        try:
            channel.settimeout(_CLIENT_S)
            peer = host.peer_of(channel)
            if peer is not None and not self._may_ask(peer):
                user = peer.user
                self._limited.tell("control", "warning", "control_refused", user=user)
                channel.close()
                return
            with self._lock:
                has_room = len(self._clients) < _MOST_CLIENTS
                if has_room:
                    thread = threading.Thread(
                        target=self._serve, args=(channel,), name="control client", daemon=True
                    )
                    self._clients[channel] = thread
                    thread.start()
            if not has_room:
                with channel:
                    channel.setblocking(False)
                    channel.send(encode(_refusal("too many ask at one time; try again")))
        except (OSError, RuntimeError):  # it has gone, or the system has no more threads
            with self._lock:
                self._clients.pop(channel, None)
            channel.close()

    def _may_ask(self, peer: host.Peer) -> bool:
        """Return whether the service listens to somebody."""
        if peer.is_trusted:
            return True
        # Where its groups are not known, the permissions of the socket have let it in.
        return self._group is not None and (peer.groups is None or self._group in peer.groups)

    def _serve(self, channel: socket.socket) -> None:
        """Answer one client."""
        try:
            with channel, contextlib.suppress(OSError):  # it has gone, or is too slow
                reply = self._reply(channel)
                channel.settimeout(_CLIENT_S)
                channel.sendall(reply)
                channel.shutdown(socket.SHUT_WR)
        finally:
            with self._lock:
                self._clients.pop(channel, None)

    def _reply(self, channel: socket.socket) -> bytes:
        """Return the answer to the request that comes."""
        try:
            request = decode(receive_line(channel, _CLIENT_S))
            token = str(request.get("token", "")).encode(errors="replace")
            if not hmac.compare_digest(token, self._token.encode()):
                raise ServiceError("the token is not that of this service")
            return self._answered(request)
        except Nd2WatchError as error:
            return encode(_refusal(str(error)))

    def _answered(self, request: Mapping[str, Any]) -> bytes:
        """Return the answer to a request, also where nobody foresaw what goes wrong."""
        try:
            return encode({"version": VERSION, "result": self._answer(request)})
        except Nd2WatchError:
            raise
        except Exception as error:
            self._log.exception("control_failed")
            raise ServiceError("the service failed to answer; its log tells why") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refusal(reason: str) -> dict[str, Any]:
    """Return the answer that refuses a request."""
    return {"version": VERSION, "refused": reason[:10_000]}
