"""Conversion processes that are kept while there is work for them."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from nd2watch.convert import ignore_step
from nd2watch.service.conversion_process import ConversionProcess, ProcessLimits
from nd2watch.service.worker import Outcome, run_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.convert.steps import StepTaken
    from nd2watch.service.process_main import Task
    from nd2watch.service.worker import Job


class ProcessPool:
    """Carries out jobs, each in a process that does nothing else meanwhile; for any thread.

    A process that has done well is kept for the next job, as it takes a third of a second to start
    one. `close` it when there is no work; the next job starts one again.

    Parameters
    ----------
    limits : ProcessLimits, optional
        What a process may take.
    """

    def __init__(self, limits: ProcessLimits | None = None) -> None:
        self._limits = limits or ProcessLimits()
        self._idle: queue.SimpleQueue[ConversionProcess] = queue.SimpleQueue()

    def run(
        self,
        job: Job,
        cancelled: Callable[[], bool],
        progress: Callable[[int, int], None],
        task: Task = run_job,
        step: StepTaken = ignore_step,
    ) -> Outcome:
        """Carry out a job in a process, and tell what came of it; never raises.

        Parameters and result are those of `ConversionProcess.run`.
        """
        if cancelled():
            return Outcome(job=job, end="cancelled")
        try:
            process = self._take()
        except (OSError, RuntimeError) as error:  # no process or thread is to be had now
            return Outcome(job=job, end="blocked", error=error, output=job.output)
        try:
            outcome = process.run(job, cancelled, progress, task, step)
        except Exception as error:  # the rim of the worker: the service must live on
            process.close()
            return Outcome(job=job, end="failed", error=error, output=job.output)
        if process.is_usable:
            self._idle.put(process)
        else:
            process.close()
        return outcome

    def _take(self) -> ConversionProcess:
        """Return a process that waits for work, or a new one."""
        while (process := self._idle_one()) is not None:
            if process.is_usable:
                return process
            process.close()
        return ConversionProcess(self._limits)

    def _idle_one(self) -> ConversionProcess | None:
        """Return a process that waits for work, if there is one."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the processes that wait for work."""
        while (process := self._idle_one()) is not None:
            process.close()
