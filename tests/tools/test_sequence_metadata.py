"""The command for numbered files: loops, channels and optics, as independent readers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from tests.conformance.matrix import TITLES, Matrix
from tests.conformance.view import Point
from tests.frames import noise
from tests.tools.numbered import (
    GROUPS,
    PATTERN,
    assert_holds,
    convert,
    opened,
    write_files,
    write_nd2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracles import VendorSdk

WORDS = (PATTERN, *GROUPS)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with Matrix(tmp_path_factory.mktemp("readers")) as matrix:
        yield matrix


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of which everything is stated."""
    folder = tmp_path_factory.mktemp("described") / "in"
    write_files(folder)
    return convert(
        folder,
        *WORDS,
        *("-zstep", "0.35", "-tstep", "1500.5", "--pixel_calibration", "0.108"),
        *("--ms-objective_magnification", "60", "--ms-objective_numerical_aperture", "1.4"),
        *("--ms-zoom_magnification", "1.5", "--ms-immersion_refractive_index", "1.515"),
        *("--ms-pinhole_diameter", "32.5"),
        *("--channel-setting", "gfp|EGFP|Confocal, Fluo|488|509.5|green"),
        *("--channel-setting", "dapi|Spinning Disc|405||#1234ab"),
    )


TWICE = {
    "phase_period_ms": (1500.5,),
    "z_step_um": 0.35,
    "voxel_depth_um": 0.35,
    "pixel_size_um": (0.108, 0.108),
    "channel_names": ("EGFP", "dapi"),
    "channel_colors": (0x00FF00, 0x1234AB),
    "excitation_nm": (488, 405),
    "emission_nm": (509.5, None),
    "modality": ({"fluorescence", "laserScanConfocal"}, {"fluorescence", "spinningDiskConfocal"}),
    "acquisition_mode": ("LaserScanningConfocalMicroscopy", "SpinningDiskConfocal"),
    "pinhole_um": (32.5, 32.5),
    "magnification": (60, 60),
    "numerical_aperture": (1.4, 1.4),
    "immersion_index": (1.515, 1.515),
    "zoom": (1.5, 1.5),
}
"""What was stated, for both channels."""


@pytest.mark.parametrize("title", TITLES)
def test_what_is_stated_is_what_readers_show(described: Path, readers: Matrix, title: str) -> None:
    shown = readers.reader(title).read(described).values
    fields = TWICE.keys() & shown.keys()
    assert {"channel_names", "pixel_size_um", "magnification", "zoom"} <= fields
    for field in fields:
        expected: Any = TWICE[field]
        one_for_all = isinstance(expected, tuple) and not isinstance(shown[field], tuple)
        assert shown[field] == (expected[0] if one_for_all else expected), field
    assert shown["frame_time_ms"][Point(t=2, z=0)] == 3001


@pytest.mark.parametrize(
    ("stated", "order"),
    [
        (("gfp", "dapi", "cy3"), ("gfp", "dapi", "cy3")),
        (("gfp",), ("cy3", "dapi", "gfp")),
        ((), ("cy3", "dapi", "gfp")),
    ],
)
def test_channels_are_in_the_order_of_their_names_or_in_that_in_which_all_are_stated(
    tmp_path: Path, vendor_sdk: VendorSdk, stated: tuple[str, ...], order: tuple[str, ...]
) -> None:
    files = write_files(tmp_path / "in", "{c}.tif", c=("cy3", "dapi", "gfp"))
    words = [word for name in stated for word in ("--channel-setting", f"{name}||||")]
    path = convert(tmp_path / "in", r"(\w+)\.tif", "-c", "1", *words)
    assert_holds(path, {"C": 3}, [files[name,] for name in order], vendor_sdk)
    with opened(path) as file:
        assert [channel.channel.name for channel in file.metadata.channels] == [*order]


