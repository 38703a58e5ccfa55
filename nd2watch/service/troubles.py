"""Files that the service cannot take in, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from nd2watch.clock import Clock

_FOLDER: Final = "folder_unavailable"
EVENTS: Final = (
    _FOLDER,
    "frame_refused",
    "frame_conflict",
    "frame_not_ready",
    "sidecar_not_read",
    "link_passed_over",
    "file_passed_over",
)
"""Events that tell of such files, the gravest first."""

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A file or folder that is not taken in.

    Attributes
    ----------
    event : str
        What it is, as the service logs it; one of `EVENTS`.
    path : Path
        The file or folder.
    reason : str
        Why.
    moment : float
        When it was last found so, s since 1970.
    """

    event: str
    path: Path
    reason: str
    moment: float


class Troubles:
    """The present troubles with the files of one folder, or the first ten thousand of them.

    One thread notes them, any may read them.

    Parameters
    ----------
    clock : Clock
        Tells the time of day.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[Path, Trouble] = {}

    def note(self, path: Path, event: str, reason: object) -> None:
        """Note an event about a file; those that do not keep it out are passed over."""
        if event in EVENTS and (path in self._found or len(self._found) < _MOST):
            now = self._clock.time()
            self._found[path] = Trouble(event=event, path=path, reason=str(reason), moment=now)

    def clear(self, path: Path) -> None:
        """Note that a file has changed, was taken in, or has gone."""
        self._found.pop(path, None)

    def retain(self, files: Container[str]) -> None:
        """Drop the files that are not among those that are there, by their paths."""
        for trouble in self.shown():
            if str(trouble.path) not in files and trouble.event != _FOLDER:
                self.clear(trouble.path)

    def shown(self) -> list[Trouble]:
        """Return all of them, the gravest first, and of those the latest."""
        found = list(self._found.values())
        return sorted(found, key=lambda t: (EVENTS.index(t.event), -t.moment))

    def counts(self) -> dict[str, int]:
        """Return how many there are of each event."""
        return dict(Counter(trouble.event for trouble in self.shown()))
