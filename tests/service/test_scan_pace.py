"""When all files of a folder are looked at."""

from __future__ import annotations

import pytest

from nd2watch.clock import SystemClock
from nd2watch.service.scan_pace import ScanPace


class SetClock(SystemClock):
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def pace_of(
    *, took_s: float, events: bool = True, network: bool = False
) -> tuple[ScanPace, SetClock]:
    clock = SetClock()
    pace = ScanPace(60.0, clock, is_network=network)
    pace.has_events = events
    assert pace.is_due
    assert pace.is_overdue
    assert pace.left_s <= 0
    clock.now += took_s
    pace.note(clock.now - took_s)
    return pace, clock


def due_after(pace: ScanPace, clock: SetClock) -> int:
    """Return at which of the regular calls a scan is begun."""
    for call in range(1, 100):
        clock.now += pace.interval_s
        if pace.is_due:
            return call
    raise AssertionError("never")


@pytest.mark.parametrize(("took_s", "call"), [(0.01, 1), (0.4, 1), (0.5, 2), (5.0, 13)])
def test_regular_scans_beside_events_cost_less_than_a_hundredth(took_s: float, call: int) -> None:
    pace, clock = pace_of(took_s=took_s)
    assert due_after(pace, clock) == call
    assert took_s / (call * pace.interval_s) < 0.01


@pytest.mark.parametrize(("network", "interval_s"), [(False, 10.0), (True, 30.0)])
def test_where_there_are_no_events_scans_are_not_put_off(network: bool, interval_s: float) -> None:
    pace, clock = pace_of(took_s=5.0, events=False, network=network)
    assert pace.interval_s == interval_s
    assert due_after(pace, clock) == 1


def test_a_scan_that_is_asked_for_rests_a_little() -> None:
    pace, clock = pace_of(took_s=2.0)
    assert pace.left_s == 20
    clock.now += 15
    assert pace.left_s == 5
    slow, _ = pace_of(took_s=100.0)
    assert slow.left_s == 60


def test_regular_calls_that_do_not_come_are_noticed() -> None:
    pace, clock = pace_of(took_s=0.1)
    clock.now += 120
    assert not pace.is_overdue
    clock.now += 1
    assert pace.is_overdue
    slow, clock = pace_of(took_s=2.0)
    clock.now += 599
    assert not slow.is_overdue
    clock.now += 2
    assert slow.is_overdue
