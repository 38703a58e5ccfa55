"""Carrying out one conversion for the service, whatever comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nd2watch import host
from nd2watch.convert import (
    ConversionPlan,
    ConversionResult,
    convert,
    holds_sequence,
    ignore_step,
)
from nd2watch.errors import (
    ConversionCancelled,
    ConversionCrashed,
    Nd2WatchError,
    OutputExists,
    SourceChanged,
    SourceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.convert.steps import StepTaken
    from nd2watch.experiment import SequenceKey

End = Literal[
    "published",
    "present",
    "conflict",
    "changed",
    "unreadable",
    "blocked",
    "crashed",
    "cancelled",
    "failed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """One file to write.

    Attributes
    ----------
    plan : ConversionPlan
        What to write.
    path : Path
        Where to.
    """

    plan: ConversionPlan
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One sequence to convert.

    Attributes
    ----------
    watch : str
        Name of its watch.
    key : SequenceKey
        Its key there.
    files : tuple of OutputFile
        What to write, the main file first.
    is_numbered : bool
        Their names have a number, of which there is always a higher one.
    """

    watch: str
    key: SequenceKey
    files: tuple[OutputFile, ...]
    is_numbered: bool = False

    @property
    def title(self) -> str:
        """The sequence's name for messages."""
        return self.files[0].plan.title

    @property
    def output(self) -> Path:
        """The main file."""
        return self.files[0].path

    @property
    def outputs(self) -> set[Path]:
        """All files."""
        return {file.path for file in self.files}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job.

    Attributes
    ----------
    job : Job
        The job.
    end : str
        "published"; "present": all outputs were there, with this content; "conflict": with
        another; "changed": a source changed, look at the sequence again; "unreadable": a source
        cannot be decoded; "blocked": disk full, no permission and the like, try again later;
        "crashed": it killed its process, hung, or took more memory than there is; "cancelled"; or
        "failed".
    results : tuple of ConversionResult
        Of the files that were published.
    error : Exception, optional
        Why it was not published, or not all of it.
    output : Path, optional
        The file that was to be written then.
    """

    job: Job
    end: End
    results: tuple[ConversionResult, ...] = ()
    error: Exception | None = None
    output: Path | None = None


def run_job(
    job: Job,
    cancelled: Callable[[], bool],
    progress: Callable[[int, int], None],
    step: StepTaken = ignore_step,
) -> Outcome:
    """Convert a sequence and tell what came of it; never raises.

    Parameters
    ----------
    job : Job
        What to do.
    cancelled : callable
        Asked before each frame whether to stop.
    progress : callable
        Called with frames done and all frames.
    step : callable, optional
        Called with each step of each file when it is done.
    """
    results: list[ConversionResult] = []
    for file in job.files:
        try:
            if cancelled():
                return Outcome(job=job, end="cancelled", results=tuple(results))
            if file.path.exists() and not host.remove_claim(file.path):
                _check_existing(file, cancelled)
            else:
                results.append(
                    convert(file.plan, file.path, progress=progress, cancelled=cancelled, step=step)
                )
        except Exception as error:  # the rim of the worker: the service must live on
            reason = _reason_of(error)
            end = _end_of(reason)
            return Outcome(job=job, end=end, results=tuple(results), error=reason, output=file.path)
    return Outcome(job=job, end="published" if results else "present", results=tuple(results))


def _check_existing(file: OutputFile, cancelled: Callable[[], bool]) -> None:
    """Refuse an existing output that is not what would be written."""
    if not holds_sequence(file.path, file.plan, cancelled):
        raise OutputExists(
            f"{file.path} exists and holds something else; move it away or change the output name"
        )


def _reason_of(error: Exception) -> Exception:
    """Return an error; a lack of memory, which readers take for a damaged file, is told as that."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and not isinstance(cause, MemoryError):
        if id(cause) in seen:  # an error may be raised from itself
            return error
        seen.add(id(cause))
        cause = cause.__cause__
    if cause is None:
        return error
    return ConversionCrashed(f"the conversion ran out of memory: {str(error) or 'MemoryError'}")


def _end_of(error: Exception) -> End:
    """Return how a job ended by an error."""
    for kind, end in _ENDS:
        if isinstance(error, kind):
            return end
    return "failed"


_ENDS: tuple[tuple[type[Exception], End], ...] = (
    (ConversionCancelled, "cancelled"),
    (ConversionCrashed, "crashed"),
    (OutputExists, "conflict"),
    (SourceChanged, "changed"),
    (SourceError, "unreadable"),
    (Nd2WatchError, "failed"),
    (OSError, "blocked"),
)
