from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nd2watch.errors import JournalError
from nd2watch.journal import Heartbeat, Journal, schema
from tests.journal.samples import KEY, WATCH, event, fill, frame, sequence, use

VERSION_1 = Path(__file__).parent / "data" / "version_1.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="newer version") as raised:
        Journal(path)
    assert raised.value.exit_code == 74
    assert path.read_bytes() == before


def test_a_journal_of_version_1_is_read(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    with Journal(path) as journal:
        assert journal.set_aside is None
        assert journal.sequences() == [
            sequence(state="converting", found=2, expected=2, outputs=("/out/run.nd2",)),
            sequence(key=(("name", "\udcff"),), title="\udcff", state="held", missing=("t 2",)),
        ]
        odd = frame(1, path="/data/\udcff.tif", inode=2**64 - 1, state="double")
        assert journal.frames(WATCH, KEY) == [frame(), odd]
        assert journal.events(5) == [event(3, sequence="run", reason="why")]
        beat = Heartbeat(pid=7, version="0.1", started=1.0, turned=2.0, text="idle")
        assert journal.heartbeat() == beat
        use(journal)


def newer(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Let the next version need some statements."""
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, statements))


def test_an_older_journal_is_brought_to_the_present_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    newer(monkeypatch, "ALTER TABLE frame ADD COLUMN digest TEXT NOT NULL DEFAULT 'none'")
    for _ in range(2):
        with Journal(path) as journal:
            assert journal._database.rows("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
            assert journal._database.rows("SELECT DISTINCT digest FROM frame") == [("none",)]
            assert len(journal.sequences()) == 20


def test_a_migration_that_fails_leaves_all_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    with monkeypatch.context() as changed:
        newer(changed, "DROP TABLE event", "DELETE FROM sequence", "DROP TABLE no_such_table")
        with pytest.raises(JournalError, match="no_such_table"):
            Journal(path)
    with Journal(path) as journal:
        assert journal._database.rows("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
        assert len(journal.sequences()) == 20
        assert journal.events(5) == []
