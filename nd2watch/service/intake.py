"""Taking in the frames of one watched folder, up to complete sequences."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameIncomplete, LayoutError, SourceError
from nd2watch.experiment import ImageSequence
from nd2watch.service.collection import Collection
from nd2watch.service.companion_intake import CompanionIntake
from nd2watch.service.doubles import Doubles
from nd2watch.service.known_files import KnownFiles
from nd2watch.service.look import Look
from nd2watch.service.readiness import Readiness
from nd2watch.service.refusals import Refusals
from nd2watch.service.report import LimitedLog
from nd2watch.service.stability import SettlingFiles
from nd2watch.service.troubles import Troubles
from nd2watch.service.unreadable import UnreadableFolders
from nd2watch.sources import SUFFIXES, FileKey, FrameFile, list_entries, open_frame, path_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.config import ServiceConfig
    from nd2watch.convert.files import Extent
    from nd2watch.experiment import FrameName, SequenceKey
    from nd2watch.service.settings import Watch

_ZERO_TAIL_WAIT: Final = 4.0
"""A frame that ends in zeros may be preallocated: it is looked at again after so many times the
settling time."""

_LINK: Final = "it is a link, and links are not followed; watch what it points to"

_MOST_READS: Final = 3
"""A frame that cannot be read at so many conversions is refused."""


class Intake:
    """Follows the files of one watched folder; for one thread.

    Parameters
    ----------
    watch : Watch
        Folder and layout.
    service : ServiceConfig
        Times.
    clock : Clock
        Measures quiet times and stand-stills.
    log : bound logger
        Gets an event for each thing that a person may want to know.
    once : bool, default False
        Files are not waited for: what is incomplete is refused at the first look, and pauses count
        from when files were changed, not from when they were seen.

    Attributes
    ----------
    collections : dict from SequenceKey to Collection
        All sequences of which a frame was seen.
    known : KnownFiles
        Files that were looked at.
    refusals : Refusals
        Files that could not be used.
    troubles : Troubles
        Files that cannot be taken in as they are.
    look : Look
        The last look at all files.
    """

    def __init__(
        self,
        watch: Watch,
        service: ServiceConfig,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        once: bool = False,
    ) -> None:
        self.watch = watch
        self._clock = clock
        self._once = once
        self.collections: dict[SequenceKey, Collection] = {}
        self.troubles = Troubles(clock)
        self._service = service
        self._log = log.bind(watch=watch.name)
        self._limited = LimitedLog(self._log, clock)
        self._settling = SettlingFiles(service.settle_s, clock)
        self.known = KnownFiles()
        self._unreadable = UnreadableFolders(self._log, self.troubles)
        patience_s = 0.0 if once else service.give_up_s
        self._doubles = Doubles(None if once else self._settling, self._tell)
        self._beside = CompanionIntake(watch, self._settling, self.known, patience_s, self._tell)
        self.refusals = Refusals(watch, self._settling, self.known, self._tell)
        self.look = Look()
        self._readiness = Readiness(
            self.collections, self._beside.companions, watch.completion, service.stalled_s,
            self._settling, self.refusals, clock, self._log,
        )  # fmt: skip

    @property
    def unsettled(self) -> int:
        """Files that are still being waited for."""
        return len(self._settling)

    def next_due(self) -> float | None:
        """Return when a file or sequence wants to be looked at, monotonic seconds."""
        dues = (self._settling.next_due(), self._readiness.next_change())
        return min((due for due in dues if due is not None), default=None)

    @property
    def is_waiting(self) -> bool:
        """Whether files or sequences may come further by themselves before long."""
        is_near = self._readiness.is_near(self._service.give_up_s)
        return len(self._settling) > 0 or is_near or self.wants_look

    def scan(self) -> None:
        """Look at every file of the folder, and notice which have gone.

        Raises
        ------
        OSError
            If the folder cannot be listed; what is known stays as it is.
        """
        begun, present = self._clock.monotonic(), set()
        self._unreadable.begin()
        links: list[Path] = []
        for entry in list_entries(self.watch.root, self._unreadable.add, links.append):
            present.add(entry.path)
            if self.known.wants_a_look(entry):
                self.notice(entry.path, entry)
        for file in self.known.gone(present):
            self.notice(file)
        for link in self.known.new_links(map(os.fspath, links)):
            self._tell("warning", "link_passed_over", Path(link), reason=_LINK)
        present.update(map(os.fspath, links))
        self.troubles.retain(present)
        for collection in self.collections.values():
            collection.heed_output()
        self.look = Look.of(begun, self.watch.root, self._unreadable.end())

    def notice(self, file: Path | str, entry: os.DirEntry[str] | None = None) -> None:
        """Look at a file that is new, changed or gone; its entry of the folder saves time."""
        path = os.fspath(file)
        if self.known.is_passed_over(path):
            return
        try:
            key = FileKey.of_path(path) if entry is None else FileKey.of_entry(entry)
        except OSError as error:
            self._unreadable.add(Path(path).parent, error)
            return
        known = self.known.get(path)
        if key is not None and known == key:
            return
        if known is None and key is not None and self._settling.has(path):  # its name was parsed
            self._settling.observe(path, key)
            return
        if known is not None:
            self.troubles.clear(Path(path))
        if self._beside.takes(path):
            self._beside.notice(Path(path), key)
            return
        name = self._parse(path)
        if name is None:
            return
        collection = self.collections.get(name.sequence)
        settled = collection is not None and collection.is_settled
        if settled and key is not None and known is not None and key.same_content(known):
            if key.inode != known.inode:
                reason = "it has the size and time of the file before and is taken for the same"
                self._tell("info", "frame_replaced", Path(path), reason=reason)
            self.known[path] = key  # else only its name, rights or the like changed
            return
        if known is not None:
            self._forget(path, name, gone=key is None)
        if key is not None:
            self._settling.observe(path, key, name.sequence)
        else:
            self._settling.forget(path)
            self.drop_if_empty(name.sequence)

    def _parse(self, path: str) -> FrameName | None:
        """Return what a name says; a name that is no frame's is logged once."""
        relative = path_below(self.watch.root, path)
        if self.watch.layout.is_ignored(relative):
            self.known.pass_over(path, ignored=True)
            return None
        try:
            return self.watch.layout.parse(relative)
        except (LayoutError, ValueError) as error:
            self.known.pass_over(path)
            level = "warning" if path.lower().endswith(SUFFIXES) else "info"  # as of notes
            self._tell(level, "file_passed_over", Path(path), reason=str(error))
            return None

    def _forget(self, path: str, name: FrameName, *, gone: bool) -> None:
        """Drop what is known of a file that changed or went."""
        self.refusals.discard(path)
        known = self.known.forget(path)
        collection = self.collections.get(name.sequence)
        if known is None or collection is None:
            return
        if collection.is_settled:
            if gone:
                collection.files.discard(path)
                collection.late.discard(path)
                collection.rewritten.discard(path)
            return
        self._release(collection, Path(path))
        misfits, collection.misfits = collection.misfits - {Path(path)}, set()
        for misfit in sorted(misfits):  # another format may be the usual one now
            self.look_again(misfit)
        if collection.state == "failed":
            collection.reopen()

    def drop_if_empty(self, key: SequenceKey) -> None:
        """Forget a sequence without files, for which nothing was promised: its name is free."""
        collection = self.collections.get(key)
        if collection is None or not collection.is_empty:
            return
        if not collection.is_settled:
            if self._settling.has_any_of(key) or self.refusals.of(key):
                return
            title = collection.sequence.title
            reason = "all of its files have gone, and it was not converted"
            self._log.warning("sequence_gone", sequence=title, reason=reason)
        del self.collections[key]

    def _release(self, collection: Collection, path: Path) -> None:
        """Take a file out of its sequence; its doubles get another chance."""
        for double in collection.discard(path):
            self.look_again(double)

    def look_again(self, path: Path | str) -> None:
        """Treat a file as if it had changed."""
        self.known.doubt(path)
        self.notice(path)

    def advance(self, *, enough: Callable[[], bool] = lambda: False) -> None:
        """Take in the files that have settled.

        Parameters
        ----------
        enough : callable, optional
            Asked before each file whether to leave the others for the next call.
        """
        for path, last in self._settling.due():
            if enough():
                break
            try:
                key = FileKey.of_path(path)
            except OSError:
                key = last  # opening it will tell why
            if key is None:
                self.notice(path)
            elif key == last and self._beside.takes(path):
                self.troubles.clear(path)
                self._beside.read(path, key)
            elif key == last:
                self._open(path, key)
            elif not self._once or self._settling.age(path) < self._service.give_up_s:
                self._settling.observe(path, key)
            else:
                self.refusals.refuse(path, key, f"{path} keeps changing")

    def _open(self, path: Path, key: FileKey) -> None:
        """Read the header of a settled file, and put it into its sequence if it is whole."""
        try:
            frame = open_frame(path, by_page=self._beside.companions.by_page)
            name = self.watch.layout.parse(path_below(self.watch.root, path))
            self.watch.layout.check(frame, name.coordinate)
        except (FrameIncomplete, OSError) as error:
            tries, quiet_s = self._settling.postpone(path)
            if not self._once and (quiet_s < self._service.give_up_s or isinstance(error, OSError)):
                level = "info" if tries == 1 else "debug"
                self._tell(level, "frame_not_ready", path, reason=str(error))
                return
            self.refusals.refuse(path, key, str(error))
        except (SourceError, LayoutError) as error:
            self.refusals.refuse(path, key, str(error))
        else:
            if frame.key != key:
                self._settling.observe(path, frame.key)
                return
            if frame.info.tail_is_zero:
                if self._settling.postpone(path, _ZERO_TAIL_WAIT)[0] == 1:
                    return
                self._tell("warning", "frame_ends_in_zeros", path)
            self._settling.forget(path)
            self._take(frame, name)

    def _take(self, frame: FrameFile, name: FrameName) -> None:
        """Put a usable frame into its sequence."""
        self.troubles.clear(frame.path)
        if (collection := self.collections.get(name.sequence)) is None:
            collection = Collection(ImageSequence(self.watch.layout, name.sequence))
            self.collections[name.sequence] = collection
            self._log.info("sequence_started", sequence=collection.sequence.title)
        self.known[frame.path] = frame.key
        now = self._clock.time()
        came_ns = frame.key.came_ns(now)
        age_s = now - came_ns / 1e9 if self._once else 0.0  # else it was waited for
        is_new = os.fspath(frame.path) not in collection.files
        collection.note(frame, self._clock.monotonic() - age_s, came_ns)
        if collection.is_settled:
            if collection.state == "published":
                self._take_late(collection, frame, is_new=is_new)
            return
        layout = collection.sequence.layout
        if layout is not self.watch.layout:  # its sidecar tells what the fields are
            name = layout.parse(path_below(self.watch.root, frame.path))
        present = collection.sequence.add(name.coordinate, frame, name.fields)
        if collection.state == "failed":
            collection.reopen()
        if present is not None:
            self._doubles.note(collection, name.coordinate, frame, present.path)
        self._check(collection)

    def _take_late(self, collection: Collection, frame: FrameFile, *, is_new: bool) -> None:
        """Report a frame of a published sequence, which is converted again where that is wanted."""
        again = self.watch.converts_again
        what = "it is converted anew" if again else "the ND2 file stays as it is"
        (collection.late if is_new else collection.rewritten).add(os.fspath(frame.path))
        self._tell(
            "warning" if len(collection.late) + len(collection.rewritten) == 1 else "debug",
            "frame_came_late",
            frame.path,
            sequence=collection.sequence.title,
            reason=f"its sequence is published already; {what}",
        )
        if again:
            self.begin_anew(collection, again=True)

    def _check(self, collection: Collection) -> None:
        """Report frames that do not fit the others; refuse them once the sequence is whole."""
        sequence = collection.sequence
        if surplus := collection.new_surplus():
            self._log.error("sequence_does_not_fit", sequence=sequence.title, reason=surplus)
        is_complete = collection.has_all
        for frame, reason in collection.odd_frames():
            if is_complete:
                collection.misfits.add(frame.path)
                self._release(collection, frame.path)
                self.refusals.refuse(frame.path, frame.key, reason)
            elif frame.path not in collection.differing:
                collection.differing.add(frame.path)
                self._tell("warning", "frame_differs", frame.path, reason=reason)

    def drop(self, collection: Collection, path: Path, reason: str) -> None:
        """Take out a frame that turned out to be unreadable; the third time it is refused."""
        for frame in [f for f in collection.sequence.frames.values() if f.path == path]:
            self._release(collection, path)
            collection.unreadable[path] += 1
            if self._once or collection.unreadable[path] >= _MOST_READS:
                self.refusals.refuse(path, frame.key, reason)
                continue
            self.known.forget(path)
            self._settling.observe(path, frame.key, collection.sequence.key)
            self._tell("warning", "frame_not_ready", path, reason=reason)
        collection.reopen()

    def doubt_refused(self, key: SequenceKey) -> None:
        """Look again at the files of a sequence that could not be used."""
        for path in self.refusals.of(key):
            self.look_again(path)

    def begin_anew(self, collection: Collection, *, again: bool = False) -> None:
        """Collect the frames of a sequence again; with `again`, they become another ND2 file."""
        anew = collection.anew(self.watch.layout, self._clock.monotonic(), again=again)
        self.collections[collection.sequence.key] = anew
        for path in sorted(collection.files):
            self.look_again(path)

    def ready(self) -> list[tuple[Collection, Extent]]:
        """Return the sequences that can be converted now, and what of them."""
        return list(self._readiness.ready(self.look))

    @property
    def wants_look(self) -> bool:
        """Whether a sequence can be converted only after a look at all files."""
        return self._readiness.wants_look(self.look)

    def _tell(self, level: str, event: str, path: Path, **fields: object) -> None:
        """Log an event about a file, so many a minute of its folder, and note it."""
        self.troubles.note(path, event, fields.get("reason", ""))
        self._limited.tell((event, path.parent), level, event, path=path, **fields)

    def report_stalled(self, *, all_open: bool = False) -> None:
        """Log once what each sequence lacks that got no frame for long, or that is open at all."""
        self._limited.flush(everything=all_open)
        self._readiness.report_stalled(all_open=all_open)
