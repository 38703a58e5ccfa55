"""The check of a finished ND2 file against itself, what it records, and its sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from nd2watch.convert.source_check import SourceComparison
from nd2watch.convert.steps import checkpoint
from nd2watch.convert.structure import Structure
from nd2watch.convert.verify import frame_digest
from nd2watch.errors import FormatError
from nd2watch.nd2 import Nd2Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_Read = TypeVar("_Read")
_UNKNOWN_SOURCES: Final = (
    "it does not list its sources, as it is not the result of a conversion by this or a later"
    " version of nd2watch"
)
_UNKNOWN_DIGESTS: Final = "no digests of its pixels are recorded; they were decoded only"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What the check of a file found.

    Attributes
    ----------
    path : Path
        The file.
    frame_count : int
        Frames that it should have; 0 when it cannot be opened.
    problems : tuple of str
        What is wrong; empty when the file is sound.
    notes : tuple of str
        What is unusual or could not be checked, but is no fault.
    as_written : int
        Frames whose pixels equal the recorded digest.
    as_sources : int
        Frames of which the same holds for the pixels of their sources.
    """

    path: Path
    frame_count: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    as_written: int = 0
    as_sources: int = 0

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def check_file(
    path: Path,
    *,
    sources: bool = False,
    all_sources: bool = True,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FileCheck:
    """Check a file: its structure, every frame, and its sources if asked for.

    Every chunk is where the chunk map says, and none inside another; all metadata decode and
    equal their recorded digests; the loops have as many points as there are frames, columns a
    value for each; every frame decodes completely and equals its recorded digest. Frames are read
    strip by strip. Digests are recorded by conversions; other files are checked as far as they go.

    Parameters
    ----------
    path : Path
        The file.
    sources : bool, default False
        Convert the files that the frames were made from again, and compare.
    all_sources : bool, default True
        All of these have to be there; else only those that are there are compared.
    folder : Path, optional
        Where these files are now; the recorded folder when omitted.
    progress : callable, optional
        Called with frames done and all frames after each frame.
    cancelled : callable
        Asked before each chunk and frame; when true the check ends.

    Raises
    ------
    ConversionCancelled
        If `cancelled` returned true.
    OSError
        If the file cannot be opened, or its metadata cannot be read from the disk.
    """
    try:
        reader = Nd2Reader(path)
    except FormatError as error:
        return FileCheck(path=path, problems=(str(error).removeprefix(f"{path}: "),))
    with reader:
        return _Check(reader, sources, all_sources, folder, cancelled).run(progress)


class _Check:
    """The check of an open file."""

    def __init__(
        self,
        reader: Nd2Reader,
        with_sources: bool,
        all_sources: bool,
        folder: Path | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._cancelled = cancelled
        structure = Structure(reader, cancelled)
        self._frames = structure.frames
        self._problems = structure.problems
        self._notes = structure.notes
        self._masks = structure.masks
        self._as_written = 0
        self._sources: SourceComparison | None = None
        provenance = structure.provenance
        self._digests = [frame.digest for frame in provenance.frames] if provenance else []
        if with_sources and provenance is not None and provenance.frames:
            self._sources = SourceComparison(reader, provenance, folder, need_all=all_sources)
            self._problems += self._sources.obstacles
        elif with_sources:
            self._problems.append(_UNKNOWN_SOURCES)

    def run(self, progress: Callable[[int, int], None] | None) -> FileCheck:
        """Check every frame, and return what was found."""
        self._compare_counts()
        try:
            for number, index in enumerate(self._frames, 1):
                checkpoint(self._cancelled, f"check of {self._reader.path}")
                self._check_frame(index)
                if self._sources is not None:
                    self._problems += self._sources.compare(index)
                if progress is not None:
                    progress(number, len(self._frames))
        finally:
            if self._sources is not None:
                self._sources.close()
        return FileCheck(
            path=self._reader.path,
            frame_count=self._reader.attributes.frame_count,
            problems=tuple(self._problems),
            notes=(*self._notes, *(self._sources.notes if self._sources else ())),
            as_written=self._as_written,
            as_sources=self._sources.equal_count if self._sources else 0,
        )

    def _compare_counts(self) -> None:
        """Compare the number of digests with that of frames, which may have been added since."""
        recorded, count = len(self._digests), self._reader.attributes.frame_count
        if not recorded:
            self._notes.append(_UNKNOWN_DIGESTS)
        elif recorded < count:
            self._notes.append(
                f"frames from number {recorded} on were added after the conversion; no digests of"
                " their pixels are recorded"
            )
        elif recorded > count:
            self._problems.append(f"it was written with {recorded} frames, and has {count}")

    def _check_frame(self, index: int) -> None:
        """Decode a frame completely, with its masks, and compare it with its digest."""
        for layer in self._masks:
            self._attempt(index, partial(self._reader.read_mask, layer, index))
        digest = self._attempt(index, partial(frame_digest, self._reader, index))
        if digest is not None and index < len(self._digests):
            if digest.hex() == self._digests[index]:
                self._as_written += 1
            else:
                self._problems.append(f"the pixels of frame {index} are not as they were written")

    def _attempt(self, index: int, read: Callable[[], _Read]) -> _Read | None:
        """Read something of a frame; when it is damaged, note that and return None."""
        try:
            return read()
        except FormatError as error:
            self._problems.append(str(error).removeprefix(f"{self._reader.path}: "))
        except OSError as error:  # a failing disk; other frames may be whole
            self._problems.append(f"frame {index}: {error}")
        return None
