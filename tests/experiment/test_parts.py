"""Axes of several fields, and sequences of which channels differ in their Z planes."""

from __future__ import annotations

import itertools
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment import AxisSize, ImageSequence, Layout, WellNames, compile_names, parts_of
from nd2watch.sidecars import Sidecar
from nd2watch.sources import ChannelInfo, FileKey, FrameFile, PlaneInfo, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path("/in")
EXPRESSION = (
    r"(?:(?P<root>.+)/)?(?P<name>\w+)_(?P<well>[A-Z]\d+)_s(?P<site>\d+)_t(?P<t>\d+)"
    r"(?:_z(?P<z>\d+))?_w(?P<c>\d)(?P<cname>[A-Za-z]*)\.tif"
)
PLATE: dict[str, Any] = {
    "pattern": compile_names({"plate": EXPRESSION}),
    "axis_fields": {"p": ("well", "site")},
    "wells": WellNames(),
    "channel_name": "cname",
}


def frame(name: str, planes: int = 1) -> FrameFile:
    key = FileKey(size=1, mtime_ns=2, ctime_ns=3, inode=4, device=5)
    axes = (("z", planes),) if planes > 1 else ()
    info = SourceInfo(height=6, width=8, dtype=np.dtype(np.uint16), axes=axes)
    return FrameFile(path=ROOT / name, key=key, info=info)


def sequences(
    layout: Layout, names: Iterable[str], planes: dict[str, int] | None = None
) -> list[ImageSequence]:
    found: dict[object, ImageSequence] = {}
    for text in names:
        name = layout.parse(PurePosixPath(text))
        sequence = found.setdefault(name.sequence, ImageSequence(layout, name.sequence))
        sequence.root = ROOT
        count = (planes or {}).get(name.coordinate[3], 1)
        sequence.add(name.coordinate, frame(text, count), name.fields)
    return [found[key] for key in sorted(found, key=str)]


def only(layout: Layout, names: Iterable[str], planes: dict[str, int] | None = None) -> Any:
    (sequence,) = sequences(layout, names, planes)
    return sequence


NAMES = [
    f"run/p_{well}_s{site}_t{t}_z{z}_w{c}.tif"
    for well, site, t, z, c in itertools.product(("B2", "A10"), (1, 2), (1, 2), (1, 2, 3), "12")
]


class TestFilePer:
    @pytest.mark.parametrize(
        ("file_per", "keys", "positions"),
        [
            ("plate", [("run", "p")], ("A10_1", "A10_2", "B02_1", "B02_2")),
            ("well", [("run", "p", "A10"), ("run", "p", "B02")], ("1", "2")),
            (
                "site",
                [("run", "p", w, s) for w, s in itertools.product(("A10", "B02"), "12")],
                ("",),
            ),
        ],
    )
    def test_it_chooses_what_becomes_one_file(
        self, file_per: Any, keys: list[tuple[str, ...]], positions: tuple[str, ...]
    ) -> None:
        layout = Layout(**PLATE, file_per=file_per)
        found = sequences(layout, NAMES)
        assert [tuple(text for _, text in s.key if text) for s in found] == keys
        assert all(s.labels()[1] == positions for s in found)
        assert all(s.is_complete for s in found)

    def test_each_position_knows_its_well(self) -> None:
        sequence = only(Layout(**PLATE), NAMES)
        assert [sequence.fields("p", p)["well"] for p in sequence.labels()[1]] == [
            "A10", "A10", "B02", "B02",
        ]  # fmt: skip

    def test_files_per_well_need_a_well(self) -> None:
        pattern = compile_names({"": r"(?P<t>\d+)\.tif"})
        with pytest.raises(LayoutError, match="names tell no well; name its fields"):
            Layout(pattern=pattern, file_per="well")


FLAT = [name for name in NAMES if not (name.endswith("w2.tif") and "_z1" not in name)]
"""The second channel has only plane 1."""

ABSENT = [name.replace("_z1_w2", "_w2") for name in FLAT]
"""The same, and its names leave Z out."""


