"""What Zeiss LSM files tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.sources import PAGES, ChannelInfo, OpticsInfo, open_frame
from tests.sources import lsm_files as lsm
from tests.sources.lsm_files import Scanned, write_lsm
from tests.sources.tiff_files import pixels, read_planes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("compressed", [False, True])
def test_pages_are_of_time_and_z_and_their_samples_of_channels(
    tmp_path: Path, channels: int, compressed: bool
) -> None:
    data = pixels(6, channels, 24, 32)
    path = write_lsm(tmp_path / "a.lsm", data, Scanned(t=2, z=3), compressed=compressed)
    info, planes = read_planes(path)
    assert not info.rgb
    axes = (("t", 2), ("z", 3), ("c", channels))
    assert info.axes == (axes if channels > 1 else axes[:2])
    np.testing.assert_array_equal(planes.reshape(data.shape), data)


@pytest.mark.parametrize(
    ("scanned", "axes"),
    [
        (Scanned(scan_type=0, z=6), (("z", 6),)),
        (Scanned(scan_type=3, t=6), (("t", 6),)),
        (Scanned(scan_type=4, t=6, z=24), (("t", 6),)),
        (Scanned(t=3, p=2), (("p", 2), ("t", 3))),
        (Scanned(z=3, m=2), (("p", 2), ("z", 3))),
        (Scanned(p=3, m=2), (("p", 6),)),
        (Scanned(t=4, z=3), ((PAGES, 6),)),
        (Scanned(scan_type=99), ((PAGES, 6),)),
        (Scanned(t=-6, z=-1), ((PAGES, 6),)),
    ],
)
def test_the_type_of_scan_tells_the_axes(
    tmp_path: Path, scanned: Scanned, axes: tuple[tuple[str, int], ...]
) -> None:
    info, planes = read_planes(write_lsm(tmp_path / "a.lsm", pixels(6, 1, 24, 32), scanned))
    assert info.axes == axes
    np.testing.assert_array_equal(planes.reshape(6, 24, 32), pixels(6, 24, 32))


SCAN: list[tuple[int, Any]] = [
    (lsm.OBJECTIVE, "Plan-Apochromat 63x/1.40 Oil DIC"),
    (lsm.TRACKS, None),
    *((lsm.TRACK, None), (lsm.DETECTORS, None)),
    *((lsm.DETECTOR, None), (lsm.DETECTED, 0), (lsm.PINHOLE, 1.0), (lsm.END, None)),
    *((lsm.DETECTOR, None), (lsm.DETECTED, 1), (lsm.PINHOLE, 90.5)),
    *((lsm.DETECTOR_NAME, "Pmt2"), (lsm.BAND_START, 500.0), (lsm.BAND_STOP, 550.0)),
    *((lsm.END, None), (lsm.END, None), (lsm.LIGHTS, None)),
    *((lsm.LIGHT, None), (lsm.WAVELENGTH, 488.0), (lsm.LIT, 1), (lsm.END, None)),
    *((lsm.LIGHT, None), (lsm.WAVELENGTH, 561.0), (lsm.LIT, 0), (lsm.END, None)),
    *((lsm.END, None), (lsm.END, None)),
    *((lsm.TRACK, None), (lsm.DETECTORS, None), (lsm.DETECTOR, None)),
    *((lsm.DETECTED, 1), (lsm.END, None), (lsm.END, None), (lsm.END, None)),
    (lsm.END, None),
]
ALL = Scanned(
    t=2,
    z=3,
    interval_s=2.5,
    times_s=(100.0, 102.5),
    names=("Ch2-T1", "ChS1"),
    colors=((0, 255, 0), (255, 128, 1)),
    scan=SCAN,
)


def test_a_file_tells_all_about_itself(tmp_path: Path) -> None:
    info = open_frame(write_lsm(tmp_path / "a.lsm", pixels(6, 2, 24, 32), ALL)).info
    assert info.pixel_size_um == pytest.approx(0.2)
    assert info.z_step_um == pytest.approx(0.5)
    assert info.period_ms == 2500.0
    assert [plane.time_ms for plane in info.planes] == [0.0] * 6 + [2500.0] * 6
    assert info.optics == OpticsInfo(
        objective_name="Plan-Apochromat 63x/1.40 Oil DIC",
        magnification=63.0,
        numerical_aperture=1.4,
    )
    confocal = ("laser_scan_confocal",)
    assert info.channels == (
        ChannelInfo(
            name="Ch2-T1",
            color=0x00FF00,
            excitation_nm=488.0,
            emission_nm=525.0,
            pinhole_um=90.5,
            camera="Pmt2",
            modality=confocal,
        ),
        ChannelInfo(name="ChS1", color=0xFF8001, modality=confocal),
    )


def test_bands_of_channels_go_before_those_of_detectors(tmp_path: Path) -> None:
    scanned = Scanned(bands_m=((500e-9, 520e-9), (600e-9, 640e-9)), scan=SCAN)
    info = open_frame(write_lsm(tmp_path / "a.lsm", pixels(1, 2, 24, 32), scanned)).info
    assert [channel.emission_nm for channel in info.channels] == [510.0, 620.0]


def test_positions_have_their_places(tmp_path: Path) -> None:
    scanned = Scanned(p=2, t=2, positions_m=((1e-3, 2e-3, 3e-6), (4e-3, 5e-3, 6e-6)))
    info = open_frame(write_lsm(tmp_path / "a.lsm", pixels(4, 1, 24, 32), scanned)).info
    assert info.axes == (("p", 2), ("t", 2))
    stage = [plane.stage_um for plane in info.planes]
    assert stage[0] == stage[1] == pytest.approx((1000.0, 2000.0, 3.0))
    assert stage[2] == stage[3] == pytest.approx((4000.0, 5000.0, 6.0))


def test_a_plane_across_z_has_no_step(tmp_path: Path) -> None:
    scanned = Scanned(scan_type=1, z=24)
    info = open_frame(write_lsm(tmp_path / "a.lsm", pixels(1, 1, 24, 32), scanned)).info
    assert info.axes == ()
    assert info.z_step_um is None


@pytest.mark.parametrize("thumbnails", [False, True])
def test_one_plane_tells_all_too(tmp_path: Path, thumbnails: bool) -> None:
    scanned = Scanned(names=("Ch1",), colors=((255, 0, 0),))
    path = write_lsm(tmp_path / "a.lsm", pixels(1, 1, 24, 32), scanned, thumbnails=thumbnails)
    info, planes = read_planes(path)
    assert info.axes == ()
    assert info.pixel_size_um == pytest.approx(0.2)
    assert (info.channels[0].name, info.channels[0].color) == ("Ch1", 0xFF0000)
    np.testing.assert_array_equal(planes, pixels(24, 32))


def test_damaged_blocks_cost_only_themselves(tmp_path: Path) -> None:
    path = write_lsm(tmp_path / "a.lsm", pixels(6, 2, 24, 32), ALL)
    data = path.read_bytes()
    for block in (b"Plan-Apo", b"Ch2-T1", np.float64(100.0).tobytes()):
        at = data.index(block)
        path.write_bytes(data[: at - 8] + b"\xff" * 8 + data[at:])
        info, planes = read_planes(path)
        assert info.axes == (("t", 2), ("z", 3), ("c", 2))
        assert info.pixel_size_um == pytest.approx(0.2)
        np.testing.assert_array_equal(planes.reshape(6, 2, 24, 32), pixels(6, 2, 24, 32))


def test_a_damaged_structure_costs_the_metadata(tmp_path: Path) -> None:
    path = write_lsm(tmp_path / "a.lsm", pixels(6, 2, 24, 32), ALL)
    magic = lsm.MAGIC.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(magic, b"\1\2\3\4"))
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 6), ("c", 2))
    assert info.pixel_size_um is None
    np.testing.assert_array_equal(planes, pixels(6, 2, 24, 32))
