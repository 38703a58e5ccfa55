"""What the lists of frames of Prairie View tell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import SidecarError
from nd2watch.sidecars import Sidecar, read_sidecar
from nd2watch.simulate.programs import prairie
from nd2watch.sources import ChannelInfo, OpticsInfo
from tests.sidecars.runs import run

if TYPE_CHECKING:
    from pathlib import Path

STATE = """  <PVStateShard>
    <PVStateValue key="activeMode" value="Galvo" />
    <PVStateValue key="laserPower">
      <IndexedValue index="0" value="161" description="Pockels" />
    </PVStateValue>
    <PVStateValue key="micronsPerPixel">
      <IndexedValue index="XAxis" value="1.18" />
      <IndexedValue index="YAxis" value="1.18" />
      <IndexedValue index="ZAxis" value="24" />
    </PVStateValue>
    <PVStateValue key="objectiveLens" value="Olympus 20x" />
    <PVStateValue key="objectiveLensMag" value="20" />
    <PVStateValue key="objectiveLensNA" value="0.95" />
    <PVStateValue key="opticalZoom" value="2" />
    <PVStateValue key="positionCurrent">
      <SubindexedValues index="XAxis">
        <SubindexedValue subindex="0" value="330.78" />
      </SubindexedValues>
      <SubindexedValues index="YAxis">
        <SubindexedValue subindex="0" value="-787.33" />
      </SubindexedValues>
      <SubindexedValues index="ZAxis">
        <SubindexedValue subindex="0" value="937.5" description="Z Focus" />
        <SubindexedValue subindex="1" value="-125" description="Bruker 250 um Piezo" />
      </SubindexedValues>
    </PVStateValue>
  </PVStateShard>
"""
MOVED = """      <PVStateShard>
        <PVStateValue key="positionCurrent">
          <SubindexedValues index="ZAxis">
            <SubindexedValue subindex="0" value="937.5" description="Z Focus" />
            <SubindexedValue subindex="1" value="-101" description="Bruker 250 um Piezo" />
          </SubindexedValues>
        </PVStateValue>
      </PVStateShard>
"""
HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<PVScan version="5.5.64.100" date="9/8/2018 5:40:34 PM" notes="">\n'
)
OLD = """<?xml version="1.0" encoding="utf-8"?>
<PVScan version="3.0.0.3" date="5/19/2008 3:58:09 PM" notes="">
  <Sequence type="ZSeries" cycle="1">
    <Frame relativeTime="0" absoluteTime="0.25" index="1" label="CurrentSettings">
      <File channel="1" filename="ZSeries-005_Cycle001_CurrentSettings_Ch1_000001.tif" />
      <ExtraParameters validData="True" />
      <PVStateShard>
        <Key key="objectiveLens" permissions="Read, Write, Save" value="Olympus 40X" />
        <Key key="objectiveLensNA" permissions="Read, Write, Save" value="0.8" />
        <Key key="micronsPerPixel_XAxis" permissions="Read, Write, Save" value="0.5" />
        <Key key="micronsPerPixel_ZAxis" permissions="Read, Write, Save" value="2" />
        <Key key="positionCurrent_XAxis" permissions="Write, Save" value="0.95" />
        <Key key="positionCurrent_YAxis" permissions="Write, Save" value="-4.45" />
        <Key key="positionCurrent_ZAxis" permissions="Write, Save" value="-9,62.5" />
      </PVStateShard>
    </Frame>
  </Sequence>
