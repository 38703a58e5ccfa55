"""A process that writes to a journal until it is killed, and says what it has recorded."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from nd2watch.journal import Journal, Step
from tests.journal.samples import WATCH, event, frame, job, key_of, sequence

FRAMES = 40
STAGES = ("frames", "claimed", "publishing", "published")


def output_of(number: int) -> str:
    """Return where the ND2 file of a sequence goes."""
    return f"/out/run_{number}.nd2"


def write(path: Path, first: int) -> None:
    """Take sequences from their first frame to their publication, one after the other."""
    with Journal(path) as journal:
        for number in itertools.count(first):
            for stage in STAGES:
                record(journal, number, stage)
                sys.stdout.write(f"{number} {stage}\n")
                sys.stdout.flush()
            if number % 10 == 0:
                journal.checkpoint()


def record(journal: Journal, number: int, stage: str) -> None:
    """Bring a sequence to its next stage."""
    key, output = key_of(number), output_of(number)
    if stage == "publishing":
        journal.advance_job(output, Step.PUBLISHING, digest=f"d{number}")
        return
    with journal.batch():
        if stage == "frames":
            journal.record_sequence(sequence(key=key))
            some = [frame(FRAMES * number + index) for index in range(FRAMES)]
            journal.record_frames(WATCH, key, some)
        elif stage == "claimed":
            journal.record_sequence(sequence(key=key, state="converting"))
            journal.begin_job(job(key=key, output=output))
        else:
            journal.end_job(output)
            journal.record_sequence(sequence(key=key, state="published"))
            journal.record_event(event(number))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
