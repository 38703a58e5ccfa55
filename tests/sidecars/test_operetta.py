"""Indices of Harmony, of both forms, half-written, damaged, and as they are simulated."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import SidecarError
from nd2watch.sidecars import read_sidecar
from nd2watch.simulate.programs import operetta
from nd2watch.sources import ChannelInfo, OpticsInfo
from tests.sidecars.runs import DAPI, GFP, run

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.sidecars import Sidecar
    from nd2watch.simulate.run import RunFrame

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="1" xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
  <User>someone</User>
  <InstrumentType>Phenix</InstrumentType>
  <Plates>
    <Plate>
      <PlateID>BR00117035</PlateID>
      <MeasurementStartTime>2020-11-08T18:18:22.1234567-05:00</MeasurementStartTime>
      <Name>Plate 7</Name>
      <PlateTypeName>384 PerkinElmer CellCarrier Ultra</PlateTypeName>
      <PlateRows>16</PlateRows>
      <PlateColumns>24</PlateColumns>
      <Well id="0201" />
    </Plate>
  </Plates>
  <Wells>
    <Well><id>0201</id><Row>2</Row><Col>1</Col><Image id="0201K1F1P1R1" /></Well>
  </Wells>
"""
CHANNEL = """
      <ChannelName>HOECHST 33342</ChannelName>
      <AcquisitionType>NipkowConfocal</AcquisitionType>
      <ChannelType>Fluorescence</ChannelType>
      <ImageResolutionX Unit="m">1.1867525298988041E-06</ImageResolutionX>
      <CameraType>AndorZylaCam</CameraType>
      <MainExcitationWavelength Unit="nm">375</MainExcitationWavelength>
      <MainEmissionWavelength Unit="nm">456</MainEmissionWavelength>
      <ObjectiveMagnification Unit="">10</ObjectiveMagnification>
      <ObjectiveNA Unit="">0.3</ObjectiveNA>
      <ExposureTime Unit="s">0.07</ExposureTime>
"""
TAIL = "  </Images>\n</EvaluationInputData>\n"
HOECHST = ChannelInfo(
    name="HOECHST 33342",
    excitation_nm=375.0,
    emission_nm=456.0,
    exposure_ms=70.0,
    modality=("fluorescence", "spinning_disk", "camera"),
    camera="AndorZylaCam",
)


def image(file: str, *, field: str = "1", plane: str = "1", t: str = "0", more: str = "") -> str:
    """An image of well B01, with what both forms of the index tell of it."""
    return f"""
    <Image Version="1">
      <id>x</id><State>Ok</State><URL>{file}</URL><Row>2</Row><Col>1</Col>
      <FieldID>{field}</FieldID><PlaneID>{plane}</PlaneID><TimepointID>{t}</TimepointID>
      <ChannelID>1</ChannelID>{more}
      <PositionX Unit="m">-0.000576762</PositionX><PositionY Unit="m">0.0002</PositionY>
      <PositionZ Unit="m">{float(plane) * 1.5 - 4}E-06</PositionZ>
      <AbsPositionZ Unit="m">0.135350823</AbsPositionZ>
      <MeasurementTimeOffset Unit="s">{int(t) * 90}</MeasurementTimeOffset>
      <AbsTime>2020-11-08T18:18:2{plane}.5000000-05:00</AbsTime>
    </Image>"""


def index(*images: str, maps: str = "") -> str:
    return f"{HEAD}{maps}  <Images>{''.join(images)}\n{TAIL}"


def read(folder: Path, data: str | bytes) -> Sidecar:
    path = folder / "Index.idx.xml"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_sidecar(path, "operetta")[0]


STACK = [image(f"r02c01f01p0{z}-ch1sk1fk1fl1.tiff", plane=str(z), more=CHANNEL) for z in (1, 2, 3)]


