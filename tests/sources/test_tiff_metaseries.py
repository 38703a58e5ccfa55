"""What the records of MetaMorph and MetaXpress in TIFF files tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.sources import PAGES, ChannelInfo, OpticsInfo, SourceInfo, open_frame, read_frame
from tests.sources.tiff_files import pixels, read_planes

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2024, 4, 22, 9, 57, 37, 294000)
FIELDS = {
    "spatial-calibration-state": "on",
    "spatial-calibration-x": "0.65",
    "spatial-calibration-y": "0.65",
    "spatial-calibration-units": "um",
    "image-name": "Copy of FITC",
    "acquisition-time-local": "20240422 09:57:37.294",
    "stage-position-x": "68300",
    "stage-position-y": "27625.7",
    "stage-label": "C07 : Site 1",
    "z-position": "9319.72",
    "wavelength": "536",
    "_IllumSetting_": "FITC",
    "_MagNA_": "0.2",
    "_MagRI_": "1",
    "_MagSetting_": "4X Plan Apo",
    "Exposure Time": "80 ms",
}
DESCRIPTION = (
    "Plate Name: a plate&#13;&#10;Exposure: 90 ms&#13;&#10;Binning: 8 x 8&#13;&#10;"
    "Acquired from AndorSdk3 Camera&#13;&#10;LAF Plate Bottom Exposure:10"
)


def record(changes: dict[str, str] | None = None, description: str = DESCRIPTION) -> str:
    """Return the record of a plane; an entry that is changed to nothing is left out."""
    fields = FIELDS | (changes or {})
    props = "\n".join(
        f'<prop id="{name}" type="string" value="{value}"/>'
        for name, value in fields.items()
        if value
    )
    return (
        f'<MetaData>\n<prop id="Description" type="string" value="{description}"/>\n'
        f'<prop id="ApplicationName" type="string" value="MetaMorph"/>\n'
        f"<PlaneInfo>\n{props}\n</PlaneInfo>\n</MetaData>"
    )


def write_records(path: Path, *records: str) -> Path:
    """Write a page for each record."""
    with tifffile.TiffWriter(path) as writer:
        for number, text in enumerate(records):
            writer.write(
                pixels(24, 32, seed=number),
                photometric="minisblack",
                description=text.encode(),
                software="MetaSeries",
                metadata=None,
            )
    return path


def test_one_plane_tells_all_of_its_record(tmp_path: Path) -> None:
    info = open_frame(write_records(tmp_path / "a.tif", record())).info
    plane = info.plane(0)
    assert plane.acquired == START.astimezone()
    assert plane.stage_um == (68300.0, 27625.7, 9319.72)
    assert info.pixel_size_um == 0.65
    assert info.positions == ("C07 : Site 1",)
    assert info.channels == (
        ChannelInfo(name="FITC", emission_nm=536.0, exposure_ms=80.0, camera="AndorSdk3 Camera"),
    )
    assert info.optics == OpticsInfo(
        objective_name="4X Plan Apo",
        magnification=4.0,
        numerical_aperture=0.2,
        immersion_index=1.0,
    )


def info_of(tmp_path: Path, changes: dict[str, str]) -> SourceInfo:
    """Return what a file with one record tells."""
    return open_frame(write_records(tmp_path / "a.tif", record(changes))).info


@pytest.mark.parametrize(
    ("units", "um"),
    [("nm", 0.00065), ("\u00b5m", 0.65), ("microns", 0.65), ("mm", 650.0), ("pixel", None)],
)
def test_calibration_is_in_any_unit_of_length(tmp_path: Path, units: str, um: float | None) -> None:
    info = info_of(tmp_path, {"spatial-calibration-units": units})
    assert info.pixel_size_um == (um if um is None else pytest.approx(um))


def test_a_calibration_that_is_off_is_none(tmp_path: Path) -> None:
    assert info_of(tmp_path, {"spatial-calibration-state": "off"}).pixel_size_um is None


def test_the_exposure_may_be_in_the_description_alone(tmp_path: Path) -> None:
    for description, ms in ((DESCRIPTION, 90.0), ("Exposure: 1.5 s", 1500.0), ("", None)):
        text = record({"Exposure Time": ""}, description)
        info = open_frame(write_records(tmp_path / "a.tif", text)).info
        assert info.channels[0].exposure_ms == ms


def test_the_objective_of_imagexpress_is_taken_where_no_other_is_named(tmp_path: Path) -> None:
    info = info_of(tmp_path, {"_MagSetting_": "", "ImageXpress Micro Objective": "60X Oil 1.4"})
    assert info.optics.objective_name == "60X Oil 1.4"
    assert info.optics.magnification == 60.0
    assert info_of(tmp_path, {"_MagSetting_": "Plan Apo"}).optics.magnification is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("acquisition-time-local", "yesterday"),
        ("acquisition-time-local", "00010101 00:00:00.0"),
        ("stage-position-x", "inf"),
        ("wavelength", "red"),
        ("spatial-calibration-x", "-1"),
        ("Exposure Time", "long"),
        ("_MagNA_", "nan"),
    ],
)
def test_a_damaged_entry_costs_only_itself(tmp_path: Path, field: str, value: str) -> None:
    info = info_of(tmp_path, {field: value})
    assert info.channels[0].name == "FITC"
    assert info.optics.magnification == 4.0


@pytest.mark.parametrize(
    "damaged",
    [
        record().replace("</PlaneInfo>", "<oops"),
        record().replace("<MetaData>", "<MetaData><!DOCTYPE x [<!ENTITY a 'b'>]>"),
        "<MetaData></MetaData>",
    ],
)
def test_a_damaged_record_costs_only_the_record(tmp_path: Path, damaged: str) -> None:
    frame = open_frame(write_records(tmp_path / "a.tif", damaged))
    assert frame.info.plane(0).stage_um is None
    np.testing.assert_array_equal(read_frame(frame), pixels(24, 32))


def at(seconds: float) -> str:
    """Return a time of the record."""
    return (START + timedelta(seconds=seconds)).strftime("%Y%m%d %H:%M:%S.%f")[:-3]


def test_pages_at_equal_distances_in_z_are_a_stack(tmp_path: Path) -> None:
    records = [record({"z-position": f"{10 - 0.5 * z}"}) for z in range(4)]
    info, planes = read_planes(write_records(tmp_path / "a.tif", *records))
    assert info.axes == (("z", 4),)
    assert info.z_step_um == pytest.approx(0.5)
    assert [plane.stage_um for plane in info.planes] == [
        (68300.0, 27625.7, 10 - 0.5 * z) for z in range(4)
    ]
    np.testing.assert_array_equal(planes[3], pixels(24, 32, seed=3))


def test_pages_of_which_only_the_times_differ_are_a_time_series(tmp_path: Path) -> None:
    records = [record({"acquisition-time-local": at(2.5 * t)}) for t in range(3)]
    info = open_frame(write_records(tmp_path / "a.tif", *records)).info
    assert info.axes == (("t", 3),)
    times = [plane.acquired for plane in info.planes]
    assert times == [(START + timedelta(seconds=2.5 * t)).astimezone() for t in range(3)]


def test_pages_of_which_records_do_not_tell_what_they_are_are_pages(tmp_path: Path) -> None:
    records = [
        record({"acquisition-time-local": at(t), "stage-position-x": str(x)})
        for t, x in enumerate((1, 2, 3))
    ]
    info = open_frame(write_records(tmp_path / "a.tif", *records)).info
    assert info.axes == ((PAGES, 3),)
    assert [plane.stage_um and plane.stage_um[0] for plane in info.planes] == [1.0, 2.0, 3.0]
    assert open_frame(write_records(tmp_path / "b.tif", *[record()] * 3)).info.axes == ((PAGES, 3),)


def test_each_page_has_its_exposure_where_these_differ(tmp_path: Path) -> None:
    records = [record({"Exposure Time": f"{ms} ms"}) for ms in (10, 20)]
    info = open_frame(write_records(tmp_path / "a.tif", *records)).info
    assert info.channels[0].exposure_ms is None
    assert [plane.exposure_ms for plane in info.planes] == [10.0, 20.0]


def test_a_page_with_a_damaged_record_has_none(tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.tif", record(), "<MetaData><oops", record())
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 3),)
    assert [plane.stage_um is None for plane in info.planes] == [False, True, False]
    assert len(planes) == 3
