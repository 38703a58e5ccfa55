"""However many frames there are, and however long something fails: few words, few open files."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch.clock import SystemClock
from nd2watch.journal import Journal
from nd2watch.service import Daemon, load_settings, watch_thread
from nd2watch.service.dispatch import Dispatcher
from nd2watch.service.schedule import JobScheduler
from nd2watch.service.watch_thread import WatchThread
from tests.frames import acquisition, write
from tests.service.fakes import SETTLE_S, Bench
from tests.waiting import until

HOUR_S: Final = 3600
MANY: Final = acquisition(t=500, p=2, z=1, width=8, height=8)
CONFIG: Final = """
[output]
folder = "out"

[service]
settle_s = 0.1
scan_interval_s = 1

[[watch]]
name = "test"
folder = "in"
mode = "scan"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
axes = { t = 500, p = 2, z = 1, c = ["DAPI", "GFP"] }
"""

opened: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _watch_opening() -> None:
    """Count all files that are opened; such a hook stays for good."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
            opened[os.path.basename(os.fspath(arguments[0]))] += 1  # noqa: PTH119

    sys.addaudithook(hook)


def test_a_file_is_opened_only_when_it_has_settled_and_let_go_of_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "in", acquisition())
    bench.scan()
    names = {path.name for path in write(tmp_path / "in", acquisition()).values()}
    opened.clear()
    bench.scan()
    bench.wait(SETTLE_S / 2)
    bench.scan()
    assert not names & opened.keys()
    bench.wait(SETTLE_S)
    bench.scan()
    assert {name: opened[name] for name in names} == dict.fromkeys(names, 1)
    assert bench.ready == 1
    if sys.platform == "linux":
        held = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
        assert not [path for path in held if path.is_relative_to(tmp_path)]


def test_two_thousand_frames_are_few_lines_of_the_log(tmp_path: Path) -> None:
    write(tmp_path / "in", MANY)
    (tmp_path / "config.toml").write_text(CONFIG)
    capture = LogCapture()
    log = structlog.wrap_logger(None, [capture])
    daemon = Daemon(lambda: load_settings(tmp_path / "config.toml"), SystemClock(), log, once=True)
    assert daemon.run() == 0
    shown = [entry for entry in capture.entries if entry["log_level"] != "debug"]
    assert [entry["frames"] for entry in shown if entry["event"] == "published"] == [1000]
    assert len(shown) < 20


class QuickClock(SystemClock):
    """A clock by which an hour lasts a second."""

    def monotonic(self) -> float:
        return super().monotonic() * HOUR_S


def test_a_share_that_is_away_for_an_hour_is_few_lines_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    settings, clock, capture = load_settings(tmp_path / "config.toml"), QuickClock(), LogCapture()
    log = structlog.wrap_logger(None, [capture])
    monkeypatch.setattr(watch_thread, "_LONGEST_TURN_S", 0.01)
    scheduler = JobScheduler(1, clock, log)
    dispatcher = Dispatcher(tmp_path / "out", 0, scheduler, clock, log)
    with Journal(tmp_path / "journal.db") as journal:
        (watch,) = settings.watches
        thread = WatchThread(
            watch, settings.service, dispatcher, journal, clock, log, ended=lambda: None
        )
        begun = clock.monotonic()
        thread.start()
        until(lambda: clock.monotonic() > begun + HOUR_S, "an hour")
        looked = thread.pace.ended
        thread.stop()
        assert thread.join(30)
    assert looked is not None
    assert looked > begun + HOUR_S / 2
    assert [entry["event"] for entry in capture.entries] == ["watching", "folder_unavailable"]
