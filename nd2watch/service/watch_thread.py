"""The thread that follows one watched folder."""

from __future__ import annotations

import os
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from nd2watch import host
from nd2watch.errors import Nd2WatchError
from nd2watch.service.availability import Availability
from nd2watch.service.dispatch import act_on
from nd2watch.service.events import ChangedPaths, FolderObserver
from nd2watch.service.intake import Intake
from nd2watch.service.memory import Memory
from nd2watch.service.scan_pace import ScanPace

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.config import ServiceConfig
    from nd2watch.journal import Journal
    from nd2watch.service.collection import Collection
    from nd2watch.service.dispatch import Dispatcher
    from nd2watch.service.settings import Watch
    from nd2watch.service.worker import Outcome

Answer = TypeVar("Answer")

_LONGEST_TURN_S: Final = 1.0
"""Pause of an idle loop, and time that a busy one spends on opening frames before it looks at
anything else."""

_OBSERVE_AGAIN_S: Final = 60.0
"""Pause after the system had no watches left: asking for many of them costs time."""

_RESTART_S: Final = 60.0
"""Pause after an error that nobody foresaw."""


class WatchThread:
    """Follows one folder on a thread of its own, so that a dead share holds up no other.

    All state of the folder's sequences belongs to this thread. Events, the scheduler, conversions
    and the daemon only wake it.

    Parameters
    ----------
    watch : Watch
        Folder, layout and rules.
    service : ServiceConfig
        Times.
    dispatcher : Dispatcher
        Takes the sequences that have come to their end.
    journal : Journal
        Remembers what was published.
    clock : Clock
        Measures quiet times and intervals.
    log : bound logger
        Gets all events.
    ended : callable
        Called when the thread has nothing more to do; never without `once`.
    once : bool, default False
        End when nothing that was found waits for anything.

    Attributes
    ----------
    intake : Intake
        What is known of the folder.
    availability : Availability
        Whether the folder can be looked at.
    fault : str
        The error that nobody foresaw, while it comes again each time; else empty.
    events_lost : int
        How often change events were lost.
    has_failed : bool
        An error that nobody foresaw has ended the thread.
    turned : float
        When the thread last came round, monotonic seconds.
    pace : ScanPace
        When all files were last looked at, and will be again.
    """

    def __init__(
        self,
        watch: Watch,
        service: ServiceConfig,
        dispatcher: Dispatcher,
        journal: Journal,
        clock: Clock,
        log: FilteringBoundLogger,
        ended: Callable[[], None],
        *,
        once: bool = False,
    ) -> None:
        self.watch = watch
        self._service = service
        self._dispatcher = dispatcher
        self._clock = clock
        self._log = log.bind(watch=watch.name)
        self._ended = ended
        self._once = once
        self._journal = journal
        self.intake = Intake(watch, service, clock, log, once=once)
        self._memory = Memory(journal, watch, clock, self._log)
        self._is_recalled = False
        self.has_failed = False
        self.fault = ""
        self.availability = Availability(watch.root, clock, self._log)
        self._by_scans = watch.mode == "scan"
        self.pace = ScanPace(service.scan_interval_s, clock)
        self.pace.has_events = not self._by_scans
        self.events_lost = 0
        self.turned = clock.monotonic()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[tuple[Callable[[Intake], Any], Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._events = ChangedPaths(self.wake)
        self._observer = FolderObserver(self._events)
        self._is_unobserved = False
        self._observe_again = 0.0
        self._scan_wanted = True
        self._running = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {watch.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Make the thread come round; from any thread."""
        self._wakes.put(None)

    def scan(self) -> None:
        """Have all files looked at; from any thread."""
        self._scan_wanted = True
        self.wake()

    def scan_regularly(self) -> None:
        """Have all files looked at if it is time again; from any thread."""
        if self.pace.is_due:
            self.scan()

    def ask(self, order: Callable[[Intake], Answer]) -> Future[Answer]:
        """Have something done on the thread that all state belongs to; from any thread.

        Parameters
        ----------
        order : callable
            Gets the intake; what it returns or raises is that of the future.
        """
        answer: Future[Answer] = Future()
        self._orders.put((order, answer))
        self.wake()
        return answer

    def stop(self) -> None:
        """Ask the thread to end; from any thread."""
        self._stopping.set()
        self.wake()

    def abandon(self) -> None:
        """Let the thread do nothing more that lasts, whenever it wakes up; from any thread."""
        self._memory.end()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread, and return whether it has come in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def mode(self) -> Literal["events", "scan"]:
        """How changes are noticed now."""
        return "events" if self.pace.has_events else "scan"

    @property
    def is_unavailable(self) -> bool:
        """Whether the folder could not be looked at."""
        return bool(self.availability.reason)

    @property
    def is_journal_blocked(self) -> bool:
        """Whether what has changed cannot be recorded now."""
        return self._memory.is_blocked

    @property
    def is_done(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    @property
    def is_observing(self) -> bool:
        """Whether change events come, or are not wanted."""
        return self._once or self.mode == "scan" or self._observer.is_alive

    def _run(self) -> None:
        """Work until the end, whatever happens."""
        try:
            self._choose_mode()
            is_idle = False
            while not self._stopping.is_set():
                self._turn_safely()
                was_idle, is_idle = is_idle, not (self._running or self.intake.is_waiting)
                if not (self._once and is_idle):
                    self._sleep()
                elif was_idle:  # what came due in the turn before was seen in this one
                    break
            self._settle()
            self.intake.report_stalled(all_open=True)
            if self._is_recalled:
                self._memory.keep(self.intake)
        except Exception:
            self.has_failed = True
            self._log.exception("watch_failed", folder=self.watch.root)
        finally:
            self._observer.stop()
            self._ended()

    def _choose_mode(self) -> None:
        """Look where the folder is, which a dead share does not tell for long."""
        self.pace.is_network = host.is_network(host.file_system_of(self.watch.root))
        self._by_scans |= self.watch.mode == "auto" and self.pace.is_network
        self.pace.has_events = not self._by_scans
        self._log.info("watching", folder=self.watch.root, mode=self.mode)

    def _turn_safely(self) -> None:
        """Do all that there is to do now; begin anew after an error that nobody foresaw."""
        try:
            self._turn()
        except Exception as error:
            if self._once:
                raise
            self.fault = f"{type(error).__name__}: {error}"
            self._log.exception("watch_failed", folder=self.watch.root)
            self._stopping.wait(_RESTART_S)
            self.intake = Intake(self.watch, self._service, self._clock, self._log)
            self._memory = Memory(self._journal, self.watch, self._clock, self._log)
            self._is_recalled = False
            self._scan_wanted = True
        else:
            self.fault = ""
        self.turned = self._clock.monotonic()

    def _turn(self) -> None:
        """Do all that there is to do now."""
        self._is_recalled = self._is_recalled or self._memory.recall(self.intake)
        if not self._is_recalled:  # or what was published would be collected again
            return
        changes = self._events.take()
        for folder in changes.gone:
            self._observer.forget(folder)
        if changes.lost:
            self._tell_lost(changes.lost)
        self._scan_wanted |= changes.scan or self.pace.is_overdue
        if self._scan_wanted and self.pace.left_s <= 0:
            self._scan()
        for path in changes.paths:
            if path.is_relative_to(self.watch.root):
                self.intake.notice(path)
        self._settle()
        self._obey()
        until = self._clock.monotonic() + _LONGEST_TURN_S
        self.intake.advance(enough=lambda: self._clock.monotonic() > until)
        if not (self._memory.is_blocked or self.is_unavailable):
            self._submit()
        self._scan_wanted |= self.intake.wants_look
        if not self._once:
            self.intake.report_stalled()
        self._memory.keep(self.intake)

    def _tell_lost(self, count: int) -> None:
        """Log that events were lost, and what follows."""
        self.events_lost += count
        self._log.warning(
            "events_lost",
            folder=self.watch.root,
            reason="more changed at once than the system keeps events of; all files are looked at",
        )

    def _obey(self) -> None:
        """Do what was asked."""
        while not (self._orders.empty() or self._stopping.is_set()):
            order, answer = self._orders.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                done = order(self.intake)
                self._memory.keep(self.intake)  # before anyone is told that it is done
            except Exception as error:
                answer.set_exception(error)
                if not isinstance(error, Nd2WatchError):
                    raise
            else:
                answer.set_result(done)

    def _submit(self) -> None:
        """Hand over sequences that have come to their end, few at a time: folders take turns."""
        for collection, extent in self.intake.ready():
            collection.waits_for_turn = self._running >= self._service.conversions
            if self._stopping.is_set() or collection.waits_for_turn:
                continue
            now = self._clock.monotonic()
            if self._dispatcher.submit(self.intake.watch, collection, extent, now, self._done):
                self._running += 1

    def _done(self, outcome: Outcome) -> None:
        """Take what came of a conversion, on its thread."""
        self._outcomes.put(outcome)
        self.wake()

    def _settle(self) -> None:
        """Act on all outcomes that have come."""
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            self._running -= 1
            collection = self.intake.collections.get(outcome.job.key)
            if collection is not None and collection.state == "queued":
                act_on(outcome, self.intake, collection, self._clock.monotonic())
                self._tell_given_up(outcome, collection)

    def _tell_given_up(self, outcome: Outcome, collection: Collection) -> None:
        """Log that a sequence whose conversions crash is not tried again."""
        if outcome.end == "crashed" and collection.state == "failed":
            self._log.error(
                "sequence_given_up", sequence=outcome.job.title, reason=collection.reason
            )

    def _scan(self) -> None:
        """Look at all files; a folder that cannot be listed is tried again at the next scan."""
        self._scan_wanted = False
        self._observe()
        begun = self._clock.monotonic()
        reason = ""
        try:
            identity = host.folder_identity(self.watch.root)
            if self._memory.identity not in (None, identity) and host.is_empty_folder(
                self.watch.root
            ):
                reason = "another, empty folder is in its place, as when a share is not mounted"
            else:
                self.intake.scan()
                self._memory.identity = identity
        except OSError as error:
            reason = str(error)
        self.availability.note(reason)
        self.pace.note(begun)

    def _observe(self) -> None:
        """Observe the folder if it is there, and was not observed yet."""
        if self._once or self._by_scans or self._clock.monotonic() < self._observe_again:
            return
        try:
            self._observer.watch(self.watch.root)
        except OSError as error:
            is_there = os.path.isdir(self.watch.root)  # noqa: PTH112 - pathlib's twin may raise
            if is_there:
                self._observe_again = self._clock.monotonic() + _OBSERVE_AGAIN_S
            if is_there and not self._is_unobserved:
                self._is_unobserved, self.pace.has_events = True, False
                hint = host.watch_limit_hint(error, self.watch.root)
                self._log.warning(
                    "folder_not_observed",
                    folder=self.watch.root,
                    reason=f"{error}; files are found by scans only{hint}",
                )
        else:
            self._is_unobserved, self.pace.has_events = False, True

    def _sleep(self) -> None:
        """Wait until something happens or a file may have settled."""
        now, due = self._clock.monotonic(), self.intake.next_due()
        left = _LONGEST_TURN_S if due is None else due - now
        if self._scan_wanted:
            left = min(left, self.pace.left_s)
        try:
            self._wakes.get(timeout=max(min(left, _LONGEST_TURN_S), 0.001))
            while not self._wakes.empty():
                self._wakes.get()
        except queue.Empty:
            return
