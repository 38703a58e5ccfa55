"""Numbers that a time lapse or a stack leaves out, where nothing tells its size."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.experiment import AxisSize, ImageSequence, Layout
from nd2watch.experiment.seen_labels import SeenLabels
from nd2watch.experiment.time_labels import TimeLabels
from nd2watch.sidecars import Sidecar
from nd2watch.sources import ChannelInfo
from tests.experiment.test_sequence import PATTERN, all_of, frame_of, quick, sequence_of

if TYPE_CHECKING:
    from nd2watch.experiment import Coordinate


def sequence_in(layout: Layout, coordinates: list[Coordinate]) -> ImageSequence:
    sequence = ImageSequence(layout, layout.parse("t1_p1_z1_a.tif").sequence)
    for coordinate in coordinates:
        sequence.add(coordinate, frame_of(coordinate))
    return sequence


@pytest.mark.parametrize(
    ("times", "planes", "missing"),
    [
        ("1 2 4 5", "1", ["t=3 p=1 z=1 c=a"]),
        ("0 1 3", "0 1", ["t=2 p=1 z=0 c=a", "t=2 p=1 z=1 c=a"]),
        ("1", "1 2 4", ["t=1 p=1 z=3 c=a"]),
        ("0 10 20 40", "1", ["t=30 p=1 z=1 c=a"]),
        ("7 8 9 12", "1", ["t=10 p=1 z=1 c=a", "t=11 p=1 z=1 c=a"]),
    ],
)
def test_numbers_that_are_left_out_are_missing(times: str, planes: str, missing: list[str]) -> None:
    sequence = sequence_of(*all_of(times, "1", planes, "a"))
    assert not sequence.is_complete
    assert sequence.missing() == missing
    assert sequence.expected == len(sequence) + len(missing)
    assert sequence.grid(allow_missing=True).missing != ()


@pytest.mark.parametrize("times", ["0 10 20 30", "5 6 7", "3", "0 31 60 91", "a 1 3", "t1 t2 t4"])
def test_a_step_a_start_and_what_is_no_counter_leave_nothing_out(times: str) -> None:
    assert sequence_of(*all_of(times, "1", "1", "a")).is_complete


def test_positions_and_channels_may_leave_numbers_out() -> None:
    assert sequence_of(*all_of("1", "1 2 4", "1", "1 2 4")).is_complete


def test_a_counter_that_always_begins_with_a_number_lacks_it() -> None:
    layout = Layout(pattern=PATTERN, first={"t": 0})
    sequence = sequence_in(layout, all_of("1 2 3", "1", "1", "a"))
    assert sequence.missing() == ["t=0 p=1 z=1 c=a"]


def test_labels_that_tell_times_are_no_counter() -> None:
    layout = Layout(pattern=PATTERN, times=TimeLabels(elapsed=(r"(?P<s>\d+)",)))
    assert sequence_in(layout, all_of("0 5 11 15", "1", "1", "a")).is_complete


def test_of_a_stated_size_all_labels_count_whatever_they_are() -> None:
    sizes = {"t": AxisSize(count=3), "z": AxisSize(count=3)}
    assert sequence_of(*all_of("1 2 4", "1", "0 1 3", "a"), sizes=sizes).is_complete


def test_labels_that_a_finished_list_lacks_are_planned_no_more() -> None:
    layout = Layout(pattern=PATTERN, first={"t": 1, "z": 1})
    taken = [place for place in all_of("1 2", "1", "1 2", "b c") if place != ("2", "1", "2", "c")]
    sequence = sequence_in(layout, taken)
    told = Sidecar(
        sizes={"t": 4, "z": 3, "c": 3},
        channels={label: ChannelInfo(name=label.upper()) for label in "abc"},
        files=tuple(os.fspath(frame_of(place).path) for place in taken),
    )
    sequence.tell(replace(told, is_closed=False), None)
    assert sequence.labels()[2:] == (("1", "2", "3"), ("a", "b", "c"))
    assert not sequence.is_complete
    sequence.tell(replace(told, is_closed=True), None)
    assert sequence.labels() == (("1", "2"), ("1",), ("1", "2"), ("b", "c"))
    assert sequence.is_complete
    assert sequence.grid(allow_missing=True).missing == (("2", "1", "2", "c"),)


@quick
@given(
    start=st.integers(0, 50),
    step=st.integers(1, 20),
    count=st.integers(3, 12),
    data=st.data(),
)
def test_any_missing_numbers_are_told(
    start: int, step: int, count: int, data: st.DataObject
) -> None:
    numbers = [str(start + step * place) for place in range(count)]
    inner = numbers[1:-1]
    # the first two stay, or the step is another one
    lost = data.draw(
        st.lists(st.sampled_from(inner[1:] or inner), unique=True, max_size=count // 2)
    )
    order = data.draw(st.permutations([n for n in numbers if n not in lost]))
    sequence = sequence_of(*((number, "1", "1", "a") for number in order))
    expected = [number for number in numbers if number in lost]
    if len(inner) == 1 and lost:
        expected = []  # two numbers always count by their distance
    assert sequence.missing() == [f"t={number} p=1 z=1 c=a" for number in expected]


@quick
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["", "a", "0", "1", "2", "5", "9"]))),
    st.sampled_from([None, 0, 1]),
)
def test_labels_that_come_and_go_leave_no_trace(
    steps: list[tuple[bool, str]], first: int | None
) -> None:
    labels, left = SeenLabels(first), list[str]()
    for comes, label in steps:
        if comes:
            labels.note(label)
            left.append(label)
        elif label in left:
            left.remove(label)
            assert labels.drop(label) == left.count(label)
        anew = SeenLabels(first)
        for each in left:
            anew.note(each)
        assert (labels, labels.passed, labels.counted) == (anew, anew.passed, anew.counted)
