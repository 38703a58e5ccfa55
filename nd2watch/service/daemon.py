"""The service, from start to stop."""

from __future__ import annotations

import contextlib
import queue
from functools import partial
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ConfigError, ServiceRunning
from nd2watch.journal import Journal
from nd2watch.log import overheard
from nd2watch.pending import remove_orphans
from nd2watch.service.answers import Answers
from nd2watch.service.claim import Claim
from nd2watch.service.control import Control
from nd2watch.service.conversion_process import ProcessLimits
from nd2watch.service.dispatch import Dispatcher
from nd2watch.service.insight import Insight, Pulse, Reload
from nd2watch.service.last_errors import LastErrors
from nd2watch.service.notify import Notifier
from nd2watch.service.retention import Retention
from nd2watch.service.schedule import JobScheduler
from nd2watch.service.signs import SignsOfLife
from nd2watch.service.state_folder import JOURNAL, socket_folder_of
from nd2watch.service.watch_thread import WatchThread
from nd2watch.service.worker import run_job
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.service.process_main import Task
    from nd2watch.service.settings import ServiceSettings

_TURN_S: Final = 1.0
"""Pause of the loop, as signals cannot interrupt a longer one everywhere."""

_TIDY_S: Final = 3600.0
"""Longest time between looks for frames that are to be put away."""

_JOIN_S: Final = 10.0
"""A thread that hangs in a dead share is not waited for longer."""


