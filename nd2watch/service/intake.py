"""Taking in the frames of one watched folder, up to complete sequences."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.errors import FrameIncomplete, LayoutError, SourceError
from nd2watch.experiment import ImageSequence, describe
from nd2watch.service.stability import SettlingFiles
from nd2watch.sources import FileKey, FrameFile, list_files, open_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.config import ServiceConfig
    from nd2watch.experiment import Coordinate, FrameName, SequenceKey
    from nd2watch.service.settings import Watch

_SHOWN_NAMES: Final = 20
_SHOWN_MISSING: Final = 10
_ZERO_TAIL_LOOKS: Final = 2
"""Extra looks, each after a doubled wait, at a frame that ends in zeros: it may be preallocated."""

_NEVER: Final = FileKey(size=-1, mtime_ns=0, ctime_ns=0, inode=0, device=0)
"""Identity of no file: what is known by it is looked at again."""

State = Literal["collecting", "queued", "published", "failed"]


@dataclass(slots=True)
class Collection:
    """A sequence with what the service is doing about it.

    Attributes
    ----------
    sequence : ImageSequence
        Its frames.
    state : {"collecting", "queued", "published", "failed"}
        Failed ones wait until one of their files changes.
    progressed : float
        When a frame last came, monotonic seconds.
    reported : bool
        Its stand-still was logged.
    rivals : dict from Path to Coordinate
        Files with other content for a place that is taken; while there are any, it waits.
    files : int
        Files in the folder that were taken for it.
    late : int
        Frames that came after it was published.
    attempts : int
        Conversions that were blocked, by a full disk for instance.
    retry_at : float
        When the next attempt may be made, monotonic seconds.
    """

    sequence: ImageSequence
    state: State = "collecting"
    progressed: float = 0.0
    reported: bool = False
    rivals: dict[Path, Coordinate] = field(default_factory=dict)
    files: int = 0
    late: int = 0
    attempts: int = 0
    retry_at: float = 0.0

    def is_ready(self, now: float) -> bool:
        """Return whether it can be converted now."""
        waits = self.state != "collecting" or self.rivals or now < self.retry_at
        return not waits and self.sequence.is_complete

    def close(self) -> None:
        """Note that it is published; its frames are not needed any more."""
        self.state = "published"
        self.sequence = ImageSequence(self.sequence.layout, self.sequence.key)

    def reopen(self) -> None:
        """Take it up again."""
        if self.state in ("queued", "failed"):
            self.state = "collecting"


class Intake:
    """Follows the files of one watched folder; for one thread.

    Parameters
    ----------
    watch : Watch
        Folder and layout.
    service : ServiceConfig
        Times.
    log : bound logger
        Gets an event for each thing that a person may want to know.

    Attributes
    ----------
    collections : dict from SequenceKey to Collection
        All sequences of which a frame was seen.
    refused : int
        Files that could not be used.
    """

    def __init__(self, watch: Watch, service: ServiceConfig, log: FilteringBoundLogger) -> None:
        self.watch = watch
        self.collections: dict[SequenceKey, Collection] = {}
        self.refused = 0
        self._service = service
        self._log = log.bind(watch=watch.name)
        self._settling = SettlingFiles(service.settle_s)
        self._known: dict[Path, FileKey] = {}
        self._passed_over: set[Path] = set()
        self._differing: set[Path] = set()

    @property
    def unsettled(self) -> int:
        """Files that are still being waited for."""
        return len(self._settling)

    def next_due(self) -> float | None:
        """Return when the next file wants to be looked at, monotonic seconds."""
        return self._settling.next_due()

    def scan(self, now: float) -> None:
        """Look at every file of the folder, and notice which have gone.

        Raises
        ------
        OSError
            If the folder cannot be listed; what is known stays as it is.
        """
        present = set(list_files(self.watch.root))
        for path in present:
            self.notice(path, now)
        for path in self._known.keys() - present:
            self.notice(path, now)

    def notice(self, path: Path, now: float) -> None:
        """Look at a file that is new, changed or gone."""
        if path in self._passed_over:
            return
        try:
            key = FileKey.of_path(path)
        except OSError as error:
            self._log.warning("frame_not_accessible", path=path, reason=str(error))
            return
        if key is not None and self._known.get(path) == key:
            return
        name = self._parse(path)
        if name is None:
            return
        self._forget(path, name, now)
        if key is not None:
            self._settling.observe(path, key, now)
        else:
            self._settling.forget(path)

    def _parse(self, path: Path) -> FrameName | None:
        """Return what a name says; names that are no frames are logged once."""
        if self.watch.layout.is_ignored(path.name):
            return None
        try:
            return self.watch.layout.parse(path.relative_to(self.watch.root))
        except (LayoutError, ValueError) as error:
            self._passed_over.add(path)
            count = len(self._passed_over)
            if count <= _SHOWN_NAMES:
                self._log.warning("file_passed_over", path=path, reason=str(error))
            elif count == _SHOWN_NAMES + 1:
                self._log.warning("more_files_passed_over", reason="shown at level debug only")
            if count > _SHOWN_NAMES:
                self._log.debug("file_passed_over", path=path, reason=str(error))
            return None

    def _forget(self, path: Path, name: FrameName, now: float) -> None:
        """Drop what is known of a file that changed or went; its rivals get another chance."""
        known = self._known.pop(path, None)
        collection = self.collections.get(name.sequence)
        if known is None or collection is None:
            return
        self._differing.discard(path)
        collection.files -= 1
        if collection.state == "published":
            if collection.files == 0:  # the folder was cleared: the name is free for a new one
                del self.collections[name.sequence]
            return
        collection.rivals.pop(path, None)
        if collection.sequence.discard(path):
            for rival in [p for p, c in collection.rivals.items() if c == name.coordinate]:
                self._known[rival] = _NEVER
                self.notice(rival, now)
        if collection.state == "failed":
            collection.reopen()

    def advance(
        self, now: float, *, patient: bool = True, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Take in the files that have settled.

        Parameters
        ----------
        now : float
            Monotonic seconds.
        patient : bool, default True
            Wait on for frames that are incomplete; else they are refused at the first look.
        enough : callable, optional
            Asked before each file whether to leave the others for the next call.
        """
        for path, last in self._settling.due(now):
            if enough():
                break
            try:
                key = FileKey.of_path(path)
            except OSError:
                key = last  # opening it will tell why
            if key is None:
                self._settling.forget(path)
            elif key != last:
                self._settling.observe(path, key, now)
            else:
                self._open(path, key, now, patient=patient)

    def _open(self, path: Path, key: FileKey, now: float, *, patient: bool) -> None:
        """Read the header of a settled file, and put it into its sequence if it is whole."""
        try:
            frame = open_frame(path)
            looks = _ZERO_TAIL_LOOKS if frame.info.tail_is_zero and patient else 0
            if looks and self._settling.postpone(path, now)[0] <= looks:
                return
        except (FrameIncomplete, OSError) as error:
            tries, quiet_s = self._settling.postpone(path, now)
            if patient and (quiet_s < self._service.give_up_s or isinstance(error, OSError)):
                if tries == 1:
                    self._log.info("frame_not_ready", path=path, reason=str(error))
                return
            self.refuse(path, key, str(error))
        except SourceError as error:
            self.refuse(path, key, str(error))
        else:
            self._settling.forget(path)
            self._take(frame, now)

    def refuse(self, path: Path, key: FileKey, reason: str) -> None:
        """Report a file that cannot be used and leave it alone until it changes."""
        self._settling.forget(path)
        self._known[path] = key
        self.refused += 1
        self._log.error("frame_refused", path=path, reason=reason)

    def _take(self, frame: FrameFile, now: float) -> None:
        """Put a usable frame into its sequence."""
        name = self.watch.layout.parse(frame.path.relative_to(self.watch.root))
        collection = self.collections.get(name.sequence)
        if collection is None:
            collection = Collection(ImageSequence(self.watch.layout, name.sequence))
            self.collections[name.sequence] = collection
            self._log.info("sequence_started", sequence=collection.sequence.title)
        self._known[frame.path] = frame.key
        collection.files += 1
        if collection.state == "published":
            self._report_late(collection, frame.path)
            return
        present = collection.sequence.add(name.coordinate, frame)
        collection.progressed, collection.reported = now, False
        if collection.state == "failed":
            collection.reopen()
        if present is not None:
            self._compare(collection, name.coordinate, frame.path, present.path)
        self._check(collection)

    def _report_late(self, collection: Collection, path: Path) -> None:
        """Log the first frame that comes after its sequence was published, then count."""
        collection.late += 1
        tell = self._log.warning if collection.late == 1 else self._log.debug
        tell(
            "frame_came_late",
            path=path,
            sequence=collection.sequence.title,
            late=collection.late,
            reason="its sequence is published already; the ND2 file stays as it is",
        )

    def _compare(
        self, collection: Collection, coordinate: Coordinate, path: Path, present: Path
    ) -> None:
        """Report a second file for one place; with other content it blocks the sequence."""
        place = describe(coordinate)
        if filecmp.cmp(path, present, shallow=False):
            self._log.warning("frame_doubled", path=path, same_as=present, coordinate=place)
            return
        collection.rivals[path] = coordinate
        self._log.error(
            "frame_conflict",
            path=path,
            other=present,
            coordinate=place,
            reason="both files claim this place; the sequence waits until one is removed",
        )

    def _check(self, collection: Collection) -> None:
        """Report frames that do not fit the others; refuse them once the sequence is whole."""
        sequence = collection.sequence
        if (surplus := sequence.surplus()) and not collection.reported:
            collection.reported = True
            self._log.error("sequence_does_not_fit", sequence=sequence.title, reason=surplus)
        usual = sequence.usual_format()
        odd = sequence.mismatched()
        decided = sequence.is_complete and len(odd) < len(sequence)
        for frame in odd:
            reason = f"it is {frame.info.format_text}, most frames of the sequence are {usual}"
            if decided:
                sequence.discard(frame.path)
                self.refuse(frame.path, frame.key, reason)
            elif frame.path not in self._differing:
                self._differing.add(frame.path)
                self._log.warning("frame_differs", path=frame.path, reason=reason)

    def recheck(self, collection: Collection, now: float) -> None:
        """Look at all files of a sequence again, after one changed under a conversion."""
        collection.reopen()
        for frame in list(collection.sequence.frames.values()):
            self.notice(frame.path, now)

    def drop(self, collection: Collection, path: Path, reason: str) -> None:
        """Refuse a frame that turned out to be unreadable; its sequence waits for another."""
        frames = [f for f in collection.sequence.frames.values() if f.path == path]
        for frame in frames:
            collection.sequence.discard(path)
            self.refuse(path, frame.key, reason)
        collection.reopen()

    def ready(self, now: float) -> list[Collection]:
        """Return the sequences that can be converted now."""
        return [c for c in self.collections.values() if c.is_ready(now)]

    def report_stalled(self, now: float, *, all_open: bool = False) -> None:
        """Log what sequences lack that got no frame for long, each time once.

        Parameters
        ----------
        now : float
            Monotonic seconds.
        all_open : bool, default False
            Log every open sequence, however young.
        """
        for collection in self.collections.values():
            idle = now - collection.progressed >= self._service.stalled_s
            waits = collection.state == "collecting" and not collection.sequence.is_complete
            if not waits or not (all_open or idle):
                continue
            if collection.reported and not all_open:
                continue
            collection.reported = True
            missing = collection.sequence.missing()
            self._log.warning(
                "sequence_incomplete",
                sequence=collection.sequence.title,
                found=len(collection.sequence),
                expected=collection.sequence.expected,
                missing=missing[:_SHOWN_MISSING],
                more_missing=max(len(missing) - _SHOWN_MISSING, 0),
            )
