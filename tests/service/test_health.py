"""What makes a service ill, and what is only worth a word."""

from __future__ import annotations

from typing import Any, Final

import pytest

from nd2watch.service.health import health_of

WATCH: Final[dict[str, Any]] = {
    "name": "one",
    "folder": "/in",
    "ended": False,
    "fault": "",
    "observing": True,
    "unavailable": None,
    "stalled": None,
}
STATUS: Final[dict[str, Any]] = {
    "phase": "running",
    "turned_s_ago": 0.5,
    "scheduler_alive": True,
    "scheduled_calls": {"failed": 0, "missed": 0, "overlapping": 0, "hanging": []},
    "conversions": {"running": 1, "published": 0, "failed": 0, "silent_s": 0.1},
    "journal": {"path": "/state/journal.db", "blocked": False},
    "output": {"folder": "/out", "free_bytes": 2_000_000_000, "reserve_bytes": 100_000_000},
    "reload": None,
    "watches": [WATCH],
}


def test_a_service_of_which_nothing_is_wrong_is_healthy() -> None:
    health = health_of(STATUS)
    assert (health.is_healthy, health.problems, health.warnings) == (True, (), ())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"turned_s_ago": 31.0}, "the main loop has not turned for 31 s"),
        ({"scheduler_alive": False}, "the scheduler does not run"),
        (
            {"scheduled_calls": {**STATUS["scheduled_calls"], "hanging": ["scan one"]}},
            "a regular call has not ended when the next one was due: scan one",
        ),
        (
            {"conversions": {**STATUS["conversions"], "silent_s": 121.0}},
            "nothing is heard of a conversion for 121 s",
        ),
        (
            {"journal": {"path": "/j", "blocked": True}},
            "the journal /j cannot be written",
        ),
        ({"watches": [{**WATCH, "ended": True}]}, "one: nothing follows its folder any more"),
        (
            {"watches": [{**WATCH, "fault": "ValueError: odd"}]},
            "one: an error that nobody foresaw comes again: ValueError: odd",
        ),
        (
            {"watches": [{**WATCH, "observing": False}]},
            "one: changes of its folder are not observed any more",
        ),
    ],
)
def test_what_keeps_a_service_from_its_work_is_a_problem(
    change: dict[str, Any], problem: str
) -> None:
    health = health_of({**STATUS, **change})
    assert not health.is_healthy
    assert health.problems == (problem,)


@pytest.mark.parametrize(
    "change", [{"scheduler_alive": False}, {"watches": [{**WATCH, "ended": True}]}]
)
@pytest.mark.parametrize("phase", ["starting", "reloading", "stopping"])
def test_parts_may_be_missing_while_they_come_and_go(change: dict[str, Any], phase: str) -> None:
    assert health_of({**STATUS, **change, "phase": phase}).is_healthy
    assert not health_of({**STATUS, "turned_s_ago": 1000.0, "phase": phase}).is_healthy


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (
            {"watches": [{**WATCH, "stalled": {"since": 1.0, "reason": "no answer"}}]},
            "one: /in is stalled: no answer",
        ),
        (
            {"watches": [{**WATCH, "unavailable": {"since": 1.0, "reason": "not there"}}]},
            "one: /in is unavailable: not there",
        ),
        (
            {"reload": {"moment": 1.0, "reason": "a fault"}},
            "the last reload failed, the former configuration stays: a fault",
        ),
        (
            {"scheduled_calls": {**STATUS["scheduled_calls"], "failed": 2}},
            "2 calls of the scheduler failed since the start",
        ),
        (
            {"scheduled_calls": {**STATUS["scheduled_calls"], "missed": 3}},
            "3 calls of the scheduler came too late since the start",
        ),
        (
            {"output": {**STATUS["output"], "free_bytes": 5_000_000}},
            "/out: 5 MB are free, which is too little",
        ),
        (
            {"output": {**STATUS["output"], "free_bytes": None}},
            "/out: how much space is free there is not known",
        ),
    ],
)
def test_what_a_restart_would_not_mend_is_a_warning(change: dict[str, Any], warning: str) -> None:
    health = health_of({**STATUS, **change})
    assert health.is_healthy
    assert health.warnings == (warning,)


def test_a_reload_that_went_well_is_no_news() -> None:
    assert health_of({**STATUS, "reload": {"moment": 1.0, "reason": ""}}).warnings == ()
