from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from nd2watch.journal import Journal
from tests.journal.samples import WATCH, frame, key_of, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


def test_many_threads_use_one_journal(journal: Journal) -> None:
    threads, rounds = 8, 25
    together = threading.Barrier(threads)

    def work(number: int) -> None:
        together.wait()
        journal.record_sequence(sequence(key=key_of(number)))
        for index in range(rounds):
            with journal.batch():
                some = [frame(1000 * number + each) for each in range(index + 1)]
                journal.record_frames(WATCH, key_of(number), some)
                found = len(journal.frames(WATCH, key_of(number)))
                journal.record_sequence(sequence(key=key_of(number), found=found))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [record.found for record in journal.sequences()] == [rounds] * threads


def test_other_threads_see_a_batch_when_it_has_ended(journal: Journal) -> None:
    begun, seen = threading.Event(), []

    def look() -> None:
        begun.set()
        seen.append(journal.sequences())

    reader = threading.Thread(target=look)

    def fail() -> None:
        with journal.batch():
            journal.record_sequence(sequence())
            reader.start()
            assert begun.wait(60)
            reader.join(0.05)  # it cannot end before the batch does
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    reader.join()
    assert seen == [[]]
