"""The journal: what the service remembers when it is ended, in whatever way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nd2watch.errors import JournalError
from nd2watch.journal import rows
from nd2watch.journal.opening import open_to_write
from nd2watch.journal.reading import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nd2watch.journal.records import (
        FolderRecord,
        FrameRecord,
        Heartbeat,
        JournalEvent,
        Key,
        SequenceRecord,
    )

_WAIT_MS: Final = 5000
_EVENTS: Final = 1000


class Journal(JournalReader):
    """The journal of a service, for all of its threads.

    What a method has recorded is on the disk when it returns, unless it was called in a `batch`:
    then it is when the batch ends. Without its journal the service scans its folders and finds
    again all but what people have asked for; no data are lost with it.

    Use it as a context manager: leaving the block closes it.

    Parameters
    ----------
    path : Path
        The file, on a local disk. It and its folder are made, private, when missing.
    wait_ms : int, default 5000
        How long to wait for another program that writes it, ms.
    most_events : int, default 1000
        Events that are kept.

    Attributes
    ----------
    path : Path
        The file.
    set_aside : Path, optional
        Where a damaged journal was moved to when this one was made in its place.

    Raises
    ------
    JournalError
        If the file is on a network file system, of a newer version, or no journal.
    JournalBlocked
        If it cannot be opened now.
    """

    def __init__(self, path: Path, *, wait_ms: int = _WAIT_MS, most_events: int = _EVENTS) -> None:
        self.path = path
        database, self.set_aside = open_to_write(path, wait_ms)
        super().__init__(database)
        self._most_events = most_events

    def batch(self) -> AbstractContextManager[None]:
        """Return a context in which all is recorded at once, or nothing if an error leaves it.

        Other threads wait for its end.

        Raises
        ------
        JournalBlocked
            At its end, or at any method, if the journal cannot be written now.
        """
        return self._database.transaction()

    def record_sequence(self, record: SequenceRecord) -> None:
        """Record a sequence in place of what was known of it; its frames stay.

        Raises
        ------
        JournalBlocked
            If the journal cannot be written now, as for all methods that record; nothing has
            changed then, and the same call may succeed later.
        """
        row = rows.row_of_sequence(record)
        columns = rows.SEQUENCE.replace(",", "").split()
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
        self._database.change(
            f"INSERT INTO sequence ({rows.SEQUENCE}) VALUES ({_places(row)})"  # noqa: S608 - names of columns alone # nosec B608
            f" ON CONFLICT (watch, key) DO UPDATE SET {changes}",
            row,
        )

    def remove_sequence(self, watch: str, key: Key) -> None:
        """Remove a sequence and its frames, if it is there."""
        self._database.change(
            "DELETE FROM sequence WHERE watch = ? AND key = ?", _stored(watch, key)
        )

    def record_frames(self, watch: str, key: Key, frames: Iterable[FrameRecord]) -> None:
        """Record the frames of a sequence in place of those that were recorded.

        A file has one place in a sequence, and a place one frame that is ready: of several, the
        last is kept.

        Raises
        ------
        JournalError
            If the sequence is not recorded.
        """
        with self._database.transaction():
            number = self._number_of(watch, key)
            made = [(number, *rows.row_of_frame(frame)) for frame in frames]
            self._database.change("DELETE FROM frame WHERE sequence_id = ?", (number,))
            if made:
                self._database.change_many(
                    f"INSERT OR REPLACE INTO frame (sequence_id, {rows.FRAME})"  # noqa: S608
                    f" VALUES ({_places(made[0])})",
                    made,
                )

    def remove_frames(self, paths: Iterable[str]) -> None:
        """Remove the records of files that are gone, in whatever sequences there are any."""
        self._database.change_many(
            "DELETE FROM frame WHERE path = ?", [(os.fsencode(path),) for path in paths]
        )

    def record_event(self, event: JournalEvent) -> None:
        """Record an event; the oldest are dropped."""
        row = rows.row_of_event(event)
        with self._database.transaction():
            self._database.change(
                f"INSERT INTO event ({rows.EVENT}) VALUES ({_places(row)})",  # noqa: S608 - names of columns alone # nosec B608
                row,
            )
            self._database.change(
                "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?",
                (self._most_events,),
            )

    def record_folder(self, folder: FolderRecord) -> None:
        """Record a watched folder in place of what was known of it."""
        row = rows.row_of_folder(folder)
        self._database.change(
            f"INSERT OR REPLACE INTO folder ({rows.FOLDER}) VALUES ({_places(row)})",  # noqa: S608 - names of columns alone # nosec B608
            row,
        )

    def beat(self, heartbeat: Heartbeat) -> None:
        """Record a sign of life in place of the last."""
        row = rows.row_of_heartbeat(heartbeat)
        self._database.change(
            f"INSERT OR REPLACE INTO heartbeat (id, {rows.HEARTBEAT})"  # noqa: S608
            f" VALUES (1, {_places(row)})",
            row,
        )

    def _number_of(self, watch: str, key: Key) -> int:
        """Return the number of a sequence in the database."""
        found = self._database.rows(
            "SELECT id FROM sequence WHERE watch = ? AND key = ?", _stored(watch, key)
        )
        if not found:
            raise JournalError(f"a sequence of {watch} is not in the journal: {dict(key)}")
        return int(found[0][0])


def _stored(watch: str, key: Key) -> tuple[str | bytes, str]:
    """Return what tells a sequence from others, as it is stored."""
    return rows.stored_text(watch), rows.stored_key(key)


def _places(row: rows.Row) -> str:
    """Return a placeholder for each value of a row."""
    return ", ".join("?" * len(row))
