"""Opening the file of the journal: making it, checking it, setting a damaged one aside."""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import JournalBlocked, JournalError
from nd2watch.journal import schema
from nd2watch.journal.database import Database, is_damage, journal_error

if TYPE_CHECKING:
    from pathlib import Path

_BESIDE: Final = ("", "-wal", "-shm")
"""Endings of the files that make up a database; a write-ahead log must not outlive its file."""

_LARGEST_LOG: Final = 64 << 20
"""A write-ahead log that grew by large batches is cut to so many bytes when it is done with."""


def open_to_write(path: Path, wait_ms: int) -> tuple[Database, Path | None]:
    """Open the journal, and make it when it is missing or damaged.

    Parameters
    ----------
    path : Path
        The file. Its folder is made when missing.
    wait_ms : int
        How long to wait for another writer, ms.

    Returns
    -------
    database : Database
        The sound, present database.
    aside : Path, optional
        Where a damaged file was moved to.

    Raises
    ------
    JournalError
        If the file is on a network file system, of a newer version, or no journal.
    JournalBlocked
        If it cannot be opened now.
    """
    try:
        _refuse_network(path)
        _make(path)
        try:
            return _prepared(path, wait_ms), None
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            aside = _set_aside(path)
            _make(path)
            return _prepared(path, wait_ms), aside
    except sqlite3.Error as error:
        raise journal_error(path, error) from error
    except OSError as error:
        raise JournalBlocked(f"the journal {path} cannot be opened: {error}") from error


def open_to_read(path: Path, wait_ms: int) -> Database:
    """Open the journal, which another program may be writing, for reading alone.

    Raises
    ------
    JournalError
        If there is none, or none of this version.
    JournalBlocked
        If it cannot be opened now.
    """
    try:
        if not path.exists():
            raise JournalError(
                f"there is no journal {path}; it is made when the service runs for the first time"
            )
        connection = _connect(f"{path.absolute().as_uri()}?mode=ro", wait_ms, uri=True)
        try:
            version = _version(connection, path)
            if version < len(schema.MIGRATIONS):
                raise JournalError(
                    f"the journal {path} is of an older version ({version}); it is renewed when"
                    " the service is started again"
                )
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise journal_error(path, error) from error
    except OSError as error:
        raise JournalBlocked(f"the journal {path} cannot be opened: {error}") from error
    return Database(connection, path)


def _refuse_network(path: Path) -> None:
    """Refuse file systems on which several programs cannot share the memory of a log."""
    kind = host.file_system_of(path)
    if host.is_network(kind):
        raise JournalError(
            f"the journal {path} would be on a network file system ({kind}), which it does not"
            " work on; choose a folder on a local disk"
        )


def _make(path: Path) -> None:
    """Make an empty private file, in a private folder, where there is none.

    In a folder that is open to a group alone, that group may read it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o600 if host.trusted_group(path.parent) is None else 0o640
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
    except FileExistsError:
        if not stat.S_ISREG(path.stat().st_mode):
            raise JournalError(f"the journal {path} is not a file; move it away") from None
    else:
        host.sync_folder(path.parent)


def _connect(name: Path | str, wait_ms: int, *, uri: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit mode, for all threads."""
    connection = sqlite3.connect(
        name, timeout=wait_ms / 1000, isolation_level=None, check_same_thread=False, uri=uri
    )
    # Valid text alone is stored as such: what is not was damaged.
    connection.text_factory = lambda stored: stored.decode("utf-8", "replace")
    return connection


def _prepared(path: Path, wait_ms: int) -> Database:
    """Return a connection to a sound database of the present version."""
    connection = _connect(path, wait_ms)
    try:
        version = _checked_version(connection, path)
        for setting, value, told in (
            ("journal_mode", "WAL", "wal"),
            ("synchronous", "FULL", 2),
            ("foreign_keys", "ON", 1),
        ):
            connection.execute(f"PRAGMA {setting} = {value}")
            if connection.execute(f"PRAGMA {setting}").fetchone() != (told,):
                raise JournalError(f"the disk of the journal {path} does not allow {setting}")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
        if version < len(schema.MIGRATIONS):
            _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return Database(connection, path)


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a journal that was checked from end to end."""
    try:
        version = _version(connection, path)
        # As quick_check, and that indexes agree with their tables: 2 s for a million frames.
        (state,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        state = str(error)  # its tables are not what statements can be about
    if state == "ok":
        return version
    damage = sqlite3.DatabaseError(state)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    raise damage


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a journal; 0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != schema.APPLICATION and (tables or version):
        raise JournalError(f"{path} is a database, but no journal of nd2watch; move it away")
    newest = len(schema.MIGRATIONS)
    if version > newest:
        raise JournalError(
            f"the journal {path} is of a newer version ({version}; this program knows {newest});"
            " run the newer program, or delete the journal: all folders are scanned then"
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a journal to the present version, all at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)  # another program may have done it meanwhile
        for statements in schema.MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _set_aside(path: Path) -> Path:
    """Move a damaged journal to the first free name, and return that."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.corrupt-{number}")):
        number += 1
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if os.path.lexists(beside):
            beside.rename(aside.with_name(aside.name + ending))
    host.sync_folder(path.parent)
    return aside
