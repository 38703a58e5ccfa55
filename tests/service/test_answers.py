"""What a service that runs answers, also while parts of it hang or fail."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch.clock import SystemClock
from nd2watch.errors import JournalBlocked, ServiceError
from nd2watch.host import FileLock
from nd2watch.journal import Journal, JournalView
from nd2watch.journal.records import handle_of
from nd2watch.service import Daemon, answers, daemon, intake, load_settings, signs, status
from nd2watch.service.claim import OUTPUT_LOCK
from nd2watch.service.control import SOCKET
from nd2watch.service.control_client import ask
from nd2watch.service.events import ChangedPaths, Changes
from nd2watch.service.health import health_of
from nd2watch.service.intake import Intake
from nd2watch.service.process_pool import ProcessPool
from nd2watch.service.state_folder import JOURNAL
from nd2watch.sources import list_entries
from tests.frames import acquisition, write
from tests.waiting import DEADLINE_S, until

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
scan_interval_s = 1
state_folder = "state"

[[watch]]
name = "one"
folder = "one"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
output = "one_{folder}.nd2"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }

[[watch]]
name = "two"
folder = "two"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
output = "two_{folder}.nd2"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }
"""


class Running:
    """A service on a thread, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG)
        self.state = folder / "state"
        self.capture = LogCapture()
        log = structlog.wrap_logger(None, [self.capture])
        self.daemon = Daemon(lambda: load_settings(self.config), SystemClock(), log)
        self.thread = threading.Thread(target=self.daemon.run)

    def __enter__(self) -> Running:
        self.thread.start()
        until(
            lambda: (self.state / SOCKET).exists() or bool(self.logged("control_unavailable")), "it"
        )
        until(lambda: bool(self.logged("watching")), "its start")
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop("test")
        self.thread.join(30)
        assert not self.thread.is_alive()

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(e) for e in list(self.capture.entries) if e["event"] == event]

    def status(self, watch: str | None = None) -> Any:
        """Return how the service, or one of its watches, is."""
        told = ask(self.state, "status")
        return told if watch is None else next(w for w in told["watches"] if w["name"] == watch)

    def handle(self, watch: str, title: str) -> str:
        """Return the handle of a sequence."""
        return handle_of(watch, (("folder", title),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let the share of watch "one" hang until the event is set."""
    answers = threading.Event()

    def listed(
        root: Path, unreadable: Callable[..., None], *links: Callable[..., None]
    ) -> Iterator[os.DirEntry[str]]:
        if root.name == "one":
            assert answers.wait(60)
        return list_entries(root, unreadable, *links)

    monkeypatch.setattr(intake, "list_entries", listed)
    yield answers
    answers.set()


def test_the_status_of_a_service_at_rest(folder: Path) -> None:
    write(folder / "one" / "a", acquisition())
    write(folder / "one" / "b", acquisition())[0, 0, 0, 0].unlink()
    for name in ("stranger.tif", "~one.tif", ".two.tif"):
        (folder / "two" / name).touch()
    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"published": 1, "collecting": 1}, "a")
        until(lambda: running.status("two")["files"] == {"file_passed_over": 1}, "the stranger")
        told = running.status()
    assert told["phase"] == "running"
    assert told["conversions"] == {"running": 0, "published": 1, "failed": 0, "silent_s": 0.0}
    assert told["journal"] == {"path": str(running.state / JOURNAL), "blocked": False}
    assert told["output"]["folder"] == str(folder / "out")
    assert told["output"]["free_bytes"] > 0
    assert told["reload"] is None
    assert told["last_error"] is None
    one, two = told["watches"]
    assert (one["name"], one["folder"]) == ("one", str(folder / "one"))
    assert (one["mode"], one["observing"], one["ended"]) == ("events", True, False)
    assert (one["unavailable"], one["stalled"], one["last_error"]) == (None, None, None)
    assert one["scan_interval_s"] == 1
    assert one["scanned_s_ago"] < 30
    assert 0 < one["scan_took_s"] < 30
    assert (one["ignored"], two["ignored"]) == (0, 2)
    assert two["troubles"][0]["path"] == str(folder / "two" / "stranger.tif")
    assert "does not match" in two["troubles"][0]["reason"]
    assert health_of(told).is_healthy
    assert health_of(told).warnings == ()


