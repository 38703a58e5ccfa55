"""Records as rows of the journal's tables, and back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nd2watch.errors import JournalError
from nd2watch.journal.records import (
    FolderRecord,
    FrameRecord,
    Heartbeat,
    JournalEvent,
    SequenceRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nd2watch.journal.records import Key

Row = tuple[Any, ...]
_Record = TypeVar("_Record")

SEQUENCE: Final = (
    "watch, key, title, layout, state, reason, found, expected, missing, outputs, attempts,"
    " next_try, changed, revision, released, late"
)
FRAME: Final = "path, t, p, z, c, size, mtime_ns, ctime_ns, inode, device, state"
EVENT: Final = "moment, watch, sequence, event, reason"
FOLDER: Final = "watch, path, device, inode"
HEARTBEAT: Final = "pid, version, started, turned, text"
"""The columns of each record, in the order of the rows here."""

_LARGEST: Final = 2**63


def stored_text(text: str) -> str | bytes:
    """Return text as it is stored: bytes where it is not valid Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def told_text(stored: str | bytes) -> str:
    """Return text from its stored form."""
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored


def stored_integer(number: int) -> int | str:
    """Return a number as it is stored: text where the database has no integer so large."""
    return number if -_LARGEST <= number < _LARGEST else str(number)


def stored_key(key: Key) -> str:
    """Return the key of a sequence as it is stored."""
    return json.dumps(key, separators=(",", ":"))


def told_key(stored: str) -> Key:
    """Return the key of a sequence from its stored form."""
    return tuple((str(field), str(text)) for field, text in json.loads(stored))


def row_of_sequence(record: SequenceRecord) -> Row:
    """Return the row of a sequence."""
    return (
        stored_text(record.watch),
        stored_key(record.key),
        stored_text(record.title),
        stored_text(record.layout),
        record.state,
        stored_text(record.reason),
        record.found,
        record.expected,
        json.dumps(record.missing),
        json.dumps(record.outputs),
        record.attempts,
        record.next_try,
        record.changed,
        record.revision,
        record.released,
        record.late,
    )


def sequence_of(row: Row) -> SequenceRecord:
    """Return the sequence in a row."""
    return SequenceRecord(
        watch=told_text(row[0]),
        key=told_key(row[1]),
        title=told_text(row[2]),
        layout=told_text(row[3]),
        state=row[4],
        reason=told_text(row[5]),
        found=int(row[6]),
        expected=None if row[7] is None else int(row[7]),
        missing=tuple(map(str, json.loads(row[8]))),
        outputs=tuple(map(str, json.loads(row[9]))),
        attempts=int(row[10]),
        next_try=None if row[11] is None else float(row[11]),
        changed=float(row[12]),
        revision=int(row[13]),
        released=row[14],
        late=int(row[15]),
    )


def row_of_frame(record: FrameRecord) -> Row:
    """Return the row of a frame."""
    numbers = (record.size, record.mtime_ns, record.ctime_ns, record.inode, record.device)
    return (
        os.fsencode(record.path),
        *map(stored_text, record.coordinate),
        *map(stored_integer, numbers),
        record.state,
    )


def frame_of(row: Row) -> FrameRecord:
    """Return the frame in a row."""
    t, p, z, c = map(told_text, row[1:5])
    return FrameRecord(
        path=os.fsdecode(row[0]),
        coordinate=(t, p, z, c),
        size=int(row[5]),
        mtime_ns=int(row[6]),
        ctime_ns=int(row[7]),
        inode=int(row[8]),
        device=int(row[9]),
        state=row[10],
    )


def row_of_event(record: JournalEvent) -> Row:
    """Return the row of an event."""
    texts = (record.watch, record.sequence, record.event, record.reason)
    return (record.moment, *map(stored_text, texts))


def event_of(row: Row) -> JournalEvent:
    """Return the event in a row."""
    watch, sequence, event, reason = map(told_text, row[1:])
    return JournalEvent(
        moment=float(row[0]), watch=watch, sequence=sequence, event=event, reason=reason
    )


def row_of_folder(record: FolderRecord) -> Row:
    """Return the row of a watched folder."""
    numbers = map(stored_integer, (record.device, record.inode))
    return (stored_text(record.watch), os.fsencode(record.path), *numbers)


def folder_of(row: Row) -> FolderRecord:
    """Return the watched folder in a row."""
    return FolderRecord(
        watch=told_text(row[0]), path=os.fsdecode(row[1]), device=int(row[2]), inode=int(row[3])
    )


def row_of_heartbeat(record: Heartbeat) -> Row:
    """Return the row of a heartbeat."""
    return (
        record.pid,
        stored_text(record.version),
        record.started,
        record.turned,
        stored_text(record.text),
    )


def heartbeat_of(row: Row) -> Heartbeat:
    """Return the heartbeat in a row."""
    return Heartbeat(
        pid=int(row[0]),
        version=told_text(row[1]),
        started=float(row[2]),
        turned=float(row[3]),
        text=told_text(row[4]),
    )


def understood(rows: Iterable[Row], make: Callable[[Row], _Record]) -> list[_Record]:
    """Return the records in rows.

    A row that a broken disk made meaningless is left out: a scan finds again what it told.
    """
    records = []
    for row in rows:
        try:
            records.append(make(row))
        except (JournalError, ValueError, TypeError, AttributeError):
            continue
    return records
