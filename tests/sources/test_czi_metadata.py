"""What the metadata of CZI files tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.sources import open_frame, read_frame
from tests.frames import noise
from tests.sources.czi_builder import Tile, built, tiles_of

if TYPE_CHECKING:
    from pathlib import Path

GRAY = noise(1)
XML = """<ImageDocument><Metadata>
<Information>
 <Instrument>
  <Detectors>
   <Detector Id="Detector:1" Name="Axiocam 506"/>
   <Detector Id="Detector:2"><Manufacturer><Model>Airyscan</Model></Manufacturer></Detector>
  </Detectors>
  <Objectives>
   <Objective Id="Objective:1" Name="EC Plan-Neofluar 10x/0.30"/>
   <Objective Id="Objective:2" Name="Plan-Apochromat 63x/1.40 Oil DIC M27">
    <LensNA>1.4</LensNA><NominalMagnification>63</NominalMagnification><Immersion>Oil</Immersion>
   </Objective>
  </Objectives>
 </Instrument>
 <Image>
  <AcquisitionDateAndTime>2024-04-22T09:57:37.2941234Z</AcquisitionDateAndTime>
  <ObjectiveSettings>
   <ObjectiveRef Id="Objective:2"/><RefractiveIndex>1.518</RefractiveIndex>
  </ObjectiveSettings>
  <Dimensions>
   <Channels>
    <Channel Id="Channel:0" Name="DAPI">
     <ExcitationWavelength>353</ExcitationWavelength><EmissionWavelength>465</EmissionWavelength>
     <Color>#FF00A0FF</Color><ExposureTime>125000000</ExposureTime>
     <AcquisitionMode>WideField</AcquisitionMode><ContrastMethod>Fluorescence</ContrastMethod>
     <DetectorSettings><Detector Id="Detector:1"/></DetectorSettings>
    </Channel>
    <Channel Id="Channel:1" Name="Ch2-T1">
     <DetectionWavelength><Ranges>493-556</Ranges></DetectionWavelength>
     <LightSourcesSettings>
      <LightSourceSettings><Wavelength>488</Wavelength></LightSourceSettings>
     </LightSourcesSettings>
     <PinholeSize>4.4e-05</PinholeSize>
     <AcquisitionMode>LaserScanningConfocalMicroscopy</AcquisitionMode>
     <IlluminationType>Epifluorescence</IlluminationType>
     <DetectorSettings><Detector Id="Detector:2"/></DetectorSettings>
    </Channel>
    <Channel Id="Channel:2">
     <PinholeSize>32.5</PinholeSize>
     <AcquisitionMode>WideField</AcquisitionMode><ContrastMethod>DIC</ContrastMethod>
    </Channel>
   </Channels>
   <T><Positions><Interval><Increment>2.5</Increment></Interval></Positions></T>
   <S><Scenes>
    <Scene Index="0" Name="P1"><ArrayName>A4</ArrayName>
     <CenterPosition>-100.5,2000.25</CenterPosition></Scene>
    <Scene Index="1" Name="P2"><Shape Name="P2"/><CenterPosition>300,400</CenterPosition></Scene>
   </Scenes></S>
  </Dimensions>
 </Image>
</Information>
<Scaling><Items>
 <Distance Id="X"><Value>1.0319999999999999E-07</Value></Distance>
 <Distance Id="Y"><Value>1.032E-07</Value></Distance>
 <Distance Id="Z"><Value>2.4E-07</Value></Distance>
</Items></Scaling>
<DisplaySetting><Channels>
 <Channel Id="Channel:1" Name="other"><Color>#FF00FF00</Color>
  <DyeMaxExcitation>490</DyeMaxExcitation></Channel>
 <Channel Id="Channel:2" Name="T-PMT"><DyeMaxEmission>700</DyeMaxEmission></Channel>
