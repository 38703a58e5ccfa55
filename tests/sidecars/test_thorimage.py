"""What the plans of ThorImage tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import tifffile

from nd2watch.errors import SidecarError
from nd2watch.sidecars import Sidecar, read_sidecar
from nd2watch.simulate.programs import thorimage
from nd2watch.sources import ChannelInfo, OpticsInfo, open_frame
from tests.sidecars.runs import run
from tests.sources.tiff_files import pixels

if TYPE_CHECKING:
    from pathlib import Path

STREAM = '<Streaming enable="0" frames="3000" rawData="0" zFastEnable="0" flybackFrames="1" />'
TILES = '<SubImages subRows="2" subColumns="3" transOffsetXMM="0" transOffsetYMM="0" />'
SCANNER = (
    '<LSM name="ResonanceGalvo" pixelX="1024" pixelY="1024" pixelSizeUM="0.116" widthUM="119.26"'
    ' heightUM="119.26" frameRate="30.2" averageMode="0" averageNum="10" />'
)
CHANNELS = (
    '<Wavelength name="ChanA" exposureTimeMS="0" />'
    '<Wavelength name="ChanB" exposureTimeMS="12" /><ChannelEnable Set="3" />'
)
DATE = '<Date date="06/24/2014 18:33:52" uTime="1403627632" />'
EXPERIMENT = f"""<?xml version="1.0"?>
<ThorImageExperiment>
  <Name name="Untitled209" />
  {DATE}
  <Software version="4.1.2021.9131" />
  <Camera name="None" width="1392" height="1040" pixelSizeUM="6.45" />
  <Magnification mag="27.78" indexOfRefraction="1.3" name="25X OLY" />
  <Wavelengths nyquistExWavelengthNM="0" nyquistEmWavelengthNM="0">{CHANNELS}</Wavelengths>
  <ZStage name="ThorMCM3000" steps="76" stepSizeUM="-0.2" startPos="0" />
  <Timelapse timepoints="30" intervalSec="2.5" triggerMode="0" />
  <Sample type="0" offsetXMM="0" offsetYMM="-1">
    <Wells startRow="1" startColumn="1" rows="1" columns="2">{TILES}</Wells>
  </Sample>
  {SCANNER}
  {STREAM}
  <PowerRegulator enable="1" type="0" path="C:\\" />
