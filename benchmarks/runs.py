"""Time and peak memory of a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a command needed: seconds, those of the processor, and MiB of memory at its peak.

    The peak is at least that of this script, from which the command is forked.
    """

    seconds: float
    processor_s: float
    peak_mib: float


def measure(*command: str | Path) -> Run:
    """Run a command, flush the disk, and return what it needed."""
    begun = time.perf_counter()
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    os.sync()
    seconds = time.perf_counter() - begun
    if status != 0:
        raise SystemExit(f"{command[0]} failed")
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Run(seconds=seconds, processor_s=usage.ru_utime + usage.ru_stime, peak_mib=kib / 1024)
