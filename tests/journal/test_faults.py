from __future__ import annotations

import os
import re
import resource
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import JournalBlocked, JournalError
from nd2watch.journal import Journal
from tests.journal.samples import KEY, WATCH, frame, key_of, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path, wait_ms=20) as journal:
        yield journal


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writing beyond a size fail, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def record_until_refused(journal: Journal) -> int:
    """Record sequences until the disk is full, and return how many were taken."""
    for number in range(10_000):
        try:
            journal.record_sequence(sequence(key=key_of(number)))
        except JournalBlocked:
            return number
    raise AssertionError("the disk was never full")


def check_works(journal: Journal, path: Path, taken: int) -> None:
    """Check that all that was taken is there, nothing more, and that the journal goes on."""
    assert [record.key for record in journal.sequences()] == [key_of(n) for n in range(taken)]
    journal.record_sequence(sequence(key=key_of(taken)))
    journal.close()
    with Journal(path) as again:
        assert again.set_aside is None
        assert len(again.sequences()) == taken + 1


@pytest.mark.parametrize("room", [10_000, 50_001, 100_000])
def test_the_journal_works_again_when_the_disk_has_room(
    journal: Journal, path: Path, room: int
) -> None:
    log = path.with_name(f"{path.name}-wal")
    with file_size_limit(log.stat().st_size + room):
        taken = record_until_refused(journal)
        with pytest.raises(JournalBlocked, match=re.escape(str(path))) as raised:
            journal.record_frames(WATCH, key_of(0), map(frame, range(2000)))
    assert raised.value.retryable
    check_works(journal, path, taken)


def test_a_full_disk_is_named(journal: Journal, path: Path) -> None:
    ((pages,),) = journal._database.rows("PRAGMA page_count")
    journal._database.rows(f"PRAGMA max_page_count = {pages + 4}")
    taken = record_until_refused(journal)
    with pytest.raises(JournalBlocked, match="disk is full"):
        journal.record_sequence(sequence(key=key_of(taken), title="x" * 5000))
    journal._database.rows("PRAGMA max_page_count = 100000")
    check_works(journal, path, taken)


def test_a_disk_that_became_read_only_is_named(journal: Journal, path: Path) -> None:
    journal.record_sequence(sequence(key=key_of(0)))
    journal._database.rows("PRAGMA query_only = ON")
    with pytest.raises(JournalBlocked, match="read-only"):
        journal.record_sequence(sequence(key=key_of(1)))
    journal._database.rows("PRAGMA query_only = OFF")
    check_works(journal, path, 1)


def test_a_journal_is_not_made_on_a_full_disk_but_later(path: Path) -> None:
    with file_size_limit(100), pytest.raises(JournalBlocked):
        Journal(path)
    with Journal(path) as journal:
        assert journal.set_aside is None
        check_works(journal, path, 0)


def test_of_a_batch_that_met_a_full_disk_nothing_is_kept(journal: Journal, path: Path) -> None:
    journal.record_sequence(sequence(key=key_of(0)))
    log = path.with_name(f"{path.name}-wal")

    def record() -> None:
        with journal.batch():
            journal.record_frames(WATCH, key_of(0), map(frame, range(2000)))
            journal.record_sequence(sequence(key=key_of(1)))

    with file_size_limit(log.stat().st_size + 20_000), pytest.raises(JournalBlocked):
        record()
    assert journal.frames(WATCH, key_of(0)) == []
    check_works(journal, path, 1)


def test_a_batch_does_not_end_well_when_an_error_in_it_was_passed_over(
    journal: Journal, path: Path
) -> None:
    journal.record_sequence(sequence(key=key_of(0)))
    refused: list[JournalError] = []

    def attempt(act: Callable[[], None]) -> None:
        try:
            act()
        except JournalBlocked as error:
            refused.append(error)

    def record() -> None:
        with journal.batch():
            journal.record_sequence(sequence(key=key_of(1)))
            journal._database.rows("PRAGMA query_only = ON")
            attempt(lambda: journal.record_frames(WATCH, key_of(0), [frame()]))
            journal._database.rows("PRAGMA query_only = OFF")
            attempt(lambda: journal.record_sequence(sequence(key=key_of(2))))

    with pytest.raises(JournalBlocked) as raised:
        record()
    assert refused == [raised.value, raised.value]
    check_works(journal, path, 1)


def test_a_second_writer_waits_for_the_first(journal: Journal, path: Path) -> None:
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        with Journal(path) as second:
            begun.set()
            second.record_sequence(sequence(key=key_of(1)))
        done.set()

    writer = threading.Thread(target=write)
    with journal.batch():
        writer.start()
        assert begun.wait(60)
        journal.record_sequence(sequence(key=key_of(0)))
        assert not done.is_set()
    writer.join()
    assert [record.key for record in journal.sequences()] == [key_of(0), key_of(1)]


def test_a_second_writer_does_not_wait_for_ever(journal: Journal, path: Path) -> None:
    with journal.batch(), Journal(path, wait_ms=20) as second:
        with pytest.raises(JournalBlocked, match="another program"):
            second.record_sequence(sequence())
        assert second.sequences() == []
        journal.record_sequence(sequence())
    assert journal.sequences() == [sequence()]


def test_damage_while_it_is_open_is_told_and_mended_by_the_next_start(
    journal: Journal, path: Path
) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, map(frame, range(3000)))
    journal._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    journal._database.rows("PRAGMA shrink_memory")
    with pytest.raises(JournalError, match="start the service again") as raised:
        journal.frames(WATCH, KEY)
    assert not raised.value.retryable
    journal.close()
    with Journal(path) as again:
        assert again.set_aside is not None
        assert again.sequences() == []


def test_a_closed_journal_is_not_used(journal: Journal) -> None:
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.sequences()
    with pytest.raises(JournalError, match="closed"):
        journal.record_sequence(sequence())
