"""When a sequence is complete, and what becomes of one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from nd2watch.service.collection import Collection

Rule = Literal["counts", "marker", "sidecar", "next", "quiet"]
Action = Literal["hold", "trim", "fill"]
Stage = Literal["open", "complete", "ended"]

_PAUSES: Final = 3
"""A pause is the end of a sequence when it is so many times as long as all before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The rules of a watch.

    Attributes
    ----------
    rules : tuple of str
        "counts": all frames are there that are asked for, and a sidecar that tells of single
        frames knows them; "marker", "sidecar", "next", "quiet": nothing more will come, so that a
        grid without holes is complete.
    needs_all : bool
        All of the rules have to hold; else one is enough.
    marker : str
        Name of the marker file, with wildcards and ``{field}``.
    quiet_s : float
        Seconds without a new frame for the rule "quiet".
    action : {"hold", "trim", "fill"}
        What is done with a sequence that has ended incomplete, or stays so.
    deadline_s : float, optional
        Seconds without a new frame after which that is done.
    """

    rules: tuple[Rule, ...] = ("counts",)
    needs_all: bool = False
    marker: str = ""
    quiet_s: float = 300.0
    action: Action = "hold"
    deadline_s: float | None = None

    def stage_of(self, collection: Collection, now: float) -> Stage:
        """Return how far a sequence is.

        It is "ended" when nothing more is expected but its grid has holes.
        """
        held = [self._holds(rule, collection, now) for rule in self.rules]
        if not (all(held) if self.needs_all else any(held)):
            return "open"
        if collection.refused and not collection.has_all:  # the grid may lack them alone
            return "ended"
        return "complete" if collection.is_whole else "ended"

    def is_certain(self, collection: Collection, now: float) -> bool:
        """Return whether a sequence is complete because all is there that was asked for.

        By other rules it is when nothing more comes: that holds only as far as anybody looked.
        """
        return "counts" in self.rules and self._holds("counts", collection, now)

    def next_change(self, collection: Collection, now: float) -> float | None:
        """Return when a sequence may come further by itself, monotonic seconds; None never."""
        if "quiet" not in self.rules or self._holds("quiet", collection, now):
            return None
        if collection.is_awaited:  # its frames are looked at when they have settled
            return None
        return collection.progressed + self._pause_s(collection)

    def _pause_s(self, collection: Collection) -> float:
        """Return the pause that ends a sequence, s."""
        return max(self.quiet_s, _PAUSES * collection.longest_pause_s)

    def _holds(self, rule: Rule, collection: Collection, now: float) -> bool:
        """Return whether one rule holds."""
        if rule == "counts":
            sequence = collection.sequence
            return sequence.is_sized and collection.is_whole and not sequence.is_ahead
        if collection.is_awaited:
            return False
        if rule == "marker":
            return collection.marker is not None
        if rule == "sidecar":
            sequence = collection.sequence
            return sequence.told.is_closed is True and not sequence.lacks_lists
        if rule == "next":
            return collection.is_followed
        return now - collection.progressed >= self._pause_s(collection)
