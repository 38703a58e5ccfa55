"""One sequence as the service sees it: its frames, doubles and state."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.experiment import ImageSequence

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.experiment import Coordinate, Layout
    from nd2watch.sidecars import Sidecar
    from nd2watch.sources import FrameFile

_RARE: Final = 20

State = Literal["collecting", "queued", "published", "failed", "forgotten"]

Released = Literal["trim", "fill"]


@dataclass(slots=True)
class Collection:
    """A sequence with what the service is doing about it.

    Attributes
    ----------
    sequence : ImageSequence
        Its frames.
    state : {"collecting", "queued", "published", "failed", "forgotten"}
        Failed ones wait until one of their files changes; forgotten ones are left alone.
    reason : str
        Why it is in that state.
    outputs : tuple of Path
        Its ND2 files, the main one first, once they are known.
    revision : int
        By how much the number of its ND2 file is higher than the first, as it was converted
        before, without frames that came late, or as another file has the number.
    released : {"trim", "fill"} or None
        A person asked to convert it as it is.
    progressed : float
        When a frame last came, monotonic seconds.
    stall_reported, misfit_reported : bool
        Its stand-still, or labels that do not fit, were logged.
    rivals : dict from Path to Coordinate
        Files with other content for a place that is taken; while there are any, it waits.
    copies : dict from Path to Coordinate
        Files with the same content as one that is taken.
    newcomers : set of Path
        Files that came while it is being converted, without them.
    misfits : set of Path
        Files that were refused because most frames have another format.
    blocked_by : Path, optional
        Output of other content that is in the way.
    differing : set of Path
        Frames that were reported to differ from the others.
    unreadable : counter of Path
        How often conversions could not read a frame.
    files : set of str
        Paths of usable files in the folder that are its own.
    folders : set of Path
        Folders of its files.
    sidecars : tuple of Path
        Files that tell of it.
    marker : Path, optional
        Marker of its end.
    is_awaited : bool
        Frames of it were seen that are not read yet.
    refused : tuple of str
        Paths of files that were refused, where no other file has their place.
    ended_at : float, optional
        Since when nothing more is expected by rules of time, markers or the like, monotonic
        seconds; None while more may come.
    waits_for_turn : bool
        It can be converted, and others of its folder are being converted.
    is_followed : bool
        The next sequence was started after its last frame.
    first_ns, last_ns : int
        Earliest and latest time at which one of its files came, ns.
    longest_pause_s : float
        Longest time between two of its frames, s.
    known_version : int
        Version of the companions by which it was told last; -1 when it is to be told again.
    late, rewritten : set of str
        Paths of frames that came after it was published, and of its own that changed after that.
    doubles : set of str
        Paths of its files for places of which it was converted from other files.
    attempts : int
        Conversions that were blocked, by a full disk for instance, or crashed.
    crashes : int
        Conversions that crashed since it was taken up.
    retry_at : float
        When the next attempt may be made, monotonic seconds.
    """

    sequence: ImageSequence
    state: State = "collecting"
    reason: str = ""
    outputs: tuple[Path, ...] = ()
    revision: int = 0
    released: Released | None = None
    progressed: float = 0.0
    stall_reported: bool = False
    misfit_reported: bool = False
    rivals: dict[Path, Coordinate] = field(default_factory=dict)
    copies: dict[Path, Coordinate] = field(default_factory=dict)
    newcomers: set[Path] = field(default_factory=set)
    misfits: set[Path] = field(default_factory=set)
    blocked_by: Path | None = None
    differing: set[Path] = field(default_factory=set)
    unreadable: Counter[Path] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    sidecars: tuple[Path, ...] = ()
    marker: Path | None = None
    is_awaited: bool = False
    refused: tuple[str, ...] = ()
    ended_at: float | None = None
    waits_for_turn: bool = False
    is_followed: bool = False
    first_ns: int = 0
    last_ns: int = 0
    longest_pause_s: float = 0.0
    known_version: int = -1
    late: set[str] = field(default_factory=set)
    rewritten: set[str] = field(default_factory=set)
    doubles: set[str] = field(default_factory=set)
    attempts: int = 0
    crashes: int = 0
    retry_at: float = 0.0

    @property
    def has_all(self) -> bool:
        """Whether it has all frames that are asked for; without a number of them, never."""
        return self.sequence.is_sized and self.sequence.is_complete

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, too much, or in doubt."""
        return self.sequence.is_complete and not self.rivals

    @property
    def needs_a_person(self) -> bool:
        """Whether it cannot go on by more frames alone."""
        return self.state == "failed" or bool(self.rivals or self.sequence.surplus())

    def note(self, frame: FrameFile, moment: float, came_ns: int) -> None:
        """Note that a frame was seen at some moment, monotonic seconds, and when it came."""
        self.files.add(os.fspath(frame.path))
        if self.state == "queued":
            self.newcomers.add(frame.path)
        if frame.path.parent not in self.folders:
            self.folders.add(frame.path.parent)
            self.known_version = -1
        if self.first_ns:
            self.longest_pause_s = max(self.longest_pause_s, moment - self.progressed)
        self.first_ns = min(self.first_ns or came_ns, came_ns)
        self.last_ns = max(self.last_ns, came_ns)
        self.progressed = max(moment, self.progressed) if len(self.files) > 1 else moment
        self.stall_reported = False

    def odd_frames(self) -> list[tuple[FrameFile, str]]:
        """Return frames that differ from most others, and how.

        Before the sequence is complete, only those of rare kinds: others may become the usual one.
        """
        sequence = self.sequence
        odd = sequence.mismatched() if self.has_all else sequence.rare_frames(_RARE)
        if not odd or len(odd) == len(sequence):  # planning refuses two kinds in equal numbers
            return []
        usual = f"most frames of the sequence are {sequence.usual_format()}"
        return [(frame, f"it is {frame.info.format_text}, {usual}") for frame in odd]

    def new_surplus(self) -> str:
        """Return what contradicts the layout's sizes, if that was not so the last time."""
        surplus, was_reported = self.sequence.surplus(), self.misfit_reported
        self.misfit_reported = bool(surplus)
        return "" if was_reported else surplus

    def heed_output(self) -> None:
        """Take it up again when the file that was in the way of its output has gone."""
        if self.blocked_by is not None and not os.path.lexists(self.blocked_by):
            self.reopen()

    def tell(self, told: Sidecar, root: Path) -> None:
        """Take what its sidecars tell."""
        self.sequence = self.sequence.with_told(told, root)

    def discard(self, path: Path) -> list[Path]:
        """Take a file out, and return the doubles that may have its place now."""
        self.files.discard(os.fspath(path))
        self.late.discard(os.fspath(path))
        self.rewritten.discard(os.fspath(path))
        self.newcomers.discard(path)
        self.differing.discard(path)
        doubles = {**self.rivals, **self.copies}
        self.rivals.pop(path, None)
        self.copies.pop(path, None)
        coordinate = self.sequence.discard(path)
        if coordinate is None:
            return []
        freed = [double for double, place in doubles.items() if place == coordinate]
        for double in freed:
            self.rivals.pop(double, None)
            self.copies.pop(double, None)
        return freed

    def close(self) -> None:
        """Note that it is published; its frames are not needed any more."""
        self.state = "published"
        self.reason = ""
        self.released = None
        self.attempts = self.crashes = 0
        self.sequence = ImageSequence(self.sequence.layout, self.sequence.key)
        self.doubles = {os.fspath(path) for path in (*self.rivals, *self.copies)}
        self.rivals, self.copies, self.misfits, self.differing = {}, {}, set(), set()
        self.newcomers = set()
        self.unreadable = Counter()

    def anew(self, layout: Layout, now: float, *, again: bool) -> Collection:
        """Return it without frames, to be collected again from its files.

        Parameters
        ----------
        layout : Layout
            That of its watch.
        now : float
            Monotonic seconds.
        again : bool
            It becomes another ND2 file than before; else that is compared with it.
        """
        return Collection(
            ImageSequence(layout, self.sequence.key),
            revision=self.revision + again,
            progressed=now,
        )

    def reopen(self) -> None:
        """Take it up again."""
        if self.state == "failed":
            self.crashes = 0
        if self.state in ("queued", "failed"):
            self.state = "collecting"
            self.reason = ""
            self.blocked_by = None
            self.newcomers = set()

    def unblock(self) -> None:
        """Note that it cannot be converted any more: what kept it from that is no matter."""
        if self.attempts:
            self.attempts, self.retry_at, self.reason = 0, 0.0, ""

    @property
    def is_empty(self) -> bool:
        """Whether it has no files and will not be missed: nothing is done or promised for it."""
        is_promised = self.released is not None or self.revision > 0
        is_idle = self.state in ("collecting", "failed") and not is_promised
        return not self.files and (self.is_settled or is_idle)

    @property
    def is_settled(self) -> bool:
        """Whether it is done with, so that its frames are not collected."""
        return self.state in ("published", "forgotten")
