"""The states of a sequence, and which may follow which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal[
    "collecting",
    "held",
    "released",
    "queued",
    "converting",
    "publishing",
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
    "released": "a person asked to convert it as it is; it waits for its turn",
    "queued": "it is complete and waits for its turn",
    "converting": "its ND2 file is being written and checked",
    "publishing": "its ND2 file is whole and is being given its name",
    "published": "its ND2 file is there",
    "blocked": "something like a full disk is in the way; it is tried again by itself",
    "failed": "it cannot be converted until one of its files changes or a person asks for it again",
    "conflict": "two files claim one place, or another file has the name of its ND2 file",
    "forgotten": "a person asked to leave it alone",
}
"""What each state means, for people."""

FOLLOWING: Final[Mapping[State, frozenset[State]]] = {
    "collecting": frozenset({"held", "released", "queued", "failed", "conflict", "forgotten"}),
    "held": frozenset({"collecting", "released", "queued", "failed", "conflict", "forgotten"}),
    "released": frozenset(
        {"collecting", "converting", "blocked", "failed", "conflict", "forgotten"}
    ),
    "queued": frozenset({"collecting", "converting", "blocked", "failed", "conflict", "forgotten"}),
    "converting": frozenset(
        {"collecting", "queued", "publishing", "published", "blocked", "failed", "conflict"}
    ),
    "publishing": frozenset({"collecting", "queued", "published", "blocked", "failed", "conflict"}),
    "published": frozenset({"collecting", "forgotten"}),
    "blocked": frozenset({"collecting", "released", "queued", "failed", "conflict", "forgotten"}),
    "failed": frozenset({"collecting", "released", "queued", "forgotten"}),
    "conflict": frozenset({"collecting", "queued", "forgotten"}),
    "forgotten": frozenset({"collecting"}),
}
"""The states that may follow each state."""

UNDER_WAY: Final[frozenset[State]] = frozenset({"converting", "publishing"})
"""States that end with the process: a start finds them only after it was killed."""

NEEDS_A_PERSON: Final[frozenset[State]] = frozenset({"held", "failed", "conflict"})
"""States that a sequence may stay in until a person does something."""


def may_become(before: State, after: State) -> bool:
    """Return whether a sequence may come from one state to another; it may always stay."""
    return before == after or after in FOLLOWING[before]
