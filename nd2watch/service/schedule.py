"""The scheduler: regular scans, and conversions as soon as a worker is free."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.job import Job

    from nd2watch.clock import Clock

_SCAN = "scan"
_CONVERSION = "conversion"
_TIDYING = "tidying"
_SOON_S = 10.0
_SET_BACK_S = 1.0
"""Clocks that are kept right are set back by less."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


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
    """

    def __init__(self, conversions: int, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measured_offset()
        self._numbers = itertools.count(1)
        self._scheduler = _Scheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={
                "default": ThreadPoolExecutor(1),
                _CONVERSION: ThreadPoolExecutor(conversions),
                _TIDYING: ThreadPoolExecutor(1),
            },
            # A late or doubled run is made once, never dropped.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

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
            id=f"{_SCAN} to tidy",
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

    def convert(self, identity: str, run: Callable[[], None]) -> None:
        """Run a conversion as soon as there is a free worker.

        Parameters
        ----------
        identity : str
            What it is called in messages.
        run : callable
            Does it.
        """
        # The one before may just be ending; of two of one name, the second would be dropped.
        name = f"{identity} ({next(self._numbers)})"
        # Of now, it would wait for as long as the clock is set back in this moment.
        self._scheduler.add_job(run, "date", run_date=_LONG_AGO, id=name, executor=_CONVERSION)

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
        """Take no more jobs and wait until those that run have ended."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
