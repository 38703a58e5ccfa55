"""What the settings of OIF and OIB files tell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.sources import open_frame, read_frame
from tests.frames import noise
from tests.sources.olympus_builder import MAIN, SUFFIXES, axes, members_of, plane_settings, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.olympus_builder import Sections


def timed(*times_ms: float) -> dict[str, bytes]:
    """Return planes of three channels and three times, with their settings."""
    members = members_of(C=3, T=3)
    names = [f"s_C{c:03}T{t:03}.pty" for c in (1, 2, 3) for t in (1, 2, 3)]
    return members | dict(zip(names, map(plane_settings, times_ms * 3), strict=False))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_takes_what_the_settings_tell(tmp_path: Path, suffix: str) -> None:
    info = open_frame(write(tmp_path, suffix, MAIN, timed(0.0, 1050.5, 2200.0))).info
    assert info.pixel_size_um == 0.124
    assert info.z_step_um == 0.5
    assert info.period_ms == 1100
    assert info.started == datetime(2024, 4, 22, 9, 57, 37, 294000).astimezone()
    assert info.bits_significant is None  # values above 12 bits must not cost the conversion
    assert info.optics.objective_name == "UPLSAPO 60X O NA:1.35"
    assert (info.optics.magnification, info.optics.numerical_aperture) == (60, 1.35)
    dapi, transmitted, green = info.channels
    assert (dapi.name, dapi.camera, dapi.pinhole_um) == ("DAPI", "CHS1", 110)
    assert (dapi.excitation_nm, dapi.emission_nm) == (405, 461)
    assert dapi.modality == ("fluorescence", "laser_scan_confocal")
    assert (transmitted.name, transmitted.emission_nm) == ("TD1", None)
    assert transmitted.modality == ("brightfield", "laser_scan_confocal")
    assert (green.name, green.modality) == ("EGFP", ("fluorescence", "multiphoton"))
    assert [plane.time_ms for plane in info.planes[::3]] == [0, 1050.5, 2200]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_image_tells_what_its_planes_do_not(tmp_path: Path, suffix: str) -> None:
    info = open_frame(write(tmp_path, suffix, MAIN, members_of(C=3, T=3))).info
    assert info.pixel_size_um == 0.207
    assert info.channels[0].pinhole_um == 105
    assert info.planes == ()
    assert info.optics.magnification is None


@pytest.mark.parametrize(("end", "falls"), [(4000.0, True), (6000.0, False), ("far", False)])
def test_the_ends_of_a_stack_tell_whether_it_falls(
    tmp_path: Path, end: object, falls: bool
) -> None:
    axis = {"AxisCode": "Z", "MaxSize": 3, "StartPosition": 5000.0, "EndPosition": end}
    main = MAIN | axes("XYZ", Z=3) | {"Axis 3 Parameters Common": axis}
    assert open_frame(write(tmp_path, ".oib", main, members_of(Z=3))).info.z_falls is falls


def test_times_are_taken_only_where_all_planes_tell_them(tmp_path: Path) -> None:
    members = timed(0.0, 1050.5, 2200.0)
    del members["s_C002T003.pty"]
    assert open_frame(write(tmp_path, ".oib", MAIN, members)).info.planes == ()
    assert open_frame(write(tmp_path, ".oib", MAIN, timed(0.0, 0.0, 0.0))).info.planes == ()


DAMAGED = {
    "Acquisition Parameters Common": {"ImageCaputreDate": "'yesterday'", "PinholeDiameter": "x"},
    "Axis 3 Parameters Common": {"AxisCode": "Z", "Interval": "1e999", "PixUnit": "nm"},
    "Axis 4 Parameters Common": {"AxisCode": "T", "Interval": 5, "PixUnit": "parsec"},
    "Channel 1 Parameters": {"ExcitationWavelength": -3, "DyeName": "\x07"},
    "Reference Image Parameter": {"WidthConvertValue": "much", "ValidBitCounts": 99},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("main", [{}, DAMAGED], ids=["none", "damaged"])
def test_damaged_settings_cost_only_what_they_tell(
    tmp_path: Path, suffix: str, main: Sections
) -> None:
    members = {**members_of(C=1), "s_C001.pty": b"\xff\xfe[\0\xd8"}
    frame = open_frame(write(tmp_path, suffix, {"File Info": {}, **main}, members))
    info = frame.info
    assert info.started is None
    assert (info.pixel_size_um, info.z_step_um, info.period_ms) == (None, None, None)
    assert info.channels[0].excitation_nm is None
    np.testing.assert_array_equal(read_frame(frame), noise(0))
