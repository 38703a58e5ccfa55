"""Written files, read back here and by the independent reader nd2."""

from __future__ import annotations

import math
import struct
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise, product
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
    Provenance,
    TextInfo,
    TimeLoop,
    ZStackLoop,
)
from nd2watch.nd2.chunks import read_map
from tests.nd2.builders import (
    COLORS,
    EMISSION,
    EXCITATION,
    FRAME_MS,
    NAMES,
    PERIOD_MS,
    STEP_UM,
    assert_equal_pixels,
    attributes_of,
    experiments,
    frame_metadata,
    loops,
    random_frames,
    slow,
    stage,
    write_nd2,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from tests.nd2.builders import Pixels

STARTED = datetime(2024, 4, 22, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "counts",
    list(product((0, 2), (0, 3), (0, 3))),
    ids=lambda counts: (
        "x".join(f"{a}{n}" for a, n in zip("TPZ", counts, strict=True) if n) or "one"
    ),
)
def test_all_combinations_of_loops_read_back(tmp_path: Path, counts: tuple[int, int, int]) -> None:
    experiment = loops(*counts)
    frames = random_frames((experiment.frame_count, 4, 6, 2))
    path = write_nd2(tmp_path / "file.nd2", frames, experiment)
    assert_equal_pixels(path, frames)
    expected = {
        axis: n for axis, n in zip("TPZ", counts, strict=True) if n
    } | {"C": 2, "Y": 4, "X": 6}  # fmt: skip
    with nd2.ND2File(path) as theirs, Nd2Reader(path) as ours:
        assert dict(theirs.sizes) == expected
        assert ours.sizes == expected
        assert ours.experiment == experiment
        assert [loop.type for loop in theirs.experiment] == [
            kind
            for kind, n in zip(("TimeLoop", "XYPosLoop", "ZStackLoop"), counts, strict=True)
            if n
        ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("components", range(1, 6))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 1), (1, 2), (5, 3), (2, 4), (4, 131)])
def test_sample_types_and_padded_rows_read_back(
    tmp_path: Path, dtype: type, components: int, height: int, width: int
) -> None:
    frames = random_frames((2, height, width, components), dtype)
    assert_equal_pixels(write_nd2(tmp_path / "file.nd2", frames, loops(times=2)), frames)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda a: a.astype(">u2"), id="big-endian"),
        pytest.param(np.asfortranarray, id="Fortran order"),
        pytest.param(lambda a: np.repeat(a, 2, axis=1)[:, ::2], id="every second column"),
        pytest.param(lambda a: a[::-1, ::-1].copy()[::-1, ::-1], id="negative strides"),
        pytest.param(lambda a: a.transpose(2, 0, 1).copy().transpose(1, 2, 0), id="planar"),
        pytest.param(memoryview, id="memoryview"),
        pytest.param(lambda a: np.broadcast_to(a[:1], a.shape), id="broadcast"),
    ],
)
def test_any_memory_layout_is_written(
    tmp_path: Path, view: Callable[[Pixels], npt.ArrayLike]
) -> None:
    frames = random_frames((1, 5, 7, 3))
    given_frame = view(frames[0])
    expected = np.asarray(given_frame, np.uint16)[np.newaxis]
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes_of(frames)) as writer:
        writer.write_frame(given_frame)
    assert_equal_pixels(path, expected)


def test_one_component_needs_no_axis_of_its_own(tmp_path: Path) -> None:
    frames = random_frames((1, 5, 7, 1))
    with Nd2Writer(tmp_path / "file.nd2", attributes_of(frames)) as writer:
        writer.write_frame(frames[0, :, :, 0])
    assert_equal_pixels(tmp_path / "file.nd2", frames)


def test_the_array_of_the_caller_may_change_after_the_call(tmp_path: Path) -> None:
    frames = random_frames((3, 4, 4, 1))
    buffer = np.empty_like(frames[0])
    with Nd2Writer(
        tmp_path / "file.nd2", attributes_of(frames), experiment=loops(times=3)
    ) as writer:
        for frame in frames:
            buffer[:] = frame
            writer.write_frame(buffer)
            buffer[:] = 0
    assert_equal_pixels(tmp_path / "file.nd2", frames)


