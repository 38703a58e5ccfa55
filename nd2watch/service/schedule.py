"""The scheduler: regular scans, and conversions as soon as a worker is free."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
)
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from nd2watch.service.executor import PatientThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.events import JobEvent
    from apscheduler.job import Job
    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock

_SCAN = "scan"
_CONVERSION = "conversion"
_TIDYING = "tidying"
_TIDY = f"{_SCAN} to tidy"
_SOON_S = 10.0
_SET_BACK_S = 1.0
"""Clocks that are kept right are set back by less."""

_QUICK_S = 5.0
"""How long the end of a regular call is waited for."""

_CONVERSION_S = 60.0
"""How long the end of conversions is waited for; after half of it they are killed."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Mishap = Literal["failed", "missed", "overlapping"]

_MISHAPS: Final[dict[int, Mishap]] = {
    EVENT_JOB_ERROR: "failed",
    EVENT_JOB_MISSED: "missed",
    EVENT_JOB_MAX_INSTANCES: "overlapping",
}

_REASONS: Final[dict[Mishap, str]] = {
    "failed": "it ended by an error",
    "missed": "it came too late",
    "overlapping": "the one before has not ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishaps:
    """Calls that were not made as they were to be.

    Attributes
    ----------
    failed, missed, overlapping : int
        How many, since the start, ended by an error or could not even begin; came too late; or
        were left out as the one before had not ended.
    hanging : tuple of str
        Regular calls, of those that are quick, of which that holds now.
    """

    failed: int
    missed: int
    overlapping: int
    hanging: tuple[str, ...]


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # it has no type hints
    """A scheduler that can be stopped while it begins a job."""

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Remove a job; one that has begun is not found any more when the scheduler stops."""
        with contextlib.suppress(JobLookupError):
            super().remove_job(job_id, jobstore)


class _Interval(IntervalTrigger):  # type: ignore[misc]  # it has no type hints
    """Regular times of which those that were missed count as one.

    They are not gone through one by one: there are millions when a wrong clock is set right.
    """

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the time that follows another one, but none that has passed."""
        due: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return due if due is None or due > now else now + self.interval


class JobScheduler:
    """Runs things at their time on threads of its own.

    Jobs live in memory: what is to be done follows from the files at each start.

    Parameters
    ----------
    conversions : int
        Conversions at one time; more wait in line.
    clock : Clock
        Tells of changes of the machine's clock.
    log : bound logger
        Gets calls that were not made as they were to be.
    """

    def __init__(self, conversions: int, clock: Clock, log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._counts: Counter[Mishap] = Counter()
        self._hanging: set[str] = set()
        self._lost: dict[str, Callable[[Exception], None]] = {}
        self._offset = self._measured_offset()
        self._numbers = itertools.count(1)
        self._scheduler = _Scheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={
                "default": PatientThreads(1, _QUICK_S),
                _CONVERSION: PatientThreads(conversions, _CONVERSION_S),
                _TIDYING: PatientThreads(1, 0.0),
            },
            # A late or doubled run is made once, never dropped.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._hear, EVENT_JOB_EXECUTED | sum(_MISHAPS))

    def start(self) -> None:
        """Start the scheduler's thread."""
        self._scheduler.start()

    def scan_every(self, name: str, seconds: float, poke: Callable[[], None]) -> None:
        """Call `poke`, which must be quick, at regular intervals; a name has one interval."""
        self._scheduler.add_job(
            poke,
            _Interval(seconds=seconds, timezone=UTC),
            id=f"{_SCAN} {name}",
            replace_existing=True,
        )

    def tidy_every(self, seconds: float, tidy: Callable[[], None]) -> None:
        """Call `tidy`, which may take long, at regular intervals, the first time soon."""
        self._scheduler.add_job(
            tidy,
            _Interval(seconds=seconds, timezone=UTC),
            id=_TIDY,
            executor=_TIDYING,
            replace_existing=True,
            next_run_time=datetime.now(UTC) + timedelta(seconds=min(seconds, _SOON_S)),
        )

    def scan_no_more(self) -> None:
        """End all regular calls."""
        for job in self._regular():
            job.remove()

    def _regular(self) -> list[Job]:
        """Return all regular calls."""
        return [job for job in self._scheduler.get_jobs() if job.id.startswith(f"{_SCAN} ")]

    def convert(
        self, identity: str, run: Callable[[], None], lost: Callable[[Exception], None]
    ) -> None:
        """Run a conversion as soon as there is a free worker.

        Parameters
        ----------
        identity : str
            What it is called in messages.
        run : callable
            Does it.
        lost : callable
            Called with the reason if `run` raised an error or cannot be called.
        """
        # The one before may just be ending; of two of one name, the second would be dropped.
        name = f"{identity} ({next(self._numbers)})"
        with self._lock:
            self._lost[name] = lost
        try:
            # Of now, it would wait for as long as the clock is set back in this moment.
            self._scheduler.add_job(run, "date", run_date=_LONG_AGO, id=name, executor=_CONVERSION)
        except Exception as error:  # whatever it is, the conversion must not be waited for
            self._tell("failed", name, error)

    @property
    def mishaps(self) -> Mishaps:
        """What was not done as it was to be."""
        with self._lock:
            return Mishaps(
                failed=self._counts["failed"],
                missed=self._counts["missed"],
                overlapping=self._counts["overlapping"],
                hanging=tuple(sorted(self._hanging)),
            )

    def _hear(self, event: JobEvent) -> None:
        """Take what became of a call."""
        if event.code != EVENT_JOB_EXECUTED:
            self._tell(_MISHAPS[event.code], event.job_id, getattr(event, "exception", None))
            return
        with self._lock:
            self._lost.pop(event.job_id, None)
            self._hanging.discard(event.job_id)

    def _tell(self, mishap: Mishap, name: str, error: Exception | None) -> None:
        """Count and log a call that was not made as it was to be, and tell who waits for it."""
        with self._lock:
            lost = self._lost.pop(name, None)
            is_known = name in self._hanging
            if mishap == "overlapping" and name != _TIDY:  # that takes its time
                self._hanging.add(name)
            elif mishap == "failed":
                self._hanging.discard(name)
            self._counts[mishap] += 1
        try:
            if mishap == "failed":
                self._log.error("scheduled_call_failed", call=name, reason=str(error))
            elif name != _TIDY and not is_known:
                self._log.error(f"scheduled_call_{mishap}", call=name, reason=_REASONS[mishap])
        finally:
            if lost is not None:
                lost(error or RuntimeError(f"{name}: {_REASONS[mishap]}"))

    def heed_clock(self) -> None:
        """Bring regular calls forward if the machine's clock was set back since the last time."""
        offset = self._measured_offset()
        if offset < self._offset - _SET_BACK_S:
            for job in self._regular():
                job.modify(next_run_time=datetime.now(UTC))
        self._offset = offset

    def _measured_offset(self) -> float:
        """Return by how much the machine's clock is ahead of one that is never set, s."""
        return self._clock.time() - self._clock.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler runs."""
        return bool(self._scheduler.running)

    def stop(self) -> None:
        """Take no more jobs and wait until those that run have ended, unless they hang."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