class TestRaggedZ:
    def layout(self, **values: Any) -> Layout:
        return Layout(**{**PLATE, "planes": {"2": 1}, "ragged_z": "replicate", **values})

    @pytest.mark.parametrize("names", [FLAT, ABSENT], ids=["plane 1", "no plane in the name"])
    def test_a_single_plane_is_repeated(self, names: list[str]) -> None:
        sequence = only(self.layout(), names)
        assert sequence.is_complete
        assert sequence.missing() == []
        assert sequence.expected == len(names)
        (part,) = parts_of(sequence)
        assert part.channels == ("1", "2")
        assert part.grid.sizes == (2, 4, 3, 2)
        stack = part.grid.frames[:3]
        assert len({plane.file.path for _, plane in stack if plane}) == 1
        assert [plane.is_repeated for _, plane in stack if plane] == [True, True, True]
        assert len({plane.file.path for plane, _ in stack if plane}) == 3
        assert part.notes == ("channel '2' has one plane, which is repeated on each of 3",)

    @pytest.mark.parametrize("names", [FLAT, ABSENT], ids=["plane 1", "no plane in the name"])
    def test_it_can_get_a_file_of_its_own(self, names: list[str]) -> None:
        main, other = parts_of(only(self.layout(ragged_z="separate"), names))
        assert (main.channels, main.grid.sizes, main.is_main) == (("1",), (2, 4, 3, 1), True)
        assert (other.channels, other.grid.sizes, other.is_main) == (("2",), (2, 4, 1, 1), False)

    def test_it_is_refused_where_that_is_not_provided_for(self) -> None:
        with pytest.raises(LayoutError, match=r"differ in their Z planes \(1: 3; 2: 1\); ragged_z"):
            parts_of(only(self.layout(ragged_z="refuse"), FLAT))

    def test_names_without_a_plane_need_no_statement(self) -> None:
        sequence = only(self.layout(planes={}), ABSENT)
        assert sequence.is_complete
        (part,) = parts_of(sequence)
        assert part.grid.sizes == (2, 4, 3, 2)

    def test_names_with_one_do_not_make_a_hole_a_single_plane(self) -> None:
        sequence = only(self.layout(planes={}), FLAT)
        assert not sequence.is_complete
        assert len(sequence.missing()) == len(NAMES) - len(FLAT)

    @pytest.mark.parametrize("names", [FLAT, ABSENT], ids=["plane 1", "no plane in the name"])
    @pytest.mark.parametrize("channel", ["1", "2"])
    def test_what_is_missing_is_listed(self, names: list[str], channel: str) -> None:
        gone = next(name for name in names if f"w{channel}" in name)
        sequence = only(self.layout(), [name for name in names if name != gone])
        assert not sequence.is_complete
        (line,) = sequence.missing()
        fields = Layout(**PLATE).parse(PurePosixPath(gone)).coordinate
        assert f"t={fields[0]} p={fields[1]}" in line
        assert line.endswith(f"c={channel}")

    def test_two_planes_of_three_get_a_file_of_their_own_only(self) -> None:
        names = [name for name in NAMES if not name.endswith("_z3_w2.tif")]
        sequence = only(self.layout(planes={"2": 2}, ragged_z="separate"), names)
        main, other = parts_of(sequence)
        assert (main.grid.sizes, other.grid.sizes) == ((2, 4, 3, 1), (2, 4, 2, 1))
        with pytest.raises(LayoutError, match="differ in their Z planes"):
            parts_of(only(self.layout(planes={"2": 2}), names))

    def test_planes_inside_files_may_differ_too(self) -> None:
        names = [name.replace("_z1", "") for name in NAMES if "_z1" in name]
        sequence = only(self.layout(planes={}), names, planes={"1": 5})
        (part,) = parts_of(sequence)
        assert part.grid.sizes == (2, 4, 5, 2)

    def test_projections_beside_stacks_are_left_out(self) -> None:
        projections = [name.replace("_z1", "") for name in NAMES if "_z1" in name]
        sequence = only(self.layout(planes={}), NAMES + projections)
        assert sequence.is_complete
        (part,) = parts_of(sequence)
        assert part.grid.sizes == (2, 4, 3, 2)
        (note,) = part.notes
        assert "are left out" in note

    def test_the_order_of_channels_is_kept(self) -> None:
        names = [name.replace("_w1", "_w3") for name in ABSENT]
        (part,) = parts_of(only(self.layout(planes={}), names))
        assert part.channels == ("2", "3")
        assert part.grid.labels[3] == ("2", "3")


