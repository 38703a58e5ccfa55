"""Folders are followed apart from each other: one that hangs or fails holds up no other."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch import host
from nd2watch.clock import SystemClock
from nd2watch.errors import JournalBlocked
from nd2watch.journal import Journal
from nd2watch.service import Daemon, daemon, intake, load_settings, settings, watch_thread
from nd2watch.sources import list_entries
from tests.frames import acquisition, write
from tests.service import test_memory
from tests.service.test_memory import Watching
from tests.waiting import until

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
scan_interval_s = 1

[[watch]]
name = "one"
folder = "one"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
output = "one.nd2"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }

[[watch]]
name = "two"
folder = "two"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
output = "two.nd2"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }
"""


class Running:
    """A daemon on a thread, and its log."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        (folder / "config.toml").write_text(config)
        self.capture = LogCapture()
        log = structlog.wrap_logger(None, [self.capture])
        self.daemon = Daemon(lambda: load_settings(folder / "config.toml"), SystemClock(), log)
        self.thread = threading.Thread(target=self.daemon.run)

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop("test")
        self.thread.join(30)
        assert not self.thread.is_alive()

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(e) for e in list(self.capture.entries) if e["event"] == event]


def run_once(
    folder: Path, config: str = CONFIG, clock: SystemClock | None = None
) -> tuple[int, LogCapture]:
    """Return the exit status and the log of a single run."""
    (folder / "config.toml").write_text(config)
    capture = LogCapture()
    log = structlog.wrap_logger(None, [capture])
    load = partial(load_settings, folder / "config.toml")
    return Daemon(load, clock or SystemClock(), log, once=True).run(), capture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write(tmp_path / name, acquisition())
    return tmp_path


def test_a_share_that_does_not_answer_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def listed(
        root: Path, unreadable: Callable[..., None], *links: Callable[..., None]
    ) -> Iterator[os.DirEntry[str]]:
        if root.name == "one":
            assert answers.wait(60)
        return list_entries(root, unreadable, *links)

    monkeypatch.setattr(intake, "list_entries", listed)
    monkeypatch.setattr(daemon, "_JOIN_S", 0.2)
    with Running(folder) as running:
        until((folder / "out" / "two.nd2").exists, "the file of the other folder")
        assert not (folder / "out" / "one.nd2").exists()
    assert [e["watch"] for e in running.logged("folder_stalled")] == ["one"]
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "watch one":
            thread.join(30)


@pytest.mark.parametrize("question", ["resolve", "file_system_of"])
def test_a_share_that_is_dead_at_the_start_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    answers = threading.Event()

    def hang_for_one(ask: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def asked(path: Path) -> Any:
            if path.name == "one":
                assert answers.wait(60)
            return ask(path)

        return asked

    monkeypatch.setattr(settings, "_PATIENCE_S", 0.2)
    owner = Path if question == "resolve" else host
    monkeypatch.setattr(owner, question, hang_for_one(getattr(owner, question)))
    with Running(folder) as running:
        until((folder / "out" / "two.nd2").exists, "the file of the other folder")
        running.daemon.reload()
        until(lambda: bool(running.logged("reloaded")), "the reload")
        (folder / "two" / "new").mkdir()
        answers.set()
        until((folder / "out" / "one.nd2").exists, "the file of the folder that hung")


def test_an_output_folder_that_does_not_answer_at_the_start_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def hang(_: Path) -> list[Path]:
        assert answers.wait(60)
        return []

    monkeypatch.setattr(daemon, "remove_orphans", hang)
    monkeypatch.setattr(daemon, "_JOIN_S", 0.2)
    with Running(folder) as running:
        until((folder / "out" / "two.nd2").exists, "the file of a folder")
        answers.set()
    (told,) = running.logged("output_folder_unavailable")
    assert told["reason"] == "there was no answer within 0.2 s"


def test_it_goes_on_when_the_share_answers_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def listed(
        root: Path, unreadable: Callable[..., None], *links: Callable[..., None]
    ) -> Iterator[os.DirEntry[str]]:
        if root.name == "one":
            assert answers.wait(60)
        return list_entries(root, unreadable, *links)

    monkeypatch.setattr(intake, "list_entries", listed)
    with Running(folder):
        until((folder / "out" / "two.nd2").exists, "the file of the other folder")
        answers.set()
        until((folder / "out" / "one.nd2").exists, "the file of the folder that hung")


def test_an_error_that_nobody_foresaw_starts_a_folder_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([RuntimeError("unforeseen")])

    def failing(self: intake.Intake, **_: object) -> None:
        if self.watch.name == "one" and (error := next(failures, None)) is not None:
            raise error
        advance(self, enough=lambda: False)

    advance = intake.Intake.advance
    monkeypatch.setattr(intake.Intake, "advance", failing)
    monkeypatch.setattr(watch_thread, "_RESTART_S", 0.1)
    with Running(folder) as running:
        for name in ("one", "two"):
            until((folder / "out" / f"{name}.nd2").exists, f"the file of {name}")
    (entry,) = running.logged("watch_failed")
    assert entry["watch"] == "one"


def test_regular_scans_do_not_depend_on_the_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LeapingClock()
    monkeypatch.setattr(test_memory, "SystemClock", lambda: clock)
    with Journal(tmp_path / "journal.db") as journal, Watching(tmp_path, journal) as watching:
        until(lambda: watching.thread.pace.ended is not None, "the first scan")
        write(watching.folder, acquisition())  # of which no event tells
        watching.turn()
        clock.ahead_s = 1000.0
        until(lambda: watching.taken == 24, "all frames to be taken in")


def test_folders_take_turns(folder: Path) -> None:
    shutil.rmtree(folder / "one")
    shutil.rmtree(folder / "two")
    for number in range(8):
        write(folder / "one" / f"run{number}", acquisition(t=1))
    (folder / "two").mkdir()
    config = CONFIG.replace("axes = { t = 2", "axes = { t = 1").replace("one.nd2", "{folder}.nd2")
    with Running(folder, config) as running:
        until(lambda: bool(running.logged("published")), "the first file")
        write(folder / "two", acquisition(t=1))
        until(lambda: len(running.logged("published")) == 9, "all files")
    assert running.logged("published")[-1]["watch"] == "one"


def refuse_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the journal fail when it is read for the first time."""
    failures = iter([error])
    sequences = Journal.sequences

    def failing(self: Journal, *arguments: Any) -> Any:
        if (failure := next(failures, None)) is not None:
            raise failure
        return sequences(self, *arguments)

    monkeypatch.setattr(Journal, "sequences", failing)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (JournalBlocked("disk I/O error"), "journal_blocked"),
        (RuntimeError("unforeseen"), "watch_failed"),
    ],
)
def test_a_journal_that_cannot_be_read_at_the_start_is_read_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, event: str
) -> None:
    refuse_once(monkeypatch, error)
    monkeypatch.setattr(watch_thread, "_RESTART_S", 0.1)
    with Running(folder) as running:
        for name in ("one", "two"):
            until((folder / "out" / f"{name}.nd2").exists, f"the file of {name}")
    assert len(running.logged(event)) == 1


