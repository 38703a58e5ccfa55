"""What conversion processes are given to do in tests: things that codecs may do to them."""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from nd2watch.errors import ConversionCrashed
from nd2watch.pending import PendingFile
from nd2watch.service.worker import Job, Outcome, run_job
from nd2watch.sources import FileKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.convert.steps import StepTaken

    Cancelled = Callable[[], bool]
    Shown = Callable[[int, int], None]

left_open: list[PendingFile] = []


class LibraryError(Exception):
    """An error of a class that the other process does not know."""


def segfault(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Read from where nothing is."""
    ctypes.string_at(0)
    raise AssertionError


def be_killed(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Be killed as the system does for want of memory, with a file half written."""
    with PendingFile(job.output):
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def end_without_memory(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Tell a lack of memory, with a file half written that there was no memory to remove."""
    left_open.append(PendingFile(job.output))
    return Outcome(job=job, end="crashed", error=ConversionCrashed("no memory to tidy up"))


def leave(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """End the process, as some libraries do at the sight of damage."""
    print("bad file, bye")
    sys.stdout.flush()
    os._exit(3)


def raise_beyond(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Raise what the worker does not catch."""
    raise KeyboardInterrupt("a stray signal")


def hang(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Never come back, with a file half written."""
    with PendingFile(job.output):
        threading.Event().wait()
    raise AssertionError


def hold_the_interpreter(
    job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken
) -> Outcome:
    """Never come back, and let no other thread run meanwhile."""
    with PendingFile(job.output):
        ctypes.PyDLL(None).pause()
    raise AssertionError


def ignore_wishes(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Make progress for ever."""
    with PendingFile(job.output):
        for done in itertools.count(1):
            progress(done, done + 1)
            cancelled()
    raise AssertionError


def wait_for_the_end(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Convert three frames, then wait for the wish to end."""
    asked = itertools.count()

    def wished() -> bool:
        if next(asked) > 3:
            while not cancelled():
                threading.Event().wait(0.01)
        return cancelled()

    return run_job(job, wished, progress, step)


def chatter(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Write where the reports go, as libraries do."""
    print("Warning: odd tag")
    os.write(1, b"Warning: odder tag\n" * 10_000)
    return run_job(job, cancelled, progress, step)


def fail(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Fail by a fault in the code."""
    try:
        raise LibraryError("no such codec")
    except LibraryError as error:
        return Outcome(job=job, end="failed", error=error, output=job.output)


def tell_process(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Tell the number of the process, and that of its group, as a path."""
    return Outcome(job=job, end="present", output=Path(f"{os.getpid()}/{os.getpgrp()}"))


def look_slowly(job: Job, cancelled: Cancelled, progress: Shown, step: StepTaken) -> Outcome:
    """Convert frames of a share that takes 0.2 s to tell of each whether it is as it was."""

    class SlowKey:
        @staticmethod
        def of_path(path: Path) -> FileKey | None:
            threading.Event().wait(0.2)
            return FileKey.of_path(path)

    with patch("nd2watch.convert.verify.FileKey", SlowKey):
        return run_job(job, cancelled, progress, step)
