"""What the metadata files of Micro-Manager tell."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from nd2watch.config import built_in_presets
from nd2watch.errors import SidecarError
from nd2watch.experiment.pattern import compile_names
from nd2watch.sidecars import Sidecar, joined, read_sidecar
from nd2watch.simulate.programs import micromanager
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo, encode_pages, open_frame
from tests.sidecars.runs import STARTED, run
from tests.sources.tiff_files import pixels

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate.run import Run

ZONE = timezone(timedelta(hours=-7))
OLD_SUMMARY = """{
"Summary": {
  "Slices": 3,
  "Interval_ms": 1000,
  "UUID": "806454e6-7bec-4d34-aee0-48c0ab98b28e",
  "PixelType": "GRAY16",
  "Time": "2013-06-04 15:32:35 -0700",
  "Date": "2013-06-04",
  "z-step_um": -1,
  "SlicesFirst": false,
  "Width": 512,
  "MicroManagerVersion": "1.4.13",
  "ChNames": [
    "Cy5",
    "DAPI-Widefield"
  ],
  "Height": 512,
  "Prefix": "acq",
  "PixelSize_um": 0.25,
  "Frames": 4,
  "Channels": 2,
  "ChColors": [
    -65536,
    -16776961
  ],
  "Positions": 2,
  "PositionIndex": 1
}"""
OLD_FRAME = """,
"FrameKey-0-%(c)d-%(z)d": {
  "Channel": "%(name)s",
  "FrameIndex": 0,
  "Core-Camera": "QCamera",
  "ElapsedTime-ms": %(ms)d,
  "Exposure-ms": %(exposure)s,
  "XPositionUm": 10.5,
  "YPositionUm": -20,
  "ZPositionUm": %(z)d,
  "PositionIndex": 1,
  "PositionName": "Pos1",
  "PixelSizeUm": 0.25,
  "Time": "2013-06-04 15:32:35 -0700",
  "TIObjective-Label": "Plan Apo 60x/1.40 Oil",
  "TIObjective-State": "5",
  "Summary": {"Slices": 99},
  "FileName": "img_000000000_%(name)s_%(z)03d.tif"
}"""


def old_frame(c: int, z: int, ms: int = 500, exposure: float = 10) -> str:
    """Return the entry of a plane as 1.4 writes it."""
    name = ("Cy5", "DAPI")[c]
    return OLD_FRAME % {"c": c, "z": z, "ms": ms, "exposure": exposure, "name": name}


def told(folder: Path, text: str | bytes, name: str = "metadata.txt") -> Sidecar:
    """Return what a file of this text tells."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sidecar(path, "micro-manager")[0]


def test_1_4_tells_plan_channels_and_planes(tmp_path: Path) -> None:
    text = OLD_SUMMARY + old_frame(0, 0) + old_frame(0, 1, 650, 25) + old_frame(1, 0, 800) + "\n}\n"
    sidecar = told(tmp_path / "Pos1", text)
    assert sidecar.sizes == {"t": 4, "p": 2, "z": 3, "c": 2}
    cy5 = ChannelInfo(name="Cy5", color=0xFF0000, exposure_ms=10, camera="QCamera")
    dapi = ChannelInfo(name="DAPI-Widefield", color=0x0000FF, exposure_ms=10, camera="QCamera")
    assert sidecar.channels == {
        "Cy5": cy5,
        "DAPI-Widefield": dapi,
        "DAPI": dapi,
        "0": cy5,
        "1": dapi,
    }
    assert sidecar.positions == {"Pos1": "Pos1", "1": "Pos1"}
    assert sidecar.optics == OpticsInfo(
        objective_name="Plan Apo 60x/1.40 Oil", magnification=60, numerical_aperture=1.4
    )
    assert (sidecar.pixel_size_um, sidecar.z_step_um, sidecar.period_ms) == (0.25, 1, 1000)
    assert sidecar.started == datetime(2013, 6, 4, 15, 32, 34, 500_000, ZONE)
    assert sidecar.files == (
        "img_000000000_Cy5_000.tif",
        "img_000000000_Cy5_001.tif",
        "img_000000000_DAPI_000.tif",
    )
    assert sidecar.frames["img_000000000_Cy5_001.tif"] == PlaneInfo(
        time_ms=650, stage_um=(10.5, -20, 1), exposure_ms=25
    )
    assert sidecar.frames["img_000000000_DAPI_000.tif"].exposure_ms is None
    assert sidecar.is_closed is True


def test_channels_that_were_taken_without_z_are_told_at_the_end(tmp_path: Path) -> None:
    text = OLD_SUMMARY + old_frame(0, 0) + old_frame(0, 1) + old_frame(1, 0)
    assert told(tmp_path, text).planes == {}
    assert told(tmp_path, text + "\n}\n").planes == {"DAPI-Widefield": 1, "DAPI": 1, "1": 1}


NEW = """{
"Summary": {
  "MicroManagerVersion": "2.0.0-gamma1",
  "Prefix": "acq",
  "ChNames": ["DAPI", "GFP"],
  "Interval_ms": 0.0,
  "z-step_um": 0.5,
  "AxisOrder": ["time", "position", "z", "channel"],
  "IntendedDimensions": {"time": 5, "position": 2, "channel": 2, "z": 1},
  "StartTime": "2021-03-03 10:00:00.000 +0100",
  "StagePositions": [{"Label": "A"}, {"Label": "B"}],
  "Frames": 9,
  "UserData": {}
},
"Coords-B/img_channel001_position001_time000000000_z000.tif": {
  "Frame": 0,
  "FrameIndex": 0,
  "PositionIndex": 1,
  "Slice": 0,
  "SliceIndex": 0,
  "ChannelIndex": 1
},
"Metadata-B/img_channel001_position001_time000000000_z000.tif": {
  "Camera": "a camera",
  "PixelSizeUm": 0.65,
  "Exposure-ms": 20.5,
  "ElapsedTime-ms": 1500.25,
  "ReceivedTime": "2021-03-03 10:00:01.500 +0100",
  "XPositionUm": 10.5,
  "YPositionUm": -20.0,
  "ZPositionUm": 3.25,
  "PositionName": "B",
  "ScopeData": {
    "Camera-Gain": {"PropType": "String", "PropVal": "0"},
    "Objective-Label": {"PropType": "String", "PropVal": "Nikon 10X S Fluor"}
  },
  "UserData": {}
}
}
"""
FRAME = "img_channel001_position001_time000000000_z000.tif"


def test_2_0_tells_plan_channels_and_planes(tmp_path: Path) -> None:
    sidecar = told(tmp_path / "B", NEW)
    assert sidecar.sizes == {"t": 5, "p": 2, "z": 1, "c": 2}
    dapi = ChannelInfo(name="DAPI")
    gfp = ChannelInfo(name="GFP", exposure_ms=20.5, camera="a camera")
    assert sidecar.channels == {"DAPI": dapi, "GFP": gfp, "0": dapi, "1": gfp}
    assert sidecar.positions == {"0": "A", "1": "B", "A": "A", "B": "B"}
    assert sidecar.optics.objective_name == "Nikon 10X S Fluor"
    assert sidecar.optics.magnification == 10
    assert (sidecar.pixel_size_um, sidecar.z_step_um, sidecar.period_ms) == (0.65, 0.5, None)
    assert sidecar.started == datetime(2021, 3, 3, 10, 0, 0, 0, timezone(timedelta(hours=1)))
    assert sidecar.files == (FRAME,)
    assert sidecar.frames == {FRAME: PlaneInfo(time_ms=1500.25, stage_um=(10.5, -20, 3.25))}
    assert sidecar.is_closed is True


def test_a_start_that_is_only_a_day_is_taken_from_the_first_plane(tmp_path: Path) -> None:
    text = NEW.replace("2021-03-03 10:00:00.000 +0100", "2021-03-03")
    started = told(tmp_path, text).started
    assert started == datetime(2021, 3, 3, 9, 0, 0, tzinfo=timezone.utc) - timedelta(  # noqa: UP017
        milliseconds=0.25
    )


def test_paths_are_kept_in_a_sidecar_above_the_folder(tmp_path: Path) -> None:
    assert told(tmp_path / "acq_1", NEW).files == (f"B/{FRAME}",)


def test_without_elapsed_time_the_clock_tells_when_planes_were_taken(tmp_path: Path) -> None:
    info = told(tmp_path / "B", NEW.replace('"ElapsedTime-ms": 1500.25,', "")).frames[FRAME]
    assert info.time_ms is None
    assert info.acquired == datetime(2021, 3, 3, 10, 0, 1, 500_000, timezone(timedelta(hours=1)))


def test_a_file_that_is_cut_anywhere_tells_what_is_whole(tmp_path: Path) -> None:
    text = OLD_SUMMARY + old_frame(0, 0) + old_frame(0, 1) + "\n}\n"
    whole = told(tmp_path, text)
    starts = [text.index('"FrameKey-0-0-0"'), text.index('"FrameKey-0-0-1"')]
    counts = []
    for end in range(len(OLD_SUMMARY), len(text) - 2):
        part = told(tmp_path, text[:end])
        assert part.is_closed is False
        assert part.sizes == whole.sizes
        assert part.files == whole.files[: len(part.files)]
        counts.append(len(part.files))
    assert counts == sorted(counts)
    assert set(counts[: starts[1] - len(OLD_SUMMARY)]) == {0, 1}
    assert counts[-1] == 2


@pytest.mark.parametrize("end", [0, 1, 30, len(OLD_SUMMARY) - 1])
def test_without_a_whole_entry_nothing_is_told(tmp_path: Path, end: int) -> None:
    with pytest.raises(SidecarError, match="no whole entry"):
        told(tmp_path, OLD_SUMMARY[:end])


def test_a_cut_within_a_character_does_not_spoil_names(tmp_path: Path) -> None:
    data = (OLD_SUMMARY.replace("Cy5", "\u00b5m") + ',\n"FrameKey-0-0-0": {"a": "\u00b5').encode()
    assert told(tmp_path, data[:-1]).channels["\u00b5m"].name == "\u00b5m"


@pytest.mark.parametrize(
    "damaged",
    [
        '"FrameKey-0-0-1": {"FileName": "lost.tif, "a": 1}',
        '"FrameKey-0-0-1": {"FileName": "lost.tif", "a": }',
        '"FrameKey-0-0-1": \x00\x00\x00',
        '"FrameKey-0-0-1": {"FileName": 7}',
        '"FrameKey-0-0-1": {"FileName": "../lost.tif"}',
        '"FrameKey-0-0-1": {"FileName": "C:\\\\lost.tif"}',
        '"FrameKey-0-0-1": {"FileName": "/lost.tif"}',
        '"FrameKey-zero": {"FileName": "lost.tif"}',
        '"FrameKey-0-0-1": [1]',
        '"FrameKey-0-0-1": {"FileName": "lost.tif", "x": ' + "[" * 100_000 + "}",
        '"FrameKey-0-0-1": {"FileName": "lost.tif", "x": ' + "1" * 10_000 + "}",
    ],
)
def test_a_damaged_entry_is_lost_alone(tmp_path: Path, damaged: str) -> None:
    text = OLD_SUMMARY + old_frame(0, 0) + ",\n" + damaged + old_frame(0, 2) + "\n}\n"
    sidecar = told(tmp_path, text)
    assert sidecar.files == ("img_000000000_Cy5_000.tif", "img_000000000_Cy5_002.tif")
    assert sidecar.sizes["t"] == 4
    assert sidecar.is_closed is True


@pytest.mark.parametrize(
    "value", ["-1", "0", "1e300", "NaN", "Infinity", "1.5", "true", "null", '"many"', "[3]", "{}"]
)
def test_numbers_that_count_nothing_are_unknown(tmp_path: Path, value: str) -> None:
    text = OLD_SUMMARY.replace('"Frames": 4', f'"Frames": {value}')
    text = text.replace(
        '"PixelSize_um": 0.25', f'"PixelSize_um": {value if value[0] in "-0N" else 0}'
    )
    sidecar = told(tmp_path, text)
    assert "t" not in sidecar.sizes
    assert sidecar.sizes["z"] == 3
    assert sidecar.pixel_size_um is None


@pytest.mark.parametrize(
    "summary",
    [
        {"ChNames": "DAPI", "ChColors": 7, "StagePositions": {"a": 1}, "IntendedDimensions": []},
        {"ChNames": [1, None], "ChColors": ["red"], "StagePositions": [3, {"Label": 4}]},
        {"StartTime": 7, "Time": "12:00", "z-step_um": [], "Interval_ms": {"PropVal": []}},
    ],
)
def test_values_of_wrong_types_are_unknown(tmp_path: Path, summary: dict[str, Any]) -> None:
    text = json.dumps({"Summary": {"Frames": 2, **summary}})
    sidecar = told(tmp_path, text)
    assert sidecar.sizes == {"t": 2}
    assert sidecar.positions == {}
    assert (sidecar.started, sidecar.period_ms, sidecar.z_step_um) == (None, None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe" * 1000,
        b"<!DOCTYPE a>",
        b"{}",
        b"[]",
        b'{"Summary": ' + b'{"Summary": ' * 20_000,
        b'{"Summary": ' + b"[" * 100_000,
        b'\\"Coords-' * 50_000,
        b'"Coords-' * 50_000 + b"}",
    ],
)
def test_what_is_no_metadata_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data)


