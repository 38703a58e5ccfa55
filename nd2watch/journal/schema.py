"""The tables of the journal, and how older ones become the present ones."""

from __future__ import annotations

from typing import Final

APPLICATION: Final = 0x4E443257
"""Marks a database as a journal of nd2watch ("ND2W")."""

# Text that is not valid Unicode, as names of files may be, is stored as a blob. Columns without a
# type keep integers that do not fit into 64 bits as text (inodes, times after 2262).
_FIRST: Final = (
    """
    CREATE TABLE sequence (
        id INTEGER PRIMARY KEY,
        watch TEXT NOT NULL,
        key TEXT NOT NULL,
        title TEXT NOT NULL,
        layout TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        found INTEGER NOT NULL,
        expected INTEGER,
        missing TEXT NOT NULL,
        outputs TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_try REAL,
        changed REAL NOT NULL,
        UNIQUE (watch, key)
    )
    """,
    """
    CREATE TABLE frame (
        id INTEGER PRIMARY KEY,
        sequence_id INTEGER NOT NULL REFERENCES sequence (id) ON DELETE CASCADE,
        t TEXT NOT NULL,
        p TEXT NOT NULL,
        z TEXT NOT NULL,
        c TEXT NOT NULL,
        path BLOB NOT NULL,
        size NOT NULL,
        mtime_ns NOT NULL,
        ctime_ns NOT NULL,
        inode NOT NULL,
        device NOT NULL,
        state TEXT NOT NULL,
        UNIQUE (path, sequence_id)
    )
    """,
    # Doubles share a place with the frame that has it.
    """
    CREATE UNIQUE INDEX frame_place ON frame (sequence_id, t, p, z, c) WHERE state = 'ready'
    """,
    """
    CREATE INDEX frame_sequence ON frame (sequence_id)
    """,
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        moment REAL NOT NULL,
        watch TEXT NOT NULL,
        sequence TEXT NOT NULL,
        event TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE heartbeat (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        pid INTEGER NOT NULL,
        version TEXT NOT NULL,
        started REAL NOT NULL,
        turned REAL NOT NULL,
        text TEXT NOT NULL
    )
    """,
    f"PRAGMA application_id = {APPLICATION}",
)

_SECOND: Final = (
    "ALTER TABLE sequence ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sequence ADD COLUMN released TEXT",
    "ALTER TABLE sequence ADD COLUMN late INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE folder (
        watch TEXT PRIMARY KEY,
        path BLOB NOT NULL,
        device NOT NULL,
        inode NOT NULL
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND)
"""Statements that bring a journal from each version, starting with an empty one, to the next.

Those of a released version are never changed: another is added.
"""