</Channels></DisplaySetting>
</Metadata></ImageDocument>"""
STARTED = datetime(2024, 4, 22, 9, 57, 37, 294123, tzinfo=UTC)


def tags(second: float, x: float, y: float, z: float) -> str:
    """Return the XML of a subblock."""
    time = (STARTED + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
    return (
        f"<METADATA><Tags><AcquisitionTime>{time}</AcquisitionTime>"
        f"<StageXPosition>+{x:012.4f}</StageXPosition><StageYPosition>{y}</StageYPosition>"
        f"<FocusPosition>{z}</FocusPosition></Tags></METADATA>"
    )


def test_takes_what_the_metadata_tell(tmp_path: Path) -> None:
    info = open_frame(built(tmp_path, tiles_of(C=3, S=2), XML)).info
    assert info.pixel_size_um == 0.1032
    assert info.z_step_um == 0.24
    assert info.period_ms == 2500
    assert info.started == STARTED
    assert info.positions == ("A4 P1", "P2")
    assert info.optics.objective_name == "Plan-Apochromat 63x/1.40 Oil DIC M27"
    assert info.optics.magnification == 63
    assert info.optics.numerical_aperture == 1.4
    assert info.optics.immersion_index == 1.518
    dapi, green, transmitted = info.channels
    assert (dapi.name, dapi.color, dapi.camera) == ("DAPI", 0x00A0FF, "Axiocam 506")
    assert (dapi.excitation_nm, dapi.emission_nm, dapi.exposure_ms) == (353, 465, 125)
    assert dapi.modality == ("fluorescence", "camera")
    assert (green.name, green.color, green.camera) == ("Ch2-T1", 0x00FF00, "Airyscan")
    assert (green.excitation_nm, green.emission_nm, green.pinhole_um) == (488, 524.5, 44)
    assert green.modality == ("fluorescence", "laser_scan_confocal")
    assert (transmitted.name, transmitted.emission_nm) == ("T-PMT", 700)
    assert transmitted.modality == ("brightfield", "dic", "camera")
    assert transmitted.pinhole_um == 32.5
    assert info.plane(0).stage_um == (-100.5, 2000.25, None)
    assert info.plane(3).stage_um == (300, 400, None)


def test_takes_time_and_place_of_each_plane(tmp_path: Path) -> None:
    tiles = [
        Tile(pixels=noise(z), point={"Z": z}, xml=tags(0.5 + z, 1234.5, -6.25, 900 + z / 4))
        for z in range(2)
    ]
    info = open_frame(built(tmp_path, tiles, XML)).info
    assert info.plane(1).acquired == STARTED + timedelta(seconds=1.5)
    assert [plane.time_ms for plane in info.planes] == [500, 1500]
    assert [plane.stage_um for plane in info.planes] == [
        (1234.5, -6.25, 900),
        (1234.5, -6.25, 900.25),
    ]


def test_a_height_that_stays_the_same_in_a_stack_is_not_that_of_each_plane(tmp_path: Path) -> None:
    tiles = [Tile(pixels=GRAY, point={"Z": z}, xml=tags(z, 1, 2, 900)) for z in range(2)]
    assert open_frame(built(tmp_path, tiles)).info.plane(1).stage_um == (1, 2, None)
    tiles = [Tile(pixels=GRAY, point={"T": t}, xml=tags(t, 1, 2, 900)) for t in range(2)]
    assert open_frame(built(tmp_path, tiles)).info.plane(1).stage_um == (1, 2, 900)


def test_the_place_of_a_mosaic_is_the_centre_of_its_scene(tmp_path: Path) -> None:
    tiles = [
        Tile(pixels=GRAY, point={"M": m, "S": 0}, left=32 * m, xml=tags(m, 1, 2, 900))
        for m in range(2)
    ]
    plane = open_frame(built(tmp_path, tiles, XML)).info.plane(0)
    assert plane.stage_um == (-100.5, 2000.25, 900)
    assert plane.time_ms == 0
    assert open_frame(built(tmp_path, tiles)).info.plane(0).stage_um is None


def test_time_stamps_tell_the_time_where_subblocks_do_not(tmp_path: Path) -> None:
    path = built(tmp_path, tiles_of(T=2, C=2), XML, times_s=[0.25, 3])
    assert [plane.time_ms for plane in open_frame(path).info.planes] == [250, 250, 3000, 3000]


@pytest.mark.parametrize(
    "times_s", [[1.0], [1.0, 2.0, 3.0], [float("nan"), 2.0], [45000.0, 45000.1]]
)
def test_time_stamps_that_do_not_fit_are_not_believed(tmp_path: Path, times_s: list[float]) -> None:
    info = open_frame(built(tmp_path, tiles_of(T=2), XML, times_s=times_s)).info
    assert info.plane(0).time_ms is None


@pytest.mark.parametrize(
    "xml",
    [
        "<ImageDocument><oops",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>" + XML,
        "<ImageDocument/>",
        XML.replace("Z</AcquisitionDateAndTime>", "Zzz</AcquisitionDateAndTime>"),
        XML.replace("2024-04-22", "0001-01-01"),
    ],
)
def test_damaged_metadata_cost_only_what_they_tell(tmp_path: Path, xml: str) -> None:
    tile = Tile(pixels=GRAY, xml="<METADATA><Tags>")
    frame = open_frame(built(tmp_path, [tile], xml, times_s=[1]))
    assert frame.info.started is None
    np.testing.assert_array_equal(read_frame(frame), GRAY)
