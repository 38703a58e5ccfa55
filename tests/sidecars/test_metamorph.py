"""What the .nd files of MetaMorph tell."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import tifffile

from nd2watch.config import built_in_presets
from nd2watch.errors import SidecarError
from nd2watch.experiment.pattern import compile_names
from nd2watch.sidecars import Sidecar, read_sidecar
from nd2watch.simulate.programs import metamorph
from nd2watch.sources import ChannelInfo, open_frame
from tests.sidecars.runs import DAPI, GFP, STARTED, run
from tests.sources.tiff_files import pixels

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate.run import Run

PLAN = """"NDInfoFile", Version 1.0
"Description", Cells, with a drug
and a second line, which tells nothing
"StartTime1", 20190814 14:48:46.834
"DoTimelapse", TRUE
"NTimePoints", 25
"DoStage", TRUE
"NStagePositions", 2
"Stage1", "Position1"
"Stage2", "left, below"
"DoWave", TRUE
"NWavelengths", 2
"WaveName1", "DAPI"
"WaveDoZ1", TRUE
"WaveName2", "BF 10-"
"WaveDoZ2", FALSE
"WavePointsCollected", 2, 1, 13
"DoZSeries", TRUE
"NZSteps", 21
"ZStepSize", 0.3
"WaveInFileName", TRUE
"NEvents", 0
"EndFile"
"""


def told(folder: Path, text: str | bytes) -> Sidecar:
    """Return what a file of this text tells."""
    path = folder / "exp1.nd"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sidecar(path, "metamorph")[0]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_plan_is_told(tmp_path: Path, ending: str) -> None:
    assert told(tmp_path, PLAN.replace("\n", ending)) == Sidecar(
        sizes={"t": 25, "p": 2, "z": 21, "c": 2},
        planes={"2": 1},
        channels={"1": ChannelInfo(name="DAPI"), "2": ChannelInfo(name="BF 10-")},
        positions={"1": "Position1", "2": "left, below"},
        z_step_um=0.3,
        started=datetime(2019, 8, 14, 14, 48, 46, 834_000).astimezone(),
    )


def test_axes_that_are_not_used_have_one_point(tmp_path: Path) -> None:
    text = PLAN
    for switch in ("DoTimelapse", "DoStage", "DoWave", "DoZSeries"):
        text = text.replace(f'"{switch}", TRUE', f'"{switch}", FALSE')
    sidecar = told(tmp_path, text)
    assert sidecar.sizes == {"t": 1, "p": 1, "z": 1, "c": 1}
    assert sidecar.planes == {}


@pytest.mark.parametrize(("text", "um"), [("0,50", 0.5), ("-0.5", 0.5), ("0", None), ("x", None)])
def test_the_step_may_have_a_decimal_comma(tmp_path: Path, text: str, um: float | None) -> None:
    sidecar = told(tmp_path, PLAN.replace('"ZStepSize", 0.3', f'"ZStepSize", {text}'))
    assert sidecar.z_step_um == um


def test_names_of_waves_are_in_windows_characters(tmp_path: Path) -> None:
    sidecar = told(tmp_path, PLAN.replace("DAPI", "\u00b5").encode("cp1252"))
    assert sidecar.channels["1"].name == "\u00b5"


def test_a_plan_that_is_cut_anywhere_tells_only_whole_lines(tmp_path: Path) -> None:
    whole = told(tmp_path, PLAN)
    for end in range(PLAN.index("\n") + 1, len(PLAN)):
        part = told(tmp_path, PLAN[:end])
        assert part.sizes.items() <= whole.sizes.items()
        assert part.channels.items() <= whole.channels.items()
        assert part.positions.items() <= whole.positions.items()
    assert told(tmp_path, PLAN.rstrip("\n")) == whole


@pytest.mark.parametrize(
    "data", [b"", b'"NDInfoFile", Ver', b"\x00\xff" * 1000, b'"a", 1\n', b"<a/>"]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError, match="no line of MetaMorph"):
        told(tmp_path, data)


@pytest.mark.parametrize("value", ["", "-1", "0", "1e3", "9" * 30, "9" * 10_000, "many", "\u0663"])
def test_numbers_that_count_nothing_are_unknown(tmp_path: Path, value: str) -> None:
    sidecar = told(tmp_path, PLAN.replace('"NTimePoints", 25', f'"NTimePoints", {value}'))
    assert sidecar.sizes == {"p": 2, "z": 21, "c": 2}


def test_numbers_of_waves_that_cannot_be_are_passed_over(tmp_path: Path) -> None:
    more = f'"WaveName{"9" * 50}", "x"\n"WaveName0", "y"\n"Stage", "z"\n"NZSteps"'
    assert told(tmp_path, PLAN.replace('"NZSteps"', more)) == told(tmp_path, PLAN)


def simulated() -> Run:
    """Return a run of which one wave has no Z."""
    channels = (replace(DAPI, z=3), replace(GFP, z=1))
    return run("{name}_w{c}{cname}_s{site}_t{t}.TIF", first=1, name="exp1", channels=channels)


@pytest.mark.parametrize(("done", "finished"), [(0, False), (5, False), (16, True)])
def test_a_simulated_plan_is_read_as_the_run_is(
    tmp_path: Path, done: int, *, finished: bool
) -> None:
    ((name, data),) = metamorph.sidecars(simulated(), done, finished=finished).items()
    assert name == "exp1.nd"
    assert told(tmp_path, data) == Sidecar(
        sizes={"t": 2, "p": 2, "z": 3, "c": 2},
        planes={"2": 1},
        channels={"1": ChannelInfo(name="DAPI"), "2": ChannelInfo(name="GFP")},
        positions={"1": "Position1", "2": "Position2"},
        z_step_um=0.5,
        started=STARTED,
    )


def test_a_simulated_snapshot_uses_no_axis(tmp_path: Path) -> None:
    snapshot = run("{name}_w{c}{cname}.TIF", first=1, t=1, z=1, sites=1)
    (data,) = metamorph.sidecars(snapshot, 0, finished=False).values()
    assert told(tmp_path, data).sizes == {"t": 1, "p": 1, "z": 1, "c": 2}


def test_simulated_records_are_read_as_the_run_is(tmp_path: Path) -> None:
    taken = simulated()
    frames = [frame for frame in taken.frames if frame.path == "exp1_w1DAPI_s2_t2.TIF"]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for frame in frames:
            file.write(
                pixels(24, 32),
                description=metamorph.description(taken, frame),
                software="MetaSeries",
                metadata=None,
            )
    path = tmp_path / frames[0].path
    path.write_bytes(buffer.getvalue())
    info = open_frame(path).info
    assert info.axes == (("z", 3),)
    assert info.positions == ("Position2",)
    assert (info.pixel_size_um, info.z_step_um) == (0.325, 0.5)
    assert info.optics.objective_name == "Plan Apo 20x/0.75"
    assert [(plane.acquired, plane.stage_um) for plane in info.planes] == [
        (frame.acquired, frame.stage_um) for frame in frames
    ]
    assert (info.channels[0].name, info.channels[0].emission_nm) == ("DAPI", 455)
    assert info.channels[0].camera == "Camera 1"


PRESET = built_in_presets()["metamorph"]
NAMES = compile_names(PRESET.names).forms[0]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "exp1_w1DAPI_s1_t1.TIF",
            {"name": "exp1", "c": "1", "cname": "DAPI", "p": "1", "t": "1"},
        ),
        (
            "exp_s2_w2Cy3-long pass_t120.stk",
            {"name": "exp_s2", "c": "2", "cname": "Cy3-long pass", "p": None, "t": "120"},
        ),
        ("run_s12_t3.TIF", {"name": "run", "c": None, "p": "12", "t": "3"}),
        ("exp1.TIF", {"name": "exp1", "c": None, "p": None, "t": None}),
        ("run_w2_s1.TIF", {"name": "run", "c": "2", "cname": "", "p": "1", "t": None}),
    ],
)
def test_names_tell_wave_stage_and_time(name: str, fields: dict[str, str | None]) -> None:
    found = NAMES.match(["day", name]) or {}
    assert {field: found.get(field) for field in fields} == fields
    assert found["folder"] == "day"


@pytest.mark.parametrize("name", ["exp1.nd", "exp1_w1DAPI_thumb_s1.TIF", "exp1.tiff"])
def test_other_names_are_none_of_metamorph(name: str) -> None:
    assert NAMES.match([name]) is None
