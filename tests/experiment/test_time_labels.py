"""Times that the labels of time points tell."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment import TimeLabels

ELAPSED = TimeLabels(elapsed=(r"(?P<d>\d+)d(?P<h>\d+)h(?P<m>\d+)m", r"(?P<s>\d+(\.\d+)?)s"))
CLOCK = TimeLabels(clock=("%Yy%mm%dd_%Hh%Mm", "%Y%m%d-%H%M%S"))
HOUR = 3_600_000.0


def test_labels_of_elapsed_time_are_times_since_the_start() -> None:
    labels = ["00d00h30m", "01d02h00m", "12.5s"]
    assert ELAPSED.times_ms(labels) == (HOUR / 2, 26 * HOUR, 12_500.0)
    assert ELAPSED.started(labels) is None


def test_labels_of_clock_time_are_times_since_the_first() -> None:
    labels = ["2024y01m02d_13h05m", "20240102-120000"]
    assert CLOCK.times_ms(labels) == (65 * 60_000.0, 0.0)
    assert CLOCK.started(labels) == datetime(2024, 1, 2, 12).astimezone()


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(["00d00h30m", "7"], id="one label is a number"),
        pytest.param(["00d00h30m", "2024y01m02d_13h05m"], id="two ways"),
        pytest.param(["2024y01m02d_13h05m", "2024y13m02d_13h05m"], id="no such month"),
        pytest.param(["2024y01m02d_13h05m", ""], id="empty"),
        pytest.param(["9999y12m31d_23h59m", "2024y01m02d_13h05mx"], id="text behind"),
    ],
)
def test_unless_all_labels_tell_in_one_way_none_does(labels: list[str]) -> None:
    both = TimeLabels(elapsed=ELAPSED.elapsed, clock=CLOCK.clock)
    assert both.times_ms(labels) == ()


@pytest.mark.parametrize("label", ["0001y01m01d_00h00m", "9999y12m31d_23h59m"])
def test_clock_times_at_the_ends_of_the_calendar_tell_nothing(label: str) -> None:
    assert CLOCK.times_ms([label]) == ()
    assert CLOCK.started([label]) is None


def test_times_that_are_too_large_to_be_are_none() -> None:
    labels = TimeLabels(elapsed=(r"(?P<d>\d+)",))
    assert labels.times_ms(["9" * 400]) == ()
    assert labels.times_ms(["1", "9" * 400]) == ()


def test_digits_of_other_scripts_and_words_are_no_times() -> None:
    labels = TimeLabels(elapsed=(r"(?P<s>.+)",))
    assert labels.times_ms(["soon"]) == ()
    assert labels.times_ms(["nan"]) == ()
    assert labels.times_ms(["-3"]) == ()
    assert labels.times_ms(["٣"]) == (3000.0,)


def test_a_group_that_takes_no_part_counts_nothing() -> None:
    labels = TimeLabels(elapsed=(r"(?:(?P<h>\d+)h)?(?P<m>\d+)m",))
    assert labels.times_ms(["5m", "1h5m"]) == (300_000.0, HOUR + 300_000.0)


def test_without_forms_labels_tell_nothing() -> None:
    assert TimeLabels().times_ms(["1", "2"]) == ()
    assert TimeLabels().started(["1"]) is None


def test_clock_times_are_local_also_across_a_change_of_the_clocks() -> None:
    labels = ["2024y03m30d_12h00m", "2024y04m01d_12h00m"]
    passed = datetime(2024, 4, 1, 12).astimezone() - datetime(2024, 3, 30, 12).astimezone()
    assert CLOCK.times_ms(labels) == (0.0, passed / timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (r"\d+d", "needs groups d, h, m, s, and no others"),
        (r"(?P<d>\d+)(?P<x>.)", "needs groups d, h, m, s"),
        (r"(?P<d>\d+", "malformed regular expression"),
    ],
)
def test_an_expression_that_tells_no_time_is_refused(source: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        TimeLabels(elapsed=(source,))


@pytest.mark.parametrize("form", ["%Q", "%Y%Y", "%", "%Y-%", "%-d"])
def test_a_form_of_clock_times_that_cannot_be_read_is_refused(form: str) -> None:
    with pytest.raises(LayoutError, match="is no form of a clock time"):
        TimeLabels(clock=(form,))


@pytest.mark.parametrize(
    "form", ["%Y%m%d_%H%M%S", "%d%b%Y", "%j %I %p", "%y%m%dT%H%M%S.%f", "%S%%"]
)
def test_usual_forms_of_clock_times_are_taken(form: str) -> None:
    assert TimeLabels(clock=(form,)).clock == (form,)