@pytest.mark.parametrize(
    ("setting", "name", "color"),
    [
        ("2|Two||||", "Two", None),
        ("2|TIRF|488|520|Red", "2", 0xFF0000),
        ("02|GFP|Wide-field|||#0f0", "GFP", 0x00FF00),
        ("2| GFP | unknown |488.0| 0 | ffFF00 ", "GFP", 0xFFFF00),
        ("2||TIRF|||black", "Channel 2", 0),
    ],
)
def test_settings_have_five_or_six_parts_each_of_which_may_be_empty(
    tmp_path: Path, setting: str, name: str, color: int | None
) -> None:
    write_files(tmp_path / "in", "c{c}.tif", c=("01", "02"))
    words = ("-s", "c*.tif", "-c", "1")
    plain = convert(tmp_path / "in", *words, name="plain.nd2")
    path = convert(tmp_path / "in", *words, "--channel-setting", setting)
    with opened(plain) as first, opened(path) as second:
        untouched = {channel.channel.name: channel.channel for channel in first.metadata.channels}
        stated = {channel.channel.name: channel.channel for channel in second.metadata.channels}
    assert stated.keys() == {"Channel 1", name}
    usual = untouched["Channel 2"].color.as_hex() if color is None else None
    found = stated[name].color
    assert color is None or (found.r, found.g, found.b) == tuple(color.to_bytes(3, "big"))
    assert usual is None or found.as_hex() == usual


class TestOnlyChannel:
    """A single channel, which has no group."""

    def test_its_setting_has_no_original_name(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "z{z}.tif", z=(1, 2))
        setting = "|DAPI|Wide-field|358|461|#0000FF"
        path = convert(tmp_path / "in", "-s", "z*.tif", "-z", "1", "--channel-setting", setting)
        with opened(path) as file:
            (channel,) = file.metadata.channels
        assert channel.channel.name == "DAPI"
        assert (channel.channel.excitationLambdaNm, channel.channel.emissionLambdaNm) == (358, 461)

    @pytest.mark.parametrize("original", ["", "FITC"])
    def test_also_when_the_files_name_it(self, tmp_path: Path, original: str) -> None:
        for z in (1, 2):
            write_nd2(tmp_path / f"z{z}.nd2", noise(z)[None], "FITC")
        setting = f"{original}|GFP||||green"
        path = convert(tmp_path, "-s", "z*.nd2", "-z", "1", "--channel-setting", setting)
        with opened(path) as file:
            assert file.metadata.channels[0].channel.name == "GFP"

    def test_colour_images_are_one_channel(self, tmp_path: Path, vendor_sdk: VendorSdk) -> None:
        pixels = [
            np.random.default_rng(z).integers(0, 256, (24, 32, 3), np.uint8) for z in range(2)
        ]
        for z, image in enumerate(pixels):
            tifffile.imwrite(tmp_path / f"z{z}.tif", image)
        path = convert(
            tmp_path, "-s", "z*.tif", "-z", "1", "--channel-setting", "|Histology|Brightfield|||"
        )
        with opened(path) as file:
            assert file.is_rgb
            assert file.metadata.channels[0].channel.name == "Histology"
            np.testing.assert_array_equal(file.asarray()[..., ::-1], pixels)
        frames = vendor_sdk.read(path).frames
        np.testing.assert_array_equal(np.stack(frames)[..., ::-1], pixels)


class TestStepsByThemselves:
    """Steps that are not stated."""

    def test_those_of_the_files_are_taken(self, tmp_path: Path) -> None:
        for t in (1, 2):
            write_nd2(tmp_path / f"t{t}.nd2", np.stack([noise(t), noise(t + 10)]))
        words = ("-s", "t*.nd2", "-t", "1")
        with opened(convert(tmp_path, *words, name="a")) as file:
            assert file.voxel_size() == (0.25, 0.25, 1.5)
        stated = ("--zstack_step", "0.5", "--timeloop_step", "100", "--pixel_calibration", "2")
        with opened(convert(tmp_path, *words, *stated, name="b")) as file:
            assert file.voxel_size() == (2, 2, 0.5)
            assert file.experiment[0].parameters.periodMs == 100


def test_several_threads_write_the_same(tmp_path: Path, vendor_sdk: VendorSdk) -> None:
    files = write_files(tmp_path / "in", "t{t}.tif", t=range(40))
    words = ("-s", "t*.tif", "-t", "1", "-tstep", "1")
    one = convert(tmp_path / "in", *words, name="one.nd2")
    several = convert(tmp_path / "in", *words, "--multiprocessing", name="several.nd2")
    assert_holds(several, {"T": 40}, [*files.values()], vendor_sdk)
    assert one.read_bytes() == several.read_bytes()
