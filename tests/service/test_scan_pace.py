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
    pace = ScanPace(60.0, clock)
    pace.has_events, pace.is_network = events, network
    assert pace.is_due
    assert pace.is_overdue
    assert pace.left_s <= 0
    clock.now += took_s
    pace.note(clock.now - took_s)
    return pace, clock


def due_after(pace: ScanPace, clock: SetClock) -> float:
    """Return after how many intervals a scan is begun, when that is asked regularly."""
    for call in range(1, 1000):
        clock.now += pace.asks_every_s
        if pace.is_due:
            return call * pace.asks_every_s / pace.interval_s
    raise AssertionError("never")


@pytest.mark.parametrize(
    ("took_s", "seconds"), [(0.01, 60), (0.4, 60), (0.41, 70), (0.5, 80), (5.0, 750)]
)
def test_regular_scans_beside_events_cost_less_than_a_hundredth(
    took_s: float, seconds: float
) -> None:
    pace, clock = pace_of(took_s=took_s)
    assert due_after(pace, clock) * pace.interval_s == pytest.approx(seconds)
    assert took_s / seconds < 0.01


@pytest.mark.parametrize(("network", "interval_s"), [(False, 10.0), (True, 30.0)])
def test_where_there_are_no_events_scans_are_not_put_off(network: bool, interval_s: float) -> None:
    pace, clock = pace_of(took_s=4.0, events=False, network=network)
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
