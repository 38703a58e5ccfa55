"""No conversion is lost, whatever becomes of the call that was to carry it out."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch import host
from nd2watch.errors import ServiceRunning
from nd2watch.service.dispatch import Dispatcher, act_on
from nd2watch.service.process_pool import ProcessPool
from nd2watch.service.schedule import JobScheduler
from tests.frames import acquisition, write
from tests.service.fakes import Bench
from tests.waiting import DEADLINE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nd2watch.service.worker import Outcome


class Desk:
    """A dispatcher at work on a complete sequence."""

    def __init__(self, folder: Path, scheduler: JobScheduler, capture: LogCapture) -> None:
        what = acquisition()
        self.bench = Bench(folder / "in", what)
        write(folder / "in" / "a", what)
        self.bench.settle()
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        log = structlog.wrap_logger(None, [capture])
        self.dispatcher = Dispatcher(
            folder / "out", 0, scheduler, self.bench, log, claim=lambda: self.claim()
        )

    def claim(self) -> None:
        """Hold the output folder."""

    def submit(self) -> bool:
        ((collection, extent),) = self.bench.intake.ready()
        self.collection = collection
        watch, now = self.bench.intake.watch, self.bench.now
        return self.dispatcher.submit(watch, collection, extent, now, self.outcomes.put)

    def settle(self) -> Outcome:
        """Act on the outcome that comes."""
        outcome = self.outcomes.get(timeout=DEADLINE_S)
        act_on(outcome, self.bench.intake, self.collection, self.bench.now)
        return outcome


@contextmanager
def desk(folder: Path, capture: LogCapture) -> Iterator[Desk]:
    log = structlog.wrap_logger(None, [capture])
    scheduler = JobScheduler(1, Bench(folder / "other", acquisition()), log)
    scheduler.start()
    try:
        yield Desk(folder, scheduler, capture)
    finally:
        scheduler.stop()


def test_a_log_that_fails_holds_up_no_outcome(tmp_path: Path) -> None:
    class FailingLog(LogCapture):
        def __call__(self, logger: Any, method: str, event: Any) -> Any:
            if event["event"] == "published":
                raise OSError("the disk of the log is full")
            return super().__call__(logger, method, event)

    with desk(tmp_path, FailingLog()) as at:
        assert at.submit()
        assert at.settle().end == "published"
        assert at.dispatcher.running == 0
        assert at.collection.state == "published"


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), OSError("no memory")])
def test_a_conversion_that_cannot_be_run_is_tried_again_with_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(thread: threading.Thread) -> None:
        if thread.name == "scheduled call":
            raise error
        start(thread)

    start = threading.Thread.start
    pauses, capture = [], LogCapture()
    with desk(tmp_path, capture) as at:
        with monkeypatch.context() as patches:
            patches.setattr(threading.Thread, "start", refuse)
            for _ in range(3):
                assert at.submit()
                assert at.settle().end == "blocked"
                assert at.dispatcher.running == 0
                assert at.collection.reason == str(error)
                pauses.append(at.collection.retry_at - at.bench.now)
                at.bench.wait(pauses[-1])
                at.bench.settle()
        assert pauses == [5.0, 10.0, 20.0]
        assert at.dispatcher.failed == 3
        assert [e["event"] for e in capture.entries].count("conversion_blocked") == 3
        assert at.submit()  # calls that could not be made then must not be made as well
        assert at.settle().end == "published"
        until(lambda: at.dispatcher.running == 0, "the end")
    assert at.outcomes.empty()


def test_an_error_that_nobody_foresaw_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(ProcessPool, "run", fail)
    with desk(tmp_path, LogCapture()) as at:
        assert at.submit()
        assert at.settle().end == "blocked"
        assert at.dispatcher.running == 0


def test_it_is_known_how_long_nothing_was_heard_of_a_conversion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on: queue.SimpleQueue[None] = queue.SimpleQueue()
    run = ProcessPool.run

    def hang(*arguments: Any) -> Any:
        go_on.get(timeout=DEADLINE_S)
        return run(*arguments)

    monkeypatch.setattr(ProcessPool, "run", hang)
    with desk(tmp_path, LogCapture()) as at:
        assert at.dispatcher.silent_s == 0.0
        assert at.submit()
        at.bench.now += 500
        until(lambda: at.dispatcher.silent_s in (0.0, 500.0), "it to begin")
        at.bench.now += 500
        assert at.dispatcher.silent_s >= 500.0
        go_on.put(None)
        assert at.settle().end == "published"
        assert at.dispatcher.silent_s == 0.0


def test_a_disk_that_hangs_keeps_nobody_from_asking_how_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(_: Path) -> int:
        asked.set()
        answer.wait(DEADLINE_S)
        return 10**12

    monkeypatch.setattr("nd2watch.service.free_space._DISK_S", DEADLINE_S)
    monkeypatch.setattr(host, "free_bytes", hang)
    with desk(tmp_path, LogCapture()) as at:
        submitting = threading.Thread(target=at.submit)
        submitting.start()
        assert asked.wait(DEADLINE_S)
        assert at.dispatcher.silent_s == 0.0
        assert at.dispatcher.running == 0
        answer.set()
        submitting.join(DEADLINE_S)
        assert at.settle().end == "published"


def test_where_free_space_is_not_known_it_is_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr("nd2watch.service.free_space._DISK_S", 0.1)
    monkeypatch.setattr(host, "free_bytes", lambda _: answer.wait(DEADLINE_S))
    with desk(tmp_path, LogCapture()) as at:
        assert at.submit()
        assert at.settle().end == "published"
    answer.set()


def test_a_conversion_into_the_folder_of_another_service_is_put_off(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ServiceRunning("another nd2watch is at work")

    with desk(tmp_path, LogCapture()) as at:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(at, "claim", refuse)
            assert at.submit()
            assert at.settle().end == "blocked"
        assert at.collection.reason == "another nd2watch is at work"
        assert not (tmp_path / "out").exists()
        at.bench.wait(5)
        at.bench.settle()
        assert at.submit()
        assert at.settle().end == "published"


def test_a_conversion_into_a_folder_that_does_not_answer_is_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr("nd2watch.service.dispatch._CLAIM_S", 0.1)
    with desk(tmp_path, LogCapture()) as at:
        monkeypatch.setattr(at, "claim", lambda: answer.wait(DEADLINE_S))
        assert at.submit()
        assert at.settle().end == "blocked"
        assert at.collection.reason == "there was no answer within 0.1 s"
    answer.set()