def test_significant_bits_are_stored(tmp_path: Path) -> None:
    frames = random_frames((1, 4, 5, 2), bits=12)
    path = write_nd2(tmp_path / "file.nd2", frames, bits_significant=12)
    assert_equal_pixels(path, frames)
    with nd2.ND2File(path) as theirs, Nd2Reader(path) as ours:
        assert theirs.attributes.bitsPerComponentSignificant == 12
        assert theirs.attributes.bitsPerComponentInMemory == 16
        assert ours.attributes.bits_significant == 12


def test_channels_read_back(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "file.nd2", random_frames((1, 4, 5, 5)))
    with nd2.ND2File(path) as file:
        metadata = file.metadata
        assert not isinstance(metadata, dict)
        found = [channel.channel for channel in metadata.channels or []]
    assert tuple(channel.name for channel in found) == NAMES
    rgb = [channel.color.r << 16 | channel.color.g << 8 | channel.color.b for channel in found]
    assert tuple(rgb) == COLORS
    assert tuple(channel.excitationLambdaNm for channel in found) == EXCITATION
    assert tuple(channel.emissionLambdaNm for channel in found) == EMISSION
    with Nd2Reader(path) as reader:
        assert reader.channel_names == NAMES


def test_channels_have_numbers_when_nothing_is_known_of_them(tmp_path: Path) -> None:
    frames = random_frames((1, 4, 5, 12))
    with Nd2Writer(tmp_path / "file.nd2", attributes_of(frames)) as writer:
        writer.write_frame(frames[0])
    assert_equal_pixels(tmp_path / "file.nd2", frames)
    with Nd2Reader(tmp_path / "file.nd2") as reader:
        assert reader.channel_names == tuple(f"Channel {n}" for n in range(1, 13))


@pytest.mark.parametrize(
    ("pixel_size", "shown"), [(0.1075, 0.1075), (None, 1.0)], ids=["known", "unknown"]
)
def test_sizes_in_the_sample_read_back(
    tmp_path: Path, pixel_size: float | None, shown: float
) -> None:
    path = write_nd2(
        tmp_path / "file.nd2",
        random_frames((3, 4, 5, 1)),
        loops(planes=3),
        pixel_size_um=pixel_size,
    )
    with nd2.ND2File(path) as theirs, Nd2Reader(path) as ours:
        assert theirs.voxel_size() == (shown, shown, STEP_UM)
        metadata = theirs.metadata
        assert not isinstance(metadata, dict)
        assert metadata.channels
        volume = metadata.channels[0].volume
        assert volume.axesCalibrated[:2] == (pixel_size is not None,) * 2
        assert ours.pixel_size_um == pixel_size


def test_loops_hold_what_was_given(tmp_path: Path) -> None:
    experiment = loops(2, 3, 4)
    path = write_nd2(tmp_path / "file.nd2", random_frames((24, 4, 5, 1)), experiment)
    with nd2.ND2File(path) as file:
        time, positions, stack = file.experiment
        assert time.type == "TimeLoop"
        assert positions.type == "XYPosLoop"
        assert stack.type == "ZStackLoop"
    assert (time.count, time.parameters.periodMs) == (2, PERIOD_MS)
    assert [
        (point.name, *point.stagePositionUm) for point in positions.parameters.points
    ] == [(s.name, s.x_um, s.y_um, s.z_um) for s in map(stage, range(3))]  # fmt: skip
    assert (stack.count, stack.parameters.stepUm, stack.parameters.homeIndex) == (4, STEP_UM, 1)
    assert stack.parameters.bottomToTop


