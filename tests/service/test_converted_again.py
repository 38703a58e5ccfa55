"""What is converted again gets one further file, however often that is begun."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch.journal import Journal
from nd2watch.service import orders
from nd2watch.service.dispatch import Dispatcher, act_on
from nd2watch.service.memory import Memory
from nd2watch.service.schedule import JobScheduler
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, noise, write
from tests.service.fakes import Bench
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nd2watch.service.collection import Collection
    from nd2watch.service.worker import Outcome

WHAT = acquisition(t=1)


class Run:
    """One run of a service on a folder; to leave it out of the blue is to drop it."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        log = structlog.wrap_logger(None, [LogCapture()])
        self.bench = Bench(folder / "in", WHAT)
        self.memory = Memory(journal, self.bench.intake.watch, self.bench, log)
        self.memory.recall(self.bench.intake)
        self.scheduler = JobScheduler(1, self.bench, log)
        self.scheduler.start()
        self.dispatcher = Dispatcher(folder / "out", 0, self.scheduler, self.bench, log)
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    @property
    def collection(self) -> Collection:
        (only,) = self.bench.intake.collections.values()
        return only

    def convert(self) -> Outcome:
        """Convert the sequence that is ready, without heeding the outcome."""
        self.bench.settle()
        ((collection, extent),) = self.bench.convertible
        watch, now = self.bench.intake.watch, self.bench.now
        assert self.dispatcher.submit(watch, collection, extent, now, self.outcomes.put)
        self.memory.keep(self.bench.intake)
        return self.outcomes.get(timeout=DEADLINE_S)

    def heed(self, outcome: Outcome) -> None:
        act_on(outcome, self.bench.intake, self.collection, self.bench.now)
        self.memory.keep(self.bench.intake)

    def publish(self) -> str:
        """Convert what is ready, and return how that ended."""
        outcome = self.convert()
        self.heed(outcome)
        return outcome.end


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "state" / "journal.db") as journal:
        yield journal


@contextmanager
def run(folder: Path, journal: Journal) -> Iterator[Run]:
    at = Run(folder, journal)
    try:
        yield at
    finally:
        at.scheduler.stop()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out").iterdir())


@pytest.fixture
def sources(tmp_path: Path, journal: Journal) -> dict[tuple[int, int, int, int], Path]:
    """Return the frames of a sequence that was published, and is to be converted again."""
    sources = write(tmp_path / "in" / "a", WHAT)
    with run(tmp_path, journal) as first:
        assert first.publish() == "published"
        rewritten = sources[0, 0, 0, 0]
        rewritten.write_bytes(encode_frame(noise(5)))
        first.bench.intake.begin_anew(first.collection, again=True)
        first.memory.keep(first.bench.intake)
    return sources


def test_a_run_that_ends_after_the_publication_makes_no_second_file(
    tmp_path: Path, journal: Journal, sources: dict[tuple[int, int, int, int], Path]
) -> None:
    with run(tmp_path, journal) as second:
        assert second.convert().end == "published"  # which nobody learns
    assert files(tmp_path) == ["a.nd2", "a_2.nd2"]
    with run(tmp_path, journal) as third:
        assert third.publish() == "present"
        assert third.collection.outputs == (tmp_path / "out" / "a_2.nd2",)
    assert files(tmp_path) == ["a.nd2", "a_2.nd2"]
    assert_nd2_equals_sources(tmp_path / "out" / "a_2.nd2", WHAT, sources)


def test_frames_that_change_after_that_get_a_further_file(
    tmp_path: Path, journal: Journal, sources: dict[tuple[int, int, int, int], Path]
) -> None:
    with run(tmp_path, journal) as second:
        assert second.convert().end == "published"
    sources[0, 1, 1, 1].write_bytes(encode_frame(noise(6)))
    with run(tmp_path, journal) as third:
        assert third.publish() == "conflict"
        assert third.publish() == "published"
    assert files(tmp_path) == ["a.nd2", "a_2.nd2", "a_3.nd2"]
    assert_nd2_equals_sources(tmp_path / "out" / "a_3.nd2", WHAT, sources)


@pytest.mark.usefixtures("sources")
def test_files_of_others_are_left_alone(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "out" / "a_2.nd2").write_bytes(b"of somebody else")
    with run(tmp_path, journal) as second:
        assert second.publish() == "conflict"
        assert second.publish() == "published"
        orders.retry(second.bench.intake, second.collection)
        assert second.publish() == "present"
        assert second.collection.outputs == (tmp_path / "out" / "a_3.nd2",)
    assert files(tmp_path) == ["a.nd2", "a_2.nd2", "a_3.nd2"]
    assert (tmp_path / "out" / "a_2.nd2").read_bytes() == b"of somebody else"