def of_form(form: str, **changes: Any) -> Run:
    """Return a small run in one of the forms."""
    names = {0: "DAPI", 1: "GFP"}
    paths = {
        "1.4": lambda f: f"run/Pos{f.site}/img_{f.t:09}_{names[f.c]}_{f.z:03}.tif",
        "2.0": lambda f: (
            f"run/Pos{f.site}/img_channel{f.c:03}_position{f.site:03}_time{f.t:09}_z{f.z:03}.tif"
        ),
        "stack": lambda f: f"run/run_MMStack_Pos{f.site}.ome.tif",
    }
    return run(paths[form], form=form, **changes)


def written(folder: Path, simulated: Run, done: int, *, finished: bool) -> dict[str, Sidecar]:
    """Return what the sidecars of a run tell after some planes, by their paths."""
    sidecars = {}
    for name, data in micromanager.sidecars(simulated, done, finished=finished).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        above = PurePosixPath(name).parent.as_posix()
        sidecars[name] = read_sidecar(path, "micro-manager")[0].below(above)
    return sidecars


@pytest.mark.parametrize("form", ["1.4", "2.0"])
def test_a_simulated_run_is_read_as_it_is(tmp_path: Path, form: str) -> None:
    simulated = of_form(form)
    sidecars = written(tmp_path, simulated, len(simulated.frames), finished=True)
    assert list(sidecars) == ["run/Pos0/metadata.txt", "run/Pos1/metadata.txt"]
    sidecar = joined(sidecars.values())
    assert sidecar.sizes == {"t": 2, "p": 2, "z": 3, "c": 2}
    assert [(channel.name, channel.exposure_ms) for channel in sidecar.channels.values()][:2] == [
        ("DAPI", 20),
        ("GFP", 50),
    ]
    assert sidecar.positions["Pos1"] == sidecar.positions["1"] == "Pos1"
    assert sidecar.optics.objective_name == "Plan Apo 20x/0.75"
    assert (sidecar.pixel_size_um, sidecar.z_step_um, sidecar.period_ms) == (0.325, 0.5, 60_000)
    assert sidecar.started is not None
    assert abs(sidecar.started - STARTED) < timedelta(seconds=1)
    assert set(sidecar.files) == {frame.path for frame in simulated.frames}
    assert sidecar.frames == {
        frame.path: PlaneInfo(time_ms=frame.time_ms, stage_um=frame.stage_um)
        for frame in simulated.frames
    }
    assert sidecar.is_closed is True
    assert sidecar.planes == {}