def test_measured_times_read_back(tmp_path: Path) -> None:
    loop = TimeLoop.measured([0.0, 10.0, 30.0], 12.0)
    experiment = Experiment(loops=(loop,))
    path = write_nd2(tmp_path / "file.nd2", random_frames((3, 4, 5, 1)), experiment)
    with nd2.ND2File(path) as file:
        (found,) = file.experiment
        assert found.type == "TimeLoop"
    assert found.parameters.periodMs == 12.0
    assert found.parameters.durationMs == 30.0
    periods = found.parameters.periodDiff
    assert (periods.min, periods.avg, periods.max) == (10.0, 15.0, 20.0)


def test_a_time_loop_without_durations_tells_those_of_the_frames(tmp_path: Path) -> None:
    experiment = Experiment(
        loops=(TimeLoop(count=3, period_ms=12.0), ZStackLoop(count=2, step_um=STEP_UM))
    )
    rows = [FrameMetadata(time_ms=time_ms) for time_ms in (5.0, 6.0, 15.0, 16.0, 35.0, 36.0)]
    frames = random_frames((6, 4, 5, 1))
    path = write_nd2(tmp_path / "file.nd2", frames, experiment, metadata=rows)
    with nd2.ND2File(path) as file:
        time = file.experiment[0]
        assert time.type == "TimeLoop"
    assert (time.parameters.periodMs, time.parameters.durationMs) == (12.0, 30.0)
    periods = time.parameters.periodDiff
    assert (periods.min, periods.avg, periods.max) == (10.0, 15.0, 20.0)
    assert_equal_pixels(path, frames)


def test_time_and_place_of_each_frame_read_back(tmp_path: Path) -> None:
    experiment = loops(2, 3, 3)
    rows = frame_metadata(experiment)
    path = write_nd2(
        tmp_path / "file.nd2", random_frames((18, 4, 5, 2)), experiment, started=STARTED
    )
    with nd2.ND2File(path) as file:
        events = file.events()
        frames = [file.frame_metadata(n) for n in range(18)]
    for event, frame, row in zip(events, frames, rows, strict=True):
        assert event["Time [s]"] == pytest.approx(row.time_ms / 1000)
        assert event["X Coord [µm]"] == row.x_um
        assert event["Y Coord [µm]"] == row.y_um
        assert event["Z Coord [µm]"] == row.z_um
        assert not isinstance(frame, dict)
        for channel in frame.channels:
            assert channel.time.relativeTimeMs == row.time_ms
            days = 2460423.0 + 6.5 / 24 + row.time_ms / 86_400_000
            assert channel.time.absoluteJulianDayNumber == pytest.approx(days, abs=1e-8)
            assert channel.position.stagePositionUm[:2] == (row.x_um, row.y_um)
    with Nd2Reader(path) as reader:
        assert reader.frame_times_ms.tolist() == [row.time_ms for row in rows]


def test_a_stage_column_is_there_when_a_frame_has_it(tmp_path: Path) -> None:
    rows = [FrameMetadata(time_ms=0.0, x_um=1.0, z_um=2.0), FrameMetadata(time_ms=1.0, x_um=3.0)]
    frames = random_frames((2, 4, 5, 1))
    path = write_nd2(tmp_path / "file.nd2", frames, loops(times=2), metadata=rows)
    with nd2.ND2File(path) as file:
        events = file.events()
    assert [event["X Coord [µm]"] for event in events] == [1.0, 3.0]
    assert events[0]["Z Coord [µm]"] == 2.0
    assert math.isnan(events[1]["Z Coord [µm]"])
    assert "Y Coord [µm]" not in events[0]


def test_frames_without_a_time_follow_each_other(tmp_path: Path) -> None:
    frames = random_frames((3, 4, 5, 1))
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes_of(frames), experiment=loops(times=3)) as writer:
        for frame in frames:
            writer.write_frame(frame)
    with Nd2Reader(path) as reader:
        assert all(before < after for before, after in pairwise(reader.frame_times_ms))


