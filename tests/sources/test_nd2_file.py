"""What an ND2 file is as a source of planes, and which ones are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import FrameUnreadable
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    Nd2Reader,
    NETimeLoop,
    Optics,
    Picture,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.nd2.lite_variant import encode
from nd2watch.sources import (
    PAGES,
    ChannelInfo,
    OpticsInfo,
    PlaneInfo,
    PlaneReader,
    SourcePlane,
    open_frame,
    read_frame,
)
from tests.nd2.builders import chunks_of, file_of, random_frames
from tests.nd2.golden import load_golden_file
from tests.sources.nd2_files import (
    CHANNELS,
    LOOPS,
    OPTICS,
    POSITIONS,
    RGB,
    STACK,
    STARTED,
    TIMES,
    row,
    write,
    write_full,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nd2watch.nd2 import Loop
    from nd2watch.sources import FrameFile
    from tests.nd2.builders import Pixels


def read_all(frame: FrameFile) -> list[Pixels]:
    """Return all planes in their order."""
    with PlaneReader() as reader:
        return [
            reader.read(SourcePlane(file=frame, index=n)) for n in range(frame.info.plane_count)
        ]


def test_channels_are_the_innermost_axis_of_planes(tmp_path: Path) -> None:
    frames = write_full(tmp_path / "a.nd2")
    frame = open_frame(tmp_path / "a.nd2")
    assert frame.info.axes == (("t", 2), ("p", 3), ("z", 2), ("c", 2))
    assert frame.info.format_text == "5 x 4 uint16"
    expected = np.moveaxis(frames, -1, 1).reshape(24, 4, 5)
    np.testing.assert_array_equal(read_all(frame), expected)


def test_everything_that_a_source_can_tell_is_told(tmp_path: Path) -> None:
    write_full(tmp_path / "a.nd2")
    info = open_frame(tmp_path / "a.nd2").info
    assert info.channels == (
        ChannelInfo(
            name="DAPI",
            color=0x0000FF,
            excitation_nm=405.0,
            emission_nm=450.5,
            exposure_ms=12.5,
            modality=("fluorescence", "laser_scan_confocal", "pmt"),
            pinhole_um=30.25,
            camera="PMT 1",
        ),
        ChannelInfo(name="Ph", color=0xFF8000, modality=("brightfield", "phase_contrast")),
    )
    assert info.optics == OpticsInfo(
        objective_name="Plan Apo 60x Oil",
        magnification=60.0,
        numerical_aperture=1.4,
        immersion_index=1.515,
        zoom=1.5,
    )
    assert info.positions == ("Well 0", "Well 1", "Well 2")
    assert (info.pixel_size_um, info.z_step_um, info.period_ms) == (0.108, 0.5, 1000.0)
    assert (info.started, info.bits_significant) == (STARTED, 12)
    for index in range(24):
        assert info.plane(index) == PlaneInfo(
            time_ms=250.0 + 100.0 * (index // 2),
            stage_um=(0.5 * (index // 2), -3.0, 7.0),
            exposure_ms=11.0,
        )


def test_what_the_file_does_not_tell_is_unknown(tmp_path: Path) -> None:
    info = open_frame(write(tmp_path / "a.nd2", random_frames((1, 4, 5, 1)))).info
    assert (info.axes, info.positions, info.optics) == ((), (), OpticsInfo())
    assert (info.pixel_size_um, info.z_step_um, info.period_ms) == (None, None, None)
    assert info.started is None
    assert info.plane(0) == PlaneInfo(time_ms=0.0)


@pytest.mark.parametrize(("others", "shown"), [(OPTICS, "Plan Apo 60x Oil"), (None, "common")])
def test_optics_are_those_of_all_channels_or_of_the_picture(
    tmp_path: Path, others: Optics | None, shown: str
) -> None:
    channels = (Channel(name="a", optics=OPTICS), Channel(name="b", optics=others))
    picture = Picture(channels=channels, optics=Optics(objective_name="common"))
    path = write(tmp_path / "a.nd2", random_frames((1, 4, 5, 2)), picture=picture)
    assert open_frame(path).info.optics.objective_name == shown


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_file_of_a_colour_camera_has_planes_of_rgb(tmp_path: Path, dtype: str) -> None:
    frames = random_frames((2, 4, 5, 3), dtype)
    frame = open_frame(write(tmp_path / "a.nd2", frames, [TIMES], picture=RGB))
    assert (frame.info.axes, frame.info.shape, frame.info.rgb) == ((("t", 2),), (4, 5, 3), True)
    assert [channel.name for channel in frame.info.channels] == ["Colour"]
    np.testing.assert_array_equal(read_all(frame), frames)


@pytest.mark.parametrize("zlib_level", [None, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_samples_of_every_type_are_read(tmp_path: Path, dtype: str, zlib_level: int | None) -> None:
    frames = random_frames((1, 4, 5, 3), dtype, bits=8)
    frame = open_frame(write(tmp_path / "a.nd2", frames, zlib_level=zlib_level))
    assert frame.info.dtype == np.dtype(dtype)
    assert frame.info.bits_significant == (None if dtype == "float32" else frames.itemsize * 8)
    np.testing.assert_array_equal(read_all(frame), np.moveaxis(frames[0], -1, 0))


def test_axes_nest_as_the_loops_do(tmp_path: Path) -> None:
    frames = random_frames((12, 4, 5, 1))
    frame = open_frame(write(tmp_path / "a.nd2", frames, [STACK, POSITIONS, TIMES]))
    assert frame.info.axes == (("z", 2), ("p", 3), ("t", 2))
    np.testing.assert_array_equal(read_all(frame), frames[..., 0])


def test_the_channels_of_a_frame_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = random_frames((2, 4, 5, 3))
    frame = open_frame(write(tmp_path / "a.nd2", frames, [TIMES]))
    decoded: list[int] = []
    genuine = Nd2Reader.read_frame

    def counted(reader: Nd2Reader, index: int) -> Pixels:
        decoded.append(index)
        return genuine(reader, index)

    monkeypatch.setattr(Nd2Reader, "read_frame", counted)
    with PlaneReader() as reader:
        for index in (5, 3, 4, 0, 1, 2):
            found = reader.read(SourcePlane(file=frame, index=index))
            np.testing.assert_array_equal(found, frames[index // 3, :, :, index % 3])
    assert decoded == [1, 0]


def test_the_mean_period_stands_for_one_that_was_not_set(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.nd2",
        random_frames((3, 4, 5, 1)),
        [TimeLoop(count=3)],
        rows=[FrameMetadata(time_ms=ms) for ms in (0.0, 90.0, 200.0)],
    )
    assert open_frame(path).info.period_ms == 100.0


def test_phases_have_no_common_period(tmp_path: Path) -> None:
    phases = NETimeLoop(phases=(TimeLoop(count=1), TimeLoop(count=2, period_ms=9.0)))
    frame = open_frame(write(tmp_path / "a.nd2", random_frames((3, 4, 5, 1)), [phases]))
    assert frame.info.axes == (("t", 3),)
    assert frame.info.period_ms is None


@pytest.mark.parametrize(("z_um", "expected"), [(50.0, (50.0, 49.5)), (0.0, (None, None))])
def test_positions_of_the_loops_stand_for_those_that_were_not_recorded(
    tmp_path: Path, z_um: float, expected: tuple[float | None, float | None]
) -> None:
    places = XYPosLoop(
        positions=(StagePosition(z_um=z_um), StagePosition(x_um=9.0, y_um=1.0, z_um=z_um))
    )
    frames = random_frames((4, 4, 5, 1))
    info = open_frame(write(tmp_path / "a.nd2", frames, [places, STACK])).info
    assert info.positions == ()
    assert [plane.stage_um for plane in info.planes] == [
        (x, y, z) for x, y in ((0.0, 0.0), (9.0, 1.0)) for z in expected
    ]


@pytest.mark.parametrize("upwards", [True, False])
def test_loops_tell_whether_a_stack_falls(tmp_path: Path, upwards: bool) -> None:
    stack = ZStackLoop(count=3, step_um=0.5, bottom_to_top=upwards)
    info = open_frame(write(tmp_path / "a.nd2", random_frames((3, 4, 5, 1)), [stack])).info
    assert info.z_falls is not upwards
    assert [plane.stage_um for plane in info.planes] == [None] * 3


def test_positions_that_are_all_zero_are_unknown(tmp_path: Path) -> None:
    places = XYPosLoop(positions=(StagePosition(name="a"), StagePosition(name="b")))
    info = open_frame(write(tmp_path / "a.nd2", random_frames((2, 4, 5, 1)), [places])).info
    assert info.positions == ("a", "b")
    assert [plane.stage_um for plane in info.planes] == [None, None]


def test_a_time_beyond_the_calendar_is_unknown(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.nd2",
        random_frames((1, 4, 5, 1)),
        picture=Picture(channels=CHANNELS[:1], started=STARTED),
        rows=[FrameMetadata(time_ms=1e300, x_um=1e300, y_um=0.0)],
    )
    assert open_frame(path).info.plane(0) == PlaneInfo()


def test_a_file_with_missing_frames_is_refused(tmp_path: Path) -> None:
    frames = random_frames((12, 4, 5, 1))
    path = write(tmp_path / "a.nd2", frames, LOOPS, missing=(3, 7))
    with pytest.raises(FrameUnreadable, match=r"a\.nd2 lacks 2 of its 12 frames.*black") as caught:
        open_frame(path)
    assert caught.value.path == path


def write_stopped(path: Path, frames: Pixels, planned: Sequence[Loop]) -> Path:
    """Write a file of fewer frames than its loops have, as when acquisition is stopped."""
    chunks = chunks_of(write(path, frames, [TimeLoop(count=len(frames))]))
    loops = Experiment(loops=tuple(planned)).encode()
    path.write_bytes(file_of(chunks | {"ImageMetadataLV!": encode("SLxExperiment", loops)}))
    return path


@pytest.mark.parametrize(
    ("loops", "frames", "axes"),
    [
        ([TimeLoop(count=5), STACK], 6, (("t", 3), ("z", 2))),
        ([POSITIONS, STACK], 4, (("p", 2), ("z", 2))),
        ([TimeLoop(count=5)], 1, ()),
    ],
)
def test_an_acquisition_that_was_stopped_has_fewer_points_of_its_outermost_loop(
    tmp_path: Path, loops: list[Loop], frames: int, axes: tuple[tuple[str, int], ...]
) -> None:
    pixels = random_frames((frames, 4, 5, 1))
    frame = open_frame(write_stopped(tmp_path / "a.nd2", pixels, loops))
    assert frame.info.axes == axes
    assert len(frame.info.positions) == dict(axes).get("p", 0)
    np.testing.assert_array_equal(read_all(frame), pixels[..., 0])


@pytest.mark.parametrize("count", [5, 18])
def test_frames_that_do_not_fill_the_loops_are_refused(tmp_path: Path, count: int) -> None:
    path = write_stopped(tmp_path / "a.nd2", random_frames((count, 4, 5, 1)), LOOPS)
    with pytest.raises(FrameUnreadable, match=f"{count} frames, which do not fill its loops t=2 x"):
        open_frame(path)


def test_frames_without_loops_are_pages(tmp_path: Path) -> None:
    frames = random_frames((2, 4, 5, 2))
    chunks = chunks_of(write(tmp_path / "a.nd2", frames, [TIMES]))
    del chunks["ImageMetadataLV!"]
    (tmp_path / "a.nd2").write_bytes(file_of(chunks))
    frame = open_frame(tmp_path / "a.nd2")
    assert frame.info.axes == ((PAGES, 2), ("c", 2))
    np.testing.assert_array_equal(read_all(frame)[3], frames[1, :, :, 1])


def test_a_damaged_record_costs_only_the_record(tmp_path: Path) -> None:
    write_full(tmp_path / "a.nd2")
    whole = chunks_of(tmp_path / "a.nd2")
    damaged = whole | {"CustomData|X!": b"short"}
    (tmp_path / "a.nd2").write_bytes(file_of(damaged))
    planes = open_frame(tmp_path / "a.nd2").info.planes
    assert [plane.time_ms for plane in planes[::2]] == [row(n).time_ms for n in range(12)]
    assert planes[2].stage_um == (0.0, -5.0, 49.5)  # of the loops
    damaged["CustomData|AcqTimesCache!"] += b"more"
    (tmp_path / "a.nd2").write_bytes(file_of(damaged))
    frame = open_frame(tmp_path / "a.nd2")
    assert frame.info.planes == ()
    assert len(read_all(frame)) == 24


@pytest.mark.timeout(600)  # the first run downloads 19 MB
def test_a_file_of_nis_elements_is_read(tmp_path: Path) -> None:
    frame = open_frame(load_golden_file())
    info = frame.info
    assert info.axes == (("t", 3), ("z", 10), ("c", 2))
    assert [channel.name for channel in info.channels] == ["5-FAM/pH 9.0", "FM 4-64/2% CHAPS"]
    assert {channel.camera for channel in info.channels} == {"Nikon A1plus"}
    assert info.optics.objective_name == "Plan Apo λ 60x"
    assert (info.z_step_um, info.bits_significant) == (0.5, 12)
    assert info.started == datetime(2014, 6, 18, 13, 55, 23, 392_000, tzinfo=UTC)
    x_um, y_um, z_um = info.plane(59).stage_um or (0.0, 0.0, 0.0)
    assert (round(x_um), round(y_um), z_um) == (-26057, -4155, None)
    with Nd2Reader(frame.path) as reader:
        assert info.plane(59).time_ms == reader.frame_times_ms[29]
        np.testing.assert_array_equal(read_frame(frame, 59), reader.read_frame(29)[:, :, 1])