class TestSidecars:
    def test_a_closed_list_says_what_is_whole(self) -> None:
        sequence = only(Layout(**PLATE), NAMES[:-3])
        assert not sequence.is_complete
        sequence.tell(Sidecar(files=tuple(NAMES[:-3]), is_closed=True), ROOT)
        assert sequence.is_complete
        assert sequence.is_sized
        sequence.tell(Sidecar(files=tuple(NAMES), is_closed=True), ROOT)
        assert len(sequence.missing()) == 3
        sequence.tell(Sidecar(files=tuple(NAMES[:5]), is_closed=False), ROOT)
        assert not sequence.is_sized

    def test_wells_and_sites_make_the_positions(self) -> None:
        layout = Layout(**PLATE, first={"p": 1, "t": 1, "z": 1, "c": 1})
        sequence = only(layout, NAMES[:1])
        told = Sidecar(sizes={"t": 2, "z": 3, "c": 2}, sites=2, wells=("A10", "B02"))
        sequence.tell(told, ROOT)
        assert sequence.expected == len(NAMES)
        assert len(sequence.missing()) == len(NAMES) - 1
        per_well = Layout(**PLATE, first={"p": 1}, file_per="well")
        alone = only(per_well, NAMES[:1])
        alone.tell(told, ROOT)
        assert alone.expected == len(NAMES) / 2

    def test_it_completes_what_files_tell(self) -> None:
        sequence = only(Layout(**PLATE), NAMES)
        plane = PlaneInfo(time_ms=5, stage_um=(1, 2, 3))
        told = Sidecar(
            channels={"1": ChannelInfo(name="DAPI", emission_nm=460), "2": ChannelInfo(name="GFP")},
            positions={"A10_1": "first"},
            frames={NAMES[0]: plane},
        )
        sequence.tell(told, ROOT)
        (part,) = parts_of(sequence)
        by_path = {plane.file.path: plane for plane in part.grid.planes}
        first = by_path[ROOT / NAMES[0]]
        assert first.info == plane
        assert first.channel == ChannelInfo(name="DAPI", emission_nm=460)
        there = by_path[ROOT / "run/p_A10_s1_t1_z1_w2.tif"]
        assert there.file.info.positions == ("first",)
        assert there.channel.name == "GFP"

    def test_files_of_fewer_planes_than_it_tells_are_waited_for(self) -> None:
        names = [name.replace("_z1", "") for name in NAMES if "_z1" in name]
        sequence = only(Layout(**PLATE, ragged_z="replicate"), names, planes={"1": 2})
        sizes = {"t": 2, "z": 3, "c": 2}
        told: dict[str, Any] = {"sizes": sizes, "sites": 2, "wells": ("A10", "B02")}
        sequence.tell(Sidecar(**told, planes={"2": 1}), ROOT)
        assert not sequence.is_complete
        assert sequence.missing()[0] == "t=1 p=B02_1 c=1 has 2 of 3 planes"
        sequence.tell(Sidecar(**told, planes={"2": 1}, is_closed=True), ROOT)
        assert sequence.is_complete

    def test_it_can_say_what_the_fields_are(self) -> None:
        pattern = compile_names({"": r"(?P<name>\w+)_C(?P<cycle>\d+)_(?P<i>\d+)\.tif"})
        layout = Layout(pattern=pattern, axis_fields={"t": ("cycle", "i")})
        names = [f"r_C{cycle}_{i}.tif" for cycle, i in itertools.product((1, 2), (1, 2, 10))]
        sequence = only(layout, names)
        assert sequence.labels()[0] == ("1_1", "1_2", "1_10", "2_1", "2_2", "2_10")
        told = Sidecar(axis_fields={"t": ("cycle",), "z": ("i",)})
        again = sequence.with_told(told, ROOT)
        assert [len(names) for names in again.labels()] == [2, 1, 3, 1]
        assert again.is_complete


def test_time_points_before_the_first_gap_can_be_had() -> None:
    names = [name for name in NAMES if name != "run/p_B2_s2_t2_z2_w1.tif"]
    layout = Layout(**PLATE, sizes={"t": AxisSize(count=5)})
    shorter = only(layout, names).trimmed()
    assert shorter.is_complete
    assert shorter.labels()[0] == ("1",)
    assert shorter.fields("p", "B02_1")["well"] == "B02"
    gone = [name for name in names if name != "run/p_A10_s2_t1_z2_w1.tif"]
    assert only(layout, gone).trimmed() is None


def test_filling_ends_at_the_last_time_point_that_is_there() -> None:
    layout = Layout(**PLATE, sizes={"t": AxisSize(count=9)}, first={"t": 1})
    sequence = only(layout, [name.replace("_t2", "_t3") for name in NAMES])
    (part,) = parts_of(sequence, allow_missing=True)
    assert part.grid.labels[0] == ("1", "2", "3")
    assert len(part.grid.missing) == len(NAMES) / 2