</PVScan>
"""


def frame(cycle: int, index: int, seconds: float, state: str = "") -> str:
    """Return a frame of two channels."""
    files = "".join(
        f'      <File channel="{channel}" channelName="{name}" page="1"'
        f' filename="T-1_Cycle{cycle:05d}_Ch{channel}_{index:06d}.ome.tif" />\n'
        for channel, name in ((1, "Red"), (2, "Green"))
    )
    return (
        f'    <Frame relativeTime="{seconds}" absoluteTime="{seconds + 0.25}" index="{index}"'
        f' parameterSet="CurrentSettings">\n{files}{state}    </Frame>\n'
    )


def cycle(number: int, kind: str, *frames: str) -> str:
    """Return a cycle."""
    return f'  <Sequence type="{kind}" cycle="{number}">\n{"".join(frames)}  </Sequence>\n'


VOLUMES = "TSeries ZSeries Element"
WHOLE = (
    HEAD
    + STATE
    + cycle(1, VOLUMES, frame(1, 1, 0.0), frame(1, 2, 0.5, MOVED))
    + cycle(2, VOLUMES, frame(2, 1, 2.0), frame(2, 2, 2.5, MOVED))
    + "</PVScan>\n"
)


def told(tmp_path: Path, data: str | bytes) -> Sidecar:
    """Return what a file tells."""
    path = tmp_path / "T-1.xml"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_sidecar(path, "prairie")[0]


def test_a_list_tells_its_frames(tmp_path: Path) -> None:
    sidecar = told(tmp_path, WHOLE)
    assert sidecar.files == tuple(
        f"T-1_Cycle{t:05d}_Ch{c}_{z:06d}.ome.tif" for t in (1, 2) for z in (1, 2) for c in (1, 2)
    )
    assert sidecar.is_closed is True
    assert dict(sidecar.channels) == {
        "1": ChannelInfo(name="Red"),
        "2": ChannelInfo(name="Green"),
    }
    assert sidecar.started == datetime(2018, 9, 8, 17, 40, 34).astimezone()
    assert sidecar.optics == OpticsInfo(
        objective_name="Olympus 20x", magnification=20.0, numerical_aperture=0.95, zoom=2.0
    )
    assert sidecar.pixel_size_um == 1.18
    assert sidecar.z_step_um == 24.0
    times = [plane.time_ms for plane in sidecar.frames.values()]
    assert times == [250.0, 250.0, 750.0, 750.0, 2250.0, 2250.0, 2750.0, 2750.0]


def test_the_state_of_a_frame_goes_before_that_of_the_run(tmp_path: Path) -> None:
    frames = told(tmp_path, WHOLE).frames
    assert frames["T-1_Cycle00001_Ch1_000001.ome.tif"].stage_um == (330.78, -787.33, 812.5)
    assert frames["T-1_Cycle00001_Ch1_000002.ome.tif"].stage_um == (330.78, -787.33, 836.5)


def test_the_state_of_a_cycle_goes_before_that_of_the_run(tmp_path: Path) -> None:
    shard = MOVED.replace("-101", "0")
    text = WHOLE.replace(f'type="{VOLUMES}" cycle="2">\n', f'type="{VOLUMES}" cycle="2">\n{shard}')
    frames = told(tmp_path, text).frames
    assert frames["T-1_Cycle00001_Ch1_000001.ome.tif"].stage_um == (330.78, -787.33, 812.5)
    assert frames["T-1_Cycle00002_Ch1_000001.ome.tif"].stage_um == (330.78, -787.33, 937.5)


@pytest.mark.parametrize(
    ("kinds", "fields"),
    [
        (["ZSeries"], {"t": ("cycle",), "z": ("idx",)}),
        ([VOLUMES, VOLUMES], {"t": ("cycle",), "z": ("idx",)}),
        (["TSeries Timed Element"], {"t": ("cycle", "idx")}),
        (["TSeries Timed Element", VOLUMES], {"t": ("cycle", "idx")}),
        (["Single"], {"t": ("cycle", "idx")}),
    ],
)
def test_types_of_cycles_tell_what_the_last_number_is(
    tmp_path: Path, kinds: list[str], fields: dict[str, tuple[str, ...]]
) -> None:
    cycles = [cycle(n, kind, frame(n, 1, n)) for n, kind in enumerate(kinds, 1)]
    sidecar = told(tmp_path, HEAD + STATE + "".join(cycles) + "</PVScan>")
    assert dict(sidecar.axis_fields) == fields
    assert (sidecar.z_step_um is None) == ("z" not in fields)


def test_lists_of_versions_before_5_2_are_read(tmp_path: Path) -> None:
    sidecar = told(tmp_path, OLD)
    name = "ZSeries-005_Cycle001_CurrentSettings_Ch1_000001.tif"
    assert sidecar.files == (name,)
    assert sidecar.frames[name].stage_um == (0.95, -4.45, 53.5)
    assert sidecar.frames[name].time_ms == 250.0
    assert dict(sidecar.channels) == {"1": ChannelInfo(name="Ch1")}
    assert sidecar.optics == OpticsInfo(
        objective_name="Olympus 40X", magnification=40.0, numerical_aperture=0.8
    )
    assert (sidecar.pixel_size_um, sidecar.z_step_um) == (0.5, 2.0)


def test_a_list_that_is_being_written_tells_the_frames_so_far(tmp_path: Path) -> None:
    end = WHOLE.index('cycle="2"')
    sidecar = told(tmp_path, WHOLE[:end])
    assert len(sidecar.files) == 4
    assert sidecar.is_closed is False
    assert dict(sidecar.axis_fields) == {"t": ("cycle",), "z": ("idx",)}


@pytest.mark.parametrize("kept", range(len(HEAD), len(WHOLE) - len("</PVScan>\n"), 97))
def test_a_list_cut_anywhere_is_no_finished_one(tmp_path: Path, kept: int) -> None:
    sidecar = told(tmp_path, WHOLE[:kept])
    assert sidecar.is_closed is False
    assert set(sidecar.files) <= set(told(tmp_path, WHOLE).files)


def test_a_whole_list_without_frames_is_no_finished_one(tmp_path: Path) -> None:
    assert told(tmp_path, HEAD + STATE + "</PVScan>").is_closed is False


@pytest.mark.parametrize("odd", ["\x01", "\x1f", "&#x1F;", "&#0;", "&#31;"])
def test_characters_that_xml_does_not_allow_cost_nothing(tmp_path: Path, odd: str) -> None:
    sidecar = told(tmp_path, WHOLE.replace('notes=""', f'notes="a{odd}b&#39;"'))
    assert sidecar.is_closed is True
    assert len(sidecar.files) == 8


def test_files_that_lead_elsewhere_are_left_out(tmp_path: Path) -> None:
    first = "T-1_Cycle00001_Ch1_000001.ome.tif"
    for name in (f"../{first}", f"/{first}", f"..\\{first}", f"C:\\{first}", ""):
        sidecar = told(tmp_path, WHOLE.replace(f'"{first}"', f'"{name}"'))
        assert len(sidecar.files) == 7
        assert first not in sidecar.files


@pytest.mark.parametrize(
    ("kind", "pages", "axis"),
    [
        ("TSeries ZSeries Element", 2, "z"),
        ("ZSeries", 2, "z"),
        ("TSeries Timed Element", 2, "t"),
        ("Single", 2, "t"),
        ("ZSeries", 1, None),
    ],
)
def test_types_of_cycles_tell_what_pages_are(
    tmp_path: Path, kind: str, pages: int, axis: str | None
) -> None:
    frames = "".join(
        f'<Frame absoluteTime="{n}"><File channel="1" page="{n}" filename="a.ome.tif"/></Frame>'
        for n in range(1, pages + 1)
    )
    path = tmp_path / "a.xml"
    path.write_text(f'<PVScan><Sequence type="{kind}">{frames}</Sequence></PVScan>')
    assert read_sidecar(path, "prairie")[0].page_axis == axis


def test_a_file_of_several_pages_is_listed_once(tmp_path: Path) -> None:
    text = WHOLE
    for number in (1, 2):
        text = text.replace(f"T-1_Cycle00001_Ch1_{number:06d}", "T-1_Cycle00001_Ch1_000001")
    sidecar = told(tmp_path, text)
    assert sidecar.files.count("T-1_Cycle00001_Ch1_000001.ome.tif") == 1
    assert "T-1_Cycle00001_Ch1_000001.ome.tif" not in sidecar.frames
    assert len(sidecar.frames) == 6


def test_damaged_numbers_cost_only_themselves(tmp_path: Path) -> None:
    text = WHOLE.replace('absoluteTime="0.25"', 'absoluteTime="soon"', 1)
    text = text.replace('value="330.78"', 'value="1e400"').replace('"1.18"', '"nan"')
    text = text.replace("9/8/2018 5:40:34 PM", "99/99/2018")
    sidecar = told(tmp_path, text)
    plane = sidecar.frames["T-1_Cycle00001_Ch1_000001.ome.tif"]
    assert (plane.time_ms, plane.stage_um) == (0.0, None)
    assert sidecar.pixel_size_um is None
    assert sidecar.started is None
    assert len(sidecar.files) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"PK\x03\x04" * 20,
        b"<ThorImageExperiment/>",
        b"<PVScan>" + b"<Sequence>" * 5000,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><PVScan>&b;</PVScan>",
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data)


@pytest.mark.parametrize(("t", "z"), [(2, 3), (1, 3), (3, 1)])
def test_the_list_of_a_simulated_run_equals_it(tmp_path: Path, t: int, z: int) -> None:
    path = "{name}/{name}_Cycle{t:05}_Ch{c}_{z:06}.ome.tif"
    acquired = run(path, first=1, t=t, z=z, sites=1)
    files = prairie.sidecars(acquired, len(acquired.frames), finished=True)
    assert list(files) == ["run/run.xml"]
    sidecar = told(tmp_path, files["run/run.xml"])
    assert sidecar.is_closed is True
    assert set(sidecar.files) == {f.path.removeprefix("run/") for f in acquired.frames}
    assert ("z" in sidecar.axis_fields) == (z > 1)
    assert [channel.name for channel in sidecar.channels.values()] == ["DAPI", "GFP"]
    assert sidecar.started == acquired.started.replace(microsecond=0)
    assert sidecar.pixel_size_um == acquired.pixel_size_um
    assert sidecar.optics.numerical_aperture == acquired.numerical_aperture
    for taken in acquired.frames:
        plane = sidecar.frames[taken.path.removeprefix("run/")]
        assert plane.stage_um == taken.stage_um
        if taken.c == 0:
            assert plane.time_ms == pytest.approx(taken.time_ms)


def test_a_simulated_run_that_goes_on_has_an_open_list(tmp_path: Path) -> None:
    acquired = run("{name}_Cycle{t:05}_Ch{c}_{z:06}.ome.tif", first=1, sites=1)
    for done in (0, 1, 7, len(acquired.frames)):
        sidecar = told(tmp_path, prairie.sidecars(acquired, done, finished=False)["run.xml"])
        assert sidecar.is_closed is False
        assert set(sidecar.files) == {frame.path for frame in acquired.frames[:done]}
