"""Waiting for conditions, with a deadline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DEADLINE_S = 60.0
LAUNCH = (sys.executable, "-m", "nd2watch", "run")


class ServiceProcess:
    """A real service in a process of its own, and the log events that it has written.

    Use it as a context manager: leaving the block ends the process.

    Parameters
    ----------
    config : Path
        Its configuration.
    *arguments : str
        Further arguments.
    launch : sequence of str
        What starts it with these arguments.
    """

    def __init__(self, config: Path, *arguments: str, launch: Sequence[str] = LAUNCH) -> None:
        command = [*launch, "--config", str(config), *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOTIFY_")}
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, errors="replace", env=environment
        )
        self.events: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="log reader")
        self._reader.start()

    def _read(self) -> None:
        """Collect log events until the process ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.events.append(_event_of(line))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(
        self, event: str, where: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Return the first log event of this name that meets a condition, or fail."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.named(event) if where(e)), None)

        with self._news:
            met = self._news.wait_for(
                lambda: found() is not None or self.process.poll() is not None, DEADLINE_S
            )
            result = found()
        assert met, f"no {event} within {DEADLINE_S} s: {self.events}"
        assert result is not None, f"no {event}: {self.events}"
        return result

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return all log events of this name so far."""
        return [e for e in self.events if e.get("event") == event]

    def terminate(self) -> int:
        """End the process as a service manager does, and return its exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until the process has ended, and return its exit status."""
        status = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return status

    def __enter__(self) -> ServiceProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def _event_of(line: str) -> dict[str, Any]:
    """Return a log event; a line that is none, or was cut off by a kill, is its only field."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"event": line}


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when a condition holds; fail when it does not in time."""
    for _ in _ticks():
        if condition():
            return
    raise AssertionError(f"not within {DEADLINE_S} s: {what}")


def _ticks() -> Iterator[None]:
    """Yield now and then until the deadline."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        yield
        pause.wait(0.02)
