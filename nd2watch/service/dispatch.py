"""Handing complete sequences to the scheduler, and acting on what came of them."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.convert import plan_files
from nd2watch.errors import Nd2WatchError, ServiceRunning, SourceError
from nd2watch.service.free_space import FreeSpace
from nd2watch.service.process_pool import ProcessPool
from nd2watch.service.worker import Job, Outcome, OutputFile, run_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.convert import FilePlan, Step
    from nd2watch.convert.files import Extent
    from nd2watch.service.collection import Collection
    from nd2watch.service.conversion_process import ProcessLimits
    from nd2watch.service.intake import Intake
    from nd2watch.service.process_main import Task
    from nd2watch.service.schedule import JobScheduler
    from nd2watch.service.settings import Watch

_FIRST_RETRY_S: Final = 5.0
_MOST_DOUBLINGS: Final = 7
"""The longest pause is 5 s doubled so often, near 11 minutes."""

_CLAIM_S: Final = 15.0
"""How long the output folder is waited for before a conversion."""

_MOST_CRASHES: Final = 3
"""A sequence that crashed its process so often is left alone until one of its files changes."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Conversion:
    """One that waits or runs.

    Attributes
    ----------
    job : Job
        What it does.
    done : callable
        Gets its outcome, once.
    seen : float
        When it was queued, or last showed that somebody follows it, monotonic seconds.
    has_begun : bool
        It does not wait in line any more.
    """

    job: Job
    done: Callable[[Outcome], None]
    seen: float
    has_begun: bool = False


