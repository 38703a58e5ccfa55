"""The scheduler: regular scans, and conversions as soon as a worker is free."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

_SCAN = "scan"
_CONVERSION = "conversion"
_TIDYING = "tidying"
_SOON_S = 10.0


class JobScheduler:
    """Runs things at their time on threads of its own.

    Jobs live in memory: what is to be done follows from the files at each start.

    Parameters
    ----------
    conversions : int
        Conversions at one time; more wait in line.
    """

    def __init__(self, conversions: int) -> None:
        self._scheduler = BackgroundScheduler(
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
            poke, "interval", seconds=seconds, id=f"{_SCAN} {name}", replace_existing=True
        )

    def tidy_every(self, seconds: float, tidy: Callable[[], None]) -> None:
        """Call `tidy`, which may take long, at regular intervals, the first time soon."""
        self._scheduler.add_job(
            tidy,
            "interval",
            seconds=seconds,
            id=f"{_SCAN} to tidy",
            executor=_TIDYING,
            replace_existing=True,
            next_run_time=datetime.now(UTC) + timedelta(seconds=min(seconds, _SOON_S)),
        )

    def scan_no_more(self) -> None:
        """End all regular calls."""
        for job in self._scheduler.get_jobs():
            if job.id.startswith(f"{_SCAN} "):
                job.remove()

    def convert(self, identity: str, run: Callable[[], None]) -> None:
        """Run a conversion as soon as there is a free worker.

        Parameters
        ----------
        identity : str
            Unlike that of every other conversion that waits or runs.
        run : callable
            Does it.
        """
        self._scheduler.add_job(run, id=identity, executor=_CONVERSION)

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler runs."""
        return bool(self._scheduler.running)

    def stop(self) -> None:
        """Take no more jobs and wait until those that run have ended."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
