"""Handing complete sequences to the scheduler, and acting on what came of them."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final

from nd2watch.convert import plan_conversion
from nd2watch.errors import Nd2WatchError, SourceError
from nd2watch.service.worker import Job, Outcome, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.service.collection import Collection
    from nd2watch.service.intake import Intake
    from nd2watch.service.schedule import JobScheduler

_FIRST_RETRY_S: Final = 5.0
_MOST_DOUBLINGS: Final = 7
"""The longest pause is 5 s doubled so often, near 11 minutes."""


class Dispatcher:
    """Keeps account of conversions; `submit` and `settle` are for the main loop's thread.

    Parameters
    ----------
    output_folder : Path
        Where ND2 files go.
    scheduler : JobScheduler
        Runs the conversions.
    wake : callable
        Called when a conversion has ended; from a worker's thread.
    log : bound logger
        Gets an event for each state a sequence comes to.

    Attributes
    ----------
    published, failed : int
        Conversions since the start; each attempt that failed counts.
    """

    def __init__(
        self,
        output_folder: Path,
        scheduler: JobScheduler,
        wake: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self.output_folder = output_folder
        self.published = 0
        self.failed = 0
        self._scheduler = scheduler
        self._wake = wake
        self._log = log
        self._stop = threading.Event()
        self._running: set[Path] = set()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    @property
    def running(self) -> int:
        """Conversions that wait or run."""
        return len(self._running)

    def submit(self, intake: Intake, collection: Collection) -> None:
        """Plan a complete sequence and queue its conversion."""
        sequence = collection.sequence
        watch = intake.watch
        try:
            output = self.output_folder / watch.output_name.path(sequence.key, watch.name)
            if output in self._running:
                return
            plan = plan_conversion(sequence)
        except Nd2WatchError as error:
            collection.state = "failed"
            self.failed += 1
            self._log.error(
                "sequence_refused", watch=watch.name, sequence=sequence.title, reason=str(error)
            )
            return
        collection.state = "queued"
        job = Job(watch=watch.name, key=sequence.key, plan=plan, output=output)
        self._running.add(output)
        self._log.info(
            "sequence_complete",
            watch=watch.name,
            sequence=sequence.title,
            frames=len(sequence),
            output=output,
        )
        for assumption in plan.assumptions:
            self._log.info("assumed", watch=watch.name, sequence=sequence.title, reason=assumption)
        self._scheduler.convert(f"convert {output}", lambda: self._run(job))

    def _run(self, job: Job) -> None:
        """Carry out a job on a worker's thread."""

        def progress(done: int, total: int) -> None:
            self._log.debug("conversion_progress", output=job.output, done=done, total=total)

        self._outcomes.put(run_job(job, self._stop.is_set, progress))
        self._wake()

    def cancel(self) -> None:
        """Make running conversions end at their next frame."""
        self._stop.set()

    def settle(self, intakes: Mapping[str, Intake], now: float) -> None:
        """Act on all outcomes that have come.

        Parameters
        ----------
        intakes : mapping from watch name to Intake
            Where the sequences live.
        now : float
            Monotonic seconds.
        """
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            self._running.discard(outcome.job.output)
            intake = intakes.get(outcome.job.watch)
            collection = intake.collections.get(outcome.job.key) if intake else None
            self._report(outcome)
            # After a reload the sequence is collected anew, and not by this job's plan.
            if intake is not None and collection is not None and collection.state == "queued":
                act_on(outcome, intake, collection, now)

    def _report(self, outcome: Outcome) -> None:
        """Count and log an outcome."""
        log = self._log.bind(
            watch=outcome.job.watch, sequence=outcome.job.plan.title, output=outcome.job.output
        )
        reason = str(outcome.error)
        if outcome.end == "published" and outcome.result is not None:
            self.published += 1
            log.info("published", frames=outcome.result.frame_count, bytes=outcome.result.size)
        elif outcome.end == "present":
            log.info("already_converted")
        elif outcome.end in ("changed", "cancelled"):
            log.info(f"conversion_{outcome.end}", reason=reason)
        elif outcome.end in ("blocked", "unreadable"):
            self.failed += 1
            log.error(f"conversion_{outcome.end}", reason=reason)
        else:
            self.failed += 1
            expected = isinstance(outcome.error, Nd2WatchError)
            log.error(
                "conversion_failed", reason=reason, exc_info=None if expected else outcome.error
            )


def act_on(outcome: Outcome, intake: Intake, collection: Collection, now: float) -> None:
    """Bring a sequence into the state that follows from an outcome."""
    if outcome.end in ("published", "present"):
        collection.close()
        intake.drop_if_empty(outcome.job.key)
    elif outcome.end in ("changed", "cancelled"):
        intake.recheck(collection)
    elif outcome.end == "blocked":
        collection.attempts += 1
        doublings = min(collection.attempts - 1, _MOST_DOUBLINGS)
        collection.retry_at = now + _FIRST_RETRY_S * 2**doublings
        intake.recheck(collection)
    elif (
        outcome.end == "unreadable"
        and isinstance(outcome.error, SourceError)
        and outcome.error.path is not None
    ):
        intake.drop(collection, outcome.error.path, str(outcome.error))
    else:
        collection.state = "failed"
        collection.blocked_by = outcome.job.output if outcome.end == "conflict" else None
