"""Lines for people on services and sequences."""

from __future__ import annotations

from typing import Any, Final

import pytest

from nd2watch.cli.status_text import list_lines, sequence_lines, span, status_lines, stopped_lines

NOW: Final = 100_000.0
WATCH: Final[dict[str, Any]] = {
    "name": "one",
    "folder": "/in",
    "mode": "scan",
    "scan_interval_s": 30.0,
    "scanned_s_ago": None,
    "observing": True,
    "events_lost": 0,
    "ended": False,
    "fault": "",
    "unavailable": None,
    "stalled": None,
    "sequences": {},
    "converting": [],
    "settling": 0,
    "files": {},
    "troubles": [],
    "last_error": None,
}
STATUS: Final[dict[str, Any]] = {
    "version": "1",
    "process": 7,
    "phase": "running",
    "started": NOW - 90,
    "journal": {"path": "/j", "blocked": False},
    "output": {"folder": "/out", "free_bytes": 2.5e9, "reserve_bytes": 0},
    "conversions": {"running": 1, "published": 2, "failed": 3},
    "reload": None,
    "last_error": None,
    "watches": [WATCH],
}
SEQUENCE: Final[dict[str, Any]] = {
    "handle": "abc",
    "watch": "one",
    "title": "a",
    "state": "collecting",
    "reason": "",
    "found": 3,
    "expected": None,
    "missing": [],
    "outputs": [],
    "attempts": 0,
    "next_try": None,
    "changed": 0.0,
    "events": [],
    "live": None,
    "note": "a note",
}
STOPPED: Final = "  stopped     changes are not noticed any more; restart the service"
LIVE: Final[dict[str, Any]] = {
    "lacks": ["t=1"],
    "lacks_count": 1,
    "surplus": "",
    "waits_for": ["counts", "quiet"],
    "needs_all": False,
    "released": None,
    "late": 0,
    "troubles": [],
}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"),
     (3605, "1 h"), (3661, "1 h 1 min"), (86_400, "1 d"), (1e6, "11 d 13 h")],
)  # fmt: skip
def test_spans_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_a_service_at_rest_takes_few_lines() -> None:
    assert list(status_lines(STATUS, NOW)) == [
        "nd2watch 1, process 7, runs for 1 min 30 s",
        "  conversions 1 under way, 2 published and 3 failed since the start",
        "  output      /out, 2.5 GB free",
        "one: /in",
        "  watched by  scans every 30 s, not looked at yet",
        "  sequences   none",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"phase": "stopping"}, "nd2watch 1, process 7, runs for 1 min 30 s, stopping"),
        (
            {"output": {"folder": "/out", "free_bytes": None, "reserve_bytes": 0}},
            "  output      /out, unknown space free",
        ),
        ({"journal": {"path": "/j", "blocked": True}}, "  journal     /j cannot be written"),
        ({"reload": {"moment": NOW - 5, "reason": ""}}, "  reload      5 s ago"),
        (
            {"reload": {"moment": NOW - 5, "reason": "faults:\n  one"}},
            "  reload      5 s ago failed, the former configuration stays: faults:",
        ),
        (
            {"last_error": {"moment": NOW - 5, "event": "e", "about": "/x", "reason": "r"}},
            "  last error  5 s ago: e /x: r",
        ),
        (
            {"last_error": {"moment": NOW - 5, "event": "e", "about": "/x", "reason": "/x is"}},
            "  last error  5 s ago: e: /x is",
        ),
    ],
)
def test_what_is_unusual_of_a_service_is_told(change: dict[str, Any], line: str) -> None:
    assert line in list(status_lines({**STATUS, **change}, NOW))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"mode": "events", "scanned_s_ago": 3.0},
            "  watched by  events and scans every 30 s, last 3 s ago",
        ),
        ({"events_lost": 2}, "  events lost 2 times; all files were looked at then"),
        ({"events_lost": 1}, "  events lost once; all files were looked at then"),
        ({"fault": "ValueError: x"}, "  fault       ValueError: x; it is begun anew each minute"),
        ({"ended": True}, STOPPED),
        ({"observing": False}, STOPPED),
        (
            {"unavailable": {"since": NOW - 60, "reason": "not there"}},
            "  unavailable for 1 min: not there",
        ),
        (
            {"stalled": {"since": NOW - 60, "reason": "no answer"}},
            "  stalled     for 1 min: no answer",
        ),
        ({"sequences": {"published": 2, "held": 1}}, "  sequences   1 held, 2 published"),
        (
            {"converting": [{"handle": "abc", "title": "a", "output": "/out/a.nd2"}]},
            "  converting  abc a to /out/a.nd2",
        ),
        (
            {"settling": 4, "files": {"frame_refused": 2}},
            "  files       4 settling, 2 frame_refused",
        ),
        ({"files": {"frame_refused": 12}}, "              ... 12 more, see --json"),
    ],
)
def test_what_is_unusual_of_a_watch_is_told(change: dict[str, Any], line: str) -> None:
    assert line in list(status_lines({**STATUS, "watches": [{**WATCH, **change}]}, NOW))


