"""Carrying out one conversion for the service, whatever comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nd2watch.convert import ConversionPlan, ConversionResult, convert, holds_sequence
from nd2watch.errors import (
    ConversionCancelled,
    Nd2WatchError,
    OutputExists,
    SourceChanged,
    SourceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.experiment import SequenceKey

End = Literal[
    "published", "present", "conflict", "changed", "unreadable", "blocked", "cancelled", "failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One sequence to convert.

    Attributes
    ----------
    watch : str
        Name of its watch.
    key : SequenceKey
        Its key there.
    plan : ConversionPlan
        What to write.
    output : Path
        Where to.
    """

    watch: str
    key: SequenceKey
    plan: ConversionPlan
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job.

    Attributes
    ----------
    job : Job
        The job.
    end : str
        "published"; "present": the output was there, with this content; "conflict": with
        another; "changed": a source changed, look at the sequence again; "unreadable": a source
        cannot be decoded; "blocked": disk full, no permission and the like, try again later;
        "cancelled"; or "failed".
    result : ConversionResult, optional
        Of a published file.
    error : Exception, optional
        Why it was not published.
    """

    job: Job
    end: End
    result: ConversionResult | None = None
    error: Exception | None = None


def run_job(
    job: Job, cancelled: Callable[[], bool], progress: Callable[[int, int], None]
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
    """
    try:
        if cancelled():
            return Outcome(job=job, end="cancelled")
        if job.output.exists():
            return _outcome_of_existing(job, cancelled)
        result = convert(job.plan, job.output, progress=progress, cancelled=cancelled)
    except Exception as error:  # the rim of the worker: the service must live on
        return Outcome(job=job, end=_end_of(error), error=error)
    return Outcome(job=job, end="published", result=result)


def _outcome_of_existing(job: Job, cancelled: Callable[[], bool]) -> Outcome:
    """Tell whether an existing output is what this job would write."""
    if holds_sequence(job.output, job.plan, cancelled):
        return Outcome(job=job, end="present")
    error = OutputExists(
        f"{job.output} exists and holds something else; move it away or change the output name"
    )
    return Outcome(job=job, end="conflict", error=error)


def _end_of(error: Exception) -> End:
    """Return how a job ended by an error."""
    for kind, end in _ENDS:
        if isinstance(error, kind):
            return end
    return "failed"


_ENDS: tuple[tuple[type[Exception], End], ...] = (
    (ConversionCancelled, "cancelled"),
    (OutputExists, "conflict"),
    (SourceChanged, "changed"),
    (SourceError, "unreadable"),
    (Nd2WatchError, "failed"),
    (OSError, "blocked"),
)