def test_a_conversion_under_way_is_told_and_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    convert = ProcessPool.run

    def run(*arguments: Any) -> Any:
        assert goes_on.wait(60)
        return convert(*arguments)

    monkeypatch.setattr(ProcessPool, "run", run)
    write(folder / "one" / "a", acquisition())
    with Running(folder) as running:
        try:
            until(lambda: bool(running.status("one")["converting"]), "the conversion")
            told, handle = running.status(), running.handle("one", "a")
            assert told["conversions"]["running"] == 1
            output = str(folder / "out" / "one_a.nd2")
            assert told["watches"][0]["converting"] == [
                {"handle": handle, "title": "a", "output": output}
            ]
            until(lambda: running.status("one")["sequences"] == {"converting": 1}, "the journal")
            for order in ("retry", "release", "forget"):
                with pytest.raises(ServiceError, match="is being converted; wait for it"):
                    ask(running.state, order, handle=handle)
        finally:
            goes_on.set()
        until((folder / "out" / "one_a.nd2").exists, "the file")
        until(lambda: running.status("one")["sequences"] == {"published": 1}, "the journal")
        assert running.status("one")["converting"] == []


def test_a_folder_that_hangs_keeps_nobody_from_asking(
    folder: Path, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_JOIN_S", 0.2)
    monkeypatch.setattr(answers, "_ORDER_S", 0.1)
    monkeypatch.setattr(status, "_STALLED_S", 0.1)
    hanging.set()
    write(folder / "one" / "a", acquisition())[0, 0, 0, 0].unlink()
    with Running(folder) as running:
        handle = running.handle("one", "a")
        until(lambda: running.status("one")["sequences"] == {"collecting": 1}, "the sequence")
        hanging.clear()
        ask(running.state, "scan", watch="one")

        def refused() -> bool:
            try:
                ask(running.state, "forget", handle=handle)
            except ServiceError as error:
                return "does not answer now; nothing was done" in str(error)
            return False

        until(refused, "the refusal")
        until(lambda: running.status("one")["stalled"] is not None, "the stand-still")
        told = running.status()
        health = health_of(told)
        assert health.is_healthy
        assert (
            f"one: {folder / 'one'} is stalled: its file system does not answer" in health.warnings
        )
        hanging.set()
        until(lambda: ask(running.state, "show", handle=handle) is not None, "the answer")


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_that_is_away_is_told_with_the_reason(folder: Path, known: bool) -> None:
    (folder / "one").rmdir()
    with Running(folder) as running:
        until(lambda: running.status("one")["unavailable"] is not None, "it")
        told = running.status()
        one = told["watches"][0]
        assert "No such file" in one["unavailable"]["reason"]
        assert told["started"] <= one["unavailable"]["since"]
        assert one["last_error"]["event"] == "folder_unavailable"
        assert health_of(told).is_healthy
        assert "is unavailable" in health_of(told).warnings[0]
        if known:
            (folder / "one").mkdir()
            until(lambda: running.status("one")["unavailable"] is None, "its return")


def test_a_reload_is_survived_and_a_faulty_one_told(folder: Path) -> None:
    write(folder / "two" / "a", acquisition())[0, 0, 0, 0].unlink()
    with Running(folder) as running:
        running.config.write_text(CONFIG.replace('name = "one"', 'name = "first"'))
        running.daemon.reload()
        until(lambda: bool(running.logged("reloaded")), "the reload")
        told = running.status()
        assert [watch["name"] for watch in told["watches"]] == ["first", "two"]
        assert told["reload"]["reason"] == ""
        running.config.write_text(CONFIG.replace("scan_interval_s = 1", "scan_interval_s = -1"))
        running.daemon.reload()
        until(lambda: bool(running.logged("reload_failed")), "the failure")
        told = running.status()
        assert "scan_interval_s" in told["reload"]["reason"]
        assert "the former configuration stays" in health_of(told).warnings[0]
        assert told["last_error"]["event"] == "reload_failed"
        until(lambda: running.status("two")["sequences"] == {"collecting": 1}, "the sequence")
        assert ask(running.state, "show", handle=running.handle("two", "a"))["title"] == "a"


def test_a_reload_that_fails_for_any_reason_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Running(folder) as running:

        def fail() -> Any:
            raise RecursionError("too deep")

        monkeypatch.setattr(running.daemon, "_load", fail)
        running.daemon.reload()
        until(lambda: bool(running.logged("reload_failed")), "the failure")
        told = running.status()
        assert told["reload"]["reason"] == "RecursionError: too deep"
        assert told["phase"] == "running"


def test_a_reload_takes_the_new_output_folder_for_itself_and_lets_go_of_the_old(
    folder: Path,
) -> None:
    for name in ("out", "new", "taken"):
        (folder / name).mkdir(exist_ok=True)
    with Running(folder) as running, FileLock(folder / "taken" / OUTPUT_LOCK):
        text = running.config.read_text()
        running.config.write_text(text.replace('folder = "out"', 'folder = "taken"'))
        running.daemon.reload()
        until(lambda: bool(running.logged("reload_failed")), "the refusal")
        told = running.status()
        assert "another nd2watch is at work" in told["reload"]["reason"]
        assert told["output"]["folder"] == str(folder / "out")
        with pytest.raises(BlockingIOError):
            FileLock(folder / "out" / OUTPUT_LOCK)
        running.config.write_text(text.replace('folder = "out"', 'folder = "new"'))
        running.daemon.reload()
        until(lambda: bool(running.logged("reloaded")), "the reload")
        FileLock(folder / "out" / OUTPUT_LOCK).close()
        with pytest.raises(BlockingIOError):
            FileLock(folder / "new" / OUTPUT_LOCK)


def test_a_folder_that_hangs_at_a_reload_is_not_recorded_when_it_answers(
    folder: Path, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was is the business of another thread by then, or of none."""
    monkeypatch.setattr(daemon, "_JOIN_S", 0.2)
    with Running(folder) as running:
        (thread,) = [t for t in threading.enumerate() if t.name == "watch one"]
        running.config.write_text(CONFIG.replace('name = "one"', 'name = "first"'))
        running.daemon.reload()
        until(lambda: bool(running.logged("reloaded")), "the reload")
        assert [e["watch"] for e in running.logged("folder_stalled")] == ["one"]
        hanging.set()
        thread.join(DEADLINE_S)
        until(lambda: running.status("first")["scanned_s_ago"] is not None, "its first scan")
        with JournalView(running.state / JOURNAL) as view:
            until(lambda: view.folder("first") is not None, "its record")
            assert view.folder("one") is None


def test_what_a_reload_cannot_change_is_told(folder: Path) -> None:
    with Running(folder) as running:
        text = running.config.read_text()
        running.config.write_text(text.replace("[service]", "[service]\nconversions = 3"))
        running.daemon.reload()
        until(lambda: bool(running.logged("restart_needed")), "the hint")
        assert running.logged("restart_needed")[0]["keys"] == ["service.conversions"]


def test_a_journal_that_cannot_be_written_is_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = threading.Event()

    def guarded(method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if blocked.is_set():
                raise JournalBlocked("the disk is full")
            return method(*arguments, **named)

        return call

    monkeypatch.setattr(signs, "_BEAT_S", 0.0)
    for name in ("beat", "batch", "counts"):
        monkeypatch.setattr(Journal, name, guarded(getattr(Journal, name)))
    write(folder / "one" / "a", acquisition())[0, 0, 0, 0].unlink()
    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"collecting": 1}, "the sequence")
        blocked.set()
        until(lambda: running.status()["journal"]["blocked"], "the problem")
        told = running.status()
        assert told["watches"][0]["sequences"] == {"collecting": 1}  # from memory
        assert health_of(told).problems == (
            f"the journal {running.state / JOURNAL} cannot be written",
        )
        done = ask(running.state, "forget", handle=running.handle("one", "a"))
        assert done["warning"] == "the journal cannot be written: a restart would undo this"
        blocked.clear()
        until(lambda: not running.status()["journal"]["blocked"], "its end")
        done = ask(running.state, "retry", handle=running.handle("one", "a"))
        assert "warning" not in done


def test_an_order_is_in_the_journal_when_it_is_answered(folder: Path) -> None:
    for number in range(5):
        write(folder / "one" / str(number), acquisition())[0, 0, 0, 0].unlink()
    with Running(folder) as running, JournalView(running.state / JOURNAL) as journal:
        until(lambda: running.status("one")["sequences"] == {"collecting": 5}, "the sequences")
        for number in range(5):
            ask(running.state, "forget", handle=running.handle("one", str(number)))
            assert journal.counts()["one"].get("forgotten") == number + 1


def test_a_sequence_that_is_retried_and_has_no_files_any_more_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = write(folder / "one" / "a", acquisition())
    with Running(folder) as running, JournalView(running.state / JOURNAL) as journal:
        until(lambda: running.status("one")["sequences"] == {"published": 1}, "the sequence")
        monkeypatch.setattr(ChangedPaths, "take", lambda _: Changes())
        monkeypatch.setattr(Intake, "scan", lambda _: None)
        for path in sources.values():
            path.unlink()
        ask(running.state, "retry", handle=running.handle("one", "a"))
        assert len(running.logged("sequence_gone")) == 1
        assert journal.counts()["one"] == {"published": 1}  # that stays on record


def test_orders_are_logged(folder: Path) -> None:
    write(folder / "one" / "a", acquisition())[0, 0, 0, 0].unlink()
    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"collecting": 1}, "the sequence")
        ask(running.state, "show", handle=running.handle("one", "a"))
        ask(running.state, "forget", handle=running.handle("one", "a"))
        (entry,) = running.logged("ordered")
    assert (entry["order"], entry["watch"], entry["sequence"]) == ("forget", "one", "a")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("dance", {}, "knows no request 'dance'"),
    ("retry", {}, "names no sequence"),
    ("retry", {"handle": 7}, "names no sequence"),
    ("retry", {"handle": ""}, "no sequence ''"),
    ("forget", {"handle": "zz"}, "no sequence 'zz'"),
    ("scan", {"watch": "x"}, "no watch 'x'"),
    ("release", {"handle": "a", "extent": "all"}, "trim or fill"),
    ("show", {"handle": "a" * 100_000}, "no sequence"),
]


def test_what_makes_no_sense_is_refused(folder: Path) -> None:
    with Running(folder) as running:
        for request, fields, reason in REFUSED:
            with pytest.raises(ServiceError, match=reason):
                ask(running.state, request, **fields)


def test_a_sequence_whose_frames_are_gone_is_only_on_record(folder: Path) -> None:
    frames = write(folder / "one" / "a", acquisition())
    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"published": 1}, "the file")
        for path in frames.values():
            path.unlink()
        ask(running.state, "scan")

        def refused() -> bool:
            try:
                ask(running.state, "show", handle=running.handle("one", "a"))
            except ServiceError as error:
                return "on record as published, but none of its frames is there" in str(error)
            return False

        until(refused, "the refusal")
        assert running.status("one")["sequences"] == {"published": 1}


def test_long_lists_are_cut_to_what_a_message_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_MOST_TOLD", (1000, 3))
    monkeypatch.setattr("nd2watch.service.protocol.LONGEST_LINE", 5000)
    for number in range(40):
        (folder / "one" / f"{number}{'x' * 100}.tif").touch()
    with Running(folder) as running:
        until(lambda: running.status("one")["files"] == {"file_passed_over": 40}, "the files")
        assert len(running.status("one")["troubles"]) == 3


def test_a_service_that_cannot_be_asked_does_its_work(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / SOCKET).write_text("in the way", encoding="ascii")
    write(folder / "one" / "a", acquisition())
    with Running(folder) as running:
        until((folder / "out" / "one_a.nd2").exists, "the file")
        assert "no socket of this user" in running.logged("control_unavailable")[0]["reason"]
    assert (folder / "state" / SOCKET).read_text(encoding="ascii") == "in the way"


def test_the_socket_is_where_systemd_wants_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
    running = Running(folder)
    running.thread.start()
    try:
        until((folder / "run" / SOCKET).is_socket, "the socket")
        until(lambda: running.status()["phase"] == "running", "its start")
        assert not (folder / "state" / SOCKET).exists()
    finally:
        running.__exit__()
