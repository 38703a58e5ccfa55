"""Programs that are written for limnd2, with the name of this package in their imports."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
import tifffile

from nd2watch.nd2 import Nd2Reader, Optics
from tests.nd2.builders import random_frames

if TYPE_CHECKING:
    from tests.nd2.builders import Pixels
    from tests.oracles import SdkView, VendorSdk

PROGRAMS = Path(__file__).parent / "programs"
NAMES = ("DAPI", "DAPI - FITC - TRITC", "DIA")
HEIGHT, WIDTH = 24, 31

Files = dict[str, "Pixels"]


class Run:
    """A program's output as readers see it.

    Attributes
    ----------
    variables : dict
        The program's, at its end.
    output : Path
        The file that it wrote.
    sdk : SdkView
        What the vendor's reader shows.
    """

    def __init__(self, program: str, sdk: VendorSdk) -> None:
        self.variables = runpy.run_path(str(PROGRAMS / program))
        self.output = Path("output.nd2").absolute()
        self.sdk: SdkView = sdk.read(self.output)

    def check(self, loops: dict[str, int], frames: Pixels) -> None:
        """Compare loops and pixels, shape (frame, Y, X, component), in both readers."""
        kinds = {"T": "TimeLoop", "Z": "ZStackLoop"}
        assert self.sdk.loops == [(kinds[axis], count) for axis, count in loops.items()]
        assert np.array_equal(np.stack(self.sdk.frames), frames)
        count, height, width, components = frames.shape
        with nd2.ND2File(self.output) as file:
            channels = {"C": components} if components > 1 else {}
            assert dict(file.sizes) == {**loops, **channels, "Y": height, "X": width}
            seen = file.asarray().reshape(count, components, height, width)
        assert seen.dtype == frames.dtype
        assert np.array_equal(seen.transpose(0, 2, 3, 1), frames)

    def loop(self, axis: int) -> Any:
        """Return a loop's parameters."""
        with nd2.ND2File(self.output) as file:
            return file.experiment[axis].parameters

    def channels(self) -> list[Any]:
        """Return the channels, as nd2 shows them."""
        with nd2.ND2File(self.output) as file:
            assert not isinstance(file.metadata, dict)
            return file.metadata.channels or []

    def check_channels(self, *expected: tuple[Any, ...]) -> None:
        """Compare name, colour, wavelengths and modality of each channel, in both readers."""
        for shown, (name, color, excitation_nm, emission_nm, modality) in zip(
            self.channels(), expected, strict=True
        ):
            found = shown.channel.color
            assert shown.channel.name == name
            assert (found.r, found.g, found.b) == color
            assert shown.channel.excitationLambdaNm == excitation_nm
            assert shown.channel.emissionLambdaNm == emission_nm
            assert set(shown.microscope.modalityFlags) == modality
        for seen, (name, _, excitation_nm, emission_nm, modality) in zip(
            self.sdk.metadata["channels"], expected, strict=True
        ):
            assert seen["channel"]["name"] == name
            assert seen["channel"].get("excitationLambdaNm") == excitation_nm
            assert seen["channel"].get("emissionLambdaNm") == emission_nm
            assert set(seen["microscope"]["modalityFlags"]) >= modality


def write(folder: Path, names: list[str], frames: Pixels) -> None:
    """Write images, shape (file, Y, X), as TIFF files."""
    (folder / "images").mkdir()
    for name, pixels in zip(names, frames, strict=True):
        tifffile.imwrite(folder / "images" / name, pixels)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_channels(folder: Path) -> Pixels:
    """Write 4 time points of 3 channels; return the frames, shape (frame, Y, X, component)."""
    frames = random_frames((4, HEIGHT, WIDTH, 3), seed=2)
    names = [f"2024_11_21_T{t:02}_{name}.tif" for t in range(1, 5) for name in NAMES]
    write(folder, names, np.moveaxis(frames, 3, 1).reshape(12, HEIGHT, WIDTH))
    return frames


