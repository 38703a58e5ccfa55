"""The numbered steps by which a converted file comes to its name."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from nd2watch.errors import ConversionCancelled


class Step(IntEnum):
    """What is done of a conversion.

    Attributes
    ----------
    CLAIMED
        The temporary file is made, and held.
    WRITTEN
        All frames are handed over to it.
    SYNCED
        It is complete, and on the disk.
    VERIFIED
        It was read back, and holds its sources.
    RECHECKED
        No source has changed meanwhile; it gets its name next.
    PUBLISHED
        It has its name, which is on the disk as far as the system can see to that.
    """

    CLAIMED = 1
    WRITTEN = 2
    SYNCED = 3
    VERIFIED = 4
    RECHECKED = 5
    PUBLISHED = 6


StepTaken = Callable[[Step, Path], None]
"""Is told each step of a conversion when it is done, with the name that the file is to have."""


def ignore_step(step: Step, output: Path) -> None:
    """Make nothing of a step."""


def checkpoint(cancelled: Callable[[], bool], what: str) -> None:
    """Raise `ConversionCancelled` when something is to end; to ask is a sign of life.

    Parameters
    ----------
    cancelled : callable
        Returns whether it is to end.
    what : str
        What it is, such as "conversion to /data/a.nd2".
    """
    if cancelled():
        raise ConversionCancelled(f"the {what} was stopped; it starts anew")
