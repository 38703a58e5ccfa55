"""Things done at their time, whatever becomes of the clock of the machine."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING

import structlog
from structlog.testing import LogCapture

from nd2watch.service.schedule import JobScheduler
from tests.waiting import DEADLINE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

DAY_S = 86_400.0


class SetClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return 0.0

    def time(self) -> float:
        return self.now


class Tomorrow(datetime):
    """The time of a machine whose clock is a day fast."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Tomorrow:
        return super().now(tz) + timedelta(days=1)


class Movable(datetime):
    """The time of a machine whose clock is set."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.ahead


@contextmanager
def running(
    clock: SetClock | None = None, capture: LogCapture | None = None
) -> Iterator[JobScheduler]:
    scheduler = JobScheduler(
        1, clock or SetClock(), structlog.wrap_logger(None, [capture or LogCapture()])
    )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


def test_a_conversion_begins_at_once_though_the_clock_is_set_back_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()
    for module in ("apscheduler.triggers.date", "nd2watch.service.schedule"):
        monkeypatch.setattr(f"{module}.datetime", Tomorrow)
    with running() as scheduler:
        scheduler.convert("a", begun.set, fail)
        assert begun.wait(DEADLINE_S)


def test_regular_calls_go_on_when_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nd2watch.service.schedule._SOON_S", 0.1)
    clock, scanned, tidied = SetClock(), threading.Event(), threading.Event()
    with running(clock) as scheduler:
        scheduler.scan_every("a", DAY_S, scanned.set)
        scheduler.tidy_every(DAY_S, tidied.set)
        assert tidied.wait(DEADLINE_S)  # the first time soon
        tidied.clear()
        scheduler.heed_clock()
        clock.now -= DAY_S / 2
        scheduler.heed_clock()
        assert scanned.wait(DEADLINE_S)
        assert tidied.wait(DEADLINE_S)


def test_regular_calls_of_a_name_replace_each_other_and_end_together() -> None:
    calls = [0, 0, 0]

    def call(number: int) -> None:
        calls[number] += 1

    def wait_for(number: int, count: int) -> None:
        until(lambda: calls[number] >= count, f"{count} calls of {number}")

    with running() as scheduler:
        for number, name in enumerate(("a", "a", "b")):
            if name == "b":
                scheduler.scan_no_more()
            scheduler.scan_every(name, 0.02, partial(call, number))
            wait_for(number, calls[number] + 1)  # all are called on one thread
            former = calls[:number]
            wait_for(number, calls[number] + 5)
            assert calls[:number] == former


def test_a_clock_that_is_set_forward_by_months_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Movable)
    monkeypatch.setattr(Movable, "ahead", timedelta())
    scanned, begun = threading.Semaphore(0), threading.Event()
    with running() as scheduler:
        scheduler.scan_every("a", 1.0, scanned.release)
        assert scanned.acquire(timeout=DEADLINE_S)
        Movable.ahead = timedelta(days=200)  # as many runs were missed as these have seconds
        assert scanned.acquire(timeout=4.0)
        scheduler.convert("b", begun.set, fail)
        assert begun.wait(DEADLINE_S)
        assert scanned.acquire(timeout=DEADLINE_S)


def test_a_clock_that_goes_on_or_is_set_forward_calls_for_nothing_more() -> None:
    clock, count, done = SetClock(), 0, threading.Event()

    def scan() -> None:
        nonlocal count
        count += 1

    with running(clock) as scheduler:
        scheduler.scan_every("a", DAY_S, scan)
        for step_s in (1.0, -0.5, DAY_S, 0.0):
            clock.now += step_s
            scheduler.heed_clock()
        scheduler.convert("after all that", done.set, fail)
        assert done.wait(DEADLINE_S)
    assert count == 0


def test_it_is_stopped_while_it_begins_something_and_waits_for_that() -> None:
    for _ in range(20):  # it takes some of them to be in the middle
        begun, ended = threading.Event(), threading.Event()

        def convert(begun: threading.Event = begun, ended: threading.Event = ended) -> None:
            begun.set()
            ended.set()

        with running() as scheduler:
            scheduler.convert("a", convert, fail)
            assert begun.wait(DEADLINE_S)
        assert ended.is_set()


def test_a_conversion_may_follow_one_of_its_name_that_is_just_ending() -> None:
    second = threading.Event()
    with running() as scheduler:
        scheduler.convert("same", lambda: scheduler.convert("same", second.set, fail), fail)
        assert second.wait(DEADLINE_S)


def fail(error: Exception) -> None:
    """Take the loss of a conversion that must not be lost."""
    raise AssertionError from error


def test_a_conversion_that_ends_by_an_error_is_told_as_lost() -> None:
    capture, lost = LogCapture(), queue.SimpleQueue[Exception]()

    def convert() -> None:
        raise ValueError("a fault")

    with running(capture=capture) as scheduler:
        scheduler.convert("a", convert, lost.put)
        assert str(lost.get(timeout=DEADLINE_S)) == "a fault"
        assert scheduler.mishaps.failed == 1
    (told,) = capture.entries
    assert (told["event"], told["reason"]) == ("scheduled_call_failed", "a fault")
    assert told["call"] == "a (1)"


def test_a_conversion_for_which_there_is_no_thread_is_told_as_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        if thread.name == "scheduled call":
            raise RuntimeError("can't start new thread")
        start(thread)

    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", refuse)
    capture, lost = LogCapture(), queue.SimpleQueue[Exception]()
    with running(capture=capture) as scheduler:
        scheduler.convert("a", lambda: None, lost.put)
        assert "can't start new thread" in str(lost.get(timeout=DEADLINE_S))
        assert scheduler.mishaps.failed == 1
    assert [entry["event"] for entry in capture.entries] == ["scheduled_call_failed"]


def test_a_regular_call_that_hangs_is_told_once_and_until_it_ends() -> None:
    capture, go_on, ended = LogCapture(), threading.Event(), threading.Event()

    def hang() -> None:
        go_on.wait(DEADLINE_S)
        ended.set()

    with running(capture=capture) as scheduler:
        scheduler.scan_every("a", 0.05, hang)
        until(lambda: scheduler.mishaps.overlapping > 2, "calls that are left out")
        assert scheduler.mishaps.hanging == ("scan a",)
        scheduler.scan_no_more()
        go_on.set()
        assert ended.wait(DEADLINE_S)
        until(lambda: scheduler.mishaps.hanging == (), "the end")
    assert [entry["event"] for entry in capture.entries] == ["scheduled_call_overlapping"]


def test_tidying_may_take_longer_than_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nd2watch.service.schedule._SOON_S", 0.0)
    capture, go_on = LogCapture(), threading.Event()

    def tidy() -> None:
        go_on.wait(DEADLINE_S)

    with running(capture=capture) as scheduler:
        scheduler.tidy_every(0.05, tidy)
        until(lambda: scheduler.mishaps.overlapping > 2, "calls that are left out")
        assert scheduler.mishaps.hanging == ()
        go_on.set()
    assert not capture.entries


def test_calls_that_hang_are_not_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nd2watch.service.schedule._SOON_S", 0.0)
    monkeypatch.setattr("nd2watch.service.schedule._CONVERSION_S", 0.1)
    begun, answer = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        begun.release()
        answer.wait()

    with running() as scheduler:
        scheduler.tidy_every(DAY_S, hang)
        scheduler.convert("a", hang, fail)
        for _ in range(2):
            assert begun.acquire(timeout=DEADLINE_S)
        hanging = [t for t in threading.enumerate() if t.name == "scheduled call"]
    assert all(thread.daemon for thread in hanging)
    assert sum(thread.is_alive() for thread in hanging) == 2
    answer.set()
    for thread in hanging:
        thread.join(DEADLINE_S)


def test_a_conversion_that_ends_is_waited_for_at_the_end() -> None:
    begun, ended = threading.Event(), threading.Event()

    def end_late() -> None:
        begun.set()
        stopping.wait(DEADLINE_S)
        ended.set()

    stopping = threading.Event()
    with running() as scheduler:
        scheduler.convert("a", end_late, fail)
        assert begun.wait(DEADLINE_S)
        threading.Timer(0.1, stopping.set).start()
    assert ended.is_set()
