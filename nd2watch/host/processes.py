"""Signals, and what becomes of processes that others started."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PR_SET_PDEATHSIG: Final = 1  # of linux/prctl.h


@contextlib.contextmanager
def exit_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command like an error does, so that nothing unfinished is left.

    A SIGHUP that is ignored, as by nohup, stays ignored.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def on_stop_signal(stop: Callable[[str], None]) -> None:
    """Call `stop` with the signal's name on SIGINT or SIGTERM (on Windows also Ctrl-Break)."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda received, _: stop(signal.Signals(received).name))


def on_reload_signal(reload: Callable[[], None]) -> None:
    """Call `reload` on SIGHUP, where the system has it."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: reload())


def group_arguments() -> dict[str, Any]:
    """Return arguments of `subprocess.Popen` for a process in a group of its own.

    Signals that a terminal or somebody sends to the group of this process do not reach it.
    """
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"process_group": 0}


def become_expendable() -> None:
    """Let this process be the first to go: with its parent, and when memory runs out (Linux only).

    It is killed when the thread that started it ends, whatever this process hangs in.
    """
    if sys.platform != "linux":
        return
    # The system's C library has no wrapper in Python for it; without it, pipes tell of the end.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def waits_for_disk(process: int) -> bool:
    """Return whether a process hangs in a call to a disk or share, as far as the system tells."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] == ["D"]