def test_an_index_tells_plate_channels_and_frames(tmp_path: Path) -> None:
    told = read(tmp_path, index(*STACK))
    zone = timezone(timedelta(hours=-5))
    frame = told.frames["r02c01f01p02-ch1sk1fk1fl1.tiff"]
    assert told.sizes == {"t": 1, "z": 3, "c": 1}
    assert (told.sites, told.wells, told.is_closed) == (1, ("B01",), True)
    assert told.channels == {"1": HOECHST}
    assert told.optics == OpticsInfo(magnification=10.0, numerical_aperture=0.3)
    assert told.pixel_size_um == pytest.approx(1.1867525298988041, abs=1e-9)
    assert (told.z_step_um, told.period_ms) == (1.5, None)
    assert told.started == datetime(2020, 11, 8, 18, 18, 22, 123456, zone)
    assert (told.plate_name, told.plate_rows, told.plate_columns) == ("Plate 7", 16, 24)
    assert frame.stage_um == (-576.762, 200.0, -1.0)
    assert frame.acquired == datetime(2020, 11, 8, 18, 18, 22, 500000, zone)
    assert told.files == tuple(told.frames)
    assert len(told.files) == 3


def test_newer_indices_tell_of_channels_in_maps(tmp_path: Path) -> None:
    maps = f"""  <Maps>
    <Map><Entry ChannelID="1"><FlatfieldProfile>{{}}</FlatfieldProfile></Entry></Map>
    <Map><Entry ChannelID="1">{CHANNEL}</Entry><Entry ChannelID="2"></Entry></Map>
  </Maps>
"""
    told = read(tmp_path, index(image("a.tiff"), maps=maps).replace("HarmonyV5", "HarmonyV6"))
    assert told.channels == {"1": HOECHST}
    assert told.optics.magnification == 10.0
    assert told.pixel_size_um == pytest.approx(1.18675253)


def test_the_absolute_z_is_told_where_there_is_no_other(tmp_path: Path) -> None:
    told = read(tmp_path, re.sub(r"\bPositionZ", "OtherZ", index(image("a.tiff"))))
    assert told.frames["a.tiff"].stage_um == (-576.762, 200.0, 135350.823)


def test_without_a_clock_time_that_since_the_start_is_told(tmp_path: Path) -> None:
    told = read(tmp_path, index(image("a.tiff", t="2").replace("AbsTime", "Other")))
    assert told.frames["a.tiff"].time_ms == 180_000.0


def test_time_points_tell_their_period(tmp_path: Path) -> None:
    told = read(tmp_path, index(*(image(f"{t}.tiff", t=str(t)) for t in range(3))))
    assert told.sizes["t"] == 3
    assert told.period_ms == 90_000.0


def test_sites_are_told_only_where_all_wells_have_as_many(tmp_path: Path) -> None:
    other = image("d.tiff").replace("<Row>2", "<Row>27")
    told = read(tmp_path, index(image("a.tiff"), image("b.tiff", field="9"), other))
    assert told.sites is None
    assert told.wells == ("B01", "AA01")


def test_channels_of_fewer_planes_are_told(tmp_path: Path) -> None:
    single = image("s.tiff", plane="2").replace("<ChannelID>1", "<ChannelID>10")
    told = read(tmp_path, index(single, *STACK))
    assert told.sizes == {"t": 1, "z": 3, "c": 2}
    assert told.planes == {"10": 1}
    assert list(told.channels) == ["1", "10"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Row>2</Row>", "<Row>two</Row>"),
        ("<Row>2</Row>", "<Row>0</Row>"),
        ("<Row>2</Row>", ""),
        ("<FieldID>1", "<FieldID>-1"),
        ("<ChannelID>1", "<ChannelID>99999999999999999999"),
        ("<TimepointID>0", "<TimepointID>"),
        ("bad.tiff", ""),
        ("bad.tiff", "/etc/bad.tiff"),
        ("bad.tiff", "..\\..\\bad.tiff"),
        ("bad.tiff", "C:\\data\\bad.tiff"),
        ("bad.tiff", "http://host/bad.tiff"),
    ],
)
def test_a_damaged_record_loses_that_image_only(tmp_path: Path, old: str, new: str) -> None:
    bad = image("bad.tiff")
    assert old in bad
    assert read(tmp_path, index(bad.replace(old, new), image("a.tiff"))).files == ("a.tiff",)


