"""What Linux tells of processes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def memory_kib(process: int | Literal["self"], field: Literal["VmRSS", "VmHWM"]) -> int:
    """Return the memory that a process has now or had at most, KiB; 0 when it has ended."""
    lines = _text(Path(f"/proc/{process}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started, none when it has ended."""
    paths = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in paths for child in _text(path).split()]


def _text(path: Path) -> str:
    """Return what the system tells of a process, nothing when that has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
