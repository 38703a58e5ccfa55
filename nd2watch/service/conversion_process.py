"""The process that carries out conversions, so that a crash or a hang costs one of them alone.

Codecs in C decode files that nobody vouches for: what they may do, from a segmentation fault to a
loop without end, must not befall the service.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.spawn import get_executable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.convert import ignore_step
from nd2watch.errors import ConversionCancelled, ConversionCrashed
from nd2watch.pending import remove_orphans
from nd2watch.service.process_main import Advance, Assignment, MessageReader, Progress, Report
from nd2watch.service.worker import Outcome, run_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.convert.steps import StepTaken
    from nd2watch.service.process_main import Task
    from nd2watch.service.worker import End, Job

_ASK_S: Final = 0.2
"""It is asked so often whether the conversion is cancelled."""

_EXIT_S: Final = 5.0
"""A process in a dead share does not end even by force; it is not waited for longer."""

_START: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from nd2watch.service.process_main import main; main()"
)
"""The modules are those of this process, whatever environment and current folder are."""

_HEARD_LINES: Final = 100
_SHOWN_LINES: Final = 12
_LONGEST_LINE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """What a conversion process may take.

    Attributes
    ----------
    start_s : float
        It is killed when it is not ready so long after the first job was given to it, s.
    stalled_s : float
        It is killed when it made no progress for so long, s.
    stop_s : float
        It is killed when it has not stopped so long after that was wished, s.
    memory_bytes : int, optional
        Most address space that it may use, where the system can limit that. It takes about 230 MB
        before the first frame, and some five times the size of a frame then.
    jobs : int
        Conversions that it carries out before another process takes its place.
    """

    start_s: float = 120.0
    stalled_s: float = 600.0
    stop_s: float = 30.0
    memory_bytes: int | None = None
    jobs: int = 100


@dataclass(frozen=True, slots=True)
class _Ended:
    """Nothing more will come from the process."""


class ConversionProcess:
    """A Python process that carries out one conversion after the other; for one thread.

    It ends when this process ends, in whatever way; on Linux already with the thread that made it.

    Parameters
    ----------
    limits : ProcessLimits
        What it may take.

    Raises
    ------
    OSError, RuntimeError
        If the system gives no process or thread.
    """

    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits
        self._jobs_left = limits.jobs
        self._has_begun = False
        self._is_cancelled = False
        self._is_killed = False
        self._waited_for_disk = False
        self._until = 0.0
        self._orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Progress | Advance | Report | _Ended] = (
            queue.SimpleQueue()
        )
        self._heard: deque[str] = deque(maxlen=_HEARD_LINES)
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and a constant # nosec B603
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A conversion multiplies no matrices; threads for it would take address space.
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ},
            **host.group_arguments(),
        )
        talks = (
            (self._order, self._process.stdin),
            (self._receive, self._process.stdout),
            (self._overhear, self._process.stderr),
        )
        self._threads = [
            threading.Thread(target=talk, args=(pipe,), name="conversion process", daemon=True)
            for talk, pipe in talks
        ]
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:
            self._process.kill()
            raise

    @property
    def is_usable(self) -> bool:
        """Whether it lives, has done well so far, and has not done all that it may."""
        return self._jobs_left > 0 and self._process.poll() is None

    @property
    def _patience_s(self) -> float:
        """Seconds without progress after which it is killed."""
        return self._limits.stalled_s if self._has_begun else self._limits.start_s

    def run(
        self,
        job: Job,
        cancelled: Callable[[], bool],
        progress: Callable[[int, int], None],
        task: Task = run_job,
        step: StepTaken = ignore_step,
    ) -> Outcome:
        """Carry out a job and tell what came of it, whatever becomes of the process.

        Parameters
        ----------
        job : Job
            What to do.
        cancelled : callable
            Asked several times a second whether to stop.
        progress : callable
            Called now and then with frames done and all frames.
        task : Task, default `run_job`
            What carries it out there.
        step : callable, optional
            Called with each step of each file.

        Returns
        -------
        Outcome
            That of `task`; or "crashed" when the process ended, or was killed because it made no
            progress; "blocked" when that was for a disk that does not answer, or it did not even
            get ready; "cancelled" when that was wished.
        """
        if self._has_begun:  # what was said before belongs to other jobs
            self._heard.clear()
        self._until = time.monotonic() + self._patience_s
        assignment = Assignment(task=task, job=job, memory_bytes=self._limits.memory_bytes)
        self._orders.put(pickle.dumps(assignment))
        report = self._await_report(cancelled, progress, step)
        is_well = report is not None and report.end in ("published", "present")
        self._jobs_left = self._jobs_left - 1 if is_well and not self._is_cancelled else 0
        if report is None:
            return self._outcome_of_end(job)
        if report.end == "crashed":  # without memory, it may not have tidied up
            self._process.kill()
            self._clean_up(job)
        return Outcome(
            job=job,
            end=report.end,
            results=report.results,
            error=report.error,
            output=report.output,
        )

    def _await_report(
        self,
        cancelled: Callable[[], bool],
        progress: Callable[[int, int], None],
        step: StepTaken,
    ) -> Report | None:
        """Return what the process reports in the end, or None when there will be nothing."""
        shown = Progress()
        while True:
            try:
                message = self._messages.get(timeout=_ASK_S)
            except queue.Empty:
                message = None
            if isinstance(message, Report):
                return message
            if isinstance(message, _Ended):
                return None
            if isinstance(message, Advance):
                self._note_life()
                step(message.step, message.output)
            if isinstance(message, Progress):
                self._note_life()
                if message not in (shown, Progress()):
                    progress(message.done, message.total)
                    shown = message
            if not self._go_on(cancelled):
                return None

    def _note_life(self) -> None:
        """Wait anew, unless the process is to stop."""
        self._has_begun = True
        if not self._is_cancelled:
            self._until = time.monotonic() + self._patience_s

    def _go_on(self, cancelled: Callable[[], bool]) -> bool:
        """Stop the process if it is time to; return whether to wait for it any longer."""
        now = time.monotonic()
        if now <= self._until:
            if not self._is_cancelled and not self._is_killed and cancelled():
                self._is_cancelled = True
                self._until = now + self._limits.stop_s
                self._orders.put(pickle.dumps(None))
            return True
        if self._is_killed:
            return False
        self._waited_for_disk = host.waits_for_disk(self._process.pid)
        self._is_killed = True
        self._until = now + _EXIT_S
        self._process.kill()
        return True

    def _outcome_of_end(self, job: Job) -> Outcome:
        """Return what came of a job whose process ended before it."""
        status = self._clean_up(job)
        if self._is_cancelled:
            error = ConversionCancelled(f"the conversion of {job.title} was stopped by force")
            return Outcome(job=job, end="cancelled", error=error, output=job.output)
        how = _how_it_ended(status)
        if self._is_killed:
            cause = ", as a disk or share does not answer," * self._waited_for_disk
            how = f"made no progress for {self._patience_s:g} s{cause} and was killed"
        # Neither a disk that does not answer nor a failed start is the fault of the sequence.
        end: End = "blocked" if self._waited_for_disk or not self._has_begun else "crashed"
        when = " before it was ready" * (not self._has_begun)
        reason = f"the conversion process {how}{when}{self._last_words()}"
        return Outcome(job=job, end=end, error=ConversionCrashed(reason), output=job.output)

    def _last_words(self) -> str:
        """Return what the process wrote to its standard output and error before it ended."""
        self._threads[-1].join(_EXIT_S)
        lines = [line for line in list(self._heard) if not line.startswith("Extension modules")]
        return "".join(f"\n{line}" for line in lines[-_SHOWN_LINES:])

    def _clean_up(self, job: Job) -> int | None:
        """Remove what the process left unfinished when it has ended; return its exit status."""
        status = self._reap()
        for folder in {file.path.parent for file in job.files}:
            with contextlib.suppress(OSError):  # at the latest the next start removes it
                remove_orphans(folder)
        return status

    def _reap(self) -> int | None:
        """Wait for the end of the process, by force if need be; return its exit status."""
        for _ in range(2):
            try:
                return self._process.wait(_EXIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return None

    def close(self) -> None:
        """End the process, at once."""
        self._orders.put(b"")
        if self._reap() is not None:
            for thread in self._threads:
                thread.join()

    def _order(self, pipe: IO[bytes]) -> None:
        """Pass orders on until there is an empty one; for a thread."""
        with contextlib.suppress(OSError), pipe:  # it may be gone
            while order := self._orders.get():
                pipe.write(order)
                pipe.flush()

    def _receive(self, pipe: IO[bytes]) -> None:
        """Take messages; for a thread."""
        with pipe, contextlib.suppress(Exception):  # the end may come amid a message
            while True:
                message = MessageReader(pipe).load()
                if isinstance(message, Progress | Advance | Report):
                    self._messages.put(message)
        self._messages.put(_Ended())

    def _overhear(self, pipe: IO[bytes]) -> None:
        """Take what libraries say; for a thread."""
        with pipe:
            while line := pipe.readline(_LONGEST_LINE):
                if text := line.decode(errors="replace").strip():
                    self._heard.append(text)


def _command() -> list[str]:
    """Return the command that starts a process."""
    options = ["-I", "-X", "faulthandler", "-X", f"utf8={sys.flags.utf8_mode}"]
    modules = [str(Path(entry).absolute()) for entry in sys.path]
    return [os.fsdecode(get_executable()), *options, "-c", _START, *modules]


def _how_it_ended(status: int | None) -> str:
    """Return what an exit status means."""
    if status is None:
        return "does not answer and cannot be killed"
    if status >= 0:
        return f"ended with status {status:#x}" if status > 255 else f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    memory = ", as the system does when it ran out of memory" * (name == "SIGKILL")
    return f"was killed by signal {-status} ({name}{memory})"