class Daemon:
    """Watches folders and converts sequences until it is told to stop.

    Each folder has a thread of its own. The thread that calls `run` supervises them: signals, the
    configuration, and what the service manager is told.

    Parameters
    ----------
    load : callable
        Reads the settings, again on each reload; may raise `ConfigError`.
    clock : Clock
        Measures quiet times and intervals.
    log : bound logger
        Gets all events.
    once : bool, default False
        Convert what is complete now, and end.
    task : Task, default `run_job`
        What carries out a conversion, in its process.
    """

    def __init__(
        self,
        load: Callable[[], ServiceSettings],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        once: bool = False,
        task: Task = run_job,
    ) -> None:
        self._load = load
        self._settings = self._first_settings = load()
        self._clock = clock
        self._errors = LastErrors(clock)
        self._log = log = overheard(log, self._errors.hear)
        self._once = once
        self._notifier = Notifier()
        # Only this queue is touched by other threads and signal handlers: its put is reentrant.
        self._wakes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = ""
        self._scheduler = JobScheduler(self._settings.service.conversions, clock, log)
        self._dispatcher = Dispatcher(
            self._settings.output_folder,
            self._settings.reserve_bytes,
            self._scheduler,
            clock,
            log,
            task,
            claim=lambda: self._claim.hold(),
            limits=ProcessLimits(memory_bytes=self._settings.conversion_memory_bytes),
        )
        self._watches: list[WatchThread] = []
        self._retention: Retention | None = None
        self._claim: Claim
        self._journal: Journal
        self._insight: Insight
        self._pulse = Pulse(started=clock.time(), turned=clock.monotonic())

    def stop(self, reason: str) -> None:
        """Ask the service to end; for signal handlers and other threads."""
        self._wakes.put(f"stop {reason}")

    def reload(self) -> None:
        """Ask the service to read its configuration again; for signal handlers."""
        self._wakes.put("reload")

    def run(self) -> int:
        """Work until the end.

        Returns
        -------
        int
            Exit status: 0; with `once`, 1 when a frame or sequence could not be converted.

        Raises
        ------
        ServiceRunning
            If another service works with the same folders.
        JournalError
            If there can be no journal.
        """
        settings = self._settings
        with (
            Claim(settings.state_folder, settings.output_folder) as self._claim,
            self._open_journal() as self._journal,
        ):
            self._insight = self._inner_view()
            with self._open_control():
                self._work()
        return self._exit_status()

    def _open_journal(self) -> Journal:
        """Return the journal; one that is damaged is moved aside, which costs a scan."""
        journal = Journal(self._settings.state_folder / JOURNAL)
        if journal.set_aside is not None:
            self._log.error("journal_damaged", path=journal.path, moved_to=journal.set_aside)
        return journal

    def _inner_view(self) -> Insight:
        """Return what others may read of the parts."""
        return Insight(
            pulse=self._pulse,
            settings=lambda: self._settings,
            watches=lambda: self._watches,
            journal=self._journal,
            dispatcher=self._dispatcher,
            scheduler=self._scheduler,
            errors=self._errors,
            clock=self._clock,
        )

    def _open_control(self) -> contextlib.AbstractContextManager[object]:
        """Begin to answer commands; where that cannot be, the work is done all the same."""
        settings = self._settings
        try:
            return Control(
                settings.state_folder,
                socket_folder_of(settings.state_folder),
                settings.config,
                Answers(self._insight, self._log),
                self._clock,
                self._log,
            )
        except OSError as error:
            self._log.error("control_unavailable", reason=str(error))
            return contextlib.nullcontext()

    def _work(self) -> None:
        """Work until the end."""
        self._start()
        signs = SignsOfLife(self._insight, self._notifier, once=self._once)
        try:
            self._pulse.phase = "running"
            while not self._stopping:
                self._pulse.turned = self._clock.monotonic()
                self._scheduler.heed_clock()
                self._obey()
                if self._once and all(watch.is_done for watch in self._watches):
                    break
                signs.give()
                self._sleep()
        finally:
            self._end()

    def _start(self) -> None:
        """Begin to watch; each thread observes its folder first and then scans it."""
        self._log.info(
            "started",
            version=__version__,
            watches=[f"{watch.name}: {watch.root}" for watch in self._settings.watches],
            output=self._settings.output_folder,
        )
        self._remove_orphans()
        self._scheduler.start()
        self._start_watches()
        self._notifier.ready("first scan")

    def _start_watches(self) -> None:
        """Begin with empty hands: what there is follows from the files."""
        settings = self._settings
        self._watches = [
            WatchThread(
                watch,
                settings.service,
                self._dispatcher,
                self._journal,
                self._clock,
                self._log,
                lambda: self._wakes.put("ended"),
                once=self._once,
            )
            for watch in settings.watches
        ]
        for watch in self._watches:
            watch.start()
            if not self._once:
                self._scheduler.scan_every(
                    watch.watch.name, watch.pace.asks_every_s, watch.scan_regularly
                )
        if settings.retention.action != "keep":
            interval = min(max(settings.retention.after_h * 360, _TURN_S), _TIDY_S)
            retention = Retention(settings.retention, self._journal, self._clock, self._log)
            self._scheduler.tidy_every(interval, lambda: retention.tidy(settings.watches))
            self._retention = retention

    def _stop_retention(self) -> None:
        """Put away nothing more; what a disk that does not answer holds up is not waited for."""
        if self._retention is not None and not self._retention.cancel(_JOIN_S):
            self._log.error(
                "retention_stalled",
                reason="a disk does not answer; the frame that is being put away now may still be",
            )
        self._retention = None

    def _stop_watches(self) -> None:
        """End the threads of all folders."""
        self._scheduler.scan_no_more()
        for watch in self._watches:
            watch.stop()
        deadline = self._clock.monotonic() + _JOIN_S
        for watch in self._watches:
            if not watch.join(max(deadline - self._clock.monotonic(), 0.0)):
                watch.abandon()
                self._log.error(
                    "folder_stalled",
                    watch=watch.watch.name,
                    folder=watch.watch.root,
                    reason="its file system does not answer; it is not waited for",
                )

    def _remove_orphans(self) -> None:
        """Delete what conversions of an earlier run left when that was killed."""
        folder = self._settings.output_folder
        try:
            for path in host.answer_within(_JOIN_S, partial(remove_orphans, folder)):
                self._log.info("unfinished_file_removed", path=path)
        except (OSError, RuntimeError) as error:
            self._log.error("output_folder_unavailable", folder=folder, reason=str(error))

    def _obey(self) -> None:
        """Take the wishes of signals."""
        names = set()
        while not self._wakes.empty():
            names.add(self._wakes.get())
        for name in names:
            if name.startswith("stop "):
                self._stopping = name.removeprefix("stop ")
        if "reload" in names:
            self._reload()

    def _sleep(self) -> None:
        """Wait until something happens."""
        pause = _TURN_S
        if self._notifier.watchdog_s is not None:
            pause = min(pause, self._notifier.watchdog_s / 3)
        try:
            self._wakes.put(self._wakes.get(timeout=pause))
        except queue.Empty:
            return

    def _reload(self) -> None:
        """Work by a changed configuration; a faulty one changes nothing."""
        self._notifier.reloading()
        try:
            settings = self._load()
            self._claim.move(settings.output_folder)
        except Exception as error:  # whatever it is, the former configuration is a good one
            expected = isinstance(error, ConfigError | ServiceRunning)
            reason = str(error) if expected else f"{type(error).__name__}: {error}"
            self._log.error("reload_failed", reason=reason, exc_info=None if expected else error)
            self._pulse.reload = Reload(moment=self._clock.time(), reason=reason)
            self._notifier.ready("reload failed, the former configuration stays")
            return
        self._pulse.phase = "reloading"
        self._stop_retention()
        self._stop_watches()
        self._settings = settings
        self._dispatcher.output_folder = settings.output_folder
        self._dispatcher.reserve_bytes = settings.reserve_bytes
        self._start_watches()
        self._pulse.phase = "running"
        self._pulse.reload = Reload(moment=self._clock.time(), reason="")
        self._log.info("reloaded", watches=[watch.name for watch in settings.watches])
        self._tell_unchanged()
        self._notifier.ready("reloaded")

    def _tell_unchanged(self) -> None:
        """Log which changes of the configuration wait for a restart."""
        first, now = self._first_settings, self._settings
        waiting = {
            "service.conversions": first.service.conversions != now.service.conversions,
            "service.conversion_memory_mb": first.conversion_memory_bytes
            != now.conversion_memory_bytes,
            "service.state_folder": first.state_folder != now.state_folder,
        }
        if keys := [key for key, is_other in waiting.items() if is_other]:
            self._log.warning(
                "restart_needed",
                keys=keys,
                reason="what was changed there takes effect when the service is started again",
            )

    def _end(self) -> None:
        """Stop all threads; conversions give up at their next frame and leave nothing behind."""
        self._pulse.phase = "stopping"
        self._notifier.stopping()
        self._dispatcher.cancel()
        self._stop_retention()
        self._scheduler.stop()
        self._stop_watches()
        self._log.info(
            "stopped",
            reason=self._stopping or "all done",
            published=self._dispatcher.published,
            failed=self._dispatcher.failed,
        )

    def _exit_status(self) -> int:
        """Return 1 when a single run left something unconverted that was to be."""
        if not self._once:
            return 0
        left = any(
            watch.has_failed
            or watch.is_unavailable
            or watch.is_journal_blocked
            or watch.intake.refusals.count
            or watch.intake.unsettled
            or any(c.needs_a_person for c in watch.intake.collections.values())
            for watch in self._watches
        )
        return 1 if self._dispatcher.failed or left else 0


def serve(make: Callable[[], Daemon]) -> int:
    """Run a daemon in the foreground under the control of signals, and return its exit status.

    Parameters
    ----------
    make : callable
        Returns the daemon; signals that come meanwhile are heeded by it.
    """
    wishes: list[Callable[[Daemon], None]] = []
    host.on_stop_signal(lambda reason: wishes.append(lambda daemon: daemon.stop(reason)))
    host.on_reload_signal(lambda: wishes.append(Daemon.reload))
    daemon = make()
    host.on_stop_signal(daemon.stop)
    host.on_reload_signal(daemon.reload)
    for wish in wishes:
        wish(daemon)
    return daemon.run()
