"""Planes of files in their places."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError, FrameMismatch, LayoutError
from nd2watch.experiment import FrameGrid, join_files
from nd2watch.sources import PAGES, ChannelInfo, FileKey, FrameFile, SourceInfo

AXES = "tpzc"
Coordinate = tuple[str, str, str, str]


def file_of(name: str, *axes: tuple[str, int], **changes: object) -> FrameFile:
    """Return a file with some axes."""
    values: dict[str, object] = {"height": 4, "width": 5, "dtype": np.dtype("u2"), "axes": axes}
    info = SourceInfo(**{**values, **changes})  # type: ignore[arg-type]
    key = FileKey(size=1, mtime_ns=1, ctime_ns=1, inode=1, device=1)
    return FrameFile(path=Path(name), key=key, info=info)


def names_of(grid: FrameGrid) -> list[list[str | None]]:
    """Return file name and plane number of each plane, by frame."""
    return [
        [None if plane is None else f"{plane.file.path}{plane.index}" for plane in frame]
        for frame in grid.frames
    ]


def test_files_of_one_plane_are_placed_by_their_labels() -> None:
    files = {
        (t, "", "", c): file_of(f"{t}{c}") for t, c in itertools.product(("1", "2"), ("A", "B"))
    }
    grid = join_files(files, [("1", "2"), ("",), ("",), ("B", "A")])
    assert grid.sizes == (2, 1, 1, 2)
    assert names_of(grid) == [["1B0", "1A0"], ["2B0", "2A0"]]
    assert grid.missing == ()


def test_planes_in_a_file_are_placed_by_the_axes_of_the_file() -> None:
    grid = join_files({("", "", "", ""): file_of("f", ("z", 2), ("t", 3), ("c", 2))}, [("",)] * 4)
    assert grid.sizes == (3, 1, 2, 2)
    # Planes are numbered over z, t, c in the file, and come out over t, z, c.
    assert names_of(grid) == [
        ["f0", "f1"], ["f6", "f7"], ["f2", "f3"], ["f8", "f9"], ["f4", "f5"], ["f10", "f11"],
    ]  # fmt: skip


def test_axes_of_names_and_of_files_make_one_grid() -> None:
    files: dict[Coordinate, FrameFile] = {
        (t, "", "", ""): file_of(t, ("z", 2), ("c", 2)) for t in ("1", "2")
    }
    grid = join_files(files, [("1", "2"), ("",), ("",), ("",)])
    assert grid.sizes == (2, 1, 2, 2)
    assert names_of(grid) == [["10", "11"], ["12", "13"], ["20", "21"], ["22", "23"]]
    assert grid.labels[2] == ("1", "2")


def test_points_of_one_file_follow_those_of_the_file_before_where_that_is_allowed() -> None:
    files: dict[Coordinate, FrameFile] = {
        ("1", "", "", ""): file_of("a", ("t", 3)),
        ("2", "", "", ""): file_of("b"),
        ("3", "", "", ""): file_of("c", ("t", 2)),
    }
    labels = [("1", "2", "3"), ("",), ("",), ("",)]
    grid = join_files(files, labels, joined="t")
    assert names_of(grid) == [["a0"], ["a1"], ["a2"], ["b0"], ["c0"], ["c1"]]
    assert grid.labels[0] == ("1 1", "1 2", "1 3", "2", "3 1", "3 2")
    with pytest.raises(LayoutError, match=r"a has 3 time points of its own, and the names"):
        join_files(files, labels)


def test_pages_are_on_the_axis_that_is_given_for_them() -> None:
    files = {("", "", "", ""): file_of("f", (PAGES, 2), ("c", 2))}
    assert join_files(files, [("",)] * 4, pages="z").sizes == (1, 1, 2, 2)
    assert join_files(files, [("",)] * 4, pages="t").sizes == (2, 1, 1, 2)
    with pytest.raises(LayoutError, match="f holds 2 pages, and nothing says what they are"):
        join_files(files, [("",)] * 4)
    with pytest.raises(LayoutError, match=r"2 pages that cannot be channels, of which it has 2"):
        join_files(files, [("",)] * 4, pages="c")


def test_channels_and_positions_in_files_keep_their_names() -> None:
    file = file_of(
        "f",
        ("p", 2),
        ("c", 2),
        channels=(ChannelInfo(name="DAPI"), ChannelInfo()),
        positions=("here", "there"),
    )
    grid = join_files({("", "", "", ""): file}, [("",)] * 4)
    assert grid.labels == (("",), ("here", "there"), ("",), ("DAPI", "2"))


def test_missing_files_leave_the_places_of_all_their_planes_empty() -> None:
    files: dict[Coordinate, FrameFile] = {
        ("1", "", "", "A"): file_of("a", ("z", 2)),
        ("1", "", "", "B"): file_of("b", ("z", 2)),
        ("2", "", "", "A"): file_of("c", ("z", 2)),
    }
    grid = join_files(files, [("1", "2"), ("",), ("",), ("A", "B")])
    assert names_of(grid) == [["a0", "b0"], ["a1", "b1"], ["c0", None], ["c1", None]]
    assert grid.missing == (("2", "", "1", "B"), ("2", "", "2", "B"))


def test_files_that_cannot_be_put_together_are_refused() -> None:
    labels = [("1", "2"), ("",), ("",), ("",)]

    def join(first: FrameFile, second: FrameFile) -> FrameGrid:
        return join_files({("1", "", "", ""): first, ("2", "", "", ""): second}, labels)

    with pytest.raises(LayoutError, match="b has 3 planes, a has 2"):
        join(file_of("a", ("z", 2)), file_of("b", ("z", 3)))
    with pytest.raises(FrameMismatch, match="b is 6 x 4 uint16, a is 5 x 4 uint16"):
        join(file_of("a"), file_of("b", width=6))
    with pytest.raises(LayoutError, match="there are no frames"):
        join_files({}, labels)


def test_rgb_cannot_be_one_of_several_channels() -> None:
    files = {("", "", "", c): file_of(c, rgb=True) for c in ("A", "B")}
    with pytest.raises(FormatError, match="A is RGB, one of 2 channels"):
        join_files(files, [("",), ("",), ("",), ("A", "B")])


def test_names_that_make_a_nearly_empty_grid_are_taken_for_a_mistake() -> None:
    labels = [str(number) for number in range(4000)]
    files: dict[Coordinate, FrameFile] = {(n, n, "", ""): file_of(n) for n in labels}
    with pytest.raises(LayoutError, match="4000 files cannot fill t=4000 x p=4000"):
        join_files(files, [labels, labels, ("",), ("",)])


@given(st.data())
def test_every_plane_has_one_place_whatever_the_order_of_axes_in_the_files(
    data: st.DataObject,
) -> None:
    letters = data.draw(st.lists(st.sampled_from(AXES), unique=True, max_size=4))
    inner = {axis: data.draw(st.integers(1, 3), label=axis) for axis in letters}
    outer = {axis: data.draw(st.integers(1, 3)) for axis in AXES}
    labels = [[str(n) for n in range(outer[axis])] for axis in AXES]
    files = {
        (t, p, z, c): file_of(f"{t}/{p}/{z}/{c}", *inner.items())
        for t, p, z, c in data.draw(st.permutations(list(itertools.product(*labels))))
    }
    grid = join_files(files, labels, joined=AXES)
    assert grid.sizes == tuple(outer[axis] * inner.get(axis, 1) for axis in AXES)
    assert len({(p.file.path, p.index) for p in grid.planes}) == math.prod(grid.sizes)
    places = itertools.product(*(range(size) for size in grid.sizes))
    for place, plane in zip(places, grid.planes, strict=True):
        at = dict(zip(AXES, place, strict=True))
        own = plane.file.info.place_of(plane.index)
        names = plane.file.path.as_posix().split("/")
        for axis, name in zip(AXES, names, strict=True):
            assert at[axis] == int(name) * inner.get(axis, 1) + own.get(axis, 0)
