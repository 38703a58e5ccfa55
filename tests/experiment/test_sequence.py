"""Sequences as they are collected: order of frames, gaps, contradictions."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import LayoutError
from nd2watch.experiment import (
    AXES,
    AxisSize,
    ImageSequence,
    Layout,
    compile_pattern,
    describe,
)
from nd2watch.sources import FileKey, FrameFile, SourceInfo

if TYPE_CHECKING:
    from nd2watch.experiment import Coordinate

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)

PATTERN = compile_pattern("t{t}_p{p}_z{z}_{c}.tif")
Labels = tuple[tuple[str, ...], ...]


def frame_at(path: str, *, width: int = 8, dtype: str = "u2") -> FrameFile:
    key = FileKey(size=1, mtime_ns=2, ctime_ns=3, inode=4, device=5)
    return FrameFile(
        path=Path(path), key=key, info=SourceInfo(height=6, width=width, dtype=np.dtype(dtype))
    )


def frame_of(coordinate: Coordinate) -> FrameFile:
    return frame_at("t{}_p{}_z{}_{}.tif".format(*coordinate))


def sequence_of(
    *coordinates: Coordinate, sizes: dict[str, AxisSize] | None = None
) -> ImageSequence:
    sequence = ImageSequence(Layout(pattern=PATTERN, sizes=sizes or {}), (("folder", "run"),))
    for coordinate in coordinates:
        assert sequence.add(coordinate, frame_of(coordinate)) is None
    return sequence


def all_of(*labels: str) -> list[Coordinate]:
    """Return every coordinate of the labels of t, p, z and c, each given as words."""
    t, p, z, c = (axis.split() or [""] for axis in labels)
    return list(itertools.product(t, p, z, c))


def grid_names(sequence: ImageSequence) -> list[list[str]]:
    return [
        [plane.file.path.stem for plane in planes if plane is not None]
        for planes in sequence.grid().frames
    ]


def test_frames_are_in_the_order_time_position_plane_with_channels_inside() -> None:
    sequence = sequence_of(*all_of("2 1", "2 1", "2 1", "b a"))
    assert sequence.sizes() == (2, 2, 2, 2)
    assert grid_names(sequence) == [
        [f"t{t}_p{p}_z{z}_{c}" for c in "ab"] for t in "12" for p in "12" for z in "12"
    ]


def test_labels_are_ranked_whatever_their_base_and_gaps() -> None:
    sequence = sequence_of(*all_of("100 9 20", "", "0 5", "w2"))
    assert sequence.is_complete
    assert sequence.labels() == (("9", "20", "100"), ("",), ("0", "5"), ("w2",))
    assert [names[0] for names in grid_names(sequence)] == [
        f"t{t}_p_z{z}_w2" for t in (9, 20, 100) for z in (0, 5)
    ]


def test_named_channels_are_in_the_configured_order() -> None:
    sizes = {"c": AxisSize(count=3, labels=("TRITC", "DAPI", "GFP"))}
    sequence = sequence_of(*all_of("1", "1", "1", "DAPI GFP TRITC"), sizes=sizes)
    assert grid_names(sequence) == [["t1_p1_z1_TRITC", "t1_p1_z1_DAPI", "t1_p1_z1_GFP"]]


def test_numbered_channels_are_in_their_own_order() -> None:
    sizes = {"c": AxisSize(count=3, labels=("TRITC", "DAPI", "GFP"))}
    sequence = sequence_of(*all_of("1", "1", "1", "4 2 3"), sizes=sizes)
    assert grid_names(sequence) == [["t1_p1_z1_2", "t1_p1_z1_3", "t1_p1_z1_4"]]


@pytest.mark.parametrize(
    ("labels", "sizes", "expected"),
    [
        pytest.param(
            ("1 2 3", "1", "1", "a"),
            {"t": AxisSize(count=2)},
            "axis t has 3 values (1, 2, 3), the layout says 2",
            id="too many values",
        ),
        pytest.param(
            (" ".join(map(str, range(20))), "1", "1", "a"),
            {"t": AxisSize(count=2)},
            "axis t has 20 values (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...), the layout says 2",
            id="many too many",
        ),
        pytest.param(
            ("1", "1", "1", "DAPI 2"),
            {"c": AxisSize(count=2, labels=("DAPI", "GFP"))},
            "axis c mixes listed names and numbers (2, DAPI)",
            id="names and numbers",
        ),
        pytest.param(
            ("1 2", "1", "1", "DAPI"),
            {"t": AxisSize(count=2), "c": AxisSize(count=2, labels=("DAPI", "GFP"))},
            "",
            id="nothing wrong",
        ),
        pytest.param(("1 2 3", "1", "1", "a b"), {}, "", id="no sizes given"),
    ],
)
def test_what_contradicts_the_layout_is_named(
    labels: tuple[str, str, str, str], sizes: dict[str, AxisSize], expected: str
) -> None:
    sequence = sequence_of(*all_of(*labels), sizes=sizes)
    assert sequence.surplus() == expected


@pytest.mark.parametrize("labels", ["DAPI 2", "1 2 3"], ids=["mixed", "too many"])
def test_a_sequence_that_contradicts_its_layout_is_not_complete(labels: str) -> None:
    sizes = {"c": AxisSize(count=2, labels=("DAPI", "GFP"))}
    sequence = sequence_of(*all_of("1", "1", "1", labels), sizes=sizes)
    assert not sequence.is_complete
    with pytest.raises(LayoutError, match="sequence run is not complete"):
        sequence.grid()


def test_values_of_which_nothing_was_seen_are_counted() -> None:
    sizes = {"t": AxisSize(count=4), "c": AxisSize(count=2, labels=("DAPI", "GFP"))}
    sequence = sequence_of(("1", "1", "1", "DAPI"), ("2", "1", "1", "GFP"), sizes=sizes)
    assert sequence.missing() == [
        "2 of 4 values of t",
        "t=1 p=1 z=1 c=GFP",
        "t=2 p=1 z=1 c=DAPI",
    ]
    assert not sequence.is_complete
    assert sequence.expected == 8


def test_a_second_file_for_a_place_is_not_taken() -> None:
    sequence = sequence_of(("1", "", "", ""))
    other = frame_at("copy/t1.tif")
    assert sequence.add(("1", "", "", ""), other) == frame_of(("1", "", "", ""))
    assert len(sequence) == 1
    assert not sequence.discard(other.path)


def test_a_file_that_is_seen_again_takes_its_own_place() -> None:
    sequence = sequence_of(("1", "", "", ""))
    again = frame_at("t1_p_z_.tif", width=9)
    assert sequence.add(("1", "", "", ""), again) is None
    assert list(sequence.frames.values()) == [again]
    assert sequence.usual_format() == "9 x 6 uint16"


def test_a_file_that_moves_to_another_place_leaves_the_first() -> None:
    sequence = sequence_of(("1", "", "", ""))
    assert sequence.add(("2", "", "", ""), frame_of(("1", "", "", ""))) is None
    assert list(sequence.frames) == [("2", "", "", "")]
    assert sequence.labels()[0] == ("2",)


def test_a_file_that_is_taken_out_leaves_no_trace() -> None:
    coordinates = all_of("1 2", "1", "1", "a b")
    sequence = sequence_of(*coordinates)
    assert sequence.discard(frame_of(coordinates[-1]).path)
    assert not sequence.discard(frame_of(coordinates[-1]).path)
    assert sequence.missing() == ["t=2 p=1 z=1 c=b"]
    assert sequence.discard(frame_of(coordinates[-2]).path)
    assert sequence.missing() == []
    assert sequence.sizes() == (1, 1, 1, 2)


def test_frames_unlike_most_others_are_reported() -> None:
    sequence = sequence_of(*all_of("1 2 3", "", "", ""))
    odd = frame_at("odd.tif", dtype="u1")
    sequence.add(("4", "", "", ""), odd)
    assert sequence.mismatched() == [odd]
    assert sequence.usual_format() == "8 x 6 uint16"
    sequence.discard(odd.path)
    assert sequence.mismatched() == []


def test_without_a_majority_nothing_is_reported_before_the_sequence_is_complete() -> None:
    sequence = sequence_of(("1", "", "", ""), sizes={"t": AxisSize(count=2)})
    assert sequence.mismatched() == []
    sequence.add(("2", "", "", ""), frame_at("other.tif", width=9))
    assert len(sequence.mismatched()) == 2


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ((("folder", "a/b"), ("well", ""), ("s", "x")), "a/b x"),
        ((("folder", ""),), "(all)"),
        ((), "(all)"),
    ],
)
def test_the_title_shows_the_texts_of_the_key(key: tuple[tuple[str, str], ...], title: str) -> None:
    assert ImageSequence(Layout(pattern=PATTERN), key).title == title


def test_a_coordinate_is_shown_without_the_axes_it_lacks() -> None:
    assert describe(("3", "", "1", "DAPI")) == "t=3 z=1 c=DAPI"
    assert describe(("", "", "", "")) == ""


numbers = st.lists(st.integers(0, 2000).map(str), min_size=1, max_size=3, unique=True)
words = st.lists(
    st.sampled_from(["DAPI", "GFP", "Cy3", "Cy5"]), min_size=1, max_size=3, unique=True
)
axes = st.tuples(
    *(numbers.map(lambda found: tuple(sorted(found, key=int))) for _ in "tpz"), words.map(tuple)
)


def sizes_of(labels: Labels, *, listed: str) -> dict[str, AxisSize]:
    """Return the sizes, with the labels of the axes in `listed`."""
    return {
        axis: AxisSize(count=len(found), labels=found if axis in listed else ())
        for axis, found in zip(AXES, labels, strict=True)
    }


def coordinates_of(labels: Labels) -> list[Coordinate]:
    t, p, z, c = labels
    return list(itertools.product(t, p, z, c))


@quick
@given(labels=axes, data=st.data())
def test_any_order_of_arrival_gives_the_same_grid(labels: Labels, data: st.DataObject) -> None:
    expected = coordinates_of(labels)
    arrival = data.draw(st.permutations(expected))
    sequence = ImageSequence(Layout(pattern=PATTERN, sizes=sizes_of(labels, listed="c")), ())
    for number, coordinate in enumerate(arrival):
        assert not sequence.is_complete
        assert len(sequence) == number
        sequence.add(coordinate, frame_of(coordinate))
    assert sequence.is_complete
    assert sequence.missing() == []
    grid = sequence.grid()
    assert [plane.file for plane in grid.planes] == [frame_of(at) for at in expected]
    assert {len(planes) for planes in grid.frames} == {len(labels[3])}


@quick
@given(labels=axes, data=st.data())
def test_missing_frames_are_listed_exactly(labels: Labels, data: st.DataObject) -> None:
    everything = coordinates_of(labels)
    gone = data.draw(st.sets(st.sampled_from(everything), max_size=len(everything) - 1))
    present = [at for at in everything if at not in gone]
    sequence = sequence_of(*present, sizes=sizes_of(labels, listed="tpzc"))
    assert sequence.missing() == [describe(at) for at in everything if at in gone]
    assert sequence.is_complete == (not gone)


@quick
@given(labels=axes, data=st.data())
def test_missing_frames_are_listed_within_the_labels_that_were_seen(
    labels: Labels, data: st.DataObject
) -> None:
    everything = coordinates_of(labels)
    some = st.lists(st.sampled_from(everything), min_size=1, unique=True)
    present = data.draw(some)
    sequence = sequence_of(*present, sizes=sizes_of(labels, listed="c"))
    shown = [
        tuple(label for label in found if any(at[n] == label for at in present))
        for n, found in enumerate(labels[:3])
    ]
    unseen = [
        f"{len(found) - len(seen)} of {len(found)} values of {axis}"
        for axis, found, seen in zip("tpz", labels[:3], shown, strict=True)
        if len(seen) < len(found)
    ]
    gaps = [at for at in coordinates_of((*shown, labels[3])) if at not in present]
    assert sequence.missing() == unseen + [describe(at) for at in gaps]
    assert sequence.is_complete == (len(present) == len(everything))


@quick
@given(labels=axes, data=st.data())
def test_frames_put_in_and_taken_out_leave_what_remains(
    labels: Labels, data: st.DataObject
) -> None:
    everything = coordinates_of(labels)
    kept = data.draw(st.lists(st.sampled_from(everything), min_size=1, unique=True))
    sequence = sequence_of(*everything)
    for at in everything:
        if at not in kept:
            assert sequence.discard(frame_of(at).path)
    fresh = sequence_of(*kept)
    assert sequence.frames == fresh.frames
    assert sequence.labels() == fresh.labels()
    assert sequence.sizes() == fresh.sizes()
    assert sequence.missing() == fresh.missing()
    assert sequence.expected == math.prod(fresh.sizes())