def test_of_many_troubles_the_first_are_shown() -> None:
    troubles = [{"event": "e", "path": f"/{n}", "reason": "r", "moment": 0.0} for n in range(9)]
    watch = {**WATCH, "troubles": troubles, "files": {"e": 20}}
    lines = list(status_lines({**STATUS, "watches": [watch]}, NOW))
    assert lines[-6:] == [
        *(f"              e /{n}: r" for n in range(5)),
        "              ... 15 more, see --json",
    ]


def test_of_a_service_that_never_was_there_is_one_line() -> None:
    told: dict[str, Any] = {"reason": "it does not run", "heartbeat": None, "sequences": {}}
    assert list(stopped_lines(told, NOW)) == ["it does not run"]


def test_lists_tell_what_is_missing_where_there_is_no_other_reason() -> None:
    lines = list_lines(
        [
            {**SEQUENCE, "expected": 4, "missing": ["t=1"]},
            {**SEQUENCE, "missing": ["t=1", "t=2", "t=3"]},
            {**SEQUENCE, "missing": ["t=1"], "reason": "a disk"},
        ]
    )
    assert [line.split(None, 5)[4:] for line in lines[1:]] == [
        ["3/4", "lacks t=1"],
        ["3", "lacks t=1 and 2 more"],
        ["3", "a disk"],
    ]
    assert list_lines([]) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"lacks_count": 9}, "              ... 8 more"),
        ({}, "  waits for   counts or quiet"),
        ({"needs_all": True}, "  waits for   counts and quiet"),
        ({"surplus": "too much"}, "  surplus     too much"),
        ({"released": "fill"}, "  released    it is converted as it is: fill"),
        ({"late": 2}, "  late        2 frames came after it was published"),
        (
            {"troubles": [{"event": "frame_refused", "path": "/x", "reason": "r"}]},
            "  files       frame_refused /x: r",
        ),
    ],
)
def test_what_only_the_service_knows_of_a_sequence_is_told(
    change: dict[str, Any], line: str
) -> None:
    lines = list(sequence_lines({**SEQUENCE, "live": {**LIVE, **change}}, NOW))
    assert "  lacks       t=1" in lines
    assert line in lines


def test_what_is_on_record_of_a_sequence_is_told() -> None:
    told = {
        **SEQUENCE,
        "missing": ["t=1", "t=2"],
        "outputs": ["/out/a.nd2", "/out/a_2.nd2"],
        "attempts": 2,
        "next_try": NOW + 70,
        "events": [{"moment": 0.0, "event": "blocked", "reason": "a disk"}],
    }
    lines = list(sequence_lines(told, NOW))
    for line in (
        "  next try    in 1 min 10 s, after 2 in vain",
        "  ND2 file    /out/a.nd2",
        "              /out/a_2.nd2",
        "  missing     t=1",
        "              t=2",
        "  note        a note",
    ):
        assert line in lines
    assert lines[-1].endswith(" blocked: a disk")
