"""The service on a machine whose clock is set: ``python -m tests.chaos.shifted CLOCK run ...``.

The file CLOCK tells by how many seconds the clock is ahead, at any moment.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

_TIME = time.time


class Shift:
    """How far the clock is ahead."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def seconds(self) -> float:
        """Seconds."""
        return float(self._path.read_text(encoding="ascii"))

    def time(self) -> float:
        """Return seconds since 1970."""
        return _TIME() + self.seconds


def main(clock: str, *words: str) -> int:
    """Run a command of nd2watch while the clock is as the file says."""
    shift = Shift(Path(clock))

    class ShiftedDateTime(datetime):
        """A datetime whose present is another."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=shift.seconds)

    time.time = shift.time
    from nd2watch.cli import main as run_command

    for name, module in list(sys.modules.items()):
        tells_time = name.startswith("apscheduler.") or name == "nd2watch.service.schedule"
        if tells_time and getattr(module, "datetime", None) is datetime:
            module.datetime = ShiftedDateTime  # type: ignore[attr-defined]
    return run_command(list(words))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
