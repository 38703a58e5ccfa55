"""Reading the journal, also while the service writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.journal import rows
from nd2watch.journal.opening import open_to_read
from nd2watch.journal.states import STATES

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from typing import Self

    from nd2watch.journal.database import Database
    from nd2watch.journal.records import (
        FolderRecord,
        FrameRecord,
        Heartbeat,
        JournalEvent,
        Key,
        SequenceRecord,
    )
    from nd2watch.journal.states import State

_WAIT_MS: Final = 5000


class JournalReader:
    """What can be asked of a journal; each question is short.

    Use it as a context manager: leaving the block closes it.

    Parameters
    ----------
    database : Database
        The open database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def sequences(
        self, watch: str | None = None, states: Collection[State] | None = None
    ) -> list[SequenceRecord]:
        """Return sequences in the order in which they came.

        Parameters
        ----------
        watch : str, optional
            Only those of this watch.
        states : collection of str, optional
            Only those in one of these states.

        Raises
        ------
        JournalError
            If the journal cannot be read, as for all methods.
        """
        wanted, values = "", []
        if watch is not None:
            wanted += " AND watch = ?"
            values.append(rows.stored_text(watch))
        if states is not None:
            wanted += f" AND state IN ({', '.join('?' * len(states))})"
            values.extend(states)
        found = self._database.rows(
            f"SELECT {rows.SEQUENCE} FROM sequence WHERE TRUE{wanted} ORDER BY id",  # noqa: S608 - names of columns alone # nosec B608
            tuple(values),
        )
        return rows.understood(found, rows.sequence_of)

    def counts(self) -> dict[str, dict[State, int]]:
        """Return how many sequences of each watch are in each state."""
        counts: dict[str, dict[State, int]] = {}
        for watch, state, count in self._database.rows(
            "SELECT watch, state, count(*) FROM sequence GROUP BY watch, state"
        ):
            if state in STATES:
                counts.setdefault(rows.told_text(watch), {})[state] = count
        return counts

    def frames(self, watch: str, key: Key) -> list[FrameRecord]:
        """Return the frames of a sequence in the order in which they were recorded."""
        found = self._database.rows(
            f"SELECT {rows.FRAME} FROM frame WHERE sequence_id ="  # noqa: S608 - names of columns alone # nosec B608
            " (SELECT id FROM sequence WHERE watch = ? AND key = ?) ORDER BY id",
            (rows.stored_text(watch), rows.stored_key(key)),
        )
        return rows.understood(found, rows.frame_of)

    def folder(self, watch: str) -> FolderRecord | None:
        """Return the folder of a watch as it was when it was last looked at; None before that."""
        found = self._database.rows(
            f"SELECT {rows.FOLDER} FROM folder WHERE watch = ?",  # noqa: S608 - names of columns alone # nosec B608
            (rows.stored_text(watch),),
        )
        return next(iter(rows.understood(found, rows.folder_of)), None)

    def events(self, most: int, watch: str | None = None) -> list[JournalEvent]:
        """Return the last events, the latest last.

        Parameters
        ----------
        most : int
            How many at most.
        watch : str, optional
            Only those of this watch.
        """
        name = None if watch is None else rows.stored_text(watch)
        found = self._database.rows(
            f"SELECT {rows.EVENT} FROM event WHERE ?1 IS NULL OR watch = ?1"  # noqa: S608 - names of columns alone # nosec B608
            " ORDER BY id DESC LIMIT ?2",
            (name, most),
        )
        return rows.understood(reversed(found), rows.event_of)

    def heartbeat(self) -> Heartbeat | None:
        """Return the last sign of life of the service; None before the first."""
        found = self._database.rows(f"SELECT {rows.HEARTBEAT} FROM heartbeat")  # noqa: S608 - names of columns alone # nosec B608
        return next(iter(rows.understood(found, rows.heartbeat_of)), None)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class JournalView(JournalReader):
    """The journal for commands that only look, beside a running service or without one.

    Parameters
    ----------
    path : Path
        The file.
    wait_ms : int, default 5000
        How long to wait for a writer, ms.

    Raises
    ------
    JournalError
        If there is no journal, or none of this version.
    JournalBlocked
        If it cannot be opened now.
    """

    def __init__(self, path: Path, *, wait_ms: int = _WAIT_MS) -> None:
        super().__init__(open_to_read(path, wait_ms))
