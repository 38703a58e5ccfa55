"""Files of Yokogawa measurements: list of images, details and settings, whole and half-written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import SidecarError
from nd2watch.sidecars import joined, read_sidecar
from nd2watch.simulate.programs import yokogawa
from nd2watch.sources import ChannelInfo
from tests.sidecars.runs import DAPI, GFP, run

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.sidecars import Sidecar
    from nd2watch.simulate.run import Run

NAMESPACE = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
ZONE = timezone(timedelta(hours=2))
ERROR = """\
<bts:MeasurementRecord bts:Type="ERR" bts:Time="2023-09-18T13:58:50.000+02:00" bts:Column="14" \
bts:Row="3" bts:TimePoint="1" bts:PartialTileIndex="1" bts:TimelineIndex="1" bts:X="-20.0" \
bts:Y="25.0">AF Error at C14 No. 0 (SAMPLE_PLATE_000000_000000)</bts:MeasurementRecord>
"""
DETAIL = f"""{DECLARATION}\
<bts:MeasurementDetail bts:Version="1.0" bts:OperatorName="someone" bts:Title="Title" \
bts:BeginTime="2023-09-18T13:58:39.4014935+02:00" bts:EndTime="2023-09-18T13:59:15.9664907+02:00" \
bts:MeasurementSettingFileName="S.mes" bts:ColumnCount="12" bts:RowCount="8" \
bts:TimePointCount="3" bts:FieldCount="4" bts:ZCount="5" bts:TargetSystem="CV8000" \
bts:ReleaseNumber="R2.06.03" bts:Status="0" {NAMESPACE}>
  <bts:MeasurementSamplePlate bts:Name="Plate" bts:WellPlateFileName="Plate.wpi" />
  <bts:MeasurementChannel bts:Ch="1" bts:HorizontalPixelDimension="0.325" \
bts:VerticalPixelDimension="0.325" bts:CameraNumber="3" bts:InputBitDepth="16" />
</bts:MeasurementDetail>
"""
RANGE = 'bts:TopDistance="6" bts:BottomDistance="-6" bts:SliceLength="3"'
SETTING = f"""{DECLARATION}\
<bts:MeasurementSetting bts:Version="1.0" bts:Columns="12" bts:Rows="8" {NAMESPACE}>
  <bts:Timelapse>
    <bts:Timeline bts:Name="Time Line 1" bts:InitialTime="0" bts:Period="600" bts:Interval="200">
      <bts:WellSequence bts:IsSelected="true">
        <bts:TargetWell bts:Column="8" bts:Row="4">true</bts:TargetWell>
        <bts:TargetWell bts:Column="9" bts:Row="4">false</bts:TargetWell>
        <bts:TargetWell bts:Column="3" bts:Row="5">true</bts:TargetWell>
      </bts:WellSequence>
      <bts:PointSequence bts:Method="FixedPosition">
        <bts:FixedPosition bts:IsProportional="false">
          <bts:Point bts:X="-567.2" bts:Y="402.9" />
          <bts:Point bts:X="82.8" bts:Y="402.9" />
        </bts:FixedPosition>
      </bts:PointSequence>
      <bts:ActionList bts:RunMode="sequential" bts:AFSearch="afparam">
        <bts:ActionAcquire3D bts:AFShiftBase="5" {RANGE}>
          <bts:Ch>1</bts:Ch>
        </bts:ActionAcquire3D>
        <bts:ActionAcquire2D bts:AFShiftBase="5">
          <bts:Ch>3</bts:Ch>
        </bts:ActionAcquire2D>
      </bts:ActionList>
    </bts:Timeline>
  </bts:Timelapse>
  <bts:LightSourceList>
    <bts:LightSource bts:Name="405nm" bts:Type="Laser" bts:WaveLength="405" bts:Power="100" />
    <bts:LightSource bts:Name="640nm" bts:Type="Laser" bts:WaveLength="640" bts:Power="50" />
    <bts:LightSource bts:Name="Lamp" bts:Type="Lamp" bts:WaveLength="0" bts:Power="30" />
  </bts:LightSourceList>
  <bts:ChannelList>
    <bts:Channel bts:Ch="1" bts:Target="405" bts:ObjectiveID="20200" bts:Objective="20x v2" \
