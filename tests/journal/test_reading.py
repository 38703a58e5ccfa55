from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import JournalError
from nd2watch.journal import Heartbeat, Journal, JournalView, schema
from tests.journal.samples import KEY, WATCH, event, frame, key_of, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nd2watch.journal import Key, State

BEAT = Heartbeat(pid=7, version="1", started=1.0, turned=2.0, text="idle")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state of nd2watch?" / "journal #1.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as journal:
        journal.record_sequence(sequence(state="converting"))
        journal.record_sequence(sequence(key=key_of(1), state="held", missing=("t 2", "t 3")))
        journal.record_sequence(sequence(key=key_of(2), state="held"))
        journal.record_sequence(sequence(watch="other", state="published"))
        journal.record_frames(WATCH, KEY, [frame()])
        journal.record_event(event(1))
        journal.record_event(event(2, watch="other"))
        journal.beat(BEAT)
        yield journal


def check(view: JournalView) -> None:
    """Check what a view tells of the journal above."""
    assert view.counts() == {WATCH: {"converting": 1, "held": 2}, "other": {"published": 1}}
    assert [record.key for record in view.sequences()] == [KEY, key_of(1), key_of(2), KEY]
    assert view.frames(WATCH, KEY) == [frame()]
    assert view.events(10) == [event(1), event(2, watch="other")]
    assert view.heartbeat() == BEAT


def test_a_view_tells_of_a_journal_that_is_open(journal: Journal, path: Path) -> None:
    with JournalView(path) as view:
        check(view)
        journal.record_sequence(sequence(state="published"))
        assert view.counts()[WATCH] == {"published": 1, "held": 2}


def test_a_view_tells_of_a_journal_that_is_closed(journal: Journal, path: Path) -> None:
    journal.close()
    with JournalView(path) as view:
        check(view)


def test_a_view_does_not_wait_for_a_batch_nor_see_half_of_it(journal: Journal, path: Path) -> None:
    with JournalView(path, wait_ms=0) as view:
        with journal.batch():
            journal.record_sequence(sequence(state="failed"))
            check(view)
        assert view.counts()[WATCH] == {"failed": 1, "held": 2}


@pytest.mark.parametrize(
    ("watch", "states", "keys"),
    [
        (WATCH, None, [KEY, key_of(1), key_of(2)]),
        (None, ["held"], [key_of(1), key_of(2)]),
        (WATCH, ["converting", "published"], [KEY]),
        ("other", ["held"], []),
        (None, [], []),
        ("' OR ''='", None, []),
    ],
)
def test_sequences_are_filtered(
    journal: Journal, watch: str | None, states: list[State] | None, keys: list[Key]
) -> None:
    assert [record.key for record in journal.sequences(watch, states)] == keys


def test_without_a_journal_a_view_says_so_and_makes_none(path: Path) -> None:
    with pytest.raises(JournalError, match=r"no journal .* first time"):
        JournalView(path)
    assert not path.parent.exists()


def test_a_view_changes_nothing(journal: Journal, path: Path) -> None:
    with JournalView(path) as view, pytest.raises(JournalError, match="read-only"):
        view._database.change("DELETE FROM sequence")
    assert len(journal.sequences()) == 4


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "older version"), (b"no database" * 100, "is damaged")]
)
def test_a_view_tells_why_a_file_cannot_be_read(path: Path, content: bytes, told: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=told):
        JournalView(path)
    assert path.read_bytes() == content


def test_a_view_refuses_a_newer_journal(journal: Journal, path: Path) -> None:
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(JournalError, match="newer version"):
        JournalView(path)


def test_folders_of_any_name_hold_a_journal(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff%20?mode=memory/journal"))
    with Journal(path) as journal:
        journal.record_sequence(sequence())
        with JournalView(path) as view:
            assert view.sequences() == [sequence()]