def test_a_single_run_that_an_error_ends_does_not_end_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_once(monkeypatch, RuntimeError("unforeseen"))
    status, capture = run_once(folder)
    assert status == 1
    assert [e["event"] for e in capture.entries if e["log_level"] == "error"] == ["watch_failed"]
    assert len(list((folder / "out").glob("*.nd2"))) == 1


def test_a_single_run_without_its_journal_does_not_end_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise JournalBlocked("disk I/O error")

    monkeypatch.setattr(Journal, "sequences", refuse)
    status, _ = run_once(folder)
    assert status == 1


class LeapingClock(SystemClock):
    """A clock that leaps when it is told to."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    def time(self) -> float:
        return super().time() + self.ahead_s


def test_a_pause_that_ends_just_after_the_look_is_noticed_in_a_single_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, look = LeapingClock(), intake.Intake.ready

    def ready(self: intake.Intake) -> Any:
        found = look(self)
        if self.collections and not self.unsettled and not found:
            clock.ahead_s = 1000.0
        return found

    monkeypatch.setattr(intake.Intake, "ready", ready)
    config = CONFIG.replace(
        'output = "', 'complete = { rules = ["quiet"], quiet_s = 50 }\noutput = "'
    )
    run_once(folder, config, clock)
    assert {path.name for path in (folder / "out").glob("*.nd2")} == {"one.nd2", "two.nd2"}