def test_files_become_a_time_series(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = random_frames((9, HEIGHT, WIDTH), seed=1)
    write(tmp_path, [f"image_T{t}.tif" for t in range(1, 10)], frames)
    Run("time_series.py", vendor_sdk).check({"T": 9}, frames[..., np.newaxis])


def test_channels_share_what_the_factory_states(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = write_channels(tmp_path)
    run = Run("channels_by_keywords.py", vendor_sdk)
    run.check({"T": 4}, frames)
    assert run.loop(0).periodMs == 150
    confocal = {"fluorescence", "laserScanConfocal"}
    run.check_channels(
        (NAMES[0], (0, 0, 255), 400, 450, confocal),
        (NAMES[1], (128, 128, 128), 451, 500, confocal),
        (NAMES[2], (255, 0, 0), 501, 550, {"brightfield", "camera"}),
    )
    for shown in run.channels():
        assert shown.volume.axesCalibration[:2] == (10.0, 10.0)
        assert shown.microscope.zoomMagnification == 200
        assert shown.microscope.objectiveMagnification == 1
        assert shown.microscope.objectiveNumericalAperture == 0.45
        assert shown.microscope.immersionRefractiveIndex == 0.8
        assert shown.microscope.pinholeDiameterUm == 50


def test_each_channel_keeps_its_own_settings(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = write_channels(tmp_path)
    run = Run("channels_by_planes.py", vendor_sdk)
    run.check({"T": 4}, frames)
    run.check_channels(
        (NAMES[0], (0, 0, 255), 400, 450, {"fluorescence", "laserScanConfocal"}),
        (NAMES[1], (128, 128, 128), 451, 500, {"fluorescence", "spinningDiskConfocal"}),
        (NAMES[2], (255, 0, 0), 501, 550, {"brightfield", "diContrast", "camera"}),
    )
    with Nd2Reader(run.output) as reader:
        picture = reader.picture
    assert picture.pixel_size_um == 10
    numbers = ((1.1, 0.4, 0.9, 200), (1.2, 0.48, 0.88, 90), (1.0, 0.45, 0.8, 50))
    assert [channel.optics for channel in picture.channels] == [
        Optics(magnification=m, numerical_aperture=a, immersion_index=i, zoom=z)
        for m, a, i, z in numbers
    ]
    assert [channel.pinhole_um for channel in picture.channels] == [150, 5000, 50]
    for number, channel in enumerate(picture.channels, 1):
        assert channel.camera == f"Camera {number}"
        assert channel.microscope == f"Microscope {number}"
    for seen, (magnification, aperture, _, _) in zip(
        run.sdk.metadata["channels"], numbers, strict=True
    ):
        assert seen["microscope"]["objectiveMagnification"] == magnification
        assert seen["microscope"]["objectiveNumericalAperture"] == aperture


def test_stacks_are_sorted_by_the_names_of_files(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    frames = random_frames((4, 3, HEIGHT, WIDTH), np.uint8, seed=3)
    names = [f"exportz{z}t{t:02}.tif" for t in range(1, 5) for z in range(1, 4)]
    write(tmp_path, names, frames.reshape(12, HEIGHT, WIDTH))
    run = Run("stacks_by_name.py", vendor_sdk)
    run.check({"T": 4, "Z": 3}, frames.reshape(12, HEIGHT, WIDTH, 1))
    assert run.loop(0).periodMs == 150
    assert run.loop(1).stepUm == 100
    assert run.loop(1).bottomToTop


def test_frames_are_written_before_their_loops_and_channels(vendor_sdk: VendorSdk) -> None:
    run = Run("random_noise.py", vendor_sdk)
    run.check({"T": 5, "Z": 2}, run.variables["frames"])
    assert run.loop(0).periodMs == 150
    assert run.loop(1).stepUm == 100
    confocal = {"fluorescence", "laserScanConfocal"}
    run.check_channels(
        ("Blue channel", (0, 0, 255), None, None, confocal),
        ("Red channel", (255, 0, 0), None, None, confocal),
    )
    for shown in run.channels():
        assert shown.volume.axesCalibration[:2] == (10.0, 10.0)
        assert shown.microscope.zoomMagnification == 200
        assert shown.microscope.objectiveMagnification == 1
        assert shown.microscope.pinholeDiameterUm == 50
