"""What the journal remembers, as values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from nd2watch.errors import JournalError
from nd2watch.journal.states import STATES

if TYPE_CHECKING:
    from nd2watch.journal.states import State

Key = tuple[tuple[str, str], ...]
"""Fields and texts that tell a sequence from others of its watch."""

Released = Literal["trim", "fill"]
RELEASED: Final[tuple[Released, ...]] = get_args(Released)

FrameState = Literal["ready", "double", "late"]
FRAME_STATES: Final[tuple[FrameState, ...]] = get_args(FrameState)

_HANDLE_DIGITS: Final = 10


def handle_of(watch: str, key: Key) -> str:
    """Return the ten hexadecimal digits that name a sequence in commands.

    They follow from the name of its watch and its key alone: a rebuilt journal has the same.
    """
    text = json.dumps([watch, key]).encode()
    return hashlib.sha256(text).hexdigest()[:_HANDLE_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRecord:
    """One sequence, and how far it is.

    Attributes
    ----------
    watch : str
        Name of its watch.
    key : tuple of (field, text)
        Tells it from others of the watch.
    title : str
        Its name for people.
    layout : str
        Digest of the layout by which its frames were placed.
    state : str
        One of `STATES`.
    reason : str
        Why it is in this state.
    found : int
        Frames that are ready.
    expected : int, optional
        Frames of the whole sequence; None while that is not known.
    missing : tuple of str
        Frames that it lacks, or the first of them.
    outputs : tuple of str
        Paths of its ND2 files, the main file first.
    attempts : int
        Conversions that were begun since it was last taken up.
    next_try : float, optional
        When it is tried again, s since 1970.
    changed : float
        When it came into this state, s since 1970.
    revision : int
        By how much the number of its ND2 file is higher than the first.
    released : {"trim", "fill"} or None
        A person asked to convert it as it is.
    late : int
        Files among those found that came after it was published, and are not in its ND2 file.

    Raises
    ------
    JournalError
        If there is no such state.
    """

    watch: str
    key: Key
    title: str
    layout: str
    state: State
    reason: str = ""
    found: int = 0
    expected: int | None = None
    missing: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    attempts: int = 0
    next_try: float | None = None
    changed: float
    revision: int = 0
    released: Released | None = None
    late: int = 0

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise JournalError(f"a sequence cannot be {self.state!r}")
        if self.released not in (None, *RELEASED):
            raise JournalError(f"a sequence cannot be released by {self.released!r}")

    @property
    def handle(self) -> str:
        """What names it in commands, see `handle_of`."""
        return handle_of(self.watch, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """One usable file of a sequence, as it was when it was looked at.

    Attributes
    ----------
    path : str
        Absolute path, as `os.fsdecode` gives it.
    coordinate : tuple of str
        Its labels of time, position, Z and channel.
    size : int
        Bytes.
    mtime_ns, ctime_ns, inode, device : int
        Its identity, as `os.stat` gives it.
    state : {"ready", "double", "late"}
        It has its place in the sequence, another file has that, or it came after all was done.

    Raises
    ------
    JournalError
        If there is no such state.
    """

    path: str
    coordinate: tuple[str, str, str, str]
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    state: FrameState = "ready"

    def __post_init__(self) -> None:
        if self.state not in FRAME_STATES:
            raise JournalError(f"a frame cannot be {self.state!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRecord:
    """A watched folder as it was when it was last looked at.

    Attributes
    ----------
    watch : str
        Name of its watch.
    path : str
        Absolute path, as `os.fsdecode` gives it.
    device, inode : int
        Its identity, as `os.stat` gives it.
    """

    watch: str
    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """Something that happened to a sequence.

    Attributes
    ----------
    moment : float
        When, s since 1970.
    watch : str
        Name of the watch.
    sequence : str
        Title of the sequence; empty for what concerns the whole watch.
    event : str
        What, by a short name as in the logs.
    reason : str
        Why.
    """

    moment: float
    watch: str
    sequence: str = ""
    event: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life of the service.

    Attributes
    ----------
    pid : int
        Its process.
    version : str
        Version of the program.
    started : float
        When it was started, s since 1970.
    turned : float
        When its main loop last turned, s since 1970.
    text : str
        What it says of itself.
    """

    pid: int
    version: str
    started: float
    turned: float
    text: str = ""
