"""The durable memory of the service: sequences, their frames, and what became of them.

The journal is a cache of intent. Without it the service scans its folders and recognises the
files that it has published.
"""

from nd2watch.journal.reading import JournalView
from nd2watch.journal.records import (
    FRAME_STATES,
    FolderRecord,
    FrameRecord,
    FrameState,
    Heartbeat,
    JournalEvent,
    Key,
    SequenceRecord,
)
from nd2watch.journal.states import STATES, State
from nd2watch.journal.store import Journal

__all__ = [
    "FRAME_STATES",
    "STATES",
    "FolderRecord",
    "FrameRecord",
    "FrameState",
    "Heartbeat",
    "Journal",
    "JournalEvent",
    "JournalView",
    "Key",
    "SequenceRecord",
    "State",
]
