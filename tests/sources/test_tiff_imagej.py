"""What ImageJ writes into TIFF files: axes, calibration, labels and colours."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from nd2watch.errors import FrameIncomplete
from nd2watch.sources import PAGES, ChannelInfo, SourceInfo, open_frame
from tests.sources.tiff_files import pixels, read_planes, write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def imagej(path: Path, data: npt.NDArray[Any], axes: str, **metadata: Any) -> Path:
    """Write a file as ImageJ does."""
    resolution = metadata.pop("resolution", None)
    options: dict[str, Any] = {"resolution": resolution} if resolution else {}
    metadata["axes"] = axes
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    return write(path, data, imagej=True, photometric=photometric, metadata=metadata, **options)


def described(path: Path, data: npt.NDArray[Any], text: str, **options: Any) -> Path:
    """Write a file with a description of ImageJ."""
    description = f"ImageJ=1.54f\n{text}\n"
    return write(path, data, description=description, metadata=None, **options)


def test_hyperstacks_have_their_axes(tmp_path: Path) -> None:
    data = pixels(2, 3, 4, 24, 32)
    info, planes = read_planes(imagej(tmp_path / "a.tif", data, "TZCYX"))
    assert info.axes == (("t", 2), ("z", 3), ("c", 4))
    np.testing.assert_array_equal(planes, data)
    info, planes = read_planes(imagej(tmp_path / "b.tif", data[0, :, 0], "ZYX"))
    assert info.axes == (("z", 3),)
    info, planes = read_planes(imagej(tmp_path / "c.tif", data[:, 0, 0], "TYX"))
    assert info.axes == (("t", 2),)


@pytest.mark.parametrize(
    ("order", "axes"),
    [
        ("czt", (("t", 2), ("z", 3), ("c", 4))),
        ("ctz", (("z", 3), ("t", 2), ("c", 4))),
        ("ztc", (("c", 4), ("t", 2), ("z", 3))),
        ("tzc", (("c", 4), ("z", 3), ("t", 2))),
        ("nonsense", (("t", 2), ("z", 3), ("c", 4))),
    ],
)
def test_axes_are_in_the_order_that_the_file_tells(
    tmp_path: Path, order: str, axes: tuple[tuple[str, int], ...]
) -> None:
    text = f"images=24\nchannels=4\nslices=3\nframes=2\nhyperstack=true\norder={order}"
    data = pixels(24, 8, 8)
    info, planes = read_planes(described(tmp_path / "a.tif", data, text))
    assert info.axes == axes
    np.testing.assert_array_equal(planes.reshape(data.shape), data)


def test_rgb_stacks_are_of_rgb(tmp_path: Path) -> None:
    data = pixels(3, 24, 32, 3, dtype="uint8")
    info, planes = read_planes(imagej(tmp_path / "a.tif", data, "ZYXS"))
    assert info.rgb
    assert info.axes == (("z", 3),)
    np.testing.assert_array_equal(planes, data)


def test_samples_may_be_what_it_calls_channels(tmp_path: Path) -> None:
    data = pixels(3, 24, 32, 2)
    text = "images=6\nchannels=2\nslices=3\nhyperstack=true"
    info, planes = read_planes(described(tmp_path / "a.tif", data, text, planarconfig="contig"))
    assert info.axes == (("z", 3), ("c", 2))
    np.testing.assert_array_equal(planes, np.moveaxis(data, 3, 1))


@pytest.mark.parametrize("samples", [2, 3])
def test_samples_of_one_page_are_no_further_images(tmp_path: Path, samples: int) -> None:
    data = pixels(24, 32, samples, dtype="uint8")
    text = f"images={samples}\nchannels={samples}"
    photometric = "rgb" if samples == 3 else "minisblack"
    path = described(tmp_path / "a.tif", data, text, planarconfig="contig", photometric=photometric)
    info, planes = read_planes(path)
    assert info.rgb == (samples == 3)
    np.testing.assert_array_equal(planes, data if info.rgb else np.moveaxis(data, 2, 0))


def test_one_image_of_rgb_is_one_plane(tmp_path: Path) -> None:
    data = pixels(24, 32, 3, dtype="uint8")
    info, planes = read_planes(imagej(tmp_path / "a.tif", data, "YXS"))
    assert info.axes == ()
    np.testing.assert_array_equal(planes, data)


def test_a_stack_behind_one_directory_is_read_by_its_offsets(tmp_path: Path) -> None:
    data = pixels(2, 3, 24, 32)
    path = imagej(tmp_path / "a.tif", data, "TZYX")
    whole = bytearray(path.read_bytes())
    sign = {b"II": "<", b"MM": ">"}[bytes(whole[:2])]
    first = struct.unpack(f"{sign}I", whole[4:8])[0]
    tags = struct.unpack(f"{sign}H", whole[first : first + 2])[0]
    end = first + 2 + 12 * tags
    whole[end : end + 4] = bytes(4)  # no directory follows, as ImageJ writes it beyond 4 GB
    path.write_bytes(whole)
    info, planes = read_planes(path)
    assert info.axes == (("t", 2), ("z", 3))
    np.testing.assert_array_equal(planes, data)
    path.write_bytes(whole[: first + 6 * 24 * 32 * 2])
    with pytest.raises(FrameIncomplete, match="its pixel data end at"):
        open_frame(path)


def test_a_compressed_page_is_no_stack_whatever_it_announces(tmp_path: Path) -> None:
    path = described(tmp_path / "a.tif", pixels(24, 32), "images=6\nslices=6", compression="zlib")
    info, planes = read_planes(path)
    assert info.axes == ()
    np.testing.assert_array_equal(planes, pixels(24, 32))


def test_a_stack_of_absurd_size_is_not_there(tmp_path: Path) -> None:
    path = described(tmp_path / "a.tif", pixels(24, 32), "images=6\nslices=999999999999999999")
    with pytest.raises(FrameIncomplete, match="its pixel data end at"):
        open_frame(path)


@pytest.mark.parametrize(
    "text",
    [
        "images=24\nchannels=4\nslices=3\nframes=3",
        "images=24\nchannels=0\nslices=-3\nframes=x",
        "images=24\nchannels=99999999999999999999\nslices=3\nframes=2",
        "",
    ],
)
def test_counts_that_are_not_those_of_the_file_are_not_believed(tmp_path: Path, text: str) -> None:
    info, planes = read_planes(described(tmp_path / "a.tif", pixels(24, 8, 8), text))
    assert info.axes == ((PAGES, 24),)
    np.testing.assert_array_equal(planes, pixels(24, 8, 8))


def test_images_without_axes_are_pages(tmp_path: Path) -> None:
    info = open_frame(described(tmp_path / "a.tif", pixels(4, 8, 8), "images=4")).info
    assert info.axes == ((PAGES, 4),)


def calibrated(tmp_path: Path, **metadata: Any) -> SourceInfo:
    """Return what a stack with metadata tells."""
    return open_frame(imagej(tmp_path / "a.tif", pixels(2, 24, 32), "ZYX", **metadata)).info


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("micron", 1.0),
        ("um", 1.0),
        (r"\u00B5m", 1.0),
        ("nm", 0.001),
        ("mm", 1000.0),
        ("cm", 10000.0),
        ("inch", 25400.0),
    ],
)
def test_calibration_is_in_its_unit(tmp_path: Path, unit: str, um: float) -> None:
    info = calibrated(tmp_path, unit=unit, spacing=1.5, resolution=(4.0, 4.0))
    assert info.pixel_size_um == pytest.approx(0.25 * um)
    assert info.z_step_um == pytest.approx(1.5 * um)


def test_spacing_has_no_direction(tmp_path: Path) -> None:
    assert calibrated(tmp_path, unit="um", spacing=-0.3).z_step_um == pytest.approx(0.3)


def test_without_a_unit_of_length_nothing_is_calibrated(tmp_path: Path) -> None:
    for metadata in ({"unit": "pixel"}, {}):
        info = calibrated(tmp_path, spacing=2.0, resolution=(4.0, 4.0), **metadata)
        assert info.pixel_size_um is None
        assert info.z_step_um is None


def test_the_interval_of_frames_is_taken_or_their_rate(tmp_path: Path) -> None:
    assert calibrated(tmp_path, finterval=2.5, fps=7.0).period_ms == 2500.0
    assert calibrated(tmp_path, fps=8.0).period_ms == 125.0
    assert calibrated(tmp_path).period_ms is None


def names(info: SourceInfo) -> list[str]:
    """Return the names of the channels."""
    return [channel.name for channel in info.channels]


def test_labels_that_are_those_of_channels_name_them(tmp_path: Path) -> None:
    data = pixels(2, 3, 2, 24, 32)
    path = imagej(tmp_path / "a.tif", data, "TZCYX", Labels=["DAPI", "GFP"])
    assert names(open_frame(path).info) == ["DAPI", "GFP"]
    path = imagej(tmp_path / "b.tif", data, "TZCYX", Labels=["DAPI\nmore", "GFP"] * 6)
    assert names(open_frame(path).info) == ["DAPI", "GFP"]
    labels = [f"plane {n}" for n in range(12)]
    path = imagej(tmp_path / "c.tif", data, "TZCYX", Labels=labels)
    assert names(open_frame(path).info) == []
    path = imagej(tmp_path / "d.tif", data, "TZCYX", Labels=["DAPI", "a", "DAPI"])
    assert names(open_frame(path).info) == []


def ramp(red: int, green: int, blue: int) -> npt.NDArray[np.uint8]:
    """Return a look-up table that rises evenly from black."""
    return (np.outer((red, green, blue), np.arange(256)) // 255).astype(np.uint8)


def test_colours_are_those_of_even_look_up_tables(tmp_path: Path) -> None:
    fire = np.stack([np.arange(256), np.arange(256) ** 2 // 255, np.arange(256)])
    tables = [ramp(255, 0, 0), ramp(0, 128, 255), fire.astype(np.uint8)]
    data = pixels(3, 24, 32)
    path = imagej(tmp_path / "a.tif", data, "CYX", LUTs=tables, mode="composite")
    colors = [channel.color for channel in open_frame(path).info.channels]
    assert colors == [0xFF0000, 0x0080FF, None]


def test_one_plane_tells_its_calibration_and_its_channel(tmp_path: Path) -> None:
    metadata = {"Labels": ["DAPI"], "LUTs": [ramp(0, 0, 255)], "unit": "micron", "Info": "text"}
    path = imagej(tmp_path / "a.tif", pixels(24, 32), "YX", resolution=(2.0, 2.0), **metadata)
    info = open_frame(path).info
    assert info.axes == ()
    assert info.pixel_size_um == 0.5
    assert info.channels == (ChannelInfo(name="DAPI", color=0x0000FF),)


def test_damaged_labels_cost_only_themselves(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", pixels(2, 24, 32), "CYX", Labels=["DAPI", "GFP"], unit="um")
    damaged = path.read_bytes().replace(b"IJIJ", b"IJIX").replace(b"JIJI", b"JIJX")
    path.write_bytes(damaged)
    info, planes = read_planes(path)
    assert info.axes == (("c", 2),)
    assert info.channels == ()
    np.testing.assert_array_equal(planes, tifffile.imread(path))
