"""What Micro-Manager writes into TIFF files."""

from __future__ import annotations

import itertools
import json
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.config import built_in_presets
from nd2watch.convert.files import plan_files
from nd2watch.experiment import ImageSequence
from nd2watch.layouts import only_layout_of
from nd2watch.simulate import RunRequest, plan_run, write_run
from nd2watch.sources import PAGES, ChannelInfo, PlaneReader, SourceInfo, open_frame
from tests.frames import QUICK
from tests.sources.tiff_files import Tag, TiffBuilder, pixels, read_planes, write

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY: dict[str, Any] = {
    "MicroManagerVersion": "2.0.0",
    "PixelSize_um": 0.65,
    "z-step_um": -0.5,
    "Interval_ms": 2500.0,
    "ChNames": ["DAPI", "GFP"],
    "ChColors": [-16776961, -16711936],
    "Channels": 2,
    "Slices": 3,
    "Frames": 2,
    "Positions": 1,
    "Prefix": "a",
}
AXES = ("t", "p", "z", "c")


def record(**values: Any) -> dict[str, Any]:
    """Return the record of a frame."""
    return {
        "PixelSizeUm": 0.325,
        "ElapsedTime-ms": 1500.5,
        "Exposure-ms": 20.0,
        "XPositionUm": 10.5,
        "YPositionUm": -20.0,
        "ZPositionUm": 3.25,
        "PositionName": "Pos0",
        "Camera": "a camera",
        "ReceivedTime": "2021-03-03 10:00:01.500 +0100",
    } | values


def tags_of(values: dict[str, Any]) -> dict[int, Tag]:
    """Return the tag that holds a record."""
    return {51123: (2, json.dumps(values).encode() + b"\0")}


def stack(
    path: Path,
    places: list[tuple[int, int, int, int]],
    summary: dict[str, Any] = SUMMARY,
    *,
    mapped: bool = True,
    description: bytes = b" " * 100,
    **values: Any,
) -> Path:
    """Write a stack file whose pages are at the given places on the axes T, P, Z and C."""
    text = json.dumps(summary).encode()
    header = struct.pack("<8I", 54773648, 0, 483765892, 0, 99384722, 0, 2355492, len(text))
    builder = TiffBuilder(header + text)
    for number, (t, p, _, c) in enumerate(places):
        told = record(**{"ElapsedTime-ms": 1000.0 * t + 10 * c, "PositionName": f"Pos{p}"} | values)
        tags = tags_of(told)
        if number == 0:
            tags[270] = (2, description + b"\0")
        builder.page(pixels(24, 32, seed=number), tags)
    if mapped:
        rows = [
            struct.pack("<5I", c, z, t, p, offset)
            for (t, p, z, c), offset in zip(places, builder.directories, strict=True)
        ]
        index = builder.add(struct.pack("<2I", 3453623, len(rows)) + b"".join(rows))
        builder.put(12, struct.pack("<I", index))
    return builder.write(path)