@pytest.mark.parametrize("form", ["1.4", "2.0"])
def test_a_simulated_run_that_goes_on_lists_what_is_there(tmp_path: Path, form: str) -> None:
    simulated = of_form(form)
    assert micromanager.sidecars(simulated, 0, finished=False) == {}
    sidecars = written(tmp_path, simulated, 7, finished=False)
    sidecar = joined(sidecars.values())
    assert sidecar.is_closed is False
    assert sidecar.files == tuple(frame.path for frame in simulated.frames[:7])
    assert sidecar.sizes == {"t": 2, "p": 2, "z": 3, "c": 2}


def test_a_stack_has_many_planes_of_which_its_own_file_tells(tmp_path: Path) -> None:
    simulated = of_form("stack")
    sidecars = written(tmp_path, simulated, len(simulated.frames), finished=True)
    assert list(sidecars) == [f"run/run_MMStack_Pos{p}_metadata.txt" for p in (0, 1)]
    sidecar = joined(sidecars.values())
    assert sidecar.sizes == {"t": 2, "p": 2, "z": 3, "c": 2}
    assert sidecar.files == ("run/run_MMStack_Pos0.ome.tif", "run/run_MMStack_Pos1.ome.tif")
    assert sidecar.frames == {}
    assert sidecar.is_closed is True
    assert sidecar.started == STARTED


