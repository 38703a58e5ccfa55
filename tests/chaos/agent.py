"""The agent that does to a service and its surroundings what may happen to them in a year."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from tests.chaos.faults import Away, Closed, Fault, Replaced, Stopped
from tests.chaos.invariant import taken_too_early

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.disk import Disk
    from tests.chaos.figures import Figures
    from tests.chaos.laboratory import Laboratory
    from tests.chaos.service import Service

_MOMENTS: Final = {
    "started": 1,
    "sequence_started": 1,
    "sequence_complete": 4,
    "conversion_step": 8,
    "published": 2,
    "unfinished_file_removed": 1,
    "frames_put_away": 1,
    "folder_unavailable": 1,
}
"""Log events right after which the service is killed, and how often compared to others."""

_ANY_MOMENT: Final = 0.3
"""Share of kills that wait for no event."""

_SHIFTS_S: Final = (-400 * 86_400.0, -3600.0, -30.0, 30.0, 3600.0, 400 * 86_400.0)


class Agent:
    """Does one thing after the other; several faults may last at one time.

    Parameters
    ----------
    laboratory : Laboratory
        Where.
    service : Service
        To whom.
    disk : Disk
        The disk of its ND2 files.
    chance : Random
        Decides on everything.
    figures : Figures
        Counts what is done.

    Attributes
    ----------
    violations : list of str
        What must not be, in the moments after kills.
    """

    def __init__(
        self,
        laboratory: Laboratory,
        service: Service,
        disk: Disk,
        chance: random.Random,
        figures: Figures,
    ) -> None:
        self.violations: list[str] = []
        self._laboratory = laboratory
        self._service = service
        self._disk = disk
        self._chance = chance
        self._figures = figures
        self._lasting: list[tuple[float, Fault]] = []
        self._pause = threading.Event()
        self._output_lock = threading.Lock()

    def act(self) -> None:
        """Do one thing, and make a pause."""
        (action,) = self._chance.choices(list(_ACTIONS), list(_ACTIONS.values()))
        action(self)
        self._pause.wait(self._chance.uniform(0, 0.3))
        now = time.monotonic()
        for until, fault in self._lasting.copy():
            if until <= now:
                self._mend(until, fault)

    def heal(self) -> None:
        """Make everything right; the service is started again."""
        while self._lasting:
            self._mend(*self._lasting[-1])
        self._service.set_clock(0)
        self._service.terminate()
        self._service.start()

    def _mend(self, until: float, fault: Fault) -> None:
        """End a fault."""
        self._lasting.remove((until, fault))
        fault.end()

    def _begin(self, fault: Fault, longest_s: float) -> None:
        """Begin a fault, if that is possible now."""
        if fault.begin():
            self._figures.fault(fault.kind)
            until = time.monotonic() + self._chance.uniform(0.1, longest_s)
            self._lasting.append((until, fault))

    def kill(self) -> None:
        """Kill the service, at any moment or right after something has happened, and start it."""
        if self._chance.random() < _ANY_MOMENT:
            self._pause.wait(self._chance.uniform(0, 2))
        else:
            moments = self._chance.choices(list(_MOMENTS), list(_MOMENTS.values()))
            self._service.life.wait_for_any(moments, self._chance.uniform(0.5, 3))
            self._pause.wait(self._chance.choice([0, 0, 0.02, 0.1, 0.3]))
        self._service.kill()
        self._figures.fault("service killed")
        if not any(isinstance(fault, Closed) for _, fault in self._lasting):
            self.violations += taken_too_early(self._laboratory)
        self._service.start()

    def terminate(self) -> None:
        """End the service as a service manager does, and start it."""
        self._mend_all(Stopped)
        self._service.terminate()
        self._figures.fault("service terminated")
        self._service.start()

    def _mend_all(self, kind: type[Fault]) -> None:
        """End all faults of a kind."""
        for until, fault in self._lasting.copy():
            if isinstance(fault, kind):
                self._mend(until, fault)

    def stop(self) -> None:
        """Stop the service for a while."""
        self._begin(Stopped(self._service), 2.0)

    def reload(self) -> None:
        """Let the service read its configuration again."""
        self._service.reload()
        self._figures.fault("service reloaded")

    def kill_conversion(self) -> None:
        """Kill a conversion process, as the system does when memory runs out."""
        self._service.life.wait_for_any(["conversion_step"], 1.0)
        for number in self._service.conversions()[:1]:
            os.kill(number, signal.SIGKILL)
            self._figures.fault("conversion process killed")

    def fill_disk(self) -> None:
        """Fill the disk, now or when the next conversion begins."""
        if self._chance.random() < 0.5:
            self._service.life.wait_for_any(["sequence_complete"], 1.0)
        self._begin(self._disk, 3.0)

    def close_output(self) -> None:
        """Close the folder of ND2 files."""
        self._begin(Closed("output folder closed", self._laboratory.output, self._output_lock), 2.0)

    def close_frame(self) -> None:
        """Close a frame, or its folder, or the watched folder."""
        watch, path = self._any_frame()
        if path is None:
            return
        kinds = {
            "frame closed": path,
            "folder closed": path.parent,
            "watched folder closed": self._laboratory.root(watch),
        }
        kind = self._chance.choice(list(kinds))
        self._begin(Closed(kind, kinds[kind], self._laboratory.locks[watch]), 2.0)

    def move_folder(self) -> None:
        """Rename a folder of frames, of which none are being put away."""
        watch, path = self._any_frame()
        if path is not None and self._laboratory.retention == "keep":
            root = self._laboratory.root(watch)
            run = root / path.relative_to(root).parts[0]
            self._begin(Away(run, *self._elsewhere(watch)), 2.0)

    def replace_root(self) -> None:
        """Put an empty folder in the place of a watched one, where none are being put away."""
        if self._laboratory.retention != "keep":
            return
        watch = self._chance.choice(list(self._laboratory.locks))
        self._begin(Replaced(self._laboratory.root(watch), *self._elsewhere(watch)), 2.0)

    def _elsewhere(self, watch: str) -> tuple[Path, threading.Lock]:
        """Return where a folder of a watch is renamed to, and the lock of the watch."""
        return self._laboratory.elsewhere / watch, self._laboratory.locks[watch]

    def set_clock(self) -> None:
        """Set the clock of the machine."""
        self._service.set_clock(self._chance.choice(_SHIFTS_S))
        self._figures.fault("clock set")

    def _any_frame(self) -> tuple[str, Path | None]:
        """Return some file that was written, with its watch; no path when there is none."""
        written = list(self._laboratory.written)
        if not written:
            return "", None
        watch, path = self._chance.choice(written)
        return watch, self._laboratory.root(watch) / path


_ACTIONS: Final[dict[Callable[[Agent], None], float]] = {
    Agent.kill: 6,
    Agent.terminate: 1,
    Agent.stop: 1,
    Agent.reload: 1,
    Agent.kill_conversion: 2,
    Agent.fill_disk: 2,
    Agent.close_output: 1,
    Agent.close_frame: 2,
    Agent.move_folder: 1,
    Agent.replace_root: 1,
    Agent.set_clock: 1,
}
"""What is done, and how often compared to others."""
