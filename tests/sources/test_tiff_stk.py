"""What MetaMorph writes into its stacks (STK)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import FrameIncomplete
from nd2watch.sources import PAGES, ChannelInfo, OpticsInfo, open_frame
from tests.sources.stk_files import Recorded, write_stk
from tests.sources.tiff_files import pixels, read_planes

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2024, 4, 22, 9, 57, 37, 294000)
TIMES = [START + timedelta(seconds=2.5 * number) for number in range(4)]
PLANES = pixels(4, 24, 32)


def test_planes_with_distances_are_a_z_stack(tmp_path: Path) -> None:
    recorded = Recorded(distances=[0.5] * 4, times=TIMES)
    info, planes = read_planes(write_stk(tmp_path / "a.stk", PLANES, recorded))
    assert info.axes == (("z", 4),)
    assert info.z_step_um == 0.5
    np.testing.assert_array_equal(planes, PLANES)


def test_the_first_plane_may_have_no_distance_and_distances_may_differ(tmp_path: Path) -> None:
    recorded = Recorded(distances=[0.0, 0.5, 0.5, 0.5])
    assert open_frame(write_stk(tmp_path / "a.stk", PLANES, recorded)).info.z_step_um == 0.5
    recorded = Recorded(distances=[1.0, 0.5, 0.5, 2.0])
    info = open_frame(write_stk(tmp_path / "b.stk", PLANES, recorded)).info
    assert info.axes == (("z", 4),)
    assert info.z_step_um is None


def test_planes_of_which_only_the_times_differ_are_a_time_series(tmp_path: Path) -> None:
    recorded = Recorded(times=TIMES, waves=[525.0] * 4, stage=[(1.0, 2.0)] * 4)
    info, planes = read_planes(write_stk(tmp_path / "a.stk", PLANES, recorded))
    assert info.axes == (("t", 4),)
    assert [plane.acquired for plane in info.planes] == [time.astimezone() for time in TIMES]
    np.testing.assert_array_equal(planes, PLANES)


@pytest.mark.parametrize(
    "recorded",
    [
        Recorded(),
        Recorded(times=TIMES, waves=[461.0, 525.0, 461.0, 525.0]),
        Recorded(times=TIMES, stage=[(float(n), 2.0) for n in range(4)]),
        Recorded(times=TIMES[::-1]),
    ],
    ids=["nothing", "wavelengths differ", "stage positions differ", "times fall"],
)
def test_other_planes_are_pages(tmp_path: Path, recorded: Recorded) -> None:
    info, planes = read_planes(write_stk(tmp_path / "a.stk", PLANES, recorded))
    assert info.axes == ((PAGES, 4),)
    np.testing.assert_array_equal(planes, PLANES)


def test_a_stack_tells_all_about_itself(tmp_path: Path) -> None:
    recorded = Recorded(
        distances=[0.5] * 4,
        times=TIMES,
        waves=[525.0] * 4,
        stage=[(68300.0, 27625.5)] * 4,
        heights=[9319.5, 9320.0, 9320.5, 9321.0],
        labels=["C07 : Site 1"] * 4,
        descriptions=[f"Exposure: {80 + n} ms\r\nAcquired from a camera" for n in range(4)],
        calibration_um=0.65,
        properties=[("_IllumSetting_", "FITC"), ("_MagSetting_", "4X Plan Apo"), ("_MagNA_", 0.2)],
    )
    info = open_frame(write_stk(tmp_path / "a.stk", PLANES, recorded)).info
    assert info.pixel_size_um == 0.65
    assert info.channels == (ChannelInfo(name="FITC", emission_nm=525.0, camera="a camera"),)
    assert info.positions == ("C07 : Site 1",)
    assert info.optics == OpticsInfo(
        objective_name="4X Plan Apo", magnification=4.0, numerical_aperture=0.2
    )
    assert [plane.stage_um for plane in info.planes] == [
        (68300.0, 27625.5, 9319.5 + 0.5 * number) for number in range(4)
    ]
    assert [plane.exposure_ms for plane in info.planes] == [80.0, 81.0, 82.0, 83.0]
    assert info.plane(3).acquired == TIMES[3].astimezone()


@pytest.mark.parametrize("step_um", [0.5, -0.5])
def test_heights_without_a_stage_position_tell_whether_a_stack_falls(
    tmp_path: Path, step_um: float
) -> None:
    recorded = Recorded(
        distances=[0.5] * 4,
        stage=[(0.0, 0.0)] * 4,
        heights=[100.0 + step_um * number for number in range(4)],
    )
    info = open_frame(write_stk(tmp_path / "a.stk", PLANES, recorded)).info
    assert (info.axes, info.z_falls) == ((("z", 4),), step_um < 0)


def test_one_plane_tells_all_too(tmp_path: Path) -> None:
    recorded = Recorded(
        times=TIMES[:1], stage=[(1.0, 2.0)], waves=[525.0], calibration_um=2.0, units="nm"
    )
    info, planes = read_planes(write_stk(tmp_path / "a.stk", PLANES[:1], recorded))
    assert info.axes == ()
    assert info.pixel_size_um == pytest.approx(0.002)
    assert info.channels[0].emission_nm == 525.0
    assert info.plane(0).acquired == START.astimezone()
    assert info.plane(0).stage_um == (1.0, 2.0, None)
    np.testing.assert_array_equal(planes, PLANES[0])


def test_what_is_not_known_is_not_told(tmp_path: Path) -> None:
    recorded = Recorded(
        stage=[(0.0, 0.0), (4294966.5, 1.0), (1.0, 1.0), (1.0, 1.0)],
        calibration_um=0.65,
        calibrated=False,
    )
    info = open_frame(write_stk(tmp_path / "a.stk", PLANES, recorded)).info
    assert info.pixel_size_um is None
    assert [plane.stage_um is None for plane in info.planes] == [True, True, False, False]


def test_planes_that_are_not_there_yet_are_waited_for(tmp_path: Path) -> None:
    path = write_stk(tmp_path / "a.stk", PLANES, Recorded(distances=[0.5] * 4))
    data = path.read_bytes()
    more = data.replace(b"\x5d\x83\5\0\4\0\0\0", b"\x5d\x83\5\0\x40\0\0\0")
    path.write_bytes(more + bytes(64 * 24))
    with pytest.raises(FrameIncomplete, match="its pixel data end at"):
        open_frame(path)


def test_damaged_metadata_cost_only_themselves(tmp_path: Path) -> None:
    recorded = Recorded(distances=[0.5] * 4, stage=[(1.0, 2.0)] * 4, calibration_um=0.65)
    path = write_stk(tmp_path / "a.stk", PLANES, recorded)
    data = path.read_bytes()
    for code in (b"\x5c\x83", b"\x5d\x83", b"\x5f\x83"):
        at = data.index(code + b"\5" if code == b"\x5d\x83" else code + b"\4") + 8
        path.write_bytes(data[:at] + b"\x08\0\0\0" + data[at + 4 :])
        _, planes = read_planes(path)
        np.testing.assert_array_equal(planes, PLANES)
