"""What ScanImage writes into TIFF files."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources import PAGES, SourceInfo, open_frame
from tests.presets.once import SHORT_PAUSE, Watched, convert_all
from tests.sources.tiff_files import Tag, TiffBuilder, pixels, read_planes, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 0x07030301
TWO = {"hChannels.channelSave": "[1;2]", "hChannels.channelName": "{'red' 'green' 'far' 'x'}"}
STACK = TWO | {"hStackManager.enable": "true", "hStackManager.numSlices": "3"}
VIEW = {"hRoiManager.imagingFovUm": "[-32 -24;32 -24;32 24;-32 24]"}
FAST = STACK | {
    "hFastZ.enable": "true",
    "hStackManager.framesPerSlice": "1",
    "hStackManager.numFramesPerVolume": "3",
    "hStackManager.numFramesPerVolumeWithFlyback": "4",
}


def settings(values: dict[str, str], prefix: str = "SI.") -> bytes:
    """Return settings as the program writes them."""
    return "\n".join(f"{prefix}{key} = {value}" for key, value in values.items()).encode() + b"\n"


def record(frame: int) -> bytes:
    """Return the record of a page of a frame, counted from 1, of 30 a second."""
    return (
        f"frameNumbers = {frame}\nacquisitionNumbers = 1\nframeNumberAcquisition = {frame}\n"
        f"frameTimestamps_sec = {(frame - 1) / 30:.9f}\nepoch = [2024 3 5 10 20 30.25]\n"
    ).encode()


def scan(
    path: Path,
    count: int,
    values: dict[str, str],
    *,
    frame: Callable[[int], int] = lambda page: page // 2 + 1,
) -> Path:
    """Write a file of some pages, whose frames are numbered as told."""
    builder = TiffBuilder()
    for number in range(count):
        tags: dict[int, Tag] = {
            270: (2, record(frame(number)) + b"\0"),
            305: (2, settings({"VERSION_MAJOR": "2020"} | values) + b"\0"),
        }
        builder.page(pixels(24, 32, seed=number), tags)
    return builder.write(path)


def order_of(path: Path) -> tuple[SourceInfo, Any]:
    """Return what a file tells, and the number of the page at each point."""
    info, planes = read_planes(path)
    pages = [pixels(24, 32, seed=number).tobytes() for number in range(60)]
    numbers = [pages.index(plane.tobytes()) for plane in planes.reshape(-1, 24, 32)]
    return info, np.array(numbers).reshape([size for _, size in info.axes])


def test_channels_are_interleaved_in_time(tmp_path: Path) -> None:
    info, order = order_of(scan(tmp_path / "a.tif", 8, TWO))
    assert info.axes == (("t", 4), ("c", 2))
    np.testing.assert_array_equal(order, np.arange(8).reshape(4, 2))
    assert [channel.name for channel in info.channels] == ["red", "green"]
    assert info.started == datetime(2024, 3, 5, 10, 20, 30, 250000).astimezone()
    assert [info.plane(number).time_ms for number in (0, 1, 2, 7)] == pytest.approx(
        [0, 0, 1000 / 30, 100], abs=1e-3
    )
    assert info.notes == ()


def test_one_channel_has_its_name(tmp_path: Path) -> None:
    values = TWO | {"hChannels.channelSave": "3"}
    info, _ = order_of(scan(tmp_path / "a.tif", 4, values, frame=lambda page: page + 1))
    assert (info.axes, info.channels[0].name) == ((("t", 4),), "far")
    values = {"hChannels.channelSave": "[2 4]"}
    info, _ = order_of(scan(tmp_path / "b.tif", 4, values))
    assert [channel.name for channel in info.channels] == ["Channel 2", "Channel 4"]


def test_slices_have_frames_of_each_channel(tmp_path: Path) -> None:
    values = STACK | {"hStackManager.framesPerSlice": "2", "hStackManager.stackZStepSize": "-2.5"}
    info, order = order_of(scan(tmp_path / "a.tif", 12, values))
    assert (info.axes, info.z_step_um) == ((("z", 3), ("t", 2), ("c", 2)), 2.5)
    np.testing.assert_array_equal(order, np.arange(12).reshape(3, 2, 2))
    averaged = values | {"hScan2D.logAverageFactor": "2"}
    info, _ = order_of(
        scan(tmp_path / "b.tif", 6, averaged, frame=lambda page: 2 * (page // 2 + 1))
    )
    assert info.axes == (("z", 3), ("c", 2))


def test_settings_of_a_stack_that_is_not_taken_count_for_nothing(tmp_path: Path) -> None:
    values = STACK | {"hStackManager.enable": "false", "hStackManager.framesPerSlice": "600"}
    info, _ = order_of(scan(tmp_path / "a.tif", 10, values))
    assert (info.axes, info.z_step_um) == ((("t", 5), ("c", 2)), None)
    values = TWO | {"hStackManager.framesPerSlice": "Inf"}
    assert open_frame(scan(tmp_path / "b.tif", 10, values)).info.axes == (("t", 5), ("c", 2))


@pytest.mark.parametrize("count", [16, 14], ids=["whole", "without the last flyback"])
def test_volumes_are_time_points_without_their_flyback(tmp_path: Path, count: int) -> None:
    info, order = order_of(scan(tmp_path / "a.tif", count, FAST))
    assert (info.axes, info.notes) == ((("t", 2), ("z", 3), ("c", 2)), ())
    np.testing.assert_array_equal(order, np.arange(16).reshape(2, 4, 2)[:, :3])
    assert info.plane(6).time_ms == pytest.approx(4000 / 30, abs=1e-3)


def test_a_volume_that_was_cut_short_is_left_out_and_told(tmp_path: Path) -> None:
    info, order = order_of(scan(tmp_path / "a.tif", 19, FAST))
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert order.max() == 13
    assert "the last pages of a.tif, 3, are no whole volume" in info.notes[0]
    with pytest.raises(FrameIncomplete, match="has 5 of the 6 pages that its settings tell"):
        open_frame(scan(tmp_path / "b.tif", 5, FAST))
    with pytest.raises(FrameIncomplete, match="has 1 of the 2 pages"):
        open_frame(scan(tmp_path / "c.tif", 1, TWO))


@pytest.mark.parametrize(
    ("values", "frame", "what"),
    [
        (TWO, lambda page: page + 1, "number the frames otherwise"),
        (TWO, lambda page: page // 4 + 1, "number the frames otherwise"),
        (FAST | {"hStackManager.numSlices": "5"}, None, "3 frames of a volume, but 5 slices of 1"),
        (
            FAST | {"hStackManager.numFramesPerVolumeWithFlyback": "2"},
            None,
            "numbers of frames that cannot be",
        ),
        (FAST | {"hScan2D.logAverageFactor": "3"}, None, "averages of 3 frames, which mix"),
        (STACK | {"hStackManager.framesPerSlice": "Inf"}, None, "Inf for hStackManager"),
        (FAST, lambda page: page // 2 + 3, "begins with frame 3, in the midst of a volume of 4"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, values: dict[str, str], frame: Callable[[int], int] | None, what: str
) -> None:
    options = {} if frame is None else {"frame": frame}
    with pytest.raises(FrameUnreadable, match=what):
        open_frame(scan(tmp_path / "a.tif", 16, values, **options))


def test_settings_may_be_in_the_header_of_a_bigtiff_file(tmp_path: Path) -> None:
    def axes(text: bytes) -> tuple[tuple[str, int], ...]:
        builder = TiffBuilder(
            struct.pack("<4I", BLOCK, 4, len(text) + 1, 0) + text + b"\0", big=True
        )
        for plane in pixels(12, 24, 32):
            builder.page(plane, {305: (2, b"SI.VERSION_MAJOR = 2020\0")})
        info, planes = read_planes(builder.write(tmp_path / "a.tif"))
        np.testing.assert_array_equal(planes.reshape(12, 24, 32), pixels(12, 24, 32))
        return info.axes

    values = STACK | {"hStackManager.framesPerSlice": "2"}
    assert axes(settings(values)) == (("z", 3), ("t", 2), ("c", 2))
    assert axes(settings({"hChannels.channelSave": "1"})) == (("t", 12),)
    assert axes(b"nonsense") == ((PAGES, 12),)


def test_settings_of_earlier_versions_are_in_the_descriptions(tmp_path: Path) -> None:
    values = {"channelsSave": "[1;2]", "stackNumSlices": "3", "fastZEnable": "false"}
    text = b"Frame Number = 1\nFrame Timestamp(s) = 0.5\n" + settings(values, "scanimage.SI5.")
    builder = TiffBuilder()
    for number in range(12):
        builder.page(pixels(24, 32, seed=number), {270: (2, text + b"\0")} if not number else {})
    info = open_frame(builder.write(tmp_path / "a.tif")).info
    assert (info.axes, info.plane(0).time_ms) == ((("t", 2), ("z", 3), ("c", 2)), 500)
    values = {"numberOfChannelsSave": "2", "numberOfZSlices": "3", "numberOfFrames": "4"}
    old = settings(values | {"averaging": "1"}, "state.acq.").replace(b" = ", b"=")
    builder = TiffBuilder()
    for number in range(6):
        builder.page(pixels(24, 32, seed=number), {270: (2, old.replace(b"\n", b"\r") + b"\0")})
    assert open_frame(builder.write(tmp_path / "b.tif")).info.axes == (("z", 3), ("c", 2))


def test_the_field_of_view_tells_the_size_of_square_pixels(tmp_path: Path) -> None:
    assert open_frame(scan(tmp_path / "a.tif", 4, TWO | VIEW)).info.pixel_size_um == 2
    oblong = TWO | {"hRoiManager.imagingFovUm": "[-32 -32;32 -32;32 32;-32 32]"}
    assert open_frame(scan(tmp_path / "b.tif", 4, oblong)).info.pixel_size_um is None


def test_the_service_converts_files_of_several_channels(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "scope"
    folder.mkdir(parents=True)
    scan(folder / "mouse_00001_00001.tif", 8, TWO)
    scan(folder / "mouse_00001_00002.tif", 5, TWO, frame=lambda page: page // 2 + 5)
    write(folder / "mouse_00002_00001.tif", pixels(3, 24, 32))
    told = convert_all(tmp_path, {"scope": Watched(preset="scanimage", further=SHORT_PAUSE)})
    converted = told["scope"]
    assert not converted.complaints
    sizes = {name: open_frame(path).info.axes for name, path in converted.outputs.items()}
    assert sizes == {
        "mouse_00001.nd2": (("t", 6), ("c", 2)),
        "mouse_00002.nd2": (("t", 3),),
    }
    assert any("the last pages of mouse_00001_00002.tif, 1" in each for each in converted.assumed)
    info = open_frame(converted.outputs["mouse_00001.nd2"]).info
    assert info.started == datetime(2024, 3, 5, 10, 20, 30, 250000).astimezone()
    assert timedelta(milliseconds=info.plane(10).time_ms or 0).total_seconds() == pytest.approx(
        5 / 30, abs=1e-3
    )