def test_numbers_that_cannot_be_are_unknown(tmp_path: Path) -> None:
    wild = index(STACK[0]).replace("-0.000576762", "1e999").replace(">10<", ">nan<")
    told = read(tmp_path, wild.replace("2020-11-08T18:18:21", "yesterday").replace("0.07", "-1"))
    assert told.frames[told.files[0]].stage_um is None
    assert told.frames[told.files[0]].acquired is None
    assert told.optics.magnification is None
    assert told.channels["1"].exposure_ms is None


def test_half_an_index_tells_its_images_but_no_sizes(tmp_path: Path) -> None:
    whole = index(*STACK)
    told = read(tmp_path, whole[: whole.index("p03")])
    assert told.is_closed is False
    assert told.files == tuple(f"r02c01f01p0{z}-ch1sk1fk1fl1.tiff" for z in (1, 2))
    assert told.channels == {"1": HOECHST}
    assert (dict(told.sizes), told.sites, told.wells) == ({}, None, ())


def test_every_beginning_of_an_index_is_understood_or_refused(tmp_path: Path) -> None:
    whole = index(*STACK).rstrip()
    names = read(tmp_path, whole).files
    for length in range(0, len(whole), 7):
        try:
            told = read(tmp_path, whole[:length])
        except SidecarError:
            assert length < len('<?xml version="1.0" encoding="utf-8"?>') + 100
            continue
        assert told.is_closed is False
        assert told.files == names[: len(told.files)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\xff\xfe\x00",
        b"<a>" * 20_000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><EvaluationInputData>&b;</EvaluationInputData>',
        b"<EvaluationInputData/>",
        index().encode(),
    ],
)
def test_what_is_no_index_is_refused_or_tells_nothing(tmp_path: Path, data: bytes) -> None:
    try:
        told = read(tmp_path, data)
    except SidecarError:
        return
    assert (told.is_closed, told.files) == (False, ())


def path_of(frame: RunFrame) -> str:
    row, column = ord(frame.well[0]) - ord("A") + 1, int(frame.well[1:])
    return (
        f"M 1/Images/r{row:02d}c{column:02d}f{frame.site + 1:02d}p{frame.z + 1:02d}"
        f"-ch{frame.c + 1}sk{frame.t + 1}fk1fl1.tiff"
    )


@pytest.mark.parametrize("wells", [("B02", "C11"), ("A01",)])
def test_what_is_simulated_is_read_back(tmp_path: Path, wells: tuple[str, ...]) -> None:
    plate = run(path_of, wells=wells, name="A & B")
    ((name, data),) = operetta.sidecars(plate, len(plate.frames), finished=True).items()
    assert name == "M 1/Images/Index.idx.xml"
    told = read(tmp_path, data).below("M 1/Images")
    assert told.sizes == {"t": 2, "z": 3, "c": 2}
    assert (told.sites, told.wells, told.is_closed) == (2, wells, True)
    assert told.files == tuple(frame.path for frame in plate.frames)
    for frame in plate.frames:
        info = told.frames[frame.path]
        assert (info.acquired, info.stage_um) == (frame.acquired, frame.stage_um)
    for channel, found in zip((DAPI, GFP), told.channels.values(), strict=True):
        assert found.name == channel.name
        assert (found.excitation_nm, found.emission_nm) == (
            channel.excitation_nm,
            channel.emission_nm,
        )
        assert found.exposure_ms == channel.exposure_ms
    assert told.pixel_size_um == plate.pixel_size_um
    assert told.z_step_um == plate.z_step_um
    assert (told.period_ms, told.started) == (plate.period_ms, plate.started)
    assert (told.plate_name, told.plate_rows, told.plate_columns) == ("A & B", 8, 12)
    assert told.optics.magnification == plate.magnification
    assert told.optics.numerical_aperture == plate.numerical_aperture


def test_the_index_is_written_at_the_end_and_lists_what_was_acquired(tmp_path: Path) -> None:
    plate = run(path_of, wells=("B02",))
    assert operetta.sidecars(plate, 5, finished=False) == {}
    (data,) = operetta.sidecars(plate, 5, finished=True).values()
    assert len(read(tmp_path, data).files) == 5
