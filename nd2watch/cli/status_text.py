"""How a service and its sequences are, as lines for people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from nd2watch.cli.summary_text import table
from nd2watch.journal.states import MEANING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SHOWN: Final = 5
_INDENT: Final = 14


def status_lines(status: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines on a running service.

    Parameters
    ----------
    status : mapping
        As `nd2watch.service.status.status_of` gives it.
    now : float
        Time of day, s since 1970.
    """
    run = span(now - status["started"])
    phase = "" if status["phase"] == "running" else f", {status['phase']}"
    yield f"nd2watch {status['version']}, process {status['process']}, runs for {run}{phase}"
    counts, output = status["conversions"], status["output"]
    free = output["free_bytes"]
    yield from _row(
        "conversions",
        f"{counts['running']} under way,"
        f" {counts['published']} published and {counts['failed']} failed since the start",
    )
    yield from _row(
        "output",
        f"{output['folder']}, {'unknown space' if free is None else f'{free / 1e9:.1f} GB'} free",
    )
    if status["journal"]["blocked"]:
        yield from _row("journal", f"{status['journal']['path']} cannot be written")
    if (reload := status["reload"]) is not None:
        result = f"failed, the former configuration stays: {reload['reason']}"
        yield from _row(
            "reload",
            f"{span(now - reload['moment'])} ago{' ' + result if reload['reason'] else ''}",
        )
    yield from _error_row(status["last_error"], now)
    for watch in status["watches"]:
        yield from _watch_lines(watch, now)


