"""Records for the tests of the journal, some of them drawn at random."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from nd2watch.journal import (
    FRAME_STATES,
    STATES,
    FrameRecord,
    Heartbeat,
    Journal,
    JournalEvent,
    SequenceRecord,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.journal import Key

WATCH = "scope"
KEY: Key = (("name", "run"),)


def key_of(number: int) -> Key:
    """Return one of many keys."""
    return (("name", f"run {number}"),)


def sequence(**changes: Any) -> SequenceRecord:
    """Return a sequence."""
    values: dict[str, Any] = {
        "watch": WATCH,
        "key": KEY,
        "title": "run",
        "layout": "c0ffee",
        "state": "collecting",
        "changed": 1000.0,
    }
    return SequenceRecord(**{**values, **changes})


def frame(number: int = 0, **changes: Any) -> FrameRecord:
    """Return one of the frames of a sequence."""
    values: dict[str, Any] = {
        "path": f"/data/run/img_{number:06}.tif",
        "coordinate": (str(number), "", "", ""),
        "size": 2048,
        "mtime_ns": 1_700_000_000_000_000_000 + number,
        "ctime_ns": 1_700_000_000_000_000_001 + number,
        "inode": 5000 + number,
        "device": 2049,
    }
    return FrameRecord(**{**values, **changes})


def event(number: int = 0, **changes: Any) -> JournalEvent:
    """Return one of many events."""
    values: dict[str, Any] = {"moment": float(number), "watch": WATCH, "event": "published"}
    return JournalEvent(**{**values, **changes})


def fill(path: Path) -> None:
    """Make a journal of some pages, all in its main file."""
    with Journal(path) as journal:
        for number in range(20):
            journal.record_sequence(sequence(key=key_of(number)))
            some = [frame(100 * number + index) for index in range(20)]
            journal.record_frames(WATCH, key_of(number), some)


def use(journal: Journal) -> None:
    """Ask and record everything."""
    for record in journal.sequences():
        journal.frames(record.watch, record.key)
    journal.counts()
    journal.events(10)
    journal.heartbeat()
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, map(frame, range(500)))
    journal.record_event(event())
    journal.remove_frames([frame(1).path])
    journal.remove_sequence(WATCH, KEY)


texts = st.text(st.characters(exclude_categories=()), max_size=20)
"""Text with everything in it, also halves of characters and NUL."""

paths = st.binary(max_size=30).map(lambda name: os.fsdecode(b"/data/" + name))
"""Paths of any bytes."""

moments = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**40)
labels = st.tuples(texts, texts, texts, texts)
keys = st.lists(st.tuples(texts, texts), max_size=4).map(tuple)

sequences = st.builds(
    SequenceRecord,
    watch=texts,
    key=keys,
    title=texts,
    layout=texts,
    state=st.sampled_from(STATES),
    reason=texts,
    found=counts,
    expected=st.none() | counts,
    missing=st.lists(texts, max_size=3).map(tuple),
    outputs=st.lists(paths, max_size=3).map(tuple),
    attempts=counts,
    next_try=st.none() | moments,
    changed=moments,
)
frames = st.builds(
    FrameRecord,
    path=paths,
    coordinate=labels,
    size=counts,
    mtime_ns=st.integers(-(2**70), 2**70),
    ctime_ns=st.integers(-(2**70), 2**70),
    inode=st.integers(0, 2**128),
    device=st.integers(0, 2**64),
    state=st.sampled_from(FRAME_STATES),
)
events = st.builds(
    JournalEvent, moment=moments, watch=texts, sequence=texts, event=texts, reason=texts
)
heartbeats = st.builds(
    Heartbeat, pid=counts, version=texts, started=moments, turned=moments, text=texts
)