def grid(*sizes: int) -> list[tuple[int, int, int, int]]:
    """Return all places, in order."""
    return list(itertools.product(*map(range, sizes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("z_step_um", [-0.5, 0.5])
def test_the_sign_of_the_step_tells_whether_a_stack_falls(tmp_path: Path, z_step_um: float) -> None:
    summary = {**SUMMARY, "z-step_um": z_step_um}
    info = open_frame(stack(tmp_path / "a.tif", grid(1, 1, 3, 1), summary)).info
    assert (info.z_step_um, info.z_falls) == (0.5, z_step_um < 0)


def test_a_stack_has_the_axes_of_its_index_map(tmp_path: Path) -> None:
    places = [(t, p, z, c) for p in range(2) for t in range(2) for c in range(2) for z in range(3)]
    info, planes = read_planes(stack(tmp_path / "a_MMStack.ome.tif", places))
    assert info.axes == (("t", 2), ("p", 2), ("z", 3), ("c", 2))
    for number, place in enumerate(places):
        np.testing.assert_array_equal(planes[place], pixels(24, 32, seed=number))


def test_a_stack_tells_all_about_itself(tmp_path: Path) -> None:
    info = open_frame(stack(tmp_path / "a_MMStack_Pos0.ome.tif", grid(2, 1, 3, 2))).info
    assert info.pixel_size_um == 0.325
    assert info.z_step_um == 0.5
    assert info.period_ms == 2500.0
    assert info.positions == ("Pos0",)
    assert info.channels == (
        ChannelInfo(name="DAPI", color=0x0000FF, exposure_ms=20.0, camera="a camera"),
        ChannelInfo(name="GFP", color=0x00FF00, exposure_ms=20.0, camera="a camera"),
    )
    assert [plane.time_ms for plane in info.planes[:2]] == [0.0, 10.0]
    assert info.plane(11).time_ms == 1010.0
    assert info.plane(3).stage_um == (10.5, -20.0, 3.25)
    zone = timezone(timedelta(hours=1))
    assert info.started == datetime(2021, 3, 3, 10, 0, 1, 500000, zone)


def test_positions_have_their_names(tmp_path: Path) -> None:
    info = open_frame(stack(tmp_path / "a.ome.tif", grid(2, 3, 1, 1))).info
    assert info.axes == (("t", 2), ("p", 3))
    assert info.positions == ("Pos0", "Pos1", "Pos2")


def test_a_part_of_a_set_has_the_axes_of_what_it_has(tmp_path: Path) -> None:
    places = [(t, 1, z, 1) for t in (4, 5, 6) for z in (0, 1)]
    info = open_frame(stack(tmp_path / "a_MMStack_Pos1_1.ome.tif", places)).info
    assert info.axes == (("t", 3), ("z", 2))
    assert [channel.name for channel in info.channels] == ["GFP"]
    assert info.positions == ("Pos1",)


def test_a_set_that_is_cut_within_a_time_point_has_pages(tmp_path: Path) -> None:
    info = open_frame(stack(tmp_path / "a.ome.tif", grid(2, 1, 3, 2)[:-1])).info
    assert info.axes == ((PAGES, 11),)
    assert [channel.name for channel in info.channels] == [""]
    assert info.plane(10).time_ms == 1000.0
    assert info.pixel_size_um == 0.325


def test_without_an_index_map_the_records_tell_the_axes(tmp_path: Path) -> None:
    builder = TiffBuilder()
    places = grid(2, 1, 3, 2)
    for number, (t, p, z, c) in enumerate(places):
        indices = {"FrameIndex": t, "PositionIndex": p, "SliceIndex": z, "ChannelIndex": c}
        values = record(Summary=SUMMARY, **indices)
        builder.page(pixels(24, 32, seed=number), tags_of(values))
    info, planes = read_planes(builder.write(tmp_path / "a.tif"))
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert [channel.name for channel in info.channels] == ["DAPI", "GFP"]
    np.testing.assert_array_equal(planes[1, 2, 1], pixels(24, 32, seed=11))


def test_axes_of_names_are_numbered_as_they_come(tmp_path: Path) -> None:
    builder = TiffBuilder()
    for number, (t, channel) in enumerate(itertools.product((0, 1), ("GFP", "DAPI"))):
        values = record(Axes={"time": t, "channel": channel})
        builder.page(pixels(24, 32, seed=number), tags_of(values))
    info = open_frame(builder.write(tmp_path / "NDTiffStack.tif")).info
    assert info.axes == (("t", 2), ("c", 2))
    assert [channel.name for channel in info.channels] == ["GFP", "DAPI"]


def test_neighbouring_files_are_left_alone(tmp_path: Path) -> None:
    stack(tmp_path / "a_MMStack_Pos0.ome.tif", grid(1, 1, 3, 2))
    (tmp_path / "a_MMStack_Pos0_1.ome.tif").write_bytes(b"no TIFF file")
    (tmp_path / "NDTiff.index").write_bytes(b"no index")
    info = open_frame(tmp_path / "a_MMStack_Pos0.ome.tif").info
    assert info.axes == (("z", 3), ("c", 2))
    stack(tmp_path / "a_MMStack_Pos0.ome.tif", grid(1, 1, 3, 2)[:-1])
    assert open_frame(tmp_path / "a_MMStack_Pos0.ome.tif").info.axes == ((PAGES, 5),)


def frame(tmp_path: Path, **values: Any) -> SourceInfo:
    """Return what the file of one frame tells."""
    builder = TiffBuilder()
    builder.page(pixels(24, 32), tags_of(record(**values)))
    return open_frame(builder.write(tmp_path / "img_000000002_GFP_003.tif")).info


def test_the_file_of_one_frame_tells_all_about_it(tmp_path: Path) -> None:
    info = frame(
        tmp_path,
        Channel="GFP",
        Time="2013-11-04 15:12:04 -0500",
        ReceivedTime=None,
        Camera=None,
        Summary={"z-step_um": 0.5},
        **{"Core-Camera": "another camera"},
    )
    assert info.axes == ()
    assert info.channels == (ChannelInfo(name="GFP", exposure_ms=20.0, camera="another camera"),)
    assert info.positions == ("Pos0",)
    assert info.pixel_size_um == 0.325
    assert info.z_step_um == 0.5
    taken = datetime(2013, 11, 4, 20, 12, 4, tzinfo=UTC)
    assert info.started == taken - timedelta(milliseconds=1500.5)
    assert info.plane(0).time_ms == 1500.5
    assert info.plane(0).stage_um == (10.5, -20.0, 3.25)


def test_the_channel_of_one_frame_is_found_by_its_number(tmp_path: Path) -> None:
    numbers = {"FrameIndex": 3, "SliceIndex": 0, "ChannelIndex": 1}
    assert frame(tmp_path, Summary=SUMMARY, **numbers).channels[0].name == "GFP"
    assert frame(tmp_path, Summary=SUMMARY).channels[0].name == ""
    assert frame(tmp_path, Summary={"ChNames": ["Cy5"]}).channels[0].name == "Cy5"


def test_values_may_be_properties(tmp_path: Path) -> None:
    info = frame(
        tmp_path,
        XPositionUm={"PropType": "Double", "PropVal": 7.0},
        PositionName={"PropType": "String", "PropVal": "B2"},
    )
    assert info.positions == ("B2",)
    assert info.plane(0).stage_um == (7.0, -20.0, 3.25)


def test_the_start_that_the_summary_tells_goes_first(tmp_path: Path) -> None:
    start = "2021-03-03 09:00:00.250 +0000"
    info = frame(tmp_path, Summary={"StartTime": start})
    assert info.started == datetime(2021, 3, 3, 9, 0, 0, 250000, UTC)
    assert info.plane(0).time_ms == 1500.5


def test_without_elapsed_time_the_time_of_day_is_taken(tmp_path: Path) -> None:
    info = frame(tmp_path, **{"ElapsedTime-ms": None})
    assert info.started is None
    assert info.plane(0).acquired == datetime(2021, 3, 3, 9, 0, 1, 500000, UTC)


def test_the_record_may_be_in_the_information_of_imagej(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tif",
        pixels(24, 32),
        imagej=True,
        metadata={"Info": json.dumps(record(Channel="GFP")), "axes": "YX"},
    )
    info = open_frame(path).info
    assert info.channels[0].name == "GFP"
    assert info.pixel_size_um == 0.325


@pytest.mark.parametrize(
    "values",
    [
        {"PixelSizeUm": "wide", "ElapsedTime-ms": [], "Exposure-ms": -1, "XPositionUm": {}},
        {"PositionName": 3, "Camera": 7, "Channel": None, "ReceivedTime": "0000"},
        {"Summary": [], "Axes": {"time": [], "channel": {}}},
        {"Summary": {"ChNames": "DAPI", "ChColors": {}, "StartTime": 5, "Interval_ms": "x"}},
        {"FrameIndex": 10**30, "SliceIndex": -1, "ChannelIndex": -5},
        {"ElapsedTime-ms": 1e300},
    ],
)
def test_damaged_values_cost_only_themselves(tmp_path: Path, values: dict[str, Any]) -> None:
    assert frame(tmp_path, **values).width == 32
    path = stack(tmp_path / "a.ome.tif", grid(2, 1, 3, 2), **values)
    assert open_frame(path).info.axes == (("t", 2), ("z", 3), ("c", 2))


def test_damaged_records_cost_only_themselves(tmp_path: Path) -> None:
    path = stack(tmp_path / "a.ome.tif", grid(2, 1, 3, 2))
    path.write_bytes(path.read_bytes().replace(b'{"PixelSizeUm"', b'["PixelSizeUm"'))
    info, planes = read_planes(path)
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert info.pixel_size_um == 0.65
    assert info.plane(0).time_ms is None
    assert len(planes) == 2


def test_a_placeholder_of_ome_is_no_document_and_a_document_tells_more(tmp_path: Path) -> None:
    document = (
        '<OME><Image Name="x"><Pixels DimensionOrder="XYZCT" SizeT="1" SizeZ="1" SizeC="2"'
        ' PhysicalSizeX="9"><Channel Name="b" EmissionWavelength="525"/><TiffData/></Pixels>'
        '<ObjectiveSettings ID="Objective:0"/></Image>'
        '<Instrument><Objective ID="Objective:0" NominalMagnification="60"/></Instrument></OME>'
    )
    path = stack(tmp_path / "a.ome.tif", grid(1, 1, 1, 2), description=document.encode())
    info = open_frame(path).info
    assert info.axes == (("c", 2),)
    assert info.pixel_size_um == 0.325
    assert info.optics.magnification == 60.0
    assert [channel.name for channel in info.channels] == ["DAPI", "GFP"]
    assert [channel.emission_nm for channel in info.channels] == [525.0, None]


def test_a_stack_of_a_set_is_the_same_under_any_name(tmp_path: Path) -> None:
    preset = built_in_presets()["micro-manager"]
    request = RunRequest(form="stack", t=2, sites=2, z=2, channels=("DAPI", "GFP"))
    write_run(tmp_path / "run", plan_run(preset, request), QUICK)
    first, second = sorted((tmp_path / "run").rglob("*.ome.tif"))
    expected = {path: read_planes(path) for path in (first, second)}
    (tmp_path / "away").mkdir()
    for name in ("moved.tif", "moved.ome.tif", first.name):  # the last is that of the other one
        info, planes = read_planes(second.rename(tmp_path / "away" / name))
        second = tmp_path / "away" / name
        wanted, stored = list(expected.values())[1]
        assert info.axes == wanted.axes
        np.testing.assert_array_equal(planes, stored)


def test_the_names_of_stacks_decide_on_their_places(tmp_path: Path) -> None:
    preset = built_in_presets()["micro-manager"]
    request = RunRequest(form="stack", t=1, sites=2, z=2, channels=("DAPI", "GFP"))
    write_run(tmp_path, plan_run(preset, request), QUICK)
    first, second = sorted(tmp_path.rglob("*.ome.tif"))
    stored = [read_planes(path)[1] for path in (first, second)]
    spare = first.rename(tmp_path / "spare")
    second.rename(first)
    spare.rename(second)
    layout = only_layout_of(preset)
    sequence = ImageSequence(layout, layout.parse(first.relative_to(tmp_path)).sequence)
    for path in (first, second):
        name = layout.parse(path.relative_to(tmp_path))
        sequence.add(name.coordinate, open_frame(path), name.fields)
    (file,) = plan_files(sequence)
    with PlaneReader() as reader:
        planes = [plane for frame in file.plan.sources for plane in frame]
        found = [reader.read(plane) for plane in planes if plane is not None]
    np.testing.assert_array_equal(
        np.array(found).reshape(2, 2, 2, *stored[0].shape[-2:]), np.stack(stored[::-1])
    )