class Dispatcher:
    """Keeps account of conversions; for any thread.

    Parameters
    ----------
    output_folder : Path
        Where ND2 files go.
    reserve_bytes : int
        Space of its disk that is left free.
    scheduler : JobScheduler
        Runs the conversions.
    clock : Clock
        Measures how long nothing is heard of them.
    log : bound logger
        Gets an event for each state a sequence comes to.
    task : Task, default `run_job`
        What carries out a conversion, in its process.
    claim : callable, optional
        Called before each conversion; raises `ServiceRunning` if the output folder is another
        service's.
    limits : ProcessLimits, optional
        What each conversion may take.

    Attributes
    ----------
    free_space : FreeSpace
        Tells what is free on the disk of ND2 files.
    published, failed : int
        Conversions since the start; each attempt that failed counts.
    """

    def __init__(
        self,
        output_folder: Path,
        reserve_bytes: int,
        scheduler: JobScheduler,
        clock: Clock,
        log: FilteringBoundLogger,
        task: Task = run_job,
        claim: Callable[[], None] = lambda: None,
        limits: ProcessLimits | None = None,
    ) -> None:
        self.output_folder = output_folder
        self.reserve_bytes = reserve_bytes
        self.published = 0
        self.failed = 0
        self._scheduler = scheduler
        self._clock = clock
        self._log = log
        self._task = task
        self._claim = claim
        self.free_space = FreeSpace()
        self._processes = ProcessPool(limits)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._under_way: list[_Conversion] = []
        self._seen = clock.monotonic()

    @property
    def running(self) -> int:
        """Conversions that wait or run."""
        return len(self._under_way)

    @property
    def silent_s(self) -> float:
        """How long nothing is heard of a conversion that runs, or waits though none runs, s."""
        with self._lock:
            heard = [c.seen if c.has_begun else max(c.seen, self._seen) for c in self._under_way]
            return max(self._clock.monotonic() - min(heard), 0.0) if heard else 0.0

    def submit(
        self,
        watch: Watch,
        collection: Collection,
        extent: Extent,
        now: float,
        done: Callable[[Outcome], None],
    ) -> bool:
        """Plan a sequence that has come to its end and queue its conversion.

        Parameters
        ----------
        watch : Watch
            Where it lives.
        collection : Collection
            The sequence; its state follows.
        extent : {"whole", "trim", "fill"}
            What of it is converted.
        now : float
            Monotonic seconds.
        done : callable
            Called with the outcome, on the conversion's thread.

        Returns
        -------
        bool
            Whether there will be an outcome.
        """
        title = collection.sequence.title
        try:
            job = plan_job(watch, collection, extent, self.output_folder)
        except Nd2WatchError as error:
            collection.state = "failed"
            collection.reason = str(error)
            collection.released = None
            self._count_failed()
            self._log.error("sequence_refused", watch=watch.name, sequence=title, reason=str(error))
            return False
        conversion = _Conversion(job=job, done=done, seen=self._clock.monotonic())
        free = self.free_space.of(self.output_folder)  # it may take a while: not under the lock
        wanted = self._space_for(job, free)
        with self._lock:
            if any(
                job.outputs & other.job.outputs for other in self._under_way
            ):  # of a sequence of the same name
                collection.retry_at = now + _FIRST_RETRY_S
                return False
            lack = self._lack_of_space(wanted, free)
            if not lack:
                self._under_way.append(conversion)
        if lack:
            self._count_failed()
            put_off(collection, now, lack)
            self._log.error("conversion_blocked", watch=watch.name, sequence=title, reason=lack)
            return False
        collection.state = "queued"
        collection.outputs = tuple(file.path for file in job.files)
        log = self._log.bind(watch=job.watch, sequence=title)
        event = "sequence_complete" if extent == "whole" else "sequence_converted_incomplete"
        level = log.info if extent == "whole" else log.warning
        level(event, frames=len(collection.sequence), output=job.output)
        for assumption in dict.fromkeys(a for file in job.files for a in file.plan.assumptions):
            log.info("assumed", reason=assumption)
        self._scheduler.convert(
            f"convert {job.output}",
            lambda: self._run(conversion),
            lambda error: self._finish(conversion, _blocked(job, error)),
        )
        return True

    def _space_for(self, job: Job, free: int | None) -> int:
        """Return the bytes that a job needs; files that are there count where room is scarce."""
        wanted = sum(file.plan.byte_count for file in job.files)
        if free is None or wanted <= free - self.reserve_bytes:
            return wanted
        return sum(file.plan.byte_count for file in job.files if not os.path.lexists(file.path))

    def _lack_of_space(self, wanted: int, free: int | None) -> str:
        """Return why the disk has no room for a job beside those that run; empty if it has."""
        if free is None or not wanted:
            return ""
        promised = sum(f.plan.byte_count for c in self._under_way for f in c.job.files)
        if wanted <= free - promised - self.reserve_bytes:
            return ""
        return (
            f"{self.output_folder} has no room for {wanted / 1e6:.0f} MB: {free / 1e6:.0f} MB are"
            f" free, of which {self.reserve_bytes / 1e6:.0f} MB are to stay so"
        )

    def _run(self, conversion: _Conversion) -> None:
        """Carry out a conversion on a worker's thread."""
        job = conversion.job

        def progress(done: int, total: int) -> None:
            self._log.debug("conversion_progress", output=job.output, done=done, total=total)

        def advance(step: Step, output: Path) -> None:
            self._log.debug("conversion_step", output=output, step=step.name.lower())

        def cancelled() -> bool:
            self._seen = conversion.seen = self._clock.monotonic()
            return self._stop.is_set()

        with self._lock:
            if conversion not in self._under_way:  # given up, as there was no thread for it
                return
            conversion.has_begun = True
        cancelled()
        try:
            host.answer_within(_CLAIM_S, self._claim)
        except (ServiceRunning, OSError) as error:
            outcome = _blocked(job, error)
        else:
            outcome = self._processes.run(job, cancelled, progress, self._task, advance)
        self._finish(conversion, outcome)

    def _finish(self, conversion: _Conversion, outcome: Outcome) -> None:
        """Pass an outcome on, once; nothing that goes wrong with that may hold it up."""
        with self._lock:
            if conversion not in self._under_way:
                return
            self._under_way.remove(conversion)
            self._seen = self._clock.monotonic()
            is_last = not self._under_way
        try:
            self._report(outcome)
        finally:
            conversion.done(outcome)
            if is_last or self._stop.is_set():
                self._processes.close()

    def cancel(self) -> None:
        """Make running conversions end at their next frame."""
        self._stop.set()

    def _count_failed(self) -> None:
        """Count an attempt that failed."""
        with self._lock:
            self.failed += 1

    def _report(self, outcome: Outcome) -> None:
        """Count and log an outcome."""
        log = self._log.bind(watch=outcome.job.watch, sequence=outcome.job.title)
        for result in outcome.results:
            log.info(
                "published", output=result.output, frames=result.frame_count, bytes=result.size
            )
        log = log.bind(output=outcome.output or outcome.job.output)
        reason = str(outcome.error)
        if outcome.end == "published":
            with self._lock:
                self.published += 1
        elif outcome.end == "present":
            log.info("already_converted")
        elif outcome.end == "conflict" and outcome.job.is_numbered:
            log.warning("output_taken", reason=f"{reason}; the next number is tried")
        elif outcome.end in ("changed", "cancelled"):
            log.info(f"conversion_{outcome.end}", reason=reason)
        elif outcome.end in ("blocked", "crashed", "unreadable"):
            self._count_failed()
            log.error(f"conversion_{outcome.end}", reason=reason)
        else:
            self._count_failed()
            expected = isinstance(outcome.error, Nd2WatchError)
            log.error(
                "conversion_failed", reason=reason, exc_info=None if expected else outcome.error
            )


