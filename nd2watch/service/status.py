"""How the service is, as values that JSON can hold; their names are part of the interface."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import JournalError
from nd2watch.journal.records import handle_of
from nd2watch.service.sequence_state import state_of
from nd2watch.version import __version__

if TYPE_CHECKING:
    from nd2watch.journal import State
    from nd2watch.service.insight import Insight
    from nd2watch.service.last_errors import LastError
    from nd2watch.service.watch_thread import WatchThread

_STALLED_S: Final = 60.0
"""A folder whose thread has not come round for so long is told to be stalled."""


def status_of(insight: Insight, most_files: int) -> dict[str, Any]:
    """Return how the service is.

    Parameters
    ----------
    insight : Insight
        The service.
    most_files : int
        Files with troubles that are told of each watch at most; all are counted.
    """
    pulse, settings = insight.pulse, insight.settings()
    counts = _counts(insight)
    return {
        "version": __version__,
        "process": os.getpid(),
        "phase": pulse.phase,
        "started": pulse.started,
        "turned_s_ago": _ago(insight, pulse.turned),
        "scheduler_alive": insight.scheduler.is_alive,
        "scheduled_calls": asdict(insight.scheduler.mishaps),
        "journal": {"path": str(insight.journal.path), "blocked": _is_blocked(insight)},
        "output": {
            "folder": str(settings.output_folder),
            "free_bytes": insight.dispatcher.free_space.of(settings.output_folder),
            "reserve_bytes": settings.reserve_bytes,
        },
        "conversions": {
            "running": insight.dispatcher.running,
            "published": insight.dispatcher.published,
            "failed": insight.dispatcher.failed,
            "silent_s": insight.dispatcher.silent_s,
        },
        "reload": None if pulse.reload is None else asdict(pulse.reload),
        "last_error": _error(insight.errors.of("")),
        "watches": [
            _watch(insight, watch, counts.get(watch.watch.name, {}), most_files)
            for watch in insight.watches()
        ],
    }


def _watch(
    insight: Insight, watch: WatchThread, counts: dict[State, int], most_files: int
) -> dict[str, Any]:
    """Return how one watched folder is."""
    intake, turned_s = watch.intake, _ago(insight, watch.turned)
    troubles = intake.troubles.shown()
    return {
        "name": watch.watch.name,
        "folder": str(watch.watch.root),
        "mode": watch.mode,
        "scan_interval_s": watch.pace.interval_s,
        "scanned_s_ago": None if watch.pace.ended is None else _ago(insight, watch.pace.ended),
        "scan_took_s": None if watch.pace.ended is None else watch.pace.took_s,
        "turned_s_ago": turned_s,
        "observing": watch.is_observing,
        "events_lost": watch.events_lost,
        "ended": watch.is_done,
        "fault": watch.fault,
        "unavailable": _since(watch.availability.since, watch.availability.reason),
        "stalled": _since(insight.clock.time() - turned_s, "its file system does not answer")
        if turned_s > _STALLED_S
        else None,
        "sequences": dict(counts),
        "converting": _converting(watch),
        "settling": intake.unsettled,
        "ignored": intake.known.ignored,
        "files": dict(Counter(trouble.event for trouble in troubles)),
        "troubles": [
            {
                "event": trouble.event,
                "path": str(trouble.path),
                "reason": trouble.reason,
                "moment": trouble.moment,
            }
            for trouble in troubles[:most_files]
        ],
        "last_error": _error(insight.errors.of(watch.watch.name)),
    }


def _converting(watch: WatchThread) -> list[dict[str, Any]]:
    """Return the sequences of a watch that are being converted, or wait for their turn."""
    return [
        {
            "handle": handle_of(watch.watch.name, key),
            "title": collection.sequence.title,
            "output": str(next(iter(collection.outputs), "")),
        }
        for key, collection in list(watch.intake.collections.items())
        if collection.state == "queued"
    ]


def _counts(insight: Insight) -> dict[str, dict[State, int]]:
    """Return how many sequences of each watch are in each state."""
    try:
        return insight.journal.counts()
    except JournalError:  # those that have no frames any more are not told then
        return {
            watch.watch.name: Counter(map(state_of, list(watch.intake.collections.values())))
            for watch in insight.watches()
        }


def _is_blocked(insight: Insight) -> bool:
    """Return whether the journal cannot be written."""
    watches = any(watch.is_journal_blocked for watch in insight.watches())
    return watches or insight.pulse.is_journal_blocked


def _ago(insight: Insight, moment: float) -> float:
    """Return how long a moment is past, s, given monotonic seconds."""
    return max(insight.clock.monotonic() - moment, 0.0)


def _since(moment: float | None, reason: str) -> dict[str, Any] | None:
    """Return since when something is so, and why; None when it is not."""
    return {"since": moment, "reason": reason} if reason else None


def _error(error: LastError | None) -> dict[str, Any] | None:
    """Return an error."""
    return None if error is None else asdict(error)
