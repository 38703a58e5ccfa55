"""Threads for the scheduler that nobody has to wait for, as a disk may hold them for ever."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError, run_job

if TYPE_CHECKING:
    from datetime import datetime

    from apscheduler.job import Job

_Call = tuple["Job", list["datetime"]]


class PatientThreads(BaseExecutor):  # type: ignore[misc]  # it has no type hints
    """Threads that end with the process, and of which a lack is told as an error of the call.

    Parameters
    ----------
    count : int
        Calls at one time; more wait in line.
    patience_s : float
        How long the end of those that run is waited for when the scheduler stops, s.
    """

    def __init__(self, count: int, patience_s: float) -> None:
        super().__init__()
        self._count = count
        self._patience_s = patience_s
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        """Begin a call, or have it wait in line."""
        try:
            super().submit_job(job, run_times)
        except MaxInstancesReachedError:
            raise
        except Exception as error:  # such as a RuntimeError where the system gives no thread
            event = JobExecutionEvent(
                EVENT_JOB_ERROR, job.id, job._jobstore_alias, run_times[-1], exception=error
            )
            self._scheduler._dispatch_event(event)

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        """Put a call into the line; each of the first ones begins a thread."""
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name="scheduled call", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._calls.put((job, run_times))

    def _work(self) -> None:
        """Make calls until the end."""
        while (call := self._calls.get()) is not None:
            job, run_times = call
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            self._run_job_success(job.id, events)

    def shutdown(self, wait: bool = True) -> None:
        """End the threads after the calls that wait in line, and wait for that if it is wished."""
        for _ in self._threads:
            self._calls.put(None)
        deadline = time.monotonic() + self._patience_s * wait
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
