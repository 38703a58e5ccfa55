"""What runs in a conversion process: it takes assignments from a pipe and reports by another."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

from nd2watch import host
from nd2watch.convert import ConversionResult, Step
from nd2watch.convert.steps import StepTaken
from nd2watch.errors import Nd2WatchError
from nd2watch.service.worker import Job, Outcome

if TYPE_CHECKING:
    from nd2watch.service.worker import End

Task = Callable[[Job, Callable[[], bool], Callable[[int, int], None], StepTaken], Outcome]
"""What carries out a job, as `run_job` does; a function that can be imported by its name."""

_ERROR_MODULES: Final = (Nd2WatchError.__module__, "builtins")

_REPORT_S: Final = 0.2
"""Progress is reported so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a conversion process is to do.

    Attributes
    ----------
    task : Task
        Carries it out.
    job : Job
        The job.
    memory_bytes : int, optional
        Most address space that the process may use.
    """

    task: Task
    job: Job
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A sign of life, sent at the start of the process and while it converts.

    Attributes
    ----------
    done, total : int
        Frames done, and all frames; 0 before the first one.
    """

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """A step of a conversion that is done.

    Attributes
    ----------
    step : Step
        The step.
    output : Path
        Name that the file is to have.
    """

    step: Step
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an assignment: an `Outcome` without its job.

    Attributes
    ----------
    end : str
        How it ended.
    results : tuple of ConversionResult
        Of the files that were published.
    error : Exception, optional
        Why not all of them.
    output : Path, optional
        The file that was to be written then.
    """

    end: End
    results: tuple[ConversionResult, ...]
    error: Exception | None
    output: Path | None


class MessageReader(pickle.Unpickler):
    """Reads one message of a conversion process.

    A hostile file may have taken that process over: nothing but values is taken from it.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that messages are made of, and nothing else."""
        is_path = module.startswith("pathlib") and name in ("PosixPath", "WindowsPath")
        if is_path or (module, name) in _MESSAGE_CLASSES:
            return super().find_class(module, name)
        if module in _ERROR_MODULES:
            found = super().find_class(module, name)
            if isinstance(found, type) and issubclass(found, Exception):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a message")


_MESSAGE_CLASSES: Final = {
    (kind.__module__, kind.__name__) for kind in (Progress, Advance, Step, Report, ConversionResult)
}


class _Worker:
    """Carries out assignments until the parent closes its pipe, or ends.

    Parameters
    ----------
    orders : BinaryIO
        Assignments come from here; None is the wish that the running one be cancelled.
    reports : BinaryIO
        Progress and reports go there.
    """

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports
        self._assignments: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._progress = Progress()
        self._reported = 0.0

    def work(self) -> NoReturn:
        """Carry out what comes."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        self._send(self._progress)
        while True:
            assignment = self._assignments.get()
            if assignment.memory_bytes is not None:
                host.limit_memory(assignment.memory_bytes)
            self._progress = Progress()
            outcome = assignment.task(assignment.job, self._is_cancelled, self._note, self._advance)
            error = None if outcome.error is None else portable(outcome.error)
            self._send(
                Report(end=outcome.end, results=outcome.results, error=error, output=outcome.output)
            )

    def _listen(self) -> None:
        """Take orders; end the process at once when the parent is gone, whatever it does now."""
        try:
            while True:
                order = pickle.load(self._orders)  # noqa: S301 - the parent wrote it # nosec B301
                if order is None:
                    self._cancelled.set()
                else:
                    self._assignments.put(order)
        except EOFError:
            os._exit(0)
        except BaseException:
            _die()

    def _is_cancelled(self) -> bool:
        """Return whether the job is to end; to ask is a sign of life."""
        self._report()
        return self._cancelled.is_set()

    def _note(self, done: int, total: int) -> None:
        """Take the progress of the job."""
        self._progress = Progress(done=done, total=total)
        self._report()

    def _advance(self, step: Step, output: Path) -> None:
        """Take a step of the job."""
        self._send(Advance(step=step, output=output))

    def _report(self) -> None:
        """Report progress, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_S:
            self._reported = now
            self._send(self._progress)

    def _send(self, message: Progress | Advance | Report) -> None:
        """Send a message to the parent."""
        pickle.dump(message, self._reports)
        self._reports.flush()


def portable(error: Exception) -> Exception:
    """Return an error that another process can take, with where it was raised if it is a fault.

    Parameters
    ----------
    error : Exception
        Those of nd2watch and of Python itself stay what they are; others become a `RuntimeError`
        with their name and message.
    """
    if not isinstance(error, (Nd2WatchError, OSError)):
        error.add_note("".join(traceback.format_exception(error)).rstrip())
    with contextlib.suppress(Exception):  # whatever its arguments are
        MessageReader(io.BytesIO(pickle.dumps(error))).load()
        return error
    other = RuntimeError(f"{type(error).__name__}: {error}")
    for note in getattr(error, "__notes__", ()):
        other.add_note(note)
    return other


def main() -> NoReturn:
    """Work as a conversion process; nothing but orders and reports goes through its pipes."""
    orders, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    host.become_expendable()
    try:
        _Worker(orders, reports).work()
    except BaseException:
        _die()


def _die() -> NoReturn:
    """End the process for an error; the usual end would wait for the thread that reads."""
    traceback.print_exc()
    os._exit(1)