</ThorImageExperiment>
"""


def told(tmp_path: Path, data: str | bytes) -> Sidecar:
    """Return what a file tells."""
    path = tmp_path / "Experiment.xml"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_sidecar(path, "thorimage")[0]


def test_an_experiment_tells_its_plan(tmp_path: Path) -> None:
    sidecar = told(tmp_path, EXPERIMENT)
    assert dict(sidecar.sizes) == {"t": 30, "z": 76, "p": 12, "c": 2}
    assert dict(sidecar.channels) == {
        "A": ChannelInfo(name="ChanA"),
        "B": ChannelInfo(name="ChanB", exposure_ms=12.0),
    }
    assert sidecar.optics == OpticsInfo(
        objective_name="25X OLY", magnification=27.78, immersion_index=1.3
    )
    assert sidecar.pixel_size_um == pytest.approx(119.26 / 1024)
    assert sidecar.z_step_um == 0.2
    assert sidecar.period_ms == 2500.0
    assert sidecar.started == datetime(2014, 6, 24, 16, 33, 52, tzinfo=UTC)
    assert sidecar.is_closed is None


def test_a_stream_has_one_plane_and_its_own_number_of_frames(tmp_path: Path) -> None:
    sidecar = told(
        tmp_path, EXPERIMENT.replace(STREAM, STREAM.replace('enable="0"', 'enable="1"', 1))
    )
    assert (sidecar.sizes["t"], sidecar.sizes["z"]) == (3000, 1)
    assert sidecar.period_ms == pytest.approx(1000 / 30.2)


def test_averaged_frames_of_a_stream_take_longer(tmp_path: Path) -> None:
    text = EXPERIMENT.replace(STREAM, STREAM.replace('enable="0"', 'enable="1"', 1))
    sidecar = told(tmp_path, text.replace('averageMode="0"', 'averageMode="1"'))
    assert sidecar.period_ms == pytest.approx(10_000 / 30.2)


def test_a_stream_with_a_fast_z_stage_has_planes_but_no_known_end(tmp_path: Path) -> None:
    stream = STREAM.replace('able="0"', 'able="1"').replace('Enable="0"', 'Enable="1"')
    sidecar = told(tmp_path, EXPERIMENT.replace(STREAM, stream))
    assert sidecar.sizes["z"] == 76
    assert "t" not in sidecar.sizes
    assert sidecar.period_ms is None


def test_a_z_stage_that_is_switched_off_makes_one_plane(tmp_path: Path) -> None:
    sidecar = told(tmp_path, EXPERIMENT.replace('steps="76"', 'steps="76" enable="0"'))
    assert sidecar.sizes["z"] == 1


@pytest.mark.parametrize(
    ("channels", "labels"),
    [
        (CHANNELS.replace('Set="3"', 'Set="2"'), ["B"]),
        (CHANNELS.replace('Set="3"', 'Set="0"'), ["A", "B"]),
        (CHANNELS.partition("<ChannelEnable")[0], ["A", "B"]),
        ('<Wavelength name="ChanC" /><ChannelEnable Set="4" />', ["C"]),
        ('<Wavelength name="GFP" /><Wavelength name="RFP" />', ["A", "B"]),
    ],
)
def test_channels_are_those_that_are_switched_on(
    tmp_path: Path, channels: str, labels: list[str]
) -> None:
    sidecar = told(tmp_path, EXPERIMENT.replace(CHANNELS, channels))
    assert list(sidecar.channels) == labels
    assert sidecar.sizes["c"] == len(labels)


def test_regions_that_are_switched_off_are_not_visited(tmp_path: Path) -> None:
    regions = "".join(
        f'<SubImages name="{name}" isEnabled="{is_on}" subRows="1" subColumns="2" />'
        for name, is_on in (("a", True), ("b", False), ("c", True))
    )
    text = EXPERIMENT.replace(TILES, regions).replace('columns="2"', 'columns="1"')
    assert told(tmp_path, text).sizes["p"] == 4


REGIONS = (
    '<SubImages isEnabled="True" subRows="1" subColumns="1" transOffsetXMM="1.5"'
    ' transOffsetYMM="-0.25" />'
    '<SubImages isEnabled="False" transOffsetXMM="9" transOffsetYMM="9" />'
    '<SubImages transOffsetXMM="0" transOffsetYMM="0.0001" />'
)


def placed(tmp_path: Path, regions: str, columns: int = 1) -> dict[str, tuple[float, float]]:
    """Return the places of regions."""
    text = EXPERIMENT.replace(TILES, regions).replace('columns="2"', f'columns="{columns}"')
    return dict(told(tmp_path, text).places_um)


def test_regions_of_one_tile_have_their_place_on_the_stage(tmp_path: Path) -> None:
    assert placed(tmp_path, REGIONS) == {"1_1": (1500.0, -250.0), "2_1": (0.0, 0.1)}


def test_places_are_from_the_home_of_the_stage(tmp_path: Path) -> None:
    text = EXPERIMENT.replace(TILES, REGIONS).replace('columns="2"', 'columns="1"')
    text = text.replace('offsetXMM="0"', 'homeOffsetX="2" homeOffsetY="-1"', 1)
    assert told(tmp_path, text).places_um["1_1"] == (3500.0, -1250.0)


@pytest.mark.parametrize(
    ("regions", "columns"),
    [
        pytest.param(TILES, 1, id="several tiles"),
        pytest.param(REGIONS, 2, id="several wells"),
        pytest.param(REGIONS.replace("subRows", 'subOffsetXMM="0.1" subRows'), 1, id="old form"),
        pytest.param(REGIONS.replace("MM=", "="), 1, id="nothing told"),
        pytest.param(REGIONS.replace('MM="', 'MM="nan'), 1, id="no numbers"),
    ],
)
def test_places_of_which_the_order_is_not_known_are_not_told(
    tmp_path: Path, regions: str, columns: int
) -> None:
    assert placed(tmp_path, regions, columns) == {}


@pytest.mark.parametrize(
    ("scanner", "um"),
    [
        ('<LSM pixelX="512" pixelWidthUM="0.17" pixelSizeUM="2.93" widthUM="86.96" />', 0.17),
        ('<LSM pixelX="512" pixelSizeUM="2.93" widthUM="87.04" />', 0.17),
        ('<LSM pixelX="512" pixelSizeUM="0.6" />', 0.6),
        ('<LSM pixelX="0" widthUM="87" />', None),
        ("", None),
    ],
)
def test_the_pixel_size_is_that_of_the_field(
    tmp_path: Path, scanner: str, um: float | None
) -> None:
    expected = None if um is None else pytest.approx(um)
    assert told(tmp_path, EXPERIMENT.replace(SCANNER, scanner)).pixel_size_um == expected


@pytest.mark.parametrize(
    ("date", "started"),
    [
        ('<Date date="12/20/2018 18:33:52" />', datetime(2018, 12, 20, 18, 33, 52)),
        ('<Date date="06/24/2014" />', None),
        ('<Date date="06/24/2014" uTime="1e300" />', None),
        ('<Date date="20.12.2018" />', None),
    ],
)
def test_a_date_without_a_time_of_day_is_no_start(
    tmp_path: Path, date: str, started: datetime | None
) -> None:
    expected = None if started is None else started.astimezone()
    assert told(tmp_path, EXPERIMENT.replace(DATE, date)).started == expected


def test_absurd_numbers_are_unknown(tmp_path: Path) -> None:
    text = EXPERIMENT.replace('"30"', f'"{"9" * 5000}"').replace('"76"', '"-1"')
    text = text.replace('stepSizeUM="-0.2"', 'stepSizeUM="inf"').replace('mag="27.78"', 'mag="x"')
    sidecar = told(tmp_path, text)
    assert dict(sidecar.sizes) == {"p": 12, "c": 2}
    assert sidecar.z_step_um is None
    assert sidecar.optics.magnification == 25.0


@pytest.mark.parametrize("kept", [0, 30, 200, 600, len(EXPERIMENT) - 10])
def test_a_plan_that_is_not_written_to_its_end_is_waited_for(tmp_path: Path, kept: int) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, EXPERIMENT[:kept])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\xff" * 9,
        b"<PVScan/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><ThorImageExperiment>&b;</ThorImageExperiment>",
        b"<ThorImageExperiment>" * 2000,
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data)


def test_an_empty_plan_tells_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, "<ThorImageExperiment/>") == Sidecar()


def test_the_plan_of_a_simulated_run_equals_it(tmp_path: Path) -> None:
    acquired = run("{name}/Chan{c}_{site:04}_0001_{z:04}_{t:04}.tif", first=1)
    files = thorimage.sidecars(acquired, 0, finished=False)
    assert files == thorimage.sidecars(acquired, len(acquired.frames), finished=True)
    assert list(files) == ["run/Experiment.xml"]
    sidecar = told(tmp_path, files["run/Experiment.xml"])
    assert dict(sidecar.sizes) == {"t": 2, "p": 2, "z": 3, "c": 2}
    assert list(sidecar.channels) == ["A", "B"]
    assert [channel.exposure_ms for channel in sidecar.channels.values()] == [20.0, 50.0]
    assert sidecar.started == acquired.started.replace(microsecond=0)
    assert sidecar.period_ms == acquired.period_ms
    assert sidecar.pixel_size_um == pytest.approx(acquired.pixel_size_um)
    assert sidecar.z_step_um == acquired.z_step_um
    assert sidecar.optics.magnification == acquired.magnification
    assert sidecar.optics.numerical_aperture == acquired.numerical_aperture


def test_the_document_in_the_first_frame_leaves_it_one_plane(tmp_path: Path) -> None:
    acquired = run("Chan{c}_{site:04}_0001_{z:04}_{t:04}.tif", first=1)
    first, *others = acquired.frames
    path = tmp_path / first.path
    text = thorimage.description(acquired, first)
    tifffile.imwrite(path, pixels(24, 32), description=text.encode(), metadata=None)
    info = open_frame(path).info
    assert info.plane_count == 1
    assert info.channels[0].name == "ChanA"
    assert not any(thorimage.description(acquired, frame) for frame in others)
