"""A watched folder with sequences whose conversions are watched or fail, and its service."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.testing import LogCapture

from nd2watch.clock import SystemClock
from nd2watch.errors import JournalError
from nd2watch.journal import JournalView
from nd2watch.service import Daemon, load_settings
from tests.frames import acquisition, assert_nd2_equals_sources, write
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.service.process_main import Task
    from nd2watch.simulate import Coordinates

WHAT: Final = acquisition(width=16, height=12)
CONFIG: Final = """
[output]
folder = "out"
reserve_mb = 0

[service]
settle_s = 0.1
give_up_s = 5.0
state_folder = "state"
log_format = "json"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
output = "{folder}/a.nd2"

[watch.axes]
t = 2
p = 2
z = 3
c = ["DAPI", "GFP"]
"""


class Bench:
    """A watched folder with a sequence for each fault, and all that must be true in the end."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG)
        self._frames: dict[str, dict[Coordinates, Path]] = {
            name: write(folder / "in" / name, WHAT) for name in names
        }
        self._sources = self._look_at_sources()

    def _look_at_sources(self) -> dict[Path, tuple[bytes, int]]:
        """Return content and time of change of all files in the watched folder."""
        files = [path for path in (self.folder / "in").rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def is_done(self) -> bool:
        """Return whether all sequences are on record as published."""
        try:
            with JournalView(self.folder / "state" / "journal.db") as journal:
                return len(journal.sequences(states=["published"])) == len(self._frames)
        except JournalError:  # it is just made
            return False

    def check(self) -> None:
        """Check that there is one file of each sequence, and that nothing else has changed."""
        names = sorted(self._frames)
        outputs = {str(self.folder / "out" / name / "a.nd2") for name in names}
        found = {str(path) for path in (self.folder / "out").rglob("*") if path.is_file()}
        assert found - {str(self.folder / "out" / ".nd2watch.lock")} == outputs
        for name, frames in self._frames.items():
            assert_nd2_equals_sources(self.folder / "out" / name / "a.nd2", WHAT, frames)
        assert self._look_at_sources() == self._sources
        with JournalView(self.folder / "state" / "journal.db") as journal:
            records = journal.sequences()
        assert {record.state for record in records} == {"published"}
        assert {output for record in records for output in record.outputs} == outputs
        ours = {"config.toml", "in", "out", "state"}
        assert {path.name for path in self.folder.iterdir()} - {"marks", "trace"} == ours


def run_once(bench: Bench, task: Task) -> list[dict[str, Any]]:
    """Run a service that ends when nothing waits any more, and return what it logged."""
    log = LogCapture()
    daemon = Daemon(
        lambda: load_settings(bench.config),
        SystemClock(),
        structlog.wrap_logger(None, [log]),
        once=True,
        task=task,
    )
    guard = threading.Timer(DEADLINE_S, daemon.stop, ["what it waits for never comes"])
    guard.start()
    try:
        daemon.run()
    finally:
        guard.cancel()
        guard.join()
    return [dict(entry) for entry in log.entries]
