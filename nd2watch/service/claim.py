"""What a service holds so that no other one does its work."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ServiceRunning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

STATE_LOCK: Final = "service.lock"
OUTPUT_LOCK: Final = ".nd2watch.lock"

_PATIENCE_S: Final = 10.0
"""How long the file system of an output folder is waited for."""


class Claim:
    """Holds the state folder, and the output folder if it is there, until it is closed.

    However the process ends, the system lets go of both. An output folder whose file system has
    no locks, or that does not answer, is not held.

    Parameters
    ----------
    state_folder, output_folder : Path
        The folders.

    Raises
    ------
    ServiceRunning
        If another process holds one of them; the message tells which.
    OSError
        If the state folder cannot be made or written.
    """

    def __init__(self, state_folder: Path, output_folder: Path) -> None:
        state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._output_folder = output_folder
        self._output: host.FileLock | None = None
        self._lock = threading.Lock()
        with contextlib.ExitStack() as held:
            with _told():
                held.enter_context(host.FileLock(state_folder / STATE_LOCK))
            self._output = _hold_in_time(output_folder)
            self._state = held.pop_all()

    def move(self, output_folder: Path) -> None:
        """Hold another output folder in place of the present one.

        Raises
        ------
        ServiceRunning
            If another process holds it; the present one is held on to.
        """
        if output_folder == self._output_folder:
            return
        output = _hold_in_time(output_folder)
        former, self._output_folder, self._output = self._output, output_folder, output
        if former is not None:
            former.close()

    def hold(self) -> None:
        """Hold the output folder, which is made if need be, unless it is held; for any thread.

        It may not have been there at the start, or another share may be in its place now.

        Raises
        ------
        ServiceRunning
            If another process holds it.
        TimeoutError
            If it does not answer another thread.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise TimeoutError(f"{self._output_folder} does not answer")
        try:
            self._hold_again()
        finally:
            self._lock.release()

    def _hold_again(self) -> None:
        """Hold the output folder unless it is held."""
        folder, held = self._output_folder, self._output
        if held is not None and held.path.parent == folder and held.is_in_place:
            return
        with contextlib.suppress(OSError):  # conversions tell of that
            host.make_folder(folder)
        output = _hold(folder)
        is_moved = self._output_folder != folder or self._output is not held
        if not is_moved:
            self._output = output
        surplus = output if is_moved else held
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Let go of both."""
        if self._output is not None:
            self._output.close()
        self._state.close()

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell which folder another process holds."""
    try:
        yield
    except BlockingIOError as error:
        raise ServiceRunning(
            f"another nd2watch is at work: {error.filename} is {error.strerror}; stop that one,"
            " or give each configuration its own state and output folder"
        ) from error


def _hold(folder: Path) -> host.FileLock | None:
    """Hold an output folder that is there and can be written, where its file system has locks.

    Raises
    ------
    ServiceRunning
        If another process holds it.
    """
    with _told():
        try:
            return host.FileLock(folder / OUTPUT_LOCK) if folder.is_dir() else None
        except BlockingIOError:
            raise
        except OSError:  # conversions tell of what keeps them from writing
            return None


def _hold_in_time(folder: Path) -> host.FileLock | None:
    """Hold an output folder as `_hold` does, unless it does not answer."""
    answer = host.ask(lambda: _hold(folder))
    try:
        return answer.result(_PATIENCE_S)
    except TimeoutError:
        answer.add_done_callback(_let_go)
        return None


def _let_go(answer: Future[host.FileLock | None]) -> None:
    """Let go of what nobody waits for any more."""
    if answer.exception() is None and (held := answer.result()) is not None:
        held.close()
