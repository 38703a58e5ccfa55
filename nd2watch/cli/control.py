"""The commands that ask the running service: ``status``, ``list``, ``retry`` and the like."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.cli.status_text import list_lines, sequence_lines, status_lines, stopped_lines
from nd2watch.cli.terminal import say, show_lines
from nd2watch.errors import JournalError, ServiceError, ServiceUnreachable
from nd2watch.journal import STATES, JournalView
from nd2watch.service.control_client import ask
from nd2watch.service.handles import meant_by
from nd2watch.service.health import health_of
from nd2watch.service.state_folder import JOURNAL, state_folder_seen
from nd2watch.tools.printing import show

if TYPE_CHECKING:
    import argparse

    from nd2watch.journal import Heartbeat, SequenceRecord

_EVENTS: Final = 100_000
_HEALTH_S: Final = 10.0
"""A service that takes longer to tell how it is is not healthy, s."""


def _add_config(parser: argparse.ArgumentParser) -> None:
    """Add the argument that tells which service is meant."""
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="FILE",
        help="TOML file that the service runs with",
    )  # fmt: skip


def _add_status(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--watch", metavar="NAME", help="tell of this watch alone")
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_status)


def _status(options: argparse.Namespace) -> int:
    """Tell how the service is."""
    folder = state_folder_seen(options.config)
    try:
        status = ask(folder, "status")
    except ServiceUnreachable as error:
        _show_stopped(folder, error, options)
        return error.exit_code
    watches = [w for w in status["watches"] if options.watch in (None, w["name"])]
    if not watches:
        names = ", ".join(watch["name"] for watch in status["watches"])
        raise ServiceError(f"there is no watch {options.watch!r}, but {names}")
    if options.json:
        _show_json({"running": True, **status, "watches": watches})
    else:
        show_lines(status_lines({**status, "watches": watches}, time.time()))
    return 0


def _show_stopped(folder: Path, error: ServiceUnreachable, options: argparse.Namespace) -> None:
    """Tell of a service that does not answer what its journal knows."""
    beat: Heartbeat | None = None
    counts: dict[str, Any] = {}
    reason = str(error)
    try:
        with JournalView(folder / JOURNAL) as journal:
            beat = journal.heartbeat()
            counts = {
                watch: each
                for watch, each in journal.counts().items()
                if options.watch in (None, watch)
            }
    except JournalError as fault:
        reason = f"{reason}; {fault}"
    told = {
        "running": False,
        "reason": reason,
        "heartbeat": None
        if beat is None
        else {
            "process": beat.pid,
            "version": beat.version,
            "started": beat.started,
            "turned": beat.turned,
            "text": beat.text,
        },
        "sequences": counts,
    }
    if options.json:
        _show_json(told)
    else:
        show_lines(stopped_lines(told, time.time()))


def _add_list(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--state", choices=STATES, help="list those in this state alone")
    parser.add_argument("--watch", metavar="NAME", help="list those of this watch alone")
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    """List the sequences that are on record."""
    states = None if options.state is None else [options.state]
    with _journal_of(options) as journal:
        sequences = list(map(_told, journal.sequences(options.watch, states)))
    if options.json:
        _show_json(sequences)
    elif sequences:
        show_lines(list_lines(sequences))
    return 0


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("handle", metavar="HANDLE", help="of a sequence, or its beginning")
    _add_config(parser)
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_show)


def _show(options: argparse.Namespace) -> int:
    """Tell everything of one sequence."""
    with _journal_of(options) as journal:
        record = meant_by(options.handle, ((r.handle, r.title, r) for r in journal.sequences()))
        events = [
            {"moment": event.moment, "event": event.event, "reason": event.reason}
            for event in journal.events(_EVENTS, record.watch)
            if event.sequence == record.title
        ]
    live, note = None, ""
    try:
        live = ask(state_folder_seen(options.config), "show", handle=record.handle)["done"]
    except ServiceError as error:
        note = f"this is what was last recorded: {error}"
    told = {**_told(record), "events": events, "live": live, "note": note}
    if options.json:
        _show_json(told)
    else:
        show_lines(sequence_lines(told, time.time()))
    return 0


def _add_order(order: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "handles", nargs="+", metavar="HANDLE", help="of a sequence, or its beginning"
    )
    _add_config(parser)
    parser.set_defaults(command=_order, order=order, fill=False)


def _add_release(parser: argparse.ArgumentParser) -> None:
    _add_order("release", parser)
    parser.add_argument(
        "--fill", action="store_true",
        help="put black planes in place of missing ones; else only whole time points are converted",
    )  # fmt: skip


def _order(options: argparse.Namespace) -> int:
    """Have something done about sequences, one after the other."""
    folder = state_folder_seen(options.config)
    status = 0
    for handle in options.handles:
        try:
            extent = "fill" if options.fill else "trim"
            answer = ask(folder, options.order, handle=handle, extent=extent)
        except ServiceUnreachable:
            raise
        except ServiceError as error:
            say(f"nd2watch: error: {error}", error=True)
            status = error.exit_code
        else:
            say(f"{answer['handle']} {answer['title']}: {answer['done']}")
            if "warning" in answer:
                say(f"nd2watch: warning: {answer['warning']}", error=True)
    return status


def _add_scan(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--watch", metavar="NAME", help="look at this one alone")
    parser.set_defaults(command=_scan)


def _scan(options: argparse.Namespace) -> int:
    """Have all folders looked at now."""
    answer = ask(state_folder_seen(options.config), "scan", watch=options.watch)
    say(f"all files are looked at now: {', '.join(answer['watches'])}")
    return 0


def _add_healthcheck(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.set_defaults(command=_healthcheck)


def _healthcheck(options: argparse.Namespace) -> int:
    """Tell whether the service is healthy."""
    try:
        status = ask(state_folder_seen(options.config), "status", seconds=_HEALTH_S)
    except ServiceError as error:
        say(f"not healthy: {error}")
        return 1
    health = health_of(status)
    say("healthy" if health.is_healthy else "not healthy")
    for problem in health.problems:
        say(f"problem: {problem}")
    for warning in health.warnings:
        say(f"warning: {warning}")
    return 0 if health.is_healthy else 1


def _journal_of(options: argparse.Namespace) -> JournalView:
    """Return the journal of the service, which may be running."""
    return JournalView(state_folder_seen(options.config) / JOURNAL)


def _told(record: SequenceRecord) -> dict[str, Any]:
    """Return a sequence as values that JSON can hold; their names are part of the interface."""
    return {"handle": record.handle, **asdict(record), "key": dict(record.key)}


def _show_json(value: Any) -> None:
    """Print a value as JSON."""
    show(json.dumps(value, indent=2, allow_nan=False))


COMMANDS: Final = {
    "status": (_add_status, "tell how the running service is"),
    "list": (_add_list, "list the sequences of the service, and how far they are"),
    "show": (_add_show, "tell everything of one sequence: what it lacks, why it waits"),
    "retry": (partial(_add_order, "retry"), "take sequences up again, whatever has become of them"),
    "release": (_add_release, "convert incomplete sequences as they are"),
    "forget": (partial(_add_order, "forget"), "leave sequences alone until they are retried"),
    "scan": (_add_scan, "look at all watched folders now"),
    "healthcheck": (_add_healthcheck, "exit with 0 if the service is healthy, for monitoring"),
}
"""What adds the arguments of a command, and its purpose."""
