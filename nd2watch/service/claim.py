"""What a service holds so that no other one does its work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ServiceRunning

if TYPE_CHECKING:
    from pathlib import Path

STATE_LOCK: Final = "service.lock"
OUTPUT_LOCK: Final = ".nd2watch.lock"


def claim(state_folder: Path, output_folder: Path) -> contextlib.ExitStack:
    """Hold the state folder, and the output folder if it is there, until the result is closed.

    However the process ends, the system lets go of both. An output folder whose file system has
    no locks, or that cannot be reached, is not held.

    Raises
    ------
    ServiceRunning
        If another process holds one of them; the message tells which.
    OSError
        If the state folder cannot be made or written.
    """
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(host.FileLock(state_folder / STATE_LOCK))
            _hold_output(held, output_folder)
        except BlockingIOError as error:
            raise ServiceRunning(
                f"another nd2watch is at work: {error.filename} is {error.strerror}; stop that one,"
                " or give each configuration its own state and output folder"
            ) from error
        return held.pop_all()


def _hold_output(held: contextlib.ExitStack, folder: Path) -> None:
    """Hold an output folder that is there and can be written, where its file system has locks."""
    try:
        if folder.is_dir():
            held.enter_context(host.FileLock(folder / OUTPUT_LOCK))
    except BlockingIOError:
        raise
    except OSError:  # conversions tell of what keeps them from writing
        return
