"""A real service that is started, killed, stopped and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.unprivileged import rights_taken
from tests.waiting import DEADLINE_S, ServiceProcess

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

    from tests.chaos.laboratory import Laboratory

_ALARMING: Final = ("watch_failed", "journal_damaged", "folder_stalled")
RECOVERED: Final = {
    "unfinished_file_removed": "unfinished files removed",
    "already_converted": "files found that were not on record",
    "conversion_blocked": "conversions blocked",
    "conversion_crashed": "conversions crashed",
    "conversion_cancelled": "conversions cancelled",
    "conversion_changed": "conversions whose sources changed",
    "frame_conflict": "conflicts between frames",
    "folder_unavailable": "folders unavailable",
}
"""Log events that tell what the service had to make good, and their names in the figures."""

_MOST_UPTIME_S: Final = 30 * 86_400


class Life(ServiceProcess):
    """One life of the service, from a start to an end."""

    def wait_for_any(self, events: Collection[str], seconds: float) -> bool:
        """Wait for the next log event of one of some names, or the end; return whether it came."""
        seen = len(self.events)
        with self._news:
            return self._news.wait_for(
                lambda: (
                    any(event.get("event") in events for event in self.events[seen:])
                    or self.process.poll() is not None
                ),
                seconds,
            )

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """Log events that must never come: errors that nobody foresaw, and what is no event."""
        return [event for event in list(self.events) if is_alarming(event)]


def is_alarming(event: dict[str, Any]) -> bool:
    """Return whether a log event, or a line that is none and no rest of one, must never come."""
    name = event["event"]
    is_line = "timestamp" not in event and name.endswith("\n")
    return is_line or name in _ALARMING or "exception" in event


class Service:
    """The service of a laboratory.

    Parameters
    ----------
    laboratory : Laboratory
        Its folders.
    chance : Random
        Decides how long the machine has been up at a start.

    Attributes
    ----------
    life : Life
        The present life; the last one when it has ended.
    lives : int
        How many there were.
    alarms : list of dict
        Log events of all lives that must never come.
    recovered : Counter of str
        What it had to make good in all lives.
    """

    def __init__(self, laboratory: Laboratory, chance: random.Random) -> None:
        self.lives = 0
        self.alarms: list[dict[str, Any]] = []
        self.recovered = Counter[str]()
        self._laboratory = laboratory
        self._chance = chance
        self._clock = laboratory.folder / "clock"
        self._log = laboratory.folder / "log.jsonl"
        self.set_clock(0)
        self.life = self._begin()

    def _begin(self) -> Life:
        """Start a life."""
        self.lives += 1
        home = self._laboratory.home
        launch = (
            "env",
            f"HOME={home}",
            f"TMPDIR={home}",
            "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONFAULTHANDLER=1",
            *time_namespace(self._chance.randrange(_MOST_UPTIME_S)),
            *rights_taken(),
            sys.executable,
            "-m",
            "tests.chaos.shifted",
            str(self._clock),
            "run",
        )
        return Life(self._laboratory.config, launch=launch)

    def start(self) -> None:
        """Start it again."""
        self.life = self._begin()

    def kill(self) -> None:
        """End it at once, as a loss of power does."""
        self.signal(signal.SIGKILL)
        self._end(-signal.SIGKILL)

    def close(self) -> None:
        """End it in the end, if it runs."""
        if self.is_alive:
            self.kill()

    def terminate(self) -> None:
        """End it as a service manager does."""
        is_ready = bool(self.life.named("watching"))
        self.signal(signal.SIGTERM)
        # Before it listens to signals, they end it at once.
        self._end(0, *(() if is_ready else (-signal.SIGTERM, 128 + signal.SIGTERM)))

    def reload(self) -> None:
        """Let it read its configuration again, if it can take the wish."""
        if self.life.named("watching"):
            self.signal(signal.SIGHUP)

    def _end(self, *expected: int) -> None:
        """Note the end of a life; one that does not end has to tell what it waits for."""
        try:
            status = self.life.wait()
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)
            status = self.life.wait()
        assert self.life.process.stderr is not None
        self.life.process.stderr.close()
        self.alarms += self.life.alarms
        names = [RECOVERED.get(event["event"]) for event in self.life.events]
        self.recovered.update(name for name in names if name is not None)
        with self._log.open("a", encoding="utf-8") as log:
            for event in self.life.events:
                log.write(f"{json.dumps(event)}\n")
            log.write(f'{{"event": "ended", "status": {status}, "life": {self.lives}}}\n')
        if status not in expected:
            self.alarms.append({"event": "ended", "status": status, "life": self.lives})

    def signal(self, number: int) -> None:
        """Send a signal; one that has ended gets none."""
        if self.is_alive:
            self.life.process.send_signal(number)

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.life.process.poll() is None

    def conversions(self) -> list[int]:
        """Return the numbers of its conversion processes."""
        try:
            text = Path(f"/proc/{self.life.process.pid}/task").iterdir()
            children = [(task / "children").read_text(encoding="ascii") for task in text]
        except OSError:
            return []
        return [int(number) for part in children for number in part.split()]

    def set_clock(self, seconds: float) -> None:
        """Set its clock so many seconds ahead of the machine's."""
        temporary = self._clock.with_suffix(".new")
        temporary.write_text(str(seconds), encoding="ascii")
        temporary.replace(self._clock)


def time_namespace(uptime_s: int) -> tuple[str, ...]:
    """Return what starts a command with another monotonic clock; nothing where that cannot be."""
    unshare = shutil.which("unshare")
    if unshare is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ()
    command = (unshare, "--time", "--monotonic", str(uptime_s))
    tried = subprocess.run([*command, "true"], capture_output=True, timeout=DEADLINE_S, check=False)
    return command if tried.returncode == 0 else ()
