"""The signs of life that a service gives to the service manager and in its journal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nd2watch.errors import JournalBlocked
from nd2watch.journal import Heartbeat
from nd2watch.version import __version__

if TYPE_CHECKING:
    from nd2watch.service.insight import Insight
    from nd2watch.service.notify import Notifier

_BEAT_S: Final = 10.0
"""Time between signs of life in the journal, which are on the disk each time."""

_STALLED_S: Final = 60.0
"""A folder whose thread has not come round for so long is told to be stalled."""


class SignsOfLife:
    """Tells how things are, and that they go on; a dead part starves the manager's watchdog.

    Parameters
    ----------
    insight : Insight
        The service.
    notifier : Notifier
        Passes on to the service manager.
    once : bool
        The threads of the folders may have ended.
    """

    def __init__(self, insight: Insight, notifier: Notifier, *, once: bool) -> None:
        self._insight = insight
        self._notifier = notifier
        self._once = once
        self._beaten = 0.0
        self._text = ""

    def give(self) -> None:
        """Tell how things are now."""
        watches = self._insight.watches()
        text = self._described()
        self._notifier.status(text)
        self._beat(text)
        # A share that hangs is no reason for a restart, which would not help.
        threads = all(watch.is_observing and not watch.is_done for watch in watches)
        if self._insight.scheduler.is_alive and (self._once or threads):
            self._notifier.alive()

    def _described(self) -> str:
        """Return how things are, in a line."""
        watches, dispatcher = self._insight.watches(), self._insight.dispatcher
        collections = [c for w in watches for c in list(w.intake.collections.values())]
        open_ones = sum(c.state != "published" for c in collections)
        now = self._insight.clock.monotonic()
        stalled = sum(now - watch.turned > _STALLED_S for watch in watches)
        unavailable = sum(watch.is_unavailable for watch in watches)
        trouble = f", {unavailable} unavailable" * bool(unavailable)
        trouble += f", {stalled} stalled" * bool(stalled)
        return (
            f"{len(watches)} folders watched{trouble};"
            f" {open_ones} sequences open, {dispatcher.running} converting;"
            f" {dispatcher.published} published, {dispatcher.failed} failed"
        )

    def _beat(self, text: str) -> None:
        """Leave a sign of life in the journal."""
        pulse, now = self._insight.pulse, self._insight.clock.time()
        if now - self._beaten < _BEAT_S and text == self._text:
            return
        self._beaten, self._text = now, text
        beat = Heartbeat(
            pid=os.getpid(), version=__version__, started=pulse.started, turned=now, text=text
        )
        try:
            self._insight.journal.beat(beat)
        except JournalBlocked:  # the folders' threads tell that
            pulse.is_journal_blocked = True
        else:
            pulse.is_journal_blocked = False
