"""What a service holds so that no other one does its work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ServiceRunning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATE_LOCK: Final = "service.lock"
OUTPUT_LOCK: Final = ".nd2watch.lock"


class Claim:
    """Holds the state folder, and the output folder if it is there, until it is closed.

    However the process ends, the system lets go of both. An output folder whose file system has
    no locks, or that cannot be reached, is not held.

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
        self._output = contextlib.ExitStack()
        with contextlib.ExitStack() as held, _told():
            held.enter_context(host.FileLock(state_folder / STATE_LOCK))
            self._output = _hold_output(output_folder)
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
        with _told():
            output = _hold_output(output_folder)
        self._output.close()
        self._output_folder, self._output = output_folder, output

    def close(self) -> None:
        """Let go of both."""
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


def _hold_output(folder: Path) -> contextlib.ExitStack:
    """Hold an output folder that is there and can be written, where its file system has locks."""
    with contextlib.ExitStack() as held:
        try:
            if folder.is_dir():
                held.enter_context(host.FileLock(folder / OUTPUT_LOCK))
        except BlockingIOError:
            raise
        except OSError:  # conversions tell of what keeps them from writing
            pass
        return held.pop_all()
