"""Which sequences of one folder have come to their end, and what those lack that have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment import MOST_MISSING, single_plane_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.convert.files import Extent
    from nd2watch.experiment import Companions, SequenceKey
    from nd2watch.service.collection import Collection
    from nd2watch.service.completion import Completion
    from nd2watch.service.look import Look
    from nd2watch.service.refusals import Refusals
    from nd2watch.service.stability import SettlingFiles

_SHOWN_MISSING: Final = 10
_BLIND: Final = "frames may lie in the folder {!r}, which cannot be read"


class Readiness:
    """Judges the sequences of one folder; for one thread.

    Parameters
    ----------
    collections : mapping from SequenceKey to Collection
        The sequences.
    companions : Companions
        Sidecars and markers.
    completion : Completion
        The rules.
    stalled_s : float
        A sequence that got no frame for so long is reported with what it lacks, s.
    settling : SettlingFiles
        Files that are still waited for, those of frames by the key of their sequence.
    refusals : Refusals
        Files that could not be used.
    clock : Clock
        Measures pauses.
    log : bound logger
        Gets what a person may want to know.
    """

    def __init__(
        self,
        collections: Mapping[SequenceKey, Collection],
        companions: Companions,
        completion: Completion,
        stalled_s: float,
        settling: SettlingFiles,
        refusals: Refusals,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._collections = collections
        self._companions = companions
        self._completion = completion
        self._stalled_s = stalled_s
        self._settling = settling
        self._refusals = refusals
        self._clock = clock
        self._log = log

    def refresh(self, collection: Collection) -> None:
        """Let a sequence know what its companions tell, if that is news.

        One that has failed is taken up again when they tell something else.
        """
        companions = self._companions
        if collection.known_version == companions.version or collection.is_settled:
            return
        collection.known_version = companions.version
        fields = dict(collection.sequence.key)
        collection.sidecars = companions.sidecars_of(collection.folders, fields)
        collection.marker = companions.marker_of(collection.folders, fields)
        told = companions.told(collection.sidecars)
        if collection.state == "failed" and told == collection.sequence.told:
            return
        collection.reopen()
        try:
            collection.tell(told, companions.root)
        except LayoutError as error:
            collection.state = "failed"
            collection.reason = str(error)
            title = collection.sequence.title
            self._log.error("sequence_refused", sequence=title, reason=str(error))

    def ready(self, look: Look) -> Iterator[tuple[Collection, Extent]]:
        """Yield the sequences that can be converted now, and what of them.

        That nothing more comes is known only after a look at all files that began later.

        Parameters
        ----------
        look : Look
            The last one.
        """
        now = self._clock.monotonic()
        open_ones = [c for c in self._collections.values() if c.state in ("collecting", "failed")]
        self._note_followed(open_ones)
        for collection in open_ones:
            self.refresh(collection)
            if collection.state != "collecting":
                continue
            if any(map(self._settling.has, collection.sidecars)):
                continue
            self._note_awaited(collection)
            extent = self._extent_of(collection, now)
            if extent is None:
                collection.ended_at, collection.waits_for_turn = None, False
                collection.unblock()
            elif now < collection.retry_at:
                continue
            elif self._completion.is_certain(collection, now) or self._is_seen(collection, look):
                yield collection, extent

    def _is_seen(self, collection: Collection, look: Look) -> bool:
        """Return whether all files were looked at since a sequence seems to have ended."""
        if collection.ended_at is None:
            collection.ended_at = self._clock.monotonic()
        if look.begun < collection.ended_at:
            return False
        spot = look.blind_spot(collection)
        if spot is not None and collection.reason != (reason := _BLIND.format(spot)):
            collection.reason = reason
            title = collection.sequence.title
            self._log.warning("sequence_waits", sequence=title, reason=reason)
        elif spot is None and collection.reason.startswith(_BLIND.partition("{")[0]):
            collection.reason = ""
        return spot is None

    def wants_look(self, look: Look) -> bool:
        """Return whether a sequence can be converted only after a look at all files."""
        return any(
            c.ended_at is not None and c.ended_at > look.begun
            for c in self._collections.values()
            if c.state == "collecting"
        )

    def _extent_of(self, collection: Collection, now: float) -> Extent | None:
        """Return what of a sequence can be converted now, None for nothing."""
        if self._completion.stage_of(collection, now) == "complete":
            return "whole"
        can_be_released = not collection.is_awaited and not collection.needs_a_person
        if collection.released is not None and collection.files and can_be_released:
            return collection.released
        action = self._completion.action
        is_due = not collection.is_awaited and now - collection.progressed >= self._deadline_s
        if action == "hold" or not is_due or collection.needs_a_person or not collection.files:
            return None
        if action == "trim" and collection.sequence.trimmed() is None:
            return None
        return action

    @property
    def _deadline_s(self) -> float:
        """Seconds without a frame after which an incomplete sequence is acted on."""
        return self._completion.deadline_s or self._stalled_s

    def _note_followed(self, open_ones: list[Collection]) -> None:
        """Note which sequences were followed by the start of another one."""
        latest = max((c.first_ns for c in self._collections.values()), default=0)
        for collection in open_ones:
            collection.is_followed = latest > collection.last_ns > 0

    def _note_awaited(self, collection: Collection) -> None:
        """Note whether frames of a sequence were seen that are not read yet, or cannot be."""
        key, frames = collection.sequence.key, collection.sequence.frames
        collection.is_awaited = self._settling.has_any_of(key)
        refused = self._refusals.of(key)
        collection.refused = tuple(path for path, at in refused.items() if at not in frames)

    def next_change(self) -> float | None:
        """Return when a sequence may come further by itself, monotonic seconds; None never."""
        now = self._clock.monotonic()
        moments = []
        for collection in self._collections.values():
            if collection.state != "collecting" or collection.needs_a_person:
                continue
            self._note_awaited(collection)
            if (moment := self._completion.next_change(collection, now)) is not None:
                moments.append(moment)
            deadline = collection.progressed + self._deadline_s
            if self._completion.action != "hold" and deadline > now:
                moments.append(deadline)
            if collection.retry_at > now:
                moments.append(collection.retry_at)
        return min(moments, default=None)

    def is_near(self, within_s: float) -> bool:
        """Return whether a sequence may come further by itself within some seconds."""
        now, change = self._clock.monotonic(), self.next_change()
        if change is not None and change <= now + within_s:
            return True
        # A conversion that was not tried yet waits for another one into the same file.
        return any(c.retry_at > now and not c.attempts for c in self._collections.values())

    def report_stalled(self, *, all_open: bool = False) -> None:
        """Log what sequences lack that got no frame for long, each time once.

        Parameters
        ----------
        all_open : bool, default False
            Log every open sequence, however young.
        """
        now = self._clock.monotonic()
        for collection in self._collections.values():
            idle = now - collection.progressed >= self._stalled_s
            if collection.state != "collecting":
                continue
            if not all_open and (collection.stall_reported or not idle):
                continue
            if self._completion.stage_of(collection, now) == "complete":
                continue
            collection.stall_reported = True
            self._report(collection)

    def _report(self, collection: Collection) -> None:
        """Log what one sequence lacks."""
        sequence = collection.sequence
        missing = sequence.missing()
        lacking = len(missing)
        if lacking > MOST_MISSING:  # not all are listed
            lacking = max(sequence.expected - len(sequence), lacking)
        further = {
            "more_missing": max(lacking - _SHOWN_MISSING, 0),
            "conflicts": sorted(collection.rivals)[:_SHOWN_MISSING],
            "refused": list(collection.refused[:_SHOWN_MISSING]),
            "surplus": sequence.surplus(),
            "waits_for": [] if missing else list(self._completion.rules),
            "hint": single_plane_hint(sequence) if missing else "",
        }
        self._log.warning(
            "sequence_incomplete",
            sequence=sequence.title,
            found=len(sequence),
            expected=sequence.expected,
            missing=missing[:_SHOWN_MISSING],
            **{name: value for name, value in further.items() if value},
        )