bts:Magnification="20" bts:Acquisition="BP445/45" bts:ExposureTime="100" bts:Color="#FF002FFF" \
bts:PinholeDiameter="50" bts:Kind="ConfocalFluorescence" bts:CameraType="DCAM" bts:Fluorophore="">
      <bts:LightSourceName>640nm</bts:LightSourceName>
      <bts:LightSourceName>405nm</bts:LightSourceName>
    </bts:Channel>
    <bts:Channel bts:Ch="2" bts:Target="unused" bts:Acquisition="BP525/50" />
    <bts:Channel bts:Ch="3" bts:Target="" bts:Fluorophore="Cells" bts:Acquisition="LP500" \
bts:ExposureTime="12.5" bts:Color="#FFFFFFFF" bts:Kind="Brightfield">
      <bts:LightSourceName>Lamp</bts:LightSourceName>
    </bts:Channel>
  </bts:ChannelList>
</bts:MeasurementSetting>
"""


def record(file: str, *, row: str = "4", kind: str = "IMG", z: str = "3.0") -> str:
    """A record of the list, of column 8."""
    return (
        f'<bts:MeasurementRecord bts:Type="{kind}" bts:Time="2023-09-18T13:58:44.438+02:00"'
        f' bts:Column="8" bts:Row="{row}" bts:TimePoint="1" bts:FieldIndex="1" bts:ZIndex="2"'
        ' bts:TimelineIndex="1" bts:ActionIndex="1" bts:Action="3D" bts:X="-567.1" bts:Y="402.9"'
        f' bts:Z="{z}" bts:Ch="1">{file}</bts:MeasurementRecord>\n'
    )


def images(*records: str) -> str:
    head = f'{DECLARATION}<bts:MeasurementData bts:Version="1.0" {NAMESPACE}>\n'
    return f"{head}{''.join(records)}</bts:MeasurementData>\n"


def read(folder: Path, data: str | bytes, name: str = "MeasurementData.mlf") -> Sidecar:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_sidecar(path, "yokogawa")[0]


def test_the_list_tells_images_with_times_and_places(tmp_path: Path) -> None:
    told = read(tmp_path, images(record("a.tif"), ERROR, record("b.tif", row="27")))
    assert told.files == ("a.tif", "b.tif")
    assert told.wells == ("D08", "AA08")
    assert told.is_closed is None
    assert told.frames["a.tif"].acquired == datetime(2023, 9, 18, 13, 58, 44, 438_000, ZONE)
    assert told.frames["a.tif"].stage_um == (-567.1, 402.9, 3.0)


def test_images_in_folders_below_are_listed(tmp_path: Path) -> None:
    told = read(tmp_path, images(record("Image/W0001F0001T0001Z001C1.tif"), record(r"Image\b.tif")))
    assert told.files == ("Image/W0001F0001T0001Z001C1.tif", "Image/b.tif")


def test_a_bracket_too_many_at_the_end_is_overlooked(tmp_path: Path) -> None:
    assert read(tmp_path, images(record("a.tif")).rstrip() + ">\r\n").files == ("a.tif",)


@pytest.mark.parametrize(
    "bad",
    [
        record("bad.tif", kind="ERR"),
        record("bad.tif", row="x"),
        record("bad.tif", row="0"),
        record("bad.tif").replace("bts:Row", "bts:Other"),
        record(""),
        record("../bad.tif"),
        record("/bad.tif"),
        record(r"\\host\bad.tif"),
        record(r"C:\bad.tif"),
    ],
)
def test_a_damaged_record_loses_that_image_only(tmp_path: Path, bad: str) -> None:
    told = read(tmp_path, images(bad, record("a.tif")))
    assert (told.files, told.wells) == (("a.tif",), ("D08",))


def test_numbers_that_cannot_be_are_unknown(tmp_path: Path) -> None:
    wild = images(record("a.tif", z="1e999"), record("b.tif").replace("-567.1", "left"))
    told = read(tmp_path, wild.replace("2023-09", "2023-99"))
    assert told.frames["a.tif"].stage_um == (-567.1, 402.9, None)
    assert told.frames["b.tif"].stage_um is None
    assert told.frames["a.tif"].acquired is None


def test_every_beginning_of_a_list_is_understood_or_refused(tmp_path: Path) -> None:
    whole = images(record("a.tif"), record("b.tif")).rstrip()
    for length in range(len(whole)):
        try:
            told = read(tmp_path, whole[:length])
        except SidecarError:
            assert "<bts:MeasurementRecord" not in whole[:length]
            continue
        assert (told.is_closed, told.wells) == (False, ())
        assert told.files == ("a.tif", "b.tif")[: whole[:length].count("</bts:MeasurementRecord>")]


def test_details_tell_sizes_and_the_end(tmp_path: Path) -> None:
    told = read(tmp_path, DETAIL, "MeasurementDetail.mrf")
    assert told.sizes == {"t": 3, "z": 5}
    assert (told.sites, told.pixel_size_um, told.is_closed) == (4, 0.325, True)
    assert told.started == datetime(2023, 9, 18, 13, 58, 39, 401_493, ZONE)
    assert (told.plate_name, told.plate_rows, told.plate_columns) == ("Plate", 8, 12)


@pytest.mark.parametrize(
    "data",
    [
        DETAIL.replace("2023-09-18T13:59:15.9664907+02:00", ""),
        DETAIL.replace("bts:EndTime", "bts:Other"),
        DETAIL[: DETAIL.index("</bts:MeasurementDetail")],
    ],
)
def test_a_measurement_without_its_end_goes_on(tmp_path: Path, data: str) -> None:
    told = read(tmp_path, data, "MeasurementDetail.mrf")
    assert told.is_closed is False
    assert told.sizes == {"t": 3, "z": 5}


def test_sizes_that_cannot_be_are_unknown(tmp_path: Path) -> None:
    wild = DETAIL.replace('ZCount="5"', 'ZCount="0"').replace('Count="3"', 'Count="9999999999"')
    told = read(tmp_path, wild.replace('FieldCount="4"', 'FieldCount="-4"'), "M.mrf")
    assert (dict(told.sizes), told.sites) == ({}, None)


def test_settings_tell_the_plan_and_the_channels_that_are_acquired(tmp_path: Path) -> None:
    told = read(tmp_path, SETTING, "S.mes")
    assert told.sizes == {"z": 5, "c": 2}
    assert told.planes == {"3": 1}
    assert (told.sites, told.wells) == (2, ("D08", "E03"))
    assert (told.z_step_um, told.period_ms, told.is_closed) == (3.0, 200_000.0, None)
    assert (told.plate_rows, told.plate_columns) == (8, 12)
    assert (told.optics.objective_name, told.optics.magnification) == ("20x v2", 20.0)
    assert told.channels == {
        "1": ChannelInfo(
            name="405",
            color=0x002FFF,
            excitation_nm=405.0,
            emission_nm=445.0,
            exposure_ms=100.0,
            modality=("fluorescence", "spinning_disk", "camera"),
            pinhole_um=50.0,
            camera="DCAM",
        ),
        "3": ChannelInfo(
            name="Cells", color=0xFFFFFF, exposure_ms=12.5, modality=("brightfield", "camera")
        ),
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (RANGE, f'{RANGE} bts:ImageProcessing="Maximum"'),
        ("ActionAcquire2D", "ActionAcquireOther"),
        ('TopDistance="6"', 'TopDistance="5"'),
        ('TopDistance="6"', 'TopDistance="1e300"'),
        ('TopDistance="6"', 'TopDistance="-60"'),
        ('SliceLength="3"', 'SliceLength="0"'),
    ],
)
def test_planes_that_settings_do_not_tell_are_left_to_the_details(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in SETTING
    told = read(tmp_path, SETTING.replace(old, new), "S.mes")
    assert (told.sizes, dict(told.planes)) == ({"c": 2}, {})


def test_one_time_point_has_no_period(tmp_path: Path) -> None:
    assert read(tmp_path, SETTING.replace('"200"', '"600"'), "S.mes").period_ms is None


@pytest.mark.parametrize("name", ["a.mlf", "a.mrf", "a.mes"])
@pytest.mark.parametrize(
    "data",
    [
        "",
        b"\x00\x01\x02\xff",
        "<Other/>",
        "<a>" * 20_000,
        '<!DOCTYPE a [<!ENTITY b "c">]><MeasurementData>&b;</MeasurementData>',
        SETTING[: SETTING.index("</bts:ChannelList")],
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, data: str | bytes) -> None:
    with pytest.raises(SidecarError):
        read(tmp_path, data, name)


CV8000 = "P/P_{well}_T{t:04d}F{site:03d}L01A{c:02d}Z{z:02d}C{c:02d}.tif"
CQ1 = "P/Image/W{row}{col}F{site:04d}T{t:04d}Z{z:03d}C{c}.tif"


def told_by(folder: Path, plate: Run, done: int, *, finished: bool) -> Sidecar:
    """What all files that are simulated tell together, with paths from the folder of the run."""
    files = yokogawa.sidecars(plate, done, finished=finished)
    assert {path.rpartition("/")[0] for path in files} == {"P"}
    names = sorted(files, key=lambda path: [".mes", ".mrf", ".mlf"].index(path[-4:]))
    return joined(read(folder, files[name], name.rpartition("/")[2]) for name in names).below("P")


@pytest.mark.parametrize("path", [CV8000, CQ1])
@pytest.mark.parametrize("z", [1, 3])
def test_what_is_simulated_is_read_back(tmp_path: Path, path: str, z: int) -> None:
    plate = run(path, first=1, wells=("B02", "C11"), z=z, name='A & "B"')
    told = told_by(tmp_path, plate, len(plate.frames), finished=True)
    assert told.sizes == {"t": 2, "z": z, "c": 2}
    assert (told.sites, told.wells, told.is_closed) == (2, ("B02", "C11"), True)
    assert told.files == tuple(frame.path for frame in plate.frames)
    for frame in plate.frames:
        info = told.frames[frame.path]
        assert (info.acquired, info.stage_um) == (frame.acquired, frame.stage_um)
    for channel, found in zip((DAPI, GFP), told.channels.values(), strict=True):
        wavelengths_nm = found.excitation_nm, found.emission_nm
        assert (found.name, found.color) == (channel.name, channel.color)
        assert wavelengths_nm == (channel.excitation_nm, channel.emission_nm)
        assert found.exposure_ms == channel.exposure_ms
    assert told.pixel_size_um == plate.pixel_size_um
    assert told.z_step_um == (plate.z_step_um if z > 1 else None)
    assert (told.period_ms, told.started) == (plate.period_ms, plate.started)
    assert (told.plate_name, told.plate_rows, told.plate_columns) == ('A & "B"', 8, 12)
    assert told.optics.objective_name == plate.objective
    assert told.optics.magnification == plate.magnification
    assert told.optics.numerical_aperture == plate.numerical_aperture


def test_channels_of_one_plane_are_told(tmp_path: Path) -> None:
    channels = (DAPI, replace(GFP, z=1))
    plate = run(CV8000, first=1, wells=("B02",), channels=channels)
    told = told_by(tmp_path, plate, len(plate.frames), finished=True)
    assert told.sizes["z"] == 3
    assert told.planes == {"2": 1}


@pytest.mark.parametrize("done", [0, 1, 7])
def test_while_it_goes_on_the_plan_is_told_and_the_images_so_far(tmp_path: Path, done: int) -> None:
    plate = run(CV8000, first=1, wells=("B02", "C11"))
    told = told_by(tmp_path, plate, done, finished=False)
    assert told.is_closed is False
    assert told.sizes == {"t": 2, "z": 3, "c": 2}
    assert told.wells == ("B02", "C11")
    assert told.files == tuple(frame.path for frame in plate.frames[:done])