def stopped_lines(told: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines on a service that does not run.

    Parameters
    ----------
    told : mapping
        What its journal tells: "reason", "heartbeat" and "sequences".
    now : float
        Time of day, s since 1970.
    """
    yield told["reason"]
    beat = told["heartbeat"]
    if beat is not None:
        yield from _row("last seen", f"{span(now - beat['turned'])} ago, process {beat['process']}")
        yield from _row("it said", beat["text"])
    for name, counts in told["sequences"].items():
        yield name
        yield from _row("sequences", _counts(counts))


def _watch_lines(watch: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines on a watched folder."""
    how = "events and " * (watch["mode"] == "events")
    looked = "not looked at yet"
    if watch["scanned_s_ago"] is not None:
        looked = f"last {span(watch['scanned_s_ago'])} ago"
    yield f"{watch['name']}: {watch['folder']}"
    yield from _row("watched by", f"{how}scans every {span(watch['scan_interval_s'])}, {looked}")
    if lost := watch["events_lost"]:
        often = f"{lost} times" if lost > 1 else "once"
        yield from _row("events lost", f"{often}; all files were looked at then")
    if watch["fault"]:
        yield from _row("fault", f"{watch['fault']}; it is begun anew each minute")
    if watch["ended"] or not watch["observing"]:
        yield from _row("stopped", "changes are not noticed any more; restart the service")
    for state in ("unavailable", "stalled"):
        if (trouble := watch[state]) is not None:
            yield from _row(state, f"for {span(now - trouble['since'])}: {trouble['reason']}")
    yield from _row("sequences", _counts(watch["sequences"]))
    for each in watch["converting"][:_SHOWN]:
        yield from _row("converting", f"{each['handle']} {each['title']} to {each['output']}")
    files = [f"{watch['settling']} settling"] * bool(watch["settling"])
    files += [f"{count} {event}" for event, count in watch["files"].items()]
    if files:
        yield from _row("files", ", ".join(files))
    troubles = watch["troubles"][:_SHOWN]
    for each in troubles:
        yield from _row("", _event(each["event"], each["path"], each["reason"]))
    if more := sum(watch["files"].values()) - len(troubles):
        yield from _row("", f"... {more} more, see --json")
    yield from _error_row(watch["last_error"], now)


def list_lines(sequences: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each sequence.

    Parameters
    ----------
    sequences : sequence of mapping
        As `nd2watch.cli.control` makes them.
    """
    if not sequences:
        return []
    rows = [["handle", "state", "watch", "title", "found", "reason"]]
    rows += [
        [each["handle"], each["state"], each["watch"], each["title"], _found(each), _reason(each)]
        for each in sequences
    ]
    return table(rows)


def due_lines(told: Mapping[str, Any], now: float, *, with_files: bool) -> Iterator[str]:
    """Yield what is to become of frames that were converted, with a line for each sequence.

    Parameters
    ----------
    told : mapping
        As `nd2watch.cli.retention` makes it.
    now : float
        Time of day, s since 1970.
    with_files : bool
        Name every file.
    """
    if told["action"] == "keep":
        yield "all frames are kept where they are"
        return
    does = "deleted" if told["folder"] is None else f"moved to {told['folder']}"
    yield f"frames are {does} {told['after_h']:g} h after the publication, in doubt they are kept"
    if not told["sequences"]:
        return
    rows = [["handle", "watch", "title", "files", "due"]]
    for each in told["sequences"]:
        due = "now" if each["due"] <= now else moment(each["due"])
        rows.append([each["handle"], each["watch"], each["title"], str(len(each["files"])), due])
    lines = table(rows)
    yield lines[0]
    for each, line in zip(told["sequences"], lines[1:], strict=True):
        yield line
        yield from (f"  {path}" for path in (each["files"] if with_files else ()))


def sequence_lines(told: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines on one sequence.

    Parameters
    ----------
    told : mapping
        The sequence, its "events", and "live", which is what the running service tells, or None
        for the reason in "note".
    now : float
        Time of day, s since 1970.
    """
    live = told["live"]
    yield f"{told['handle']} {told['title']}"
    yield from _row("watch", told["watch"])
    yield from _row("state", f"{told['state']}: {MEANING[told['state']]}")
    yield from _row("since", moment(told["changed"]))
    yield from _row("reason", told["reason"])
    yield from _row("found", f"{_found(told)} frames")
    if told["next_try"] is not None:
        pause = told["next_try"] - now
        when = f"in {span(pause)}" if pause > 0 else "now"
        yield from _row("next try", f"{when}, after {told['attempts']} in vain")
    yield from _rows("ND2 file", told["outputs"])
    if live is None:
        yield from _rows("missing", told["missing"])
        yield from _row("note", told["note"])
    else:
        yield from _live_lines(live)
    yield from _rows(
        "history",
        [
            f"{moment(event['moment'])} {_event(event['event'], '', event['reason'])}"
            for event in told["events"]
        ],
    )


def _live_lines(live: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines on what only the running service knows."""
    more = live["lacks_count"] - len(live["lacks"])
    yield from _rows("lacks", [*live["lacks"], *[f"... {more} more"] * bool(more)])
    yield from _row("surplus", live["surplus"])
    joint = " and " if live["needs_all"] else " or "
    yield from _row("waits for", joint.join(live["waits_for"]))
    if live["released"]:
        yield from _row("released", f"it is converted as it is: {live['released']}")
    if live["late"]:
        yield from _row("late", f"{live['late']} frames came after it was published")
    troubles = [_event(each["event"], each["path"], each["reason"]) for each in live["troubles"]]
    yield from _rows("files", troubles)


def span(seconds: float) -> str:
    """Return a time in its two largest units."""
    whole = max(round(seconds), 0)
    sizes = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    parts: list[str] = []
    for unit, size in sizes.items():
        count, whole = divmod(whole, size)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}" if count or not parts else "")
    return " ".join(filter(None, parts[:2]))


def moment(seconds: float) -> str:
    """Return a time of day, given s since 1970."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _counts(counts: Mapping[str, int]) -> str:
    """Return how many sequences are in which state."""
    shown = [f"{counts[state]} {state}" for state in MEANING if counts.get(state)]
    return ", ".join(shown) or "none"


def _found(sequence: Mapping[str, Any]) -> str:
    """Return how many frames there are, and are to be."""
    expected = "" if sequence["expected"] is None else f"/{sequence['expected']}"
    return f"{sequence['found']}{expected}"


def _reason(sequence: Mapping[str, Any]) -> str:
    """Return why a sequence is in its state, or what it lacks."""
    if sequence["reason"] or not sequence["missing"]:
        return str(sequence["reason"])
    first, *others = sequence["missing"]
    return f"lacks {first}" + f" and {len(others)} more" * bool(others)


def _event(event: str, about: str, reason: str) -> str:
    """Return what happened to something; a reason may tell by itself what it is about."""
    subject = f" {about}" * bool(about and about not in reason)
    return f"{event}{subject}{': ' * bool(reason)}{reason}"


def _error_row(error: Mapping[str, Any] | None, now: float) -> Iterator[str]:
    """Yield the line on the last error."""
    if error is not None:
        text = _event(error["event"], error["about"], error["reason"])
        yield from _row("last error", f"{span(now - error['moment'])} ago: {text}")


def _row(label: str, text: str) -> Iterator[str]:
    """Yield a labelled line, and further ones for further lines of a text; none for no text."""
    for line in text.splitlines():
        yield f"  {label:<{_INDENT - 2}}{line}"
        label = ""


def _rows(label: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield lines under one label."""
    yield from _row(label, "\n".join(texts))
