"""The states of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal[
    "collecting",
    "held",
    "converting",
    "published",
    "blocked",
    "failed",
    "conflict",
    "forgotten",
]

STATES: Final[tuple[State, ...]] = get_args(State)
"""All states."""

MEANING: Final[Mapping[State, str]] = {
    "collecting": "frames are missing, or still being written",
    "held": "it ended incomplete, and waits for its missing frames or for a person",
    "converting": "its ND2 file is being written and checked, or waits for its turn",
    "published": "its ND2 file is there",
    "blocked": "something like a full disk is in the way; it is tried again by itself",
    "failed": "it cannot be converted until one of its files changes or a person asks for it again",
    "conflict": "two files claim one place, or another file has the name of its ND2 file",
    "forgotten": "a person asked to leave it alone",
}
"""What each state means, for people."""
