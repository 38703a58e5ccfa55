"""A clock that tests turn by hand, and an intake on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from structlog.testing import LogCapture

from nd2watch.config import ServiceConfig
from nd2watch.experiment import OutputName
from nd2watch.service.completion import Completion
from nd2watch.service.intake import Intake
from nd2watch.service.settings import Watch
from tests.frames import layout_of

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.convert.files import Extent
    from nd2watch.experiment import Layout, SidecarNames
    from nd2watch.service.collection import Collection
    from nd2watch.simulate import Acquisition

SETTLE_S = 5.0


class Bench:
    """An intake on a folder, with the time and the log in the test's hands."""

    def __init__(
        self,
        folder: Path,
        what: Acquisition,
        *,
        layout: Layout | None = None,
        completion: Completion | None = None,
        sidecars: SidecarNames | None = None,
        once: bool = False,
        **service: Any,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.now = 1000.0
        self._began = time.time() - self.now
        self._capture = LogCapture()
        config = ServiceConfig(settle_s=SETTLE_S, give_up_s=60, stalled_s=600, **service)
        watch = Watch(
            name="bench",
            root=folder,
            layout=layout or layout_of(what),
            output_name=OutputName(template=""),
            completion=completion or Completion(),
            sidecars=sidecars,
        )
        log = structlog.wrap_logger(None, [self._capture])
        self.intake = Intake(watch, config, self, log, once=once)

    def monotonic(self) -> float:
        """Return the test's time: the bench is the intake's clock."""
        return self.now

    def time(self) -> float:
        """Return the time of day, which goes on with the test's time."""
        return self._began + self.now

    def scan(self) -> None:
        """Look at all files now."""
        self.intake.scan()

    def wait(self, seconds: float) -> None:
        """Let time go by, then take in what has settled."""
        self.now += seconds
        self.intake.advance()

    def settle(self) -> None:
        """Scan, and let enough time go by for what is there."""
        self.scan()
        self.wait(SETTLE_S)

    @property
    def convertible(self) -> list[tuple[Collection, Extent]]:
        """Sequences that can be converted, and what of them, after a look where that decides."""
        ready = self.intake.ready()
        if not self.intake.wants_look:
            return ready
        self.scan()
        return self.intake.ready()

    @property
    def ready(self) -> int:
        """How many sequences can be converted."""
        return len(self.convertible)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log events of this name."""
        return [dict(e) for e in self._capture.entries if e["event"] == event]
