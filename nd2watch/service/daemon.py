"""The service: its main loop, from start to stop."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ConfigError
from nd2watch.pending import remove_orphans
from nd2watch.service.dispatch import Dispatcher
from nd2watch.service.events import ChangedPaths, FolderObserver
from nd2watch.service.intake import Intake
from nd2watch.service.notify import Notifier
from nd2watch.service.schedule import JobScheduler
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.service.settings import ServiceSettings

_LONGEST_TURN_S: Final = 1.0
"""Pause of an idle loop, as signals cannot interrupt a longer one everywhere; and time that a
busy one spends on opening frames before it looks at anything else."""


class Daemon:
    """Watches folders and converts sequences until it is told to stop.

    All state but the running conversions belongs to the thread that calls `run`. Events, the
    scheduler, conversions and signals only wake it.

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
    """

    def __init__(
        self,
        load: Callable[[], ServiceSettings],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        once: bool = False,
    ) -> None:
        self._load = load
        self._settings = load()
        self._clock = clock
        self._log = log
        self._once = once
        self._notifier = Notifier()
        # Only this queue is touched by other threads and signal handlers: its put is reentrant.
        self._wakes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = ""
        self._events = ChangedPaths(lambda: self._wakes.put("events"))
        self._observer = FolderObserver(self._events)
        self._scheduler = JobScheduler(self._settings.service.conversions)
        self._dispatcher = Dispatcher(
            self._settings.output_folder, self._scheduler, lambda: self._wakes.put("outcome"), log
        )
        self._intakes: dict[str, Intake] = {}
        self._unavailable: set[Path] = set()
        self._unobserved: set[Path] = set()
        self._scan_wanted = False
        self._scanned = 0.0
        self._scan_took = 0.0

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
        """
        self._start()
        try:
            while not self._stopping:
                self._turn()
                if self._once and self._is_done():
                    break
                self._sleep()
        finally:
            self._end()
        return self._exit_status()

    def _start(self) -> None:
        """Begin to watch, then scan: a file between the two is seen by one of them."""
        self._log.info(
            "started",
            version=__version__,
            watches=[f"{watch.name}: {watch.root}" for watch in self._settings.watches],
            output=self._settings.output_folder,
        )
        self._remove_orphans()
        self._scheduler.start()
        if not self._once:
            self._observer.start()
            self._schedule_scans()
        self._make_intakes()
        self._observe_folders()
        self._notifier.ready("first scan")
        self._scan()

    def _schedule_scans(self) -> None:
        """Be woken for a scan at regular intervals."""
        interval = self._settings.service.scan_interval_s
        self._scheduler.scan_every(interval, lambda: self._wakes.put("scan"))

    def _remove_orphans(self) -> None:
        """Delete what conversions of an earlier run left when that was killed."""
        folder = self._settings.output_folder
        try:
            for path in remove_orphans(folder):
                self._log.info("unfinished_file_removed", path=path)
        except OSError as error:
            self._log.error("output_folder_unavailable", folder=folder, reason=str(error))

    def _make_intakes(self) -> None:
        """Begin with empty hands: what there is follows from the files."""
        self._intakes = {
            watch.name: Intake(
                watch, self._settings.service, self._clock, self._log, once=self._once
            )
            for watch in self._settings.watches
        }

    def _observe_folders(self) -> None:
        """Observe every folder that is there."""
        for intake in self._intakes.values():
            if not self._once:
                try:
                    self._observer.watch(intake.watch.root)
                except OSError as error:
                    self._report_unobserved(intake, error)
                else:
                    self._unobserved.discard(intake.watch.root)

    def _report_unobserved(self, intake: Intake, error: OSError) -> None:
        """Log once that a folder gives no events; its files are found by scans all the same."""
        root = intake.watch.root
        if root.is_dir() and root not in self._unobserved:
            self._unobserved.add(root)
            self._log.warning(
                "folder_not_observed",
                watch=intake.watch.name,
                folder=root,
                reason=f"{error}; files are found by scans only{host.watch_limit_hint(error)}",
            )

    def _scan(self) -> None:
        """Look at all files of all folders."""
        begun = self._clock.monotonic()
        self._scan_wanted = False
        for intake in self._intakes.values():
            root = intake.watch.root
            try:
                intake.scan()
            except OSError as error:
                self._report_unavailable(intake, error)
            else:
                if root in self._unavailable:
                    self._unavailable.discard(root)
                    self._log.info("folder_available", watch=intake.watch.name, folder=root)
        self._scanned = self._clock.monotonic()
        self._scan_took = self._scanned - begun

    def _report_unavailable(self, intake: Intake, error: OSError) -> None:
        """Log once that a folder cannot be listed; it is tried again at each scan."""
        root = intake.watch.root
        if root not in self._unavailable:
            self._unavailable.add(root)
            self._log.error(
                "folder_unavailable", watch=intake.watch.name, folder=root, reason=str(error)
            )

    def _turn(self) -> None:
        """Do all that there is to do now."""
        now = self._clock.monotonic()
        self._obey()
        changes = self._events.take()
        for folder in changes.gone:
            self._observer.forget(folder)
        interval = self._settings.service.scan_interval_s
        self._scan_wanted |= changes.scan or now - self._scanned > 2 * interval
        # Scans must not eat up all time, however many folders come and go.
        if self._scan_wanted and not self._once and now - self._scanned > 10 * self._scan_took:
            self._observe_folders()
            self._scan()
        for path in changes.paths:
            for intake in self._intakes.values():
                if path.is_relative_to(intake.watch.root):
                    intake.notice(path)
        self._dispatcher.settle(self._intakes, now)
        for intake in self._intakes.values():
            until = self._clock.monotonic() + _LONGEST_TURN_S
            intake.advance(enough=self._is_later(until))
            for collection, extent in intake.ready():
                if not self._stopping:
                    self._dispatcher.submit(intake, collection, extent, now)
            if not self._once:
                intake.report_stalled()
        self._report_health()

    def _is_later(self, moment: float) -> Callable[[], bool]:
        """Return a function that tells whether a moment has passed."""
        return lambda: self._clock.monotonic() > moment

    def _obey(self) -> None:
        """Take the wishes of signals and of the scheduler."""
        names = set()
        while not self._wakes.empty():
            names.add(self._wakes.get())
        self._scan_wanted |= "scan" in names
        for name in names:
            if name.startswith("stop "):
                self._stopping = name.removeprefix("stop ")
        if "reload" in names:
            self._reload()

    def _report_health(self) -> None:
        """Tell the service manager how things are; a dead part starves its watchdog."""
        open_ones = [
            c
            for i in self._intakes.values()
            for c in i.collections.values()
            if c.state != "published"
        ]
        unavailable = f", {len(self._unavailable)} unavailable" if self._unavailable else ""
        self._notifier.status(
            f"{len(self._intakes)} folders watched{unavailable};"
            f" {len(open_ones)} sequences open, {self._dispatcher.running} converting;"
            f" {self._dispatcher.published} published, {self._dispatcher.failed} failed"
        )
        if self._scheduler.is_alive and (self._once or self._observer.is_alive):
            self._notifier.alive()

    def _sleep(self) -> None:
        """Wait until something happens or a file may have settled."""
        now = self._clock.monotonic()
        dues = [due for i in self._intakes.values() if (due := i.next_due()) is not None]
        pause = min([_LONGEST_TURN_S, *(due - now for due in dues)])
        if self._notifier.watchdog_s is not None:
            pause = min(pause, self._notifier.watchdog_s / 3)
        try:
            self._wakes.put(self._wakes.get(timeout=max(pause, 0.001)))
        except queue.Empty:
            return

    def _reload(self) -> None:
        """Work by a changed configuration; a faulty one changes nothing."""
        self._notifier.reloading()
        try:
            settings = self._load()
        except ConfigError as error:
            self._log.error("reload_failed", reason=str(error))
            self._notifier.ready("reload failed, the former configuration stays")
            return
        self._settings = settings
        self._dispatcher.output_folder = settings.output_folder
        self._schedule_scans()
        self._make_intakes()
        roots = {watch.root for watch in settings.watches}
        self._unavailable &= roots
        self._unobserved &= roots
        for root in self._observer.roots - roots:
            self._observer.forget(root)
        self._observe_folders()
        self._scan()
        self._log.info("reloaded", watches=[watch.name for watch in settings.watches])
        self._notifier.ready("reloaded")

    def _is_done(self) -> bool:
        """Return whether nothing that was found waits for anything."""
        waiting = any(intake.is_waiting for intake in self._intakes.values())
        return not waiting and not self._dispatcher.running

    def _end(self) -> None:
        """Stop all threads; conversions give up at their next frame and leave nothing behind."""
        self._notifier.stopping()
        self._dispatcher.cancel()
        self._observer.stop()
        self._scheduler.stop()
        self._dispatcher.settle(self._intakes, self._clock.monotonic())
        for intake in self._intakes.values():
            intake.report_stalled(all_open=True)
        self._log.info(
            "stopped",
            reason=self._stopping or "all done",
            published=self._dispatcher.published,
            failed=self._dispatcher.failed,
        )

    def _exit_status(self) -> int:
        """Return 1 when a single run left something unconverted that was to be."""
        trouble = self._dispatcher.failed or self._unavailable
        left = any(
            intake.refused
            or intake.unsettled
            or any(collection.needs_a_person for collection in intake.collections.values())
            for intake in self._intakes.values()
        )
        return 1 if self._once and (trouble or left) else 0


def serve(daemon: Daemon) -> int:
    """Run a daemon in the foreground under the control of signals, and return its exit status."""
    host.on_stop_signal(daemon.stop)
    host.on_reload_signal(daemon.reload)
    return daemon.run()
