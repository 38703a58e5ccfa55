"""The durable memory of the service: sequences, their frames, and conversions under way.

The journal is a cache of intent. Without it the service scans its folders and recognises the
files that it has published.
"""

from nd2watch.journal.reading import JournalView
from nd2watch.journal.records import (
    FRAME_STATES,
    FrameRecord,
    FrameState,
    Heartbeat,
    Identity,
    JobRecord,
    JournalEvent,
    Key,
    SequenceRecord,
)
from nd2watch.journal.states import STATES, State, may_become
from nd2watch.journal.steps import Recovery, Step, recovery_of
from nd2watch.journal.store import Journal

__all__ = [
    "FRAME_STATES",
    "STATES",
    "FrameRecord",
    "FrameState",
    "Heartbeat",
    "Identity",
    "JobRecord",
    "Journal",
    "JournalEvent",
    "JournalView",
    "Key",
    "Recovery",
    "SequenceRecord",
    "State",
    "Step",
    "may_become",
    "recovery_of",
]
