"""What the service remembers of one folder when it is ended, in whatever way."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.errors import JournalBlocked
from nd2watch.experiment import ImageSequence
from nd2watch.journal import FolderRecord, FrameRecord, JournalEvent, SequenceRecord
from nd2watch.service.collection import Collection
from nd2watch.service.sequence_state import reason_of, state_of
from nd2watch.sources import FileKey, path_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.experiment import Coordinate, Layout, SequenceKey
    from nd2watch.journal import FrameState, Journal
    from nd2watch.service.intake import Intake
    from nd2watch.service.settings import Watch

_SHOWN_MISSING: Final = 50
_PROGRESS_S: Final = 1.0
"""Least time between records of nothing but further frames, each of which waits for the disk."""

_LASTING: Final = ("published", "forgotten")
"""States that outlast a run; all else follows from the files."""


class Memory:
    """Keeps the journal of one folder; for one thread.

    Parameters
    ----------
    journal : Journal
        Where it is kept.
    watch : Watch
        The folder.
    clock : Clock
        Tells the time of day.
    log : bound logger
        Gets what a person may want to know.

    Attributes
    ----------
    is_blocked : bool
        The journal cannot be used now; nothing new is to be begun.
    identity : tuple of int, optional
        Device and number of the folder when it was last looked at; None before that.
    """

    def __init__(
        self, journal: Journal, watch: Watch, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self.is_blocked = False
        self.identity: tuple[int, int] | None = None
        self._recorded_identity: tuple[int, int] | None = None
        self._is_over = False
        self._journal = journal
        self._watch = watch
        self._clock = clock
        self._log = log
        self._layout = layout_digest(watch.layout)
        self._looks: dict[SequenceKey, object] = {}
        self._kept: dict[SequenceKey, SequenceRecord] = {}
        self._outdated: set[SequenceKey] = set()
        self._recorded = -math.inf

    def recall(self, intake: Intake) -> bool:
        """Let an intake know which sequences were published, and of which files.

        All others are collected anew from their files. Those that were being converted are told,
        and those of another layout that were open, as there may be no such sequences any more.

        Returns
        -------
        bool
            Whether all is known. A journal that cannot be read now is told once; try again.

        Raises
        ------
        JournalError
            If the journal can never be read.
        """
        try:
            records = list(self._journal.sequences(self._watch.name))
            folder = self._journal.folder(self._watch.name)
            if folder is not None and folder.path != str(self._watch.root):
                self._tell_other_folder(folder.path, records)
            else:
                if folder is not None:
                    self.identity = self._recorded_identity = (folder.device, folder.inode)
                for record in records:
                    self._recall_or_tell(record, intake)
        except JournalBlocked as error:
            self._tell_blocked(error)
            return False
        if self._kept:
            self._log.info("sequences_remembered", count=len(self._kept))
        self._tell_available()
        return True

    def _recall_or_tell(self, record: SequenceRecord, intake: Intake) -> None:
        """Let an intake know of a sequence that is done with; tell of one that was under way."""
        if record.layout == self._layout and record.state in _LASTING:
            self._recall(record, intake)
            return
        if record.layout == self._layout and (record.released or record.revision):
            self._promise(record, intake)
            return
        self._outdated.add(record.key)
        if record.layout != self._layout:
            self._tell_former_layout(record)
        elif record.state == "converting":
            self._log.info(
                "conversion_interrupted",
                sequence=record.title,
                outputs=record.outputs,
                reason="the service was ended or reloaded; its frames are collected anew",
            )

    def _tell_other_folder(self, former: str, records: Iterable[SequenceRecord]) -> None:
        """Log that a watch has another folder than before, of which nothing is known."""
        self._outdated.update(record.key for record in records)
        self._log.warning(
            "folder_changed",
            folder=self._watch.root,
            former=former,
            reason="the watch had another folder; what became of the files there is forgotten",
        )

    def _promise(self, record: SequenceRecord, intake: Intake) -> None:
        """Let an intake know what was promised of a sequence whose frames are collected anew."""
        sequence = ImageSequence(self._watch.layout, record.key)
        intake.collections[record.key] = Collection(
            sequence,
            revision=record.revision,
            released=record.released,
            progressed=self._clock.monotonic(),
        )
        self._kept[record.key] = record

    def _tell_blocked(self, error: JournalBlocked) -> None:
        """Log that the journal cannot be used now, each time once."""
        if not self.is_blocked:
            self._log.error("journal_blocked", reason=str(error))
        self.is_blocked = True

    def _tell_available(self) -> None:
        """Log that the journal can be used again."""
        if self.is_blocked:
            self._log.info("journal_available")
        self.is_blocked = False

    def _recall(self, record: SequenceRecord, intake: Intake) -> None:
        """Let an intake know of a sequence that is done with."""
        frames = self._journal.frames(self._watch.name, record.key)
        if record.state == "published" and not frames:  # its name is free for a new sequence
            return
        intake.known.update(
            {
                frame.path: FileKey(
                    size=frame.size,
                    mtime_ns=frame.mtime_ns,
                    ctime_ns=frame.ctime_ns,
                    inode=frame.inode,
                    device=frame.device,
                )
                for frame in frames
            }
        )
        intake.collections[record.key] = Collection(
            ImageSequence(self._watch.layout, record.key),
            state="published" if record.state == "published" else "forgotten",
            outputs=tuple(map(Path, record.outputs)),
            revision=record.revision,
            files={frame.path for frame in frames},
            late={frame.path for frame in frames if frame.state == "late"},
            doubles={frame.path for frame in frames if frame.state == "double"},
        )
        self._kept[record.key] = record

    def _tell_former_layout(self, record: SequenceRecord) -> None:
        """Log that frames are sorted in another way than before, unless they are done with."""
        if record.state not in _LASTING:
            self._log.warning(
                "sequence_of_former_layout",
                sequence=record.title,
                found=record.found,
                reason="the layout was changed; its frames are sorted anew",
            )

    def keep(self, intake: Intake) -> None:
        """Record what has changed since the last call.

        A journal that cannot be written is told once, and tried again at the next call.
        """
        if self._is_over:
            return
        changed = [
            (key, collection, record)
            for key, collection in intake.collections.items()
            if (record := self._news(key, collection)) is not None
        ]
        gone = self._kept.keys() - intake.collections.keys()
        is_due = bool(gone or self._outdated) or self._is_due(record for _, _, record in changed)
        is_due |= self.identity != self._recorded_identity
        if not is_due and not self.is_blocked:
            return
        try:
            with self._journal.batch():
                for key in self._outdated:
                    self._journal.remove_sequence(self._watch.name, key)
                self._write_folder()
                for _, collection, record in changed:
                    self._write(record, collection, intake.known.of(collection.files))
                for key in gone:
                    self._remove(key)
        except JournalBlocked as error:
            self._tell_blocked(error)
            return
        for key, collection, record in changed:
            self._kept[key] = record
            self._looks[key] = _look(collection)
        for key in gone:
            self._kept.pop(key, None)
            self._looks.pop(key, None)
        self._outdated.clear()
        self._recorded_identity = self.identity
        self._recorded = self._clock.monotonic()
        self._tell_available()

    def end(self) -> None:
        """Record nothing more: another thread has taken the folder over; from any thread."""
        self._is_over = True

    def _write_folder(self) -> None:
        """Record which folder it is, if that is news."""
        if self.identity is None or self.identity == self._recorded_identity:
            return
        device, inode = self.identity
        self._journal.record_folder(
            FolderRecord(
                watch=self._watch.name, path=str(self._watch.root), device=device, inode=inode
            )
        )

    def _is_due(self, records: Iterable[SequenceRecord]) -> bool:
        """Return whether news are to be recorded now; those of frames alone may wait a little."""
        may_wait = self._clock.monotonic() - self._recorded < _PROGRESS_S
        return any(not may_wait or self._tells_more_than_frames(record) for record in records)

    def _tells_more_than_frames(self, record: SequenceRecord) -> bool:
        """Return whether a record tells more than that frames have come or gone."""
        before = self._kept.get(record.key)
        return before is None or before != replace(
            record, found=before.found, changed=before.changed
        )

    def _write(
        self, record: SequenceRecord, collection: Collection, files: Mapping[str, FileKey]
    ) -> None:
        """Record a sequence, with its files if it is done with, and the event of a new state."""
        self._journal.record_sequence(record)
        if record.state in _LASTING:
            frames = self._frames(files, collection)
            if collection.rewritten:  # it stays known what was converted
                former = {f.path: f for f in self._journal.frames(record.watch, record.key)}
                changed = collection.rewritten
                frames = (former.get(f.path, f) if f.path in changed else f for f in frames)
            self._journal.record_frames(record.watch, record.key, frames)
        before = self._kept.get(record.key)
        if before is None or before.state != record.state:
            self._journal.record_event(_event(record))

    def _remove(self, key: SequenceKey) -> None:
        """Remove a sequence without files; a published one stays on record."""
        if self._kept[key].state == "published":
            self._journal.record_frames(self._watch.name, key, ())
        else:
            self._journal.remove_sequence(self._watch.name, key)

    def _news(self, key: SequenceKey, collection: Collection) -> SequenceRecord | None:
        """Return what is to be recorded of a sequence, None when nothing has changed."""
        look = _look(collection)
        if self._looks.get(key) == look:
            return None
        before = self._kept.get(key)
        record = self._record(key, collection, before)
        if before is not None and replace(record, changed=before.changed) == before:
            self._looks[key] = look
            return None
        return record

    def _record(
        self, key: SequenceKey, collection: Collection, before: SequenceRecord | None
    ) -> SequenceRecord:
        """Return a sequence as it is recorded."""
        state, sequence = state_of(collection), collection.sequence
        now = self._clock.time()
        is_new = before is None or before.state != state
        is_open = not collection.is_settled
        missing = sequence.missing() if collection.stall_reported and is_open else []
        return SequenceRecord(
            watch=self._watch.name,
            key=key,
            title=sequence.title,
            layout=self._layout,
            state=state,
            reason=reason_of(collection),
            found=len(sequence) if is_open else len(collection.files - collection.late),
            expected=sequence.expected if is_open and sequence.is_sized else None,
            missing=tuple(missing[:_SHOWN_MISSING]),
            outputs=tuple(map(str, collection.outputs)),
            attempts=collection.attempts,
            next_try=now + collection.retry_at - self._clock.monotonic()
            if collection.attempts and is_open
            else None,
            changed=now if is_new or before is None else before.changed,
            revision=collection.revision,
            released=collection.released,
            late=len(collection.late),
        )

    def _frames(
        self, files: Mapping[str, FileKey], collection: Collection
    ) -> Iterator[FrameRecord]:
        """Yield the records of files; of several for one place the converted one counts."""
        places: set[Coordinate] = set()
        doubles, late = collection.doubles, collection.late
        for path, key in sorted(files.items(), key=lambda file: (file[0] in doubles, file[0])):
            place = self._watch.layout.parse(path_below(self._watch.root, path)).coordinate
            state: FrameState = "double" if place in places else "ready"
            yield FrameRecord(
                path=path,
                coordinate=place,
                size=key.size,
                mtime_ns=key.mtime_ns,
                ctime_ns=key.ctime_ns,
                inode=key.inode,
                device=key.device,
                state="late" if path in late else state,
            )
            if path not in late:
                places.add(place)


def layout_digest(layout: Layout) -> str:
    """Return a digest of all that decides on the places of frames."""
    forms = [(form.name, form.regex.source) for form in layout.pattern.forms]
    fields = [layout.fields_of(axis) for axis in "tpzc"]
    values = (forms, fields, layout.key_fields, sorted(layout.absent.items()), layout.pages)
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def _look(collection: Collection) -> object:
    """Return what changes whenever a record does, at little cost."""
    return (
        state_of(collection),
        len(collection.sequence),
        collection.known_version,
        collection.attempts,
        len(collection.late),
        collection.revision,
        collection.released,
        reason_of(collection),
        collection.outputs,
        len(collection.files),
    )


def _event(record: SequenceRecord) -> JournalEvent:
    """Return the event of a new state."""
    return JournalEvent(
        moment=record.changed,
        watch=record.watch,
        sequence=record.title,
        event=record.state,
        reason=record.reason,
    )
