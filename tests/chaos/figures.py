"""What was done to a service, and what came of it, in numbers."""

from __future__ import annotations

import threading
from collections import Counter


class Figures:
    """Counts for any thread.

    Attributes
    ----------
    faults : Counter of str
        What was done to the service and its surroundings, by kind.
    frames : Counter of str
        What the microscopes did wrong with frames and sidecars, by kind.
    recovered : Counter of str
        What the service had to make good.
    found : Counter of str
        What was there in the end.
    seconds : float
        Time that all took, s.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.recovered: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.seconds = 0.0
        self._lock = threading.Lock()

    def fault(self, kind: str) -> None:
        """Count something that was done to the service or its surroundings."""
        with self._lock:
            self.faults[kind] += 1

    def frame(self, kind: str) -> None:
        """Count something that was done wrong with a frame or sidecar."""
        with self._lock:
            self.frames[kind] += 1

    def find(self, kind: str, count: int = 1) -> None:
        """Count what was found."""
        with self._lock:
            self.found[kind] += count

    @property
    def kills(self) -> int:
        """Times that the service was killed."""
        return self.faults["service killed"]

    def add(self, other: Figures) -> None:
        """Add the figures of another run."""
        self.faults += other.faults
        self.frames += other.frames
        self.recovered += other.recovered
        self.found += other.found
        self.seconds += other.seconds

    def __str__(self) -> str:
        found = self.found
        parts = [
            f"{self.seconds:.0f} s, {found['rounds']} rounds, {found['starts']} starts",
            f"{self.kills} kills, {self.faults.total() - self.kills} further faults around it,"
            f" {self.frames.total()} in the delivery of frames",
            *_listed("done to the service and around it", self.faults),
            *_listed("done to frames and sidecars", self.frames),
            *_listed("what the service had to make good", self.recovered),
            f"{found['sequences']} sequences, {found['frames']} frames,"
            f" {found['files']} ND2 files, {found['put away']} frames put away",
            f"lost = {found['lost']}",
        ]
        return "\n".join(parts)


def _listed(title: str, counts: Counter[str]) -> list[str]:
    """Return the lines of some counts."""
    return [f"{title}:", *(f"  {count:6d}  {kind}" for kind, count in sorted(counts.items()))]
