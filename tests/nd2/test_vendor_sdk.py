"""Written files as the vendor's own reader sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.nd2 import FrameMetadata
from tests.nd2.builders import (
    COLORS,
    EMISSION,
    EXCITATION,
    NAMES,
    PERIOD_MS,
    STEP_UM,
    frame_metadata,
    loops,
    random_frames,
    stage,
    write_nd2,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.nd2.builders import Pixels
    from tests.oracles import SdkView, VendorSdk

STARTED = datetime(2024, 4, 22, 18, 30, tzinfo=UTC)
START_JULIAN_DAY = 2460423.0 + 6.5 / 24
FULL = loops(2, 3, 3)
FULL_FRAMES = random_frames((18, 6, 131, 2))


def assert_frames(view: SdkView, expected: Pixels) -> None:
    assert len(view.frames) == len(expected)
    for found, frame in zip(view.frames, expected, strict=True):
        assert found.dtype == frame.dtype
        assert np.array_equal(found, frame)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("counts", "kinds"),
    [
        ((0, 0, 0), []),
        ((4, 0, 0), [("TimeLoop", 4)]),
        ((0, 3, 0), [("XYPosLoop", 3)]),
        ((0, 0, 5), [("ZStackLoop", 5)]),
        ((2, 3, 0), [("TimeLoop", 2), ("XYPosLoop", 3)]),
        ((2, 0, 3), [("TimeLoop", 2), ("ZStackLoop", 3)]),
        ((0, 2, 4), [("XYPosLoop", 2), ("ZStackLoop", 4)]),
        ((2, 3, 3), [("TimeLoop", 2), ("XYPosLoop", 3), ("ZStackLoop", 3)]),
        ((1, 1, 1), [("TimeLoop", 1), ("XYPosLoop", 1), ("ZStackLoop", 1)]),
    ],
    ids=["one frame", "T", "P", "Z", "TP", "TZ", "PZ", "TPZ", "loops of one"],
)
def test_loops_and_pixels(
    vendor_sdk: VendorSdk,
    tmp_path: Path,
    dtype: type,
    counts: tuple[int, int, int],
    kinds: list[tuple[str, int]],
) -> None:
    experiment = loops(*counts)
    frames = random_frames((experiment.frame_count, 4, 7, 2), dtype)
    view = vendor_sdk.read(write_nd2(tmp_path / "file.nd2", frames, experiment))
    assert view.loops == kinds
    assert_frames(view, frames)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("components", range(1, 6))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (5, 3), (3, 130), (3, 131)])
def test_sample_types_and_padded_rows(
    vendor_sdk: VendorSdk, tmp_path: Path, dtype: type, components: int, height: int, width: int
) -> None:
    frames = random_frames((2, height, width, components), dtype)
    view = vendor_sdk.read(write_nd2(tmp_path / "file.nd2", frames, loops(times=2)))
    assert_frames(view, frames)
    bits = 8 * frames.dtype.itemsize
    assert view.attributes | {"widthBytes": None} == {
        "bitsPerComponentInMemory": bits,
        "bitsPerComponentSignificant": bits,
        "componentCount": components,
        "heightPx": height,
        "pixelDataType": "unsigned",
        "sequenceCount": 2,
        "widthBytes": None,
        "widthPx": width,
    }


def test_significant_bits(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = random_frames((1, 5, 7, 1), bits=12)
    view = vendor_sdk.read(write_nd2(tmp_path / "file.nd2", frames, bits_significant=12))
    assert view.attributes["bitsPerComponentSignificant"] == 12
    assert_frames(view, frames)


@pytest.fixture(scope="module")
def full(vendor_sdk: VendorSdk, tmp_path_factory: pytest.TempPathFactory) -> SdkView:
    """Return a file of 2 times, 3 positions, 3 planes and 2 channels, of odd width."""
    path = tmp_path_factory.mktemp("full") / "file.nd2"
    return vendor_sdk.read(write_nd2(path, FULL_FRAMES, FULL, started=STARTED))


def test_every_pixel_of_a_full_experiment(full: SdkView) -> None:
    assert full.loops == [("TimeLoop", 2), ("XYPosLoop", 3), ("ZStackLoop", 3)]
    assert_frames(full, FULL_FRAMES)


def test_parameters_of_the_loops(full: SdkView) -> None:
    time, positions, stack = full.experiment
    assert time["parameters"]["periodMs"] == PERIOD_MS
    assert [point["stagePositionUm"] for point in positions["parameters"]["points"]] == [
        [s.x_um, s.y_um, s.z_um] for s in map(stage, range(3))
    ]
    assert stack["parameters"] == {"bottomToTop": True, "homeIndex": 1, "stepUm": STEP_UM}


def test_calibration(full: SdkView) -> None:
    for channel in full.metadata["channels"]:
        assert channel["volume"]["axesCalibrated"] == [True, True, True]
        assert channel["volume"]["axesCalibration"] == [0.325, 0.325, STEP_UM]
        assert channel["volume"]["voxelCount"] == [131, 6, 3]


def test_times_of_the_frames(full: SdkView) -> None:
    for found, row in zip(full.frame_metadata, frame_metadata(FULL), strict=True):
        for channel in found["channels"]:
            assert channel["time"]["relativeTimeMs"] == row.time_ms
            expected = START_JULIAN_DAY + row.time_ms / 86_400_000
            assert channel["time"]["absoluteJulianDayNumber"] == pytest.approx(expected, abs=1e-8)


def test_places_of_the_frames(full: SdkView) -> None:
    for found, row in zip(full.frame_metadata, frame_metadata(FULL), strict=True):
        for channel in found["channels"]:
            place = channel["position"]["stagePositionUm"]
            assert place == pytest.approx([row.x_um, row.y_um, row.z_um])


def test_text(full: SdkView) -> None:
    assert full.text["description"].startswith("Dimensions: T(2) x XY(3) x Z(3) x λ(2)\r\n")
    date = datetime.strptime(full.text["date"], "%m/%d/%Y  %H:%M:%S")
    assert date.astimezone() == STARTED


@pytest.mark.parametrize("planes", range(1, 6))
def test_planes_rise_from_the_stage_position_of_the_first(
    vendor_sdk: VendorSdk, tmp_path: Path, planes: int
) -> None:
    frames = random_frames((planes, 4, 5, 1))
    rows = [
        FrameMetadata(time_ms=float(n), x_um=7.0, y_um=8.0, z_um=20.0 + STEP_UM * n)
        for n in range(planes)
    ]
    path = write_nd2(tmp_path / "file.nd2", frames, loops(planes=planes), metadata=rows)
    found = [
        frame["channels"][0]["position"]["stagePositionUm"]
        for frame in vendor_sdk.read(path).frame_metadata
    ]
    assert found == [pytest.approx([7.0, 8.0, row.z_um]) for row in rows]


def test_names_colours_and_wavelengths_of_the_channels(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    view = vendor_sdk.read(write_nd2(tmp_path / "file.nd2", random_frames((1, 4, 5, 5))))
    found = [channel["channel"] for channel in view.metadata["channels"]]
    assert tuple(channel["name"] for channel in found) == NAMES
    stored = [color.to_bytes(3, "little") for color in COLORS]
    assert [channel["colorRGB"] for channel in found] == [
        int.from_bytes(color, "big") for color in stored
    ]
    assert tuple(channel.get("excitationLambdaNm") for channel in found) == EXCITATION
    assert tuple(channel.get("emissionLambdaNm") for channel in found) == EMISSION


def test_an_unknown_pixel_size_is_not_calibrated(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = random_frames((1, 4, 5, 1))
    view = vendor_sdk.read(write_nd2(tmp_path / "file.nd2", frames, pixel_size_um=None))
    assert view.metadata["channels"][0]["volume"]["axesCalibrated"][:2] == [False, False]