def test_a_simulated_stack_tells_itself_what_it_holds(tmp_path: Path) -> None:
    simulated = of_form("stack")
    mine = [frame for frame in simulated.frames if frame.path.endswith("Pos1.ome.tif")]
    texts = [micromanager.description(simulated, frame) for frame in mine]
    assert [bool(text) for text in texts] == [True] + [False] * 11
    path = tmp_path / "run_MMStack_Pos1.ome.tif"
    path.write_bytes(encode_pages([pixels(24, 32)] * len(mine), texts))
    info = open_frame(path).info
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert info.positions == ("Pos1",)
    assert [(channel.name, channel.color) for channel in info.channels] == [
        ("DAPI", 0x0000FF),
        ("GFP", 0x00FF00),
    ]
    assert (info.pixel_size_um, info.z_step_um, info.period_ms) == (0.325, 0.5, 60_000)
    by_place = {(frame.t, frame.z, frame.c): frame for frame in mine}
    for index in range(info.plane_count):
        place = info.place_of(index)
        frame = by_place[place["t"], place["z"], place["c"]]
        assert info.plane(index).stage_um == frame.stage_um
        assert info.plane(index).time_ms == frame.time_ms


def test_separate_images_have_no_description() -> None:
    simulated = of_form("1.4")
    assert micromanager.description(simulated, simulated.frames[0]) == ""