def test_start_text_and_provenance_read_back(tmp_path: Path) -> None:
    frames = random_frames((1, 4, 5, 1))
    started = datetime(2024, 4, 22, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    provenance = Provenance(software="nd2watch 1.0 <&>", sources_digest="0123abcd")
    path = tmp_path / "file.nd2"
    with Nd2Writer(
        path,
        attributes_of(frames),
        picture=Picture(channels=(Channel(name="明視野"),), started=started),
        text_info=TextInfo(description="Plate 7, 37 °C 😀"),
        provenance=provenance,
    ) as writer:
        writer.write_frame(frames[0])
    with nd2.ND2File(path) as theirs, Nd2Reader(path) as ours:
        text = theirs.text_info
        assert text["description"].endswith("Plate 7, 37 °C 😀\r\n")
        date = datetime.strptime(text["date"], "%m/%d/%Y  %H:%M:%S")
        assert date.replace(tzinfo=started.tzinfo) == started
        assert ours.provenance == provenance


def test_custom_chunks_read_back(tmp_path: Path) -> None:
    frames = random_frames((1, 4, 5, 1))
    chunks = {"CustomData|Mine!": b"\0data" * 2000, "CustomDataVar|Empty!": b""}
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes_of(frames), custom_chunks=chunks) as writer:
        writer.write_frame(frames[0])
    assert_equal_pixels(path, frames)
    with Nd2Reader(path) as reader:
        assert {name: reader.read_chunk(name) for name in chunks} == chunks
        with pytest.raises(FormatError, match=r"file\.nd2: chunk CustomData\|Other! is missing"):
            reader.read_chunk("CustomData|Other!")


def test_a_file_without_provenance_has_none(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "file.nd2", random_frames((1, 4, 5, 1)))
    with Nd2Reader(path) as reader:
        assert reader.provenance is None


@slow
@given(
    experiment=experiments,
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    components=st.integers(1, 5),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_experiments_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    experiment: Experiment,
    height: int,
    width: int,
    components: int,
    dtype: type,
    seed: int,
) -> None:
    frames = random_frames((experiment.frame_count, height, width, components), dtype, seed=seed)
    path = write_nd2(tmp_path_factory.mktemp("random") / "file.nd2", frames, experiment)
    assert_equal_pixels(path, frames)
    with nd2.ND2File(path) as theirs, Nd2Reader(path) as ours:
        assert ours.experiment == experiment
        found = {axis: n for axis, n in theirs.sizes.items() if n > 1}
        assert found == {axis: n for axis, n in ours.sizes.items() if n > 1}


def test_chunks_lie_where_the_format_wants_them(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "file.nd2", random_frames((2, 40, 131, 2)), loops(times=2))
    content = path.read_bytes()
    with path.open("rb") as file:
        places = read_map(file)
    assert len(content) % 4096 == 0
    assert all(place.offset % 4096 == 0 for place in places.values())
    order = [name.partition("|")[0] for name in sorted(places, key=lambda n: places[n].offset)]
    assert order[:7] == [
        "ImageAttributesLV!",
        "ImageMetadataLV!",
        "ImageCalibrationLV",
        "ImageMetadataSeqLV",
        "ImageDataSeq",
        "ImageDataSeq",
        "ImageTextInfoLV!",
    ]
    frame = places["ImageDataSeq|1!"]
    assert struct.unpack_from("<IIQ", content, frame.offset)[1:] == (4072, 8 + 40 * 524)
    (time_ms,) = struct.unpack_from("<d", content, frame.offset + 4088)
    assert time_ms == 100.0 + PERIOD_MS + FRAME_MS
    end = frame.offset + 4096 + 40 * 524
    assert content[end : places["ImageTextInfoLV!"].offset].strip(b"\0") == b""


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    attributes = ImageAttributes(width=1024, height=512, frame_count=64)
    frame = np.zeros((512, 1024), np.uint16)
    tracemalloc.start()
    try:
        with Nd2Writer(tmp_path / "file.nd2", attributes, experiment=loops(times=64)) as writer:
            for _ in range(64):
                writer.write_frame(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert (tmp_path / "file.nd2").stat().st_size > 64 << 20
