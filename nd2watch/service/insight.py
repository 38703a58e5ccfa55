"""What the parts of a running service let others read of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nd2watch.clock import Clock
    from nd2watch.journal import Journal
    from nd2watch.service.dispatch import Dispatcher
    from nd2watch.service.last_errors import LastErrors
    from nd2watch.service.schedule import JobScheduler
    from nd2watch.service.settings import ServiceSettings
    from nd2watch.service.watch_thread import WatchThread

Phase = Literal["starting", "running", "reloading", "stopping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How the last reload of the configuration went.

    Attributes
    ----------
    moment : float
        When it was, s since 1970.
    reason : str
        Why the former configuration stays; empty when the new one is in use.
    """

    moment: float
    reason: str


@dataclass(slots=True, kw_only=True)
class Pulse:
    """Facts that the main loop writes and other threads read, each by itself.

    Attributes
    ----------
    started : float
        When the service was started, s since 1970.
    turned : float
        When the loop last turned, monotonic seconds.
    phase : {"starting", "running", "reloading", "stopping"}
        What it is about.
    is_journal_blocked : bool
        Its last sign of life could not be recorded.
    reload : Reload, optional
        The last reload.
    """

    started: float
    turned: float
    phase: Phase = "starting"
    is_journal_blocked: bool = False
    reload: Reload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """The parts of a running service, for threads that answer questions about it.

    Attributes
    ----------
    pulse : Pulse
        The main loop.
    settings : callable
        Returns the present settings.
    watches : callable
        Returns the present threads of the watched folders.
    journal : Journal
        What is remembered.
    dispatcher : Dispatcher
        Conversions.
    scheduler : JobScheduler
        Regular jobs.
    errors : LastErrors
        The last error of each watch.
    clock : Clock
        The clock of them all.
    """

    pulse: Pulse
    settings: Callable[[], ServiceSettings]
    watches: Callable[[], Sequence[WatchThread]]
    journal: Journal
    dispatcher: Dispatcher
    scheduler: JobScheduler
    errors: LastErrors
    clock: Clock
