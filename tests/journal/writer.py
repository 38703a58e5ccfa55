"""A process that writes to a journal until it is killed, and says what it has recorded."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nd2watch.journal import Journal
from tests.journal.samples import WATCH, event, frame, key_of, sequence

if TYPE_CHECKING:
    from nd2watch.journal import State

FRAMES = 40
STAGES: tuple[State, ...] = ("collecting", "converting", "published")


def write(path: Path, first: int) -> None:
    """Take sequences from their first frame to their publication, one after the other."""
    with Journal(path) as journal:
        for number in itertools.count(first):
            for stage in STAGES:
                record(journal, number, stage)
                sys.stdout.write(f"{number} {stage}\n")
                sys.stdout.flush()
            if number % 10 == 0:
                journal._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def record(journal: Journal, number: int, stage: State) -> None:
    """Bring a sequence to its next stage, with the frames and the event that belong to it."""
    key = key_of(number)
    with journal.batch():
        journal.record_sequence(sequence(key=key, state=stage))
        if stage == "published":
            some = [frame(FRAMES * number + index) for index in range(FRAMES)]
            journal.record_frames(WATCH, key, some)
        journal.record_event(event(number, event=stage))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
