"""What the plans of ImageXpress microscopes tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import tifffile

from nd2watch.errors import SidecarError
from nd2watch.sidecars import Sidecar, joined, read_sidecar
from nd2watch.simulate.programs import imagexpress
from nd2watch.sources import ChannelInfo, OpticsInfo, open_frame
from tests.sidecars.runs import run
from tests.sources.tiff_files import pixels

if TYPE_CHECKING:
    from pathlib import Path

ROW = ", ".join(["FALSE"] * 12)
HTD = [
    '"HTSInfoFile", Version 1.0',
    '"Description", "1t-2w, mixed, DAPI: 3z + MIP"',
    '"PlateType", 2',
    '"TimePoints", 6',
    '"ZSeries", TRUE',
    '"ZSteps", 3',
    '"ZProjection", TRUE',
    '"XWells", 12',
    '"YWells", 8',
    f'"WellsSelection1", {ROW}',
    f'"WellsSelection2", {ROW.replace("FALSE, FALSE, FALSE", "FALSE, TRUE, TRUE", 1)}',
    *(f'"WellsSelection{row}", {ROW}' for row in range(3, 9)),
    '"Sites", TRUE',
    '"XSites", 2',
    '"YSites", 2',
    '"SiteSelection1", TRUE, TRUE',
    '"SiteSelection2", FALSE, TRUE',
    '"Waves", TRUE',
    '"NWavelengths", 3',
    '"WaveName1", "DAPI"',
    '"WaveName2", "FITC"',
    '"WaveName3", "Texas Red"',
    '"WaveCollect1", 1',
    '"WaveCollect2", 0',
    '"WaveCollect3", 1',
    '"UniquePlateIdentifier", "6f0ba473-d18a-4a31-8db8-e2087bc78145"',
    '"EndFile"',
]
JDCE: dict[str, Any] = {
    "Version": "1.1",
    "ImageStack": {
        "Creation": {"Date": "2026-08-04", "Time": "10:31:10", "TimeZoneOffset": 0},
        "ImageFormat": "TIFF",
        "AutoLeadAcquisitionProtocol": {
            "Camera": {"Size": {"Width": 2048, "Height": 2048}, "Binning": "1 X 1"},
            "ObjectiveCalibration": {
                "Unit": "\u00b5m",
                "ObjectiveName": "10X Plan Apo Lambda D",
                "PixelWidth": 0.5817,
                "PixelHeight": 0.5817,
            },
            "Plate": {"Name": "96 Well", "Rows": 8, "Columns": 12},
            "Wavelengths": [
                {"Index": 0, "EmissionFilter": {"Name": "TL"}},
                {
                    "Index": 1,
                    "EmissionFilter": {"Name": "FITC", "Wavelength": 536, "Unit": "nm"},
                    "ExcitationFilter": {"Name": "FITC", "Wavelength": 475, "Unit": "nm"},
                },
            ],
            "PlateMap": {
                "ZDimensionParameters": {"Enabled": True, "Step": 3.0, "NumberOfSlices": 5},
                "TimeSchedule": {"NumberOfTimepoints": 2, "Times": [{"Ms": 0}, {"Ms": 1}]},
            },
        },
        "ImageMetadataFiles": ["image_metadata_1.csv"],
    },
}
CSV = [
    "Well,Row,Column,Field,Wavelength,Timepoint,ZIndex,ImageSubFolderPath,ImageFileName,"
    "TimeStampSec,ExposureTimeMs,PositionXUm,PositionYUm,PositionZUm",
    "B - 2,2,2,0,0,0,0,timepoint0,scr_t0_B02_s0_w0_z0.tif,1785864670.5,10,21579.44,18639.46,2000.0",
    "B - 2,2,2,0,1,0,0,timepoint0\\,scr_t0_B02_s0_w1_z0.tif,1785864671,25,21579.44,18639.46,2003.0",
]


def told(tmp_path: Path, data: str | bytes | list[str], name: str = "9987.HTD") -> Sidecar:
    """Return what a file tells."""
    path = tmp_path / name
    text = "".join(f"{line}\r\n" for line in data) if isinstance(data, list) else data
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_sidecar(path, "imagexpress")[0]


def changed(*lines: str, without: tuple[str, ...] = ()) -> list[str]:
    """Return the plan with other lines for some keys, and none for others."""
    keys = {line.partition(",")[0]: line for line in lines}
    kept = [line for line in HTD if line.partition(",")[0].strip('"') not in without]
    return [keys.get(line.partition(",")[0], line) for line in kept]


def test_a_plan_tells_its_sizes(tmp_path: Path) -> None:
    sidecar = told(tmp_path, HTD)
    assert dict(sidecar.sizes) == {"t": 6, "z": 3, "c": 2}
    assert sidecar.wells == ("B02", "B03")
    assert sidecar.sites == 3
    assert dict(sidecar.channels) == {
        "1": ChannelInfo(name="DAPI"),
        "3": ChannelInfo(name="Texas Red"),
    }
    assert (sidecar.plate_name, sidecar.plate_rows, sidecar.plate_columns) == ("9987", 8, 12)
    assert sidecar.is_closed is None
    assert not sidecar.files


def test_a_plan_without_z_series_has_one_plane(tmp_path: Path) -> None:
    lines = changed('"ZSeries", FALSE', '"ZSteps", 0')
    assert told(tmp_path, lines).sizes["z"] == 1
    assert "z" not in told(tmp_path, changed(without=("ZSeries", "ZSteps"))).sizes


@pytest.mark.parametrize(
    ("lines", "without", "sites"),
    [
        (['"Sites", FALSE'], (), 1),
        (['"Sites", TRUE'], ("SiteSelection1", "SiteSelection2"), 4),
        (['"SiteSelection1", FALSE, FALSE', '"SiteSelection2", FALSE, FALSE'], (), None),
        (['"XSites", many'], ("SiteSelection1", "SiteSelection2"), None),
    ],
)
def test_sites_are_those_that_are_selected(
    tmp_path: Path, lines: list[str], without: tuple[str, ...], sites: int | None
) -> None:
    assert told(tmp_path, changed(*lines, without=without)).sites == sites


def test_a_plan_without_waves_has_one_channel(tmp_path: Path) -> None:
    sidecar = told(tmp_path, changed('"Waves", FALSE', '"NWavelengths", 0'))
    assert list(sidecar.channels) == ["1"]
    assert sidecar.sizes["c"] == 1


def test_rows_below_z_have_two_letters(tmp_path: Path) -> None:
    lines = [*HTD[:-1], '"WellsSelection27", FALSE, FALSE, TRUE', '"EndFile"']
    assert told(tmp_path, lines).wells[-1] == "AA03"


def test_a_description_in_other_characters_costs_nothing(tmp_path: Path) -> None:
    text = "\r\n".join(HTD).encode().replace(b"mixed", b'\x81\x45\x81\x45 "quoted" \xff')
    assert told(tmp_path, text).wells == ("B02", "B03")


@pytest.mark.parametrize("kept", [1, 5, 12, 20, len(HTD) - 1])
def test_a_plan_that_is_not_written_to_its_end_is_waited_for(tmp_path: Path, kept: int) -> None:
    with pytest.raises(SidecarError, match="not written to its end"):
        told(tmp_path, HTD[:kept])


@pytest.mark.parametrize(
    "data", [b"", b"\x00\xff\xfe\x01" * 50, b"MZ\x90", b'"EndFile"\r\n', b"<xml/>"]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data)


def test_absurd_numbers_of_a_plan_are_unknown(tmp_path: Path) -> None:
    huge = "9" * 5000
    sidecar = told(
        tmp_path,
        changed(
            f'"TimePoints", {huge}', '"ZSteps", -3', '"XWells", 1e9', '"YWells", 999999999',
            '"NWavelengths", 999999999',
        ),
    )  # fmt: skip
    assert "t" not in sidecar.sizes
    assert "z" not in sidecar.sizes
    assert sidecar.sizes["c"] <= 99
    assert (sidecar.plate_rows, sidecar.plate_columns) == (None, None)


def test_a_plan_of_hcs_ai_tells_its_sizes(tmp_path: Path) -> None:
    sidecar = told(tmp_path, json.dumps(JDCE), "scr.jdce")
    assert dict(sidecar.sizes) == {"t": 2, "z": 5, "c": 2}
    assert dict(sidecar.channels) == {
        "0": ChannelInfo(name="TL"),
        "1": ChannelInfo(name="FITC", excitation_nm=475.0, emission_nm=536.0),
    }
    assert sidecar.optics == OpticsInfo(objective_name="10X Plan Apo Lambda D", magnification=10.0)
    assert sidecar.pixel_size_um == 0.5817
    assert sidecar.z_step_um == 3.0
    assert (sidecar.plate_name, sidecar.plate_rows, sidecar.plate_columns) == ("96 Well", 8, 12)


def test_projections_of_hcs_ai_have_no_number_of_planes(tmp_path: Path) -> None:
    document = json.loads(json.dumps(JDCE))
    for wave in document["ImageStack"]["AutoLeadAcquisitionProtocol"]["Wavelengths"]:
        wave["ImagingMode"] = "Max Intensity Projection"
    assert dict(told(tmp_path, json.dumps(document), "scr.jdce").sizes) == {"t": 2, "c": 2}


def test_wrong_types_in_a_plan_of_hcs_ai_are_unknown(tmp_path: Path) -> None:
    plan = {
        "ObjectiveCalibration": ["10X"],
        "Plate": {"Name": 7, "Rows": "eight", "Columns": True},
        "Wavelengths": [3, {"Index": "x"}, {"Index": 2, "EmissionFilter": "FITC"}],
        "PlateMap": {"TimeSchedule": {"Times": 4}, "ZDimensionParameters": {"Step": "far"}},
    }
    document = {"ImageStack": {"AutoLeadAcquisitionProtocol": plan}}
    sidecar = told(tmp_path, json.dumps(document), "scr.jdce")
    assert dict(sidecar.sizes) == {"c": 2}
    assert dict(sidecar.channels) == {"2": ChannelInfo()}
    assert sidecar.plate_rows is None
    assert sidecar.z_step_um is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        json.dumps(JDCE).encode()[:-3],
        b'{"ImageStack": []}',
        b"{}",
        b"\x00\x01\x02",
    ],
)
def test_a_plan_of_hcs_ai_that_is_not_whole_is_waited_for(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data, "scr.jdce")


def test_a_list_of_hcs_ai_tells_of_each_image(tmp_path: Path) -> None:
    sidecar = told(tmp_path, CSV, "image_metadata_1.csv")
    first, second = (f"timepoint0/scr_t0_B02_s0_w{wave}_z0.tif" for wave in (0, 1))
    assert sidecar.files == (first, second)
    plane = sidecar.frames[first]
    assert plane.acquired == datetime(2026, 8, 4, 17, 31, 10, 500_000, UTC)
    assert plane.stage_um == (21579.44, 18639.46, 2000.0)
    assert plane.exposure_ms == 10.0
    assert sidecar.frames[second].exposure_ms == 25.0
    assert sidecar.is_closed is None


def test_a_damaged_row_costs_only_itself(tmp_path: Path) -> None:
    rows = [
        "x,2",
        CSV[1].replace("timepoint0", "../secret"),
        CSV[1].replace("timepoint0", "/etc"),
        CSV[1].replace("timepoint0", "C:\\data"),
        CSV[1].replace("1785864670.5", "1e300").replace("21579.44", "nan").replace("w0", "w5"),
    ]
    sidecar = told(tmp_path, [CSV[0], *rows, CSV[2]], "image_metadata_1.csv")
    assert sidecar.files == tuple(f"timepoint0/scr_t0_B02_s0_w{wave}_z0.tif" for wave in (5, 1))
    unknown = sidecar.frames[sidecar.files[0]]
    assert (unknown.acquired, unknown.stage_um, unknown.exposure_ms) == (None, None, 10.0)


def test_a_row_that_is_being_written_is_no_image_yet(tmp_path: Path) -> None:
    text = "\r\n".join([*CSV[:2], CSV[2][:60]])
    assert len(told(tmp_path, text, "image_metadata_1.csv").files) == 1


@pytest.mark.parametrize("data", ["", "a,b\r\n1,2\r\n", "\x00\x00"])
def test_what_is_no_list_of_images_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(SidecarError):
        told(tmp_path, data, "image_metadata_1.csv")


def test_the_plan_of_a_simulated_export_equals_the_run(tmp_path: Path) -> None:
    exported = run(
        "p_Plate_1/TimePoint_{t}/ZStep_{z}/{name}_{well}_s{site}_w{c}.TIF",
        first=1,
        wells=("B02", "C11"),
        form="export",
    )
    plans = imagexpress.sidecars(exported, len(exported.frames), finished=True)
    assert {"p_Plate_1/run.HTD", "p_Plate_1/TimePoint_2/ZStep_3/run.HTD"} <= plans.keys()
    assert set(imagexpress.sidecars(exported, 0, finished=False).values()) == set(plans.values())
    sidecar = told(tmp_path, plans["p_Plate_1/run.HTD"], "run.HTD")
    assert dict(sidecar.sizes) == {"t": exported.t, "z": exported.z, "c": 2}
    assert sidecar.sites == exported.sites
    assert sidecar.wells == exported.wells
    assert [channel.name for channel in sidecar.channels.values()] == ["DAPI", "GFP"]
    assert sidecar.plate_name == exported.name


def test_the_plan_of_a_simulated_plate_of_1536_wells_has_all_rows(tmp_path: Path) -> None:
    small = run("{name}_{well}_s{site}_w{c}.TIF", wells=("B02",))
    exported = replace(small, wells=("A01", "Z24", "AF48"), plate_rows=32, plate_columns=48)
    sidecar = told(
        tmp_path, imagexpress.sidecars(exported, 0, finished=False)["run.HTD"], "run.HTD"
    )
    assert sidecar.wells == exported.wells
    assert (sidecar.plate_rows, sidecar.plate_columns) == (32, 48)


def test_the_database_has_no_plan() -> None:
    stored = run("{name}_{well}_s{site}_w{c}.tif", wells=("B02",), form="database")
    assert not imagexpress.sidecars(stored, 3, finished=True)


def test_the_sidecars_of_a_simulated_hcs_ai_equal_the_run(tmp_path: Path) -> None:
    acquired = run(
        "{name}_1/experiment/timepoint{t}/{name}_t{t}_{well}_s{site}_w{c}_z{z}.tif",
        wells=("B02", "H12"),
        form="hcsai",
    )
    files = imagexpress.sidecars(acquired, len(acquired.frames), finished=True)
    sidecar = joined(told(tmp_path, data, name.rpartition("/")[2]) for name, data in files.items())
    assert dict(sidecar.sizes) == {"t": acquired.t, "z": acquired.z, "c": 2}
    assert sidecar.z_step_um == acquired.z_step_um
    assert sidecar.pixel_size_um == acquired.pixel_size_um
    assert [(c.name, c.emission_nm, c.excitation_nm) for c in sidecar.channels.values()] == [
        (c.name, c.emission_nm, c.excitation_nm) for c in acquired.channels
    ]
    for frame in acquired.frames:
        plane = sidecar.frames[frame.path.removeprefix("run_1/experiment/")]
        assert plane.acquired == frame.acquired
        assert plane.stage_um == frame.stage_um
    so_far = imagexpress.sidecars(acquired, 3, finished=False)[
        "run_1/experiment/image_metadata_1.csv"
    ]
    assert len(told(tmp_path, so_far, "image_metadata_1.csv").files) == 3


def test_the_record_of_a_simulated_frame_tells_of_it(tmp_path: Path) -> None:
    exported = run("{name}_{well}_s{site}_w{c}.TIF", wells=("B02",), sites=2, t=1, z=1)
    frame = exported.frames[-1]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels(24, 32),
        description=imagexpress.description(exported, frame).encode(),
        software=imagexpress.SOFTWARE,
        metadata=None,
    )
    info = open_frame(path).info
    assert info.planes[0].acquired == frame.acquired
    assert info.planes[0].stage_um == pytest.approx(frame.stage_um)
    assert info.pixel_size_um == exported.pixel_size_um
    assert info.positions == ("B02 : Site 2",)
    assert info.channels == (
        ChannelInfo(name="GFP", emission_nm=525.0, exposure_ms=50.0, camera="Camera 1"),
    )
    assert info.optics == OpticsInfo(
        objective_name="Plan Apo 20x/0.75",
        magnification=20.0,
        numerical_aperture=0.75,
        immersion_index=1.0,
    )
