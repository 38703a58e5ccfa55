"""What becomes of frames that are in a verified ND2 file."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.convert import check_file
from nd2watch.errors import ConversionCancelled, JournalError, Nd2WatchError
from nd2watch.nd2 import Nd2Reader
from nd2watch.pending import PendingFile, remove_orphans
from nd2watch.service.aside import delete_only, files_aside, name_before, put_back
from nd2watch.service.content import same_content
from nd2watch.service.report import LimitedLog
from nd2watch.sources import FileKey, path_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.config import RetentionConfig
    from nd2watch.experiment import SequenceKey
    from nd2watch.journal import FrameRecord, Journal, SequenceRecord
    from nd2watch.journal.reading import JournalReader
    from nd2watch.service.settings import Watch

_HOUR_S: Final = 3600.0

_DAY_S: Final = 24 * _HOUR_S
"""Pause before frames that were kept are looked at again, for which all is read once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A sequence of which the frames are due.

    Attributes
    ----------
    sequence : SequenceRecord
        The sequence.
    frames : tuple of FrameRecord
        Its files that are in its ND2 files.
    at : float
        When they are due, s since 1970.
    """

    sequence: SequenceRecord
    frames: tuple[FrameRecord, ...]
    at: float


def due_sequences(
    journal: JournalReader, watch: Watch, retention: RetentionConfig
) -> Iterator[Due]:
    """Yield the published sequences of a watch of which frames are to be moved or deleted.

    Parameters
    ----------
    journal : JournalReader
        What is known of them.
    watch : Watch
        Where they live.
    retention : RetentionConfig
        What is done, and when.
    """
    if retention.action == "keep":
        return
    for record in journal.sequences(watch.name, ["published"]):
        frames = tuple(f for f in journal.frames(watch.name, record.key) if f.state == "ready")
        if frames:
            at = record.changed + retention.after_h * _HOUR_S
            yield Due(sequence=record, frames=frames, at=at)


class Retention:
    """Moves or deletes frames once they are due; each only when all speaks for it.

    The ND2 files are compared once more with their sources, as far as these are there. A frame is
    touched only if it is the very file that was converted, by its identity on disk and by what its
    ND2 file records. A sequence of which frames were kept in doubt is looked at again a day later.

    Parameters
    ----------
    retention : RetentionConfig
        What is done.
    journal : Journal
        What is known of the frames.
    clock : Clock
        Tells the time of day, and measures the day.
    log : bound logger
        Gets what was done, and why not.
    """

    def __init__(
        self,
        retention: RetentionConfig,
        journal: Journal,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._retention = retention
        self._journal = journal
        self._clock = clock
        self._log = log
        self._not_before: dict[tuple[str, SequenceKey], float] = {}
        self._resumed: set[str] = set()
        self._cleared: set[Path] = set()
        self._cancelled = threading.Event()
        self._at_work = threading.Lock()

    def cancel(self, patience_s: float) -> bool:
        """End for good, before the next frame; from any thread.

        Parameters
        ----------
        patience_s : float
            How long to wait for the frame that is being put away now, s.

        Returns
        -------
        bool
            Whether nothing is touched any more; False when a disk does not answer.
        """
        self._cancelled.set()
        has_ended = self._at_work.acquire(timeout=patience_s)
        if has_ended:
            self._at_work.release()
        return has_ended

    def tidy(self, watches: Sequence[Watch]) -> None:
        """Put away what is due of watches."""
        with self._at_work:
            for watch in watches:
                try:
                    self._tidy(watch)
                except JournalError as error:
                    self._log.error("frames_kept", watch=watch.name, reason=str(error))

    def _tidy(self, watch: Watch) -> None:
        """Put away what is due of a watch."""
        if watch.name not in self._resumed:
            self._resume(watch)
        now = self._clock.monotonic()
        for due in due_sequences(self._journal, watch, self._retention):
            if self._cancelled.is_set():
                return
            place = (watch.name, due.sequence.key)
            if due.at > self._clock.time() or self._not_before.get(place, now) > now:
                continue
            if not any(os.path.lexists(frame.path) for frame in due.frames):
                continue
            if not self._tidy_sequence(due, watch):
                self._not_before[place] = now + _DAY_S

    def _tidy_sequence(self, due: Due, watch: Watch) -> bool:
        """Put away the frames of a sequence, and return whether there was no doubt about any."""
        log = self._log.bind(watch=watch.name, sequence=due.sequence.title)
        try:
            recorded = _recorded_sources(due.sequence, self._cancelled.is_set)
        except ConversionCancelled:
            return True
        except (Nd2WatchError, OSError) as error:
            log.error("frames_kept", reason=str(error))
            return False
        done, kept, limited = [], 0, LimitedLog(log, self._clock)
        for frame in due.frames:
            if self._cancelled.is_set():
                break
            try:
                target = self._target(Path(frame.path), watch)
                self._clear(target)
                if _put_away(frame, recorded, target):
                    done.append(frame.path)
            except (Nd2WatchError, OSError, ValueError) as error:
                kept += 1
                limited.tell("kept", "warning", "frame_kept", path=frame.path, reason=str(error))
        limited.flush(everything=True)
        self._journal.remove_frames(done)
        if done:
            log.info("frames_put_away", action=self._retention.action, count=len(done))
        return not kept

    def _target(self, path: Path, watch: Watch) -> Path | None:
        """Return where a frame is moved to; None if it is deleted."""
        folder = self._retention.folder
        return None if folder is None else folder / watch.name / path.relative_to(watch.root)

    def _clear(self, target: Path | None) -> None:
        """Remove what a copy left in the folder of a target when an earlier run was killed."""
        if target is not None and target.parent not in self._cleared:
            for path in remove_orphans(target.parent, below=False):
                self._log.info("unfinished_file_removed", path=path)
            self._cleared.add(target.parent)

    def _resume(self, watch: Watch) -> None:
        """Make good what an earlier run was interrupted at: a file under a private name."""
        log = LimitedLog(self._log.bind(watch=watch.name), self._clock)
        try:
            for aside in list(files_aside(watch.root)):
                if self._cancelled.is_set():
                    return
                try:
                    if self._is_converted(aside, watch):
                        aside.unlink()
                        self._journal.remove_frames([str(name_before(aside))])
                    else:
                        put_back(aside)
                except (Nd2WatchError, OSError) as error:
                    log.tell("kept", "warning", "frame_kept", path=aside, reason=str(error))
        except OSError:  # the folder is away; its thread tells that
            return
        finally:
            log.flush(everything=True)
        self._resumed.add(watch.name)

    def _is_converted(self, aside: Path, watch: Watch) -> bool:
        """Return whether a file under a private name is a frame that was being put away."""
        path, key = name_before(aside), FileKey.of_path(aside)
        try:
            sequence = watch.layout.parse(path_below(watch.root, path)).sequence
            recorded = {
                source: told
                for record in self._journal.sequences(watch.name, ["published"])
                if record.key == sequence
                for source, told in _recorded_sources(record, self._cancelled.is_set).items()
            }
            if key is None or recorded.get(str(path)) != (key.size, key.mtime_ns):
                return False
            target = self._target(path, watch)
            return target is None or same_content(aside, target)
        except (Nd2WatchError, OSError):
            return False


def _recorded_sources(
    record: SequenceRecord, cancelled: Callable[[], bool]
) -> dict[str, tuple[int, int]]:
    """Return size and time of change of each source that sound ND2 files record, by its path.

    Raises
    ------
    Nd2WatchError, OSError
        If a file is not there, is not sound, or does not equal its sources; those that are not
        there may have been put away before. `ConversionCancelled` if `cancelled` returned true.
    """
    sources: dict[str, tuple[int, int]] = {}
    for output in map(Path, record.outputs):
        check = check_file(output, sources=True, all_sources=False, cancelled=cancelled)
        if check.problems:
            raise Nd2WatchError(f"{output} is not beyond doubt: {check.problems[0]}")
        with Nd2Reader(output) as reader:
            provenance = reader.provenance
        frames = provenance.frames if provenance is not None else ()
        folder = Path(provenance.folder) if provenance is not None else Path()
        for source in (each for frame in frames for each in frame.sources):
            if source is not None:
                sources[str(folder / source.name)] = (source.size, source.mtime_ns)
    if not sources:
        raise Nd2WatchError(f"no ND2 file of sequence {record.title} records its sources")
    return sources


def _put_away(
    frame: FrameRecord, recorded: dict[str, tuple[int, int]], target: Path | None
) -> bool:
    """Move or delete one frame, and return whether it was there.

    Raises
    ------
    Nd2WatchError, OSError
        If it is kept, for doubt or because it cannot be put away.
    """

    def is_the_file(key: FileKey | None) -> bool:
        known = (frame.size, frame.mtime_ns, frame.inode)
        return key is not None and (key.size, key.mtime_ns, key.inode) == known

    path = Path(frame.path)
    key = FileKey.of_path(path)
    if key is None:  # put away before, or its folder is not there now
        return False
    if not is_the_file(key):
        raise Nd2WatchError("it is not the file that was converted")
    if recorded.get(frame.path) != (key.size, key.mtime_ns):
        raise Nd2WatchError("no ND2 file records it as its source")
    if target is None:
        delete_only(path, is_the_file)
    else:
        _move(path, target, is_the_file)
    return True


def _move(path: Path, target: Path, is_the_file: Callable[[FileKey | None], bool]) -> None:
    """Move a file to where nothing is, in such a way that it is always in one place at least.

    Raises
    ------
    Nd2WatchError, OSError
        If another file is there, or has taken the name of this one, or the disks fail.
    """
    host.make_folder(target.parent)
    if _appear(path, target):
        found = FileKey.of_path(path)
        is_other = found is not None and not is_the_file(found)
        if is_other and not is_the_file(FileKey.of_path(target)):
            target.unlink()  # of a file that took the name of the frame, and has it
    if not same_content(path, target):
        raise FileExistsError(f"{target} is there and is another file; {path} stays")
    host.sync_folder(target.parent)
    delete_only(path, is_the_file)


def _appear(path: Path, target: Path) -> bool:
    """Give a file a second name, or a copy, where there is none; return whether there was none."""
    try:
        host.link(path, target)
    except FileExistsError:  # from a move that was interrupted, or another file
        return False
    except OSError:  # on another file system, or one without links
        if os.path.lexists(target):
            return False
        _copy(path, target)
    return True


def _copy(path: Path, target: Path) -> None:
    """Copy a file, which appears under its name when it is whole and on the disk.

    Raises
    ------
    OSError
        If the disks fail.
    """
    with PendingFile(target) as pending, path.open("rb") as source:
        shutil.copyfileobj(source, pending.file, 1 << 20)
        pending.sync()
        with contextlib.suppress(OSError):  # not every file system keeps times
            shutil.copystat(path, pending.path, follow_symlinks=False)
        pending.publish()
