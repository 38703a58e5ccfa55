"""Which sequences of one folder have come to their end, and what those lack that have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment import single_plane_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.convert.files import Extent
    from nd2watch.experiment import Companions, SequenceKey
    from nd2watch.service.collection import Collection
    from nd2watch.service.completion import Completion
    from nd2watch.service.stability import SettlingFiles

_SHOWN_MISSING: Final = 10


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
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._collections = collections
        self._companions = companions
        self._completion = completion
        self._stalled_s = stalled_s
        self._settling = settling
        self._clock = clock
        self._log = log

    def refresh(self, collection: Collection) -> None:
        """Let a sequence know what its companions tell, if that is news."""
        companions = self._companions
        if collection.known_version == companions.version or collection.is_settled:
            return
        collection.known_version = companions.version
        fields = dict(collection.sequence.key)
        collection.sidecars = companions.sidecars_of(collection.folders, fields)
        collection.marker = companions.marker_of(collection.folders, fields)
        try:
            collection.tell(companions.told(collection.sidecars), companions.root)
        except LayoutError as error:
            collection.state = "failed"
            collection.reason = str(error)
            title = collection.sequence.title
            self._log.error("sequence_refused", sequence=title, reason=str(error))

    def ready(self) -> Iterator[tuple[Collection, Extent]]:
        """Yield the sequences that can be converted now, and what of them."""
        now = self._clock.monotonic()
        open_ones = [c for c in self._collections.values() if c.state == "collecting"]
        self._note_followed(open_ones)
        for collection in open_ones:
            self.refresh(collection)
            if collection.state != "collecting" or now < collection.retry_at:
                continue
            if any(map(self._settling.has, collection.sidecars)):
                continue
            self._note_awaited(collection)
            if extent := self._extent_of(collection, now):
                yield collection, extent

    def _extent_of(self, collection: Collection, now: float) -> Extent | None:
        """Return what of a sequence can be converted now, None for nothing."""
        if self._completion.stage_of(collection, now) == "complete":
            return "whole"
        if collection.released is not None and not collection.needs_a_person:
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
        """Note whether frames of a sequence were seen that are not read yet."""
        collection.is_awaited = self._settling.has_any_of(collection.sequence.key)

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
        further = {
            "more_missing": max(len(missing) - _SHOWN_MISSING, 0),
            "conflicts": sorted(collection.rivals)[:_SHOWN_MISSING],
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
