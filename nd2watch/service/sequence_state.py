"""The state of a sequence as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nd2watch.journal import State
    from nd2watch.service.collection import Collection


def state_of(collection: Collection) -> State:
    """Return the state of a sequence as people see it."""
    if collection.rivals or (collection.state == "failed" and collection.blocked_by):
        return "conflict"
    if collection.state == "queued":
        return "converting"
    if collection.state == "collecting":
        if collection.attempts:
            return "blocked"
        return "held" if collection.stall_reported else "collecting"
    return collection.state


def reason_of(collection: Collection) -> str:
    """Return why a sequence is in its state, or what a person should know of it."""
    if collection.reason or collection.state == "queued":
        return collection.reason
    if collection.waits_for_turn and collection.state == "collecting":
        return "it can be converted, and waits for its turn"
    if collection.refused and not collection.is_settled and collection.sequence.is_complete:
        return f"{len(collection.refused)} of its files could not be used"
    late = len(collection.late) if collection.state == "published" else 0
    return f"{late} files came after it was published" if late else ""
