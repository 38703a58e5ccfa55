"""Points of a conversion at which it can be made to fail, once, inside its process."""

from __future__ import annotations

import errno
import functools
import io
import os
import re
import signal
import stat
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from unittest.mock import patch

from nd2watch.convert import Step
from nd2watch.service.worker import Job, Outcome, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nd2watch.convert.steps import StepTaken

    Cancelled = Callable[[], bool]
    Shown = Callable[[int, int], None]
    Applies = Callable[..., bool]

STEPS: Final = tuple(f"step {step.name.lower()}" for step in Step)

CALLS: Final = (
    "make folder",
    "open",
    "write",
    "sync",
    "read back",
    "close",
    "link",
    "unlink",
    "sync folder",
)
"""Calls to the system around the steps."""

CALLS_WITHOUT_LINKS: Final = ("claim", "rename")
"""Those that take the place of "link" and "unlink" where a file system has no hard links."""

ERRORS: Final = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EACCES")}

AFTER: Final = ("sync", "link", "unlink", "sync folder", *CALLS_WITHOUT_LINKS)
"""Calls after which it matters whether the process goes on."""

WITH_SERVICE: Final = " with the service"

_TEMPORARY: Final = re.compile(r".*/\.nd2watch-[0-9a-f]{16}\.tmp")
_CUT: Final = "--"
"""Between a point and what happens there, in the name of a sequence."""


def ways_of(point: str) -> list[str]:
    """Return what can happen at a point: its process is killed, or there is an error."""
    return ["killed", *(["killed after"] if point in AFTER else []), *ERRORS]


def name_of(point: str, way: str) -> str:
    """Return the name of the sequence to whose conversion this is to happen."""
    return f"{point}{_CUT}{way}".replace(" ", "_")


class Witness(Protocol):
    """What is told of the calls that a conversion makes."""

    def before(self, point: str) -> None:
        """Take notice that a call is about to be made, or a step is about to be told."""

    def after(self, point: str) -> None:
        """Take notice that it was made."""


@dataclass(kw_only=True)
class Fault:
    """What happens at one point of one conversion, the first time that it comes there.

    Attributes
    ----------
    point, way : str
        Where, and what: an error of that name, or a kill.
    mark : Path
        File that is made when it happens, and keeps it from happening again.
    """

    point: str
    way: str
    mark: Path

    def before(self, point: str) -> None:
        """Strike if this is the point, and what happens there happens before it is done."""
        if point == self.point and "after" not in self.way:
            self._strike()

    def after(self, point: str) -> None:
        """Strike if this is the point, and what happens there happens after it is done."""
        if point == self.point and "after" in self.way:
            self._strike()

    def _strike(self) -> None:
        """Let it happen, unless it has happened already."""
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if self.way in ERRORS:
            raise OSError(ERRORS[self.way], os.strerror(ERRORS[self.way]))
        if self.way.endswith(WITH_SERVICE):
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def convert_with_fault(
    marks: Path, job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken
) -> Outcome:
    """Carry out a job while what its sequence is named after happens to it."""
    name = job.output.parent.name
    point, way = name.replace("_", " ").split(_CUT)
    fault = Fault(point=point, way=way, mark=marks / name)
    with ExitStack() as patches:
        patches.enter_context(watched_calls(fault))
        if point in CALLS_WITHOUT_LINKS:
            patches.enter_context(patch.object(os, "link", _refuse_link))
        return run_job(job, cancelled, progress, told_steps(fault, step))


def told_steps(witness: Witness, step: StepTaken) -> StepTaken:
    """Return what tells the steps of a conversion to a witness first."""

    def tell(done: Step, output: Path) -> None:
        witness.before(f"step {done.name.lower()}")
        step(done, output)

    return tell


def watched(name: str, call: Callable[..., Any], applies: Applies, witness: Witness) -> Any:
    """Return a call to the system which has a witness."""

    @functools.wraps(call)
    def watched_call(*arguments: Any, **options: Any) -> Any:
        if not applies(*arguments, **options):
            return call(*arguments, **options)
        witness.before(name)
        result = call(*arguments, **options)
        witness.after(name)
        return result

    return watched_call


@contextmanager
def watched_calls(witness: Witness) -> Iterator[None]:
    """Let a witness take notice of the calls that a conversion makes, or interfere."""
    replaced: list[tuple[Any, str, str, Applies]] = [
        (os, "mkdir", "make folder", lambda path, *_: True),
        (os, "open", "open", lambda path, flags, *_: flags & os.O_CREAT and _is_temporary(path)),
        (os, "fsync", "sync", lambda descriptor: _is_file(descriptor)),
        (os, "fsync", "sync folder", lambda descriptor: not _is_file(descriptor)),
        (io, "open", "read back", lambda path, mode="r", *_: mode == "rb" and _is_temporary(path)),
        (os, "link", "link", lambda *_, **__: True),
        (os, "unlink", "unlink", lambda path, **_: _is_temporary(path)),
        (os, "open", "claim", lambda path, *_: str(path).endswith(".nd2")),
        (os, "replace", "rename", lambda *_: True),
    ]
    with ExitStack() as patches:
        for module, attribute, name, applies in replaced:
            call = watched(name, getattr(module, attribute), applies, witness)
            patches.enter_context(patch.object(module, attribute, call))
        raw = functools.partial(_WatchedFile, witness)
        patches.enter_context(
            patch.object(
                os,
                "fdopen",
                lambda number, mode, buffering=-1: _opened(raw, number, mode, buffering),
            )
        )
        yield


def _is_temporary(path: object) -> bool:
    """Return whether a path is that of a file of a conversion."""
    return isinstance(path, (str, Path)) and _TEMPORARY.fullmatch(str(path)) is not None


def _is_file(descriptor: int) -> bool:
    """Return whether an open file is one, and no folder."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _refuse_link(*_: object, **__: object) -> None:
    """Do as a file system does that has no hard links."""
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


def _opened(raw: Callable[[int], io.RawIOBase], number: int, mode: str, buffering: int) -> Any:
    """Open a descriptor; one that is written has a witness."""
    if mode != "w+b":
        return open(number, mode, buffering)
    return io.BufferedRandom(raw(number), buffering)


class _WatchedFile(io.FileIO):
    """An open file of a conversion."""

    def __init__(self, witness: Witness, descriptor: int) -> None:
        super().__init__(descriptor, "r+")
        self._witness = witness

    def write(self, data: Any) -> int:
        """Write a part of the data, then let the witness know."""
        part = memoryview(data).cast("B")[: max(len(data) // 2, 1)]
        written = super().write(part)
        self._witness.before("write")
        return written

    def close(self) -> None:
        """Close the file, which tells of errors that the system kept back."""
        if not self.closed:
            super().close()
            self._witness.before("close")
