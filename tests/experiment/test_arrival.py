"""Frames in any order of arrival: the same file, and what is missing told exactly."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nd2watch.convert.files import plan_files
from nd2watch.errors import SequenceIncomplete
from nd2watch.experiment import (
    AXES,
    AxisSize,
    ImageSequence,
    Layout,
    compile_names,
    compile_pattern,
    describe,
    parts_of,
)
from nd2watch.sidecars import Sidecar
from nd2watch.sources import ChannelInfo
from tests.experiment.scenes import EXPRESSION, ROOT, Scene, frame_of, path_of, scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def state_of(sequence: ImageSequence) -> dict[str, Any]:
    """Return everything that a sequence says of itself."""
    _, positions, _, channels = labels = sequence.labels()
    return {
        "frames": sequence.frames,
        "labels": labels,
        "sizes": sequence.sizes(),
        "wells": [sequence.fields("p", label).get("well") for label in positions],
        "names": [sequence.fields("c", label).get("cname") for label in channels],
        "planes": [sequence.planes(channel) for channel in channels],
        "missing": sequence.missing(),
        "expected": sequence.expected,
        "is_complete": sequence.is_complete,
        "is_sized": sequence.is_sized,
    }


def some_of(data: st.DataObject, scene: Scene) -> list[str]:
    """Draw names that are there, at least one: others lack at random, or a whole axis value."""
    names = list(scene.names)
    how = data.draw(st.sampled_from(["any", "all but one", "one", *AXES]))
    if how in AXES:
        axis = AXES.index(how)
        values = sorted({scene.place(name)[axis] for name in names})
        gone = set(data.draw(st.lists(st.sampled_from(values), unique=True)))
        kept = [name for name in names if scene.place(name)[axis] not in gone]
    elif how == "any":
        kept = data.draw(st.lists(st.sampled_from(names), unique=True))
    else:
        chosen = data.draw(st.sampled_from(names))
        kept = [name for name in names if (name == chosen) is (how == "one")]
    assume(kept)
    return kept


def lacking(scene: Scene, kept: Sequence[str]) -> list[str]:
    """Return how the frames are described that are not there."""
    return sorted(describe(scene.place(name)) for name in set(scene.names) - set(kept))


@quick
@given(scene=scenes(), data=st.data())
def test_any_order_gives_the_same_sequence_and_plan(scene: Scene, data: st.DataObject) -> None:
    expected = scene.sequence(scene.names)
    found = scene.sequence(data.draw(st.permutations(scene.names)))
    assert found.is_complete
    assert state_of(found) == state_of(expected)
    assert parts_of(found) == parts_of(expected)
    assert plan_files(found) == plan_files(expected)


@quick
@given(scene=scenes(), data=st.data())
def test_planes_are_in_the_order_of_the_axes(scene: Scene, data: st.DataObject) -> None:
    sequence = scene.sequence(data.draw(st.permutations(scene.names)))
    (part,) = parts_of(sequence)
    files = dict.fromkeys(plane.file for plane in part.grid.planes)
    assert [path_of(file) for file in files] == list(scene.names)


@quick
@given(scene=scenes("labels", "plan", "list"), data=st.data())
def test_what_is_missing_is_listed_exactly(scene: Scene, data: st.DataObject) -> None:
    kept = some_of(data, scene)
    assume(scene.tells_planes_of(kept))
    sequence = scene.sequence(kept)
    assert sorted(sequence.missing()) == lacking(scene, kept)
    assert sequence.is_complete == (len(kept) == len(scene.names))
    assert sequence.is_sized
    assert sequence.expected == len(scene.names)


@quick
@given(scene=scenes("counts"), data=st.data())
def test_values_of_which_nothing_was_seen_are_counted(scene: Scene, data: st.DataObject) -> None:
    kept = some_of(data, scene)
    assume(scene.tells_planes_of(kept))
    sequence = scene.sequence(kept)
    there = [{scene.place(name)[axis] for name in kept} for axis in range(4)]
    whole = [{scene.place(name)[axis] for name in scene.names} for axis in range(4)]
    counted = [
        f"{len(every - seen)} of {len(every - {''})} values of {axis}"
        for axis, seen, every in zip(AXES, there, whole, strict=True)
        if every - seen
    ]
    holes = [
        describe(place)
        for place in map(scene.place, set(scene.names) - set(kept))
        if all(label in seen for label, seen in zip(place, there, strict=True))
    ]
    assert sorted(sequence.missing()) == sorted(counted + holes)
    assert sequence.is_complete == (len(kept) == len(scene.names))
    assert sequence.expected == len(scene.names)


@quick
@given(scene=scenes(), data=st.data())
def test_frames_that_go_and_come_again_leave_no_trace(scene: Scene, data: st.DataObject) -> None:
    kept = some_of(data, scene)
    sequence = scene.sequence(data.draw(st.permutations(scene.names)))
    for name in data.draw(st.permutations(scene.names)):
        if name not in kept:
            assert sequence.discard(frame_of(name).path) == scene.place(name)
    assert state_of(sequence) == state_of(scene.sequence(kept))
    for name in data.draw(st.permutations(scene.names)):
        if name not in kept:
            scene.add(sequence, name)
    assert state_of(sequence) == state_of(scene.sequence(scene.names))
    assert plan_files(sequence) == plan_files(scene.sequence(scene.names))


@quick
@given(scene=scenes("labels", "plan", "list"), data=st.data())
def test_trimming_keeps_the_time_points_before_the_first_gap(
    scene: Scene, data: st.DataObject
) -> None:
    kept = some_of(data, scene)
    assume(scene.tells_planes_of(kept))
    whole = []
    for t in dict.fromkeys(scene.place(name)[0] for name in scene.names):
        own = [name for name in scene.names if scene.place(name)[0] == t]
        if not set(own) <= set(kept):
            break
        whole += own
    sequence = scene.sequence(kept)
    shorter = sequence.trimmed()
    if not whole:
        assert shorter is None
        with pytest.raises(SequenceIncomplete, match="no time point"):
            plan_files(sequence, "trim")
        return
    assert shorter is not None
    assert sorted(map(path_of, shorter.frames.values())) == sorted(whole)
    assert shorter.is_complete
    assert shorter.missing() == []
    (file,) = plan_files(sequence, "trim")
    assert sorted(map(path_of, file.plan.files)) == sorted(whole)


def plain(*planes: str, **layout: Any) -> Scene:
    """Return a scene of frames whose names have this Z and channel, in some layout."""
    names = tuple(f"x_s1_t{t}{plane}.tif" for t in (1, 2, 3) for plane in planes)
    return Scene(layout=Layout(**{**LAYOUT, **layout}), names=names)


LAYOUT: dict[str, Any] = {
    "pattern": compile_names({"x": EXPRESSION}),
    "axis_fields": {"p": ("site",)},
    "channel_name": "cname",
    "ragged_z": "replicate",
}
SIZES = {axis: AxisSize(count=count) for axis, count in zip("tpzc", (3, 1, 2, 2), strict=True)}
STACK = ("_z1_w1DAPI", "_z2_w1DAPI", "_w2")


@pytest.mark.parametrize(
    ("first", "missing"),
    [
        ({}, ["2 of 2 values of z", "1 of 2 values of c"]),
        ({"z": 1}, ["1 of 2 values of c"]),
    ],
    ids=["how many there are", "which there are"],
)
def test_planes_are_missing_while_there_are_only_frames_without(
    first: dict[str, int], missing: list[str]
) -> None:
    scene = plain(*STACK, sizes=SIZES, first=first)
    sequence = scene.sequence(name for name in scene.names if name.endswith("_w2.tif"))
    assert sequence.missing() == missing
    assert not sequence.is_complete


def test_a_channel_of_one_plane_is_expected_to_have_one_before_it_is_seen() -> None:
    scene = plain("_z1_w1", "_z2_w1", "_z1_w2", sizes=SIZES, planes={"2": 1})
    sequence = scene.sequence(name for name in scene.names if "_w1" in name)
    assert sequence.expected == len(scene.names)


def test_planes_are_those_of_listed_channels_where_names_number_them() -> None:
    sizes = {**SIZES, "c": AxisSize(count=2, labels=("GFP", "BF"))}
    scene = plain("_z1_w1", "_z2_w1", "_z1_w2", sizes=sizes, planes={"BF": 1})
    sequence = scene.sequence(scene.names)
    assert sequence.is_complete
    assert sequence.expected == len(scene.names)
    (part,) = parts_of(sequence)
    assert part.grid.sizes == (3, 1, 2, 2)


def test_a_plane_of_which_nothing_came_is_missing_in_a_channel_of_few() -> None:
    planes = ("_z1_w1", "_z2_w1", "_z3_w1", "_z1_w2", "_z2_w2")
    scene = plain(*planes, sizes={**SIZES, "z": AxisSize(count=3)}, planes={"2": 2})
    sequence = scene.sequence(name for name in scene.names if not name.endswith("_z1_w2.tif"))
    assert sequence.missing() == [f"t={t} p=1 z=1 c=2" for t in (1, 2, 3)]


def test_the_name_of_a_channel_is_the_same_in_any_order_if_names_differ() -> None:
    scene = plain("_w1DAPI")
    names = [*scene.names, "x_s1_t4_w1GFP.tif"]
    for order in itertools.permutations(names):
        sequence = scene.sequence(order)
        assert sequence.fields("c", "1")["cname"] == "DAPI"
    for name in names:
        sequence.discard(frame_of(name).path)
    assert sequence.fields("c", "1") == {}


def test_files_that_differ_in_their_channels_names_are_named_after_the_first() -> None:
    layout = Layout(pattern=compile_pattern("t{t}.tif"))
    for order in itertools.permutations("12"):
        sequence = ImageSequence(layout, ())
        for t in order:
            channels = (ChannelInfo(name=f"red {t}"), ChannelInfo(name="blue"))
            frame = frame_of(f"t{t}.tif", axes=(("c", 2),), channels=channels)
            sequence.add((t, "", "", ""), frame)
        assert sequence.grid().labels[3] == ("red 1", "blue")


def test_nothing_can_be_trimmed_while_a_position_is_unknown() -> None:
    scene = plain("_z1_w1", "_z2_w1", sizes={"p": AxisSize(count=2), "z": AxisSize(count=2)})
    sequence = scene.sequence(scene.names)
    assert sequence.missing() == ["1 of 2 values of p"]
    assert sequence.trimmed() is None


def test_of_millions_of_missing_frames_the_first_are_listed() -> None:
    scene = plain("_w1", sizes={"t": AxisSize(count=3_000_000)}, first={"t": 1})
    sequence = scene.sequence(scene.names)
    lines = sequence.missing()
    assert lines[:2] == ["t=4 p=1 c=1", "t=5 p=1 c=1"]
    assert lines[-1] == "and more"
    assert len(lines) < 100_000
    shorter = sequence.trimmed()
    assert shorter is not None
    assert len(shorter) == len(scene.names)


class TestClosedList:
    """A finished sidecar that lists all frames."""

    def test_time_points_that_lack_all_their_frames_keep_their_place(self) -> None:
        scene = plain("_w1")
        sequence = scene.sequence(name for name in scene.names if "_t2" not in name)
        sequence.tell(Sidecar(files=scene.names, is_closed=True), ROOT)
        assert sequence.missing() == ["t=2 p=1 c=1"]
        (file,) = plan_files(sequence, "fill")
        assert [[plane is None for plane in frame] for frame in file.plan.sources] == [
            [False], [True], [False],
        ]  # fmt: skip

    def test_trimming_keeps_what_the_list_leaves_out_by_intention(self) -> None:
        scene = plain("_w1", "_w2")
        files = [name for name in scene.names if name != "x_s1_t2_w2.tif"]
        sequence = scene.sequence(files[:-1])
        sequence.tell(Sidecar(files=tuple(files), is_closed=True), ROOT)
        shorter = sequence.trimmed()
        assert shorter is not None
        assert shorter.is_complete
        assert [path_of(frame) for frame in shorter.frames.values()] == files[:-2]

    def test_listed_files_that_are_passed_over_are_not_waited_for(self) -> None:
        scene = plain("_w1", ignore=("*_t3*",))
        sequence = scene.sequence(scene.names[:2])
        sequence.tell(Sidecar(files=scene.names, is_closed=True), ROOT)
        assert sequence.is_complete

    def test_names_in_a_list_that_no_file_can_have_are_no_frames(self) -> None:
        scene = plain("_w1")
        sequence = scene.sequence(scene.names)
        longest = f"x_s1_t{'9' * 5000}_w1.tif"
        sequence.tell(Sidecar(files=(longest, *scene.names), is_closed=True), ROOT)
        assert sequence.is_complete
