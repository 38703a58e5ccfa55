"""A connection to the database that several threads share."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import JournalBlocked, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Values = tuple[Any, ...]

_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BLOCKED: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_READONLY: "the file or its disk is read-only",
    sqlite3.SQLITE_BUSY: "another program is writing it",
    sqlite3.SQLITE_LOCKED: "another program is writing it",
    sqlite3.SQLITE_IOERR: "its disk reports an error, or is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; the user of the service needs to write its"
    " folder",
    sqlite3.SQLITE_PERM: "the user of the service may not use it",
    sqlite3.SQLITE_NOMEM: "memory is short",
}
"""What a person can do about errors that may go away."""


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that the file is not a sound database."""
    return _kind_of(error) in _DAMAGED


def _kind_of(error: sqlite3.Error) -> int:
    """Return the primary code of an error; 0 for those of the module itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def journal_error(path: Path, error: sqlite3.Error) -> JournalError:
    """Return the error of this package for one of the database."""
    kind = _kind_of(error)
    if kind in _DAMAGED:
        return JournalError(
            f"the journal {path} is damaged; start the service again, which sets it aside and"
            f" begins a new one ({error})"
        )
    if kind in _BLOCKED:
        return JournalBlocked(f"the journal {path} cannot be used now: {_BLOCKED[kind]} ({error})")
    return JournalError(f"the journal {path} cannot be used: {error}")


class Database:
    """One connection, used by one thread at a time.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode, and allowed in all threads.
    path : Path
        The file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0
        self._spoilt: JournalError | None = None

    def rows(self, statement: str, values: Values = ()) -> list[Values]:
        """Return all rows that a query gives.

        Raises
        ------
        JournalError
            If the database cannot be read.
        """
        with self._lock, self._told():
            return self._connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: Values = ()) -> int:
        """Carry out a statement in a transaction, and return how many rows it changed.

        Raises
        ------
        JournalError
            If it cannot be carried out; nothing is changed then.
        """
        with self.transaction(), self._told():
            return self._connection.execute(statement, values).rowcount

    def change_many(self, statement: str, values: Iterable[Values]) -> None:
        """Carry out a statement with each of several values, all or none.

        Raises
        ------
        JournalError
            If one cannot be carried out.
        """
        with self.transaction(), self._told():
            self._connection.executemany(statement, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes within one; an inner transaction is part of the outer one.

        Other threads wait for its end.

        Raises
        ------
        JournalError
            If the changes cannot be stored, or one of them could not be made; none is kept then.
        """
        with self._lock:
            if self._depth:
                if self._spoilt is not None:
                    raise self._spoilt
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            with self._told():
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                if self._spoilt is not None:  # the error was caught inside
                    raise self._spoilt
                with self._told():
                    self._connection.execute("COMMIT")
            finally:
                self._depth, self._spoilt = 0, None
                with contextlib.suppress(sqlite3.Error):  # some errors have undone it already
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Raise errors of the database as errors of this package, and spoil the transaction."""
        try:
            yield
        except sqlite3.Error as error:
            told = journal_error(self.path, error)
            if self._depth:
                self._spoilt = told
            raise told from error

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        with self._lock:
            self._connection.close()