PRESET = built_in_presets()["micro-manager"]
FORMS = {form.name: form for form in compile_names(PRESET.names).forms}


@pytest.mark.parametrize(
    ("form", "path", "fields"),
    [
        (
            "1.4",
            "acq_1/Pos0/img_000000012_DAPI_003.tif",
            {"root": "acq_1", "place": "Pos0", "t": "000000012", "c": "DAPI", "z": "003"},
        ),
        ("1.4", "img_000000000__000.tif", {"t": "000000000", "c": "", "z": "000"}),
        (
            "1.4",
            "acq_1/1-Pos_000_001/img_000000100_Cy3_wide_010.tif",
            {"root": "acq_1", "place": "1-Pos_000_001", "c": "Cy3_wide", "z": "010"},
        ),
        ("1.4", "day/acq_1/img_000000000_DAPI_003.tif", {"root": "day/acq_1", "place": None}),
        ("1.4", "Pos_1/img_000000000_DAPI_003.tif", {"root": "Pos_1", "place": None}),
        (
            "2.0",
            "test_1/Default/img_channel000_position000_time000000000_z000.tif",
            {"root": "test_1", "place": None, "index": "000", "c": "000", "z": "000"},
        ),
        ("2.0", "img_channel003_z001.tif", {"root": None, "c": "003", "t": None, "z": "001"}),
        (
            "2.0",
            "Pos1/img_channel001_position001_time000000123_z200.tif",
            {"root": None, "place": "Pos1", "index": None, "p": "001", "t": "000000123"},
        ),
        ("2.0", "a/Pos-1-000_001/img.tif", {"root": "a", "place": "Pos-1-000_001"}),
        ("2.0", "a/B2-Site_3/img.tif", {"root": "a", "place": "B2-Site_3"}),
        ("stack", "sim1_1_MMStack_Pos0.ome.tif", {"name": "sim1_1", "place": "Pos0", "t": None}),
        ("stack", "a/a_MMStack_Pos0_1.ome.tif", {"root": None, "name": "a", "t": "1"}),
        ("stack", "d/a/a_MMStack_Pos0.ome.tif", {"root": "d", "name": "a", "place": "Pos0"}),
        ("stack", "b/a_MMStack_Pos0.ome.tif", {"root": "b", "name": "a", "place": "Pos0"}),
        ("stack", "c_1_MMStack_1-Pos_000_001.ome.tif", {"place": "1-Pos_000_001", "t": None}),
        ("stack", "d_10_MMStack_1-Pos012_110_2.ome.tif", {"place": "1-Pos012_110", "t": "2"}),
        ("stack", "a/MMStack_Default.ome.tif", {"root": "a", "name": None, "place": "Default"}),
        ("stack", "a/a_MMStack.ome.tif", {"name": "a", "place": None}),
    ],
)
def test_names_tell_acquisition_and_place(
    form: str, path: str, fields: dict[str, str | None]
) -> None:
    assert [name for name in FORMS if FORMS[name].match(path.split("/"))] == [form]
    found = FORMS[form].match(path.split("/")) or {}
    assert {name: found.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    "path",
    [
        "Pos0/metadata.txt",
        "img_z000_channel000.tif",
        "sim1_1_MMStack_Pos0_metadata.txt",
        "sim1_1_Pos0.ome.tif",
    ],
)
def test_other_names_are_none_of_micro_manager(path: str) -> None:
    assert not any(form.match(path.split("/")) for form in FORMS.values())