def _blocked(job: Job, error: Exception) -> Outcome:
    """Return the outcome of a conversion that could not be carried out, to be tried again."""
    return Outcome(job=job, end="blocked", error=error, output=job.output)


def act_on(outcome: Outcome, intake: Intake, collection: Collection, now: float) -> None:
    """Bring a sequence into the state that follows from an outcome."""
    if outcome.end in ("published", "present"):
        late = collection.newcomers - collection.copies.keys()
        collection.close()
        collection.files -= set(map(str, late))
        for path in sorted(late):
            intake.look_again(path)
    elif outcome.end == "conflict" and outcome.job.is_numbered:
        collection.revision += 1
        _look_again(intake, collection)
    elif outcome.end in ("changed", "cancelled"):
        _look_again(intake, collection)
    elif outcome.end == "crashed" and collection.crashes + 1 >= _MOST_CRASHES:
        collection.state = "failed"
        collection.reason = f"given up after {_MOST_CRASHES} attempts: {outcome.error}"
    elif outcome.end in ("blocked", "crashed"):
        collection.crashes += outcome.end == "crashed"
        collection.attempts += 1
        doublings = min(collection.attempts - 1, _MOST_DOUBLINGS)
        collection.retry_at = now + _FIRST_RETRY_S * 2**doublings
        _look_again(intake, collection)
        collection.reason = str(outcome.error)
    elif (
        outcome.end == "unreadable"
        and isinstance(outcome.error, SourceError)
        and outcome.error.path is not None
    ):
        intake.drop(collection, outcome.error.path, str(outcome.error))
    else:
        collection.state = "failed"
        collection.reason = str(outcome.error)
        collection.blocked_by = outcome.output if outcome.end == "conflict" else None
    intake.drop_if_empty(outcome.job.key)


def _look_again(intake: Intake, collection: Collection) -> None:
    """Look at all files of a sequence again, after one changed under a conversion."""
    collection.reopen()
    for frame in list(collection.sequence.frames.values()):
        intake.notice(frame.path)


def put_off(collection: Collection, now: float, reason: str) -> None:
    """Have a sequence tried again after a pause that grows with each attempt."""
    collection.attempts += 1
    doublings = min(collection.attempts - 1, _MOST_DOUBLINGS)
    collection.retry_at = now + _FIRST_RETRY_S * 2**doublings
    collection.reason = reason


def plan_job(watch: Watch, collection: Collection, extent: Extent, output_folder: Path) -> Job:
    """Return the job that converts a sequence.

    Parameters
    ----------
    watch : Watch
        The watch of the sequence.
    collection : Collection
        The sequence.
    extent : {"whole", "trim", "fill"}
        What of it is converted.
    output_folder : Path
        Where ND2 files go.

    Raises
    ------
    Nd2WatchError
        As `plan_files` says.
    """
    sequence, number = collection.sequence, collection.revision + 1
    plans = plan_files(sequence, extent)

    def output(file: FilePlan) -> Path:
        part = "_".join(filter(None, (file.part, str(number) if number > 1 else "")))
        started = file.plan.picture.started
        return output_folder / watch.output_name.path(sequence.key, watch.name, started, part)

    files = tuple(OutputFile(plan=file.plan, path=output(file)) for file in plans)
    return Job(watch=watch.name, key=sequence.key, files=files, is_numbered=number > 1)
