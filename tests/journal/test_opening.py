from __future__ import annotations

import os
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from nd2watch.errors import JournalBlocked, JournalError
from nd2watch.journal import Journal
from tests.journal.samples import WATCH, fill, key_of, sequence, use


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def test_a_journal_is_made_with_its_folder_for_its_user_alone(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.set_aside is None
        journal.record_sequence(sequence())
        modes = {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        assert len(list(path.parent.iterdir())) == 3  # with log and index of the log
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("folder", "file"), [(0o750, 0o640), (0o755, 0o600), (0o700, 0o600)])
def test_a_group_may_read_it_where_the_folder_is_open_to_that_group_alone(
    path: Path, folder: int, file: int
) -> None:
    path.parent.mkdir()
    path.parent.chmod(folder)
    with Journal(path):
        modes = {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes == {file}


def test_commits_outlast_a_power_failure_and_rows_refer_to_what_is_there(path: Path) -> None:
    with Journal(path) as journal:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        told = [journal._database.rows(f"PRAGMA {name}")[0][0] for name in asked]
    assert told == ["wal", 2, 1, 5000]


@pytest.mark.parametrize(
    "content",
    [
        b"not a database at all, but long enough to be taken for one" * 50,
        b"short",
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * 5000,
    ],
)
def test_garbage_is_set_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with Journal(path) as journal:
        aside = journal.set_aside
        use(journal)
    assert aside == path.with_name("journal.sqlite.corrupt-1")
    assert aside.read_bytes() == content


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Journal(path) as journal:
        assert journal.set_aside is None
        use(journal)


@pytest.mark.parametrize("part", [0.9, 0.5, 0.1, 0.005])
def test_a_truncated_journal_is_set_aside(path: Path, part: float) -> None:
    fill(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with Journal(path) as journal:
        assert journal.set_aside is not None
        use(journal)


def test_a_journal_with_an_overwritten_page_is_set_aside(path: Path) -> None:
    fill(path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 4096)
    with Journal(path) as journal:
        assert journal.set_aside is not None
        use(journal)


def test_a_page_left_from_an_index_of_before_is_found(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        ((page,),) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'frame_sequence'"
        )
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    start = (page - 1) * page_size
    before = path.read_bytes()[start : start + page_size]
    with Journal(path) as journal:
        journal.remove_sequence(WATCH, key_of(1))
    with path.open("r+b") as file:
        file.seek(start)
        file.write(before)
    with Journal(path) as journal:
        assert journal.set_aside is not None


def test_the_log_of_a_damaged_journal_goes_with_it(path: Path) -> None:
    fill(path)
    log = path.with_name("journal.sqlite-wal")
    with Journal(path) as journal:
        journal.record_sequence(sequence())
        logged = log.read_bytes()
    for number in (1, 2):
        path.write_bytes(b"\xff" * 8192)
        log.write_bytes(logged)
        with Journal(path) as journal:
            assert journal.set_aside == path.with_name(f"journal.sqlite.corrupt-{number}")
            assert journal.sequences() == []
        assert path.with_name(f"journal.sqlite.corrupt-{number}-wal").read_bytes() == logged


@pytest.mark.parametrize("seed", range(60))
def test_no_flipped_byte_keeps_the_journal_from_working(path: Path, seed: int) -> None:
    fill(path)
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    content[chance.randrange(100, len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    with Journal(path) as journal:
        use(journal)


def test_rows_without_a_meaning_are_left_out(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sequence SET state = 'collectinh' WHERE id = 1")
        connection.execute("UPDATE sequence SET key = '[[' WHERE id = 2")
        connection.execute("UPDATE sequence SET missing = 7 WHERE id = 3")
        connection.execute("UPDATE sequence SET title = CAST(x'ff' AS TEXT) WHERE id = 4")
        connection.execute("UPDATE frame SET size = 'large' WHERE path = ?", (b"/data/x",))
        connection.execute("UPDATE frame SET size = 'large' WHERE t = '401'")
    with Journal(path) as journal:
        found = journal.sequences()
        assert [record.key for record in found] == [key_of(number) for number in range(3, 20)]
        assert found[0].title == "\ufffd"
        assert sum(journal.counts()[WATCH].values()) == 19
        assert len(journal.frames(WATCH, key_of(4))) == 19


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="no journal"):
        Journal(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(path: Path, make: object) -> None:
    path.parent.mkdir()
    assert callable(make)
    make(path)
    with pytest.raises(JournalError, match="not a file"):
        Journal(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalBlocked, match="cannot be opened"):
        Journal(tmp_path / "file" / "journal.sqlite")


@pytest.mark.parametrize("kind", ["cifs", "nfs4", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = path.parent.with_name("mounts")
    mounts.write_text(f"1 0 8:1 / / rw - ext4 a rw\n2 1 0:9 / {path.parent} rw - {kind} b rw\n")
    monkeypatch.setattr("nd2watch.host.mounts.MOUNTS", mounts)
    with pytest.raises(JournalError, match=kind):
        Journal(path)
    assert not path.parent.exists()
