"""Frames that are missing: blank, listed, and the others in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    RecordedColumn,
    TextInfo,
)
from tests.nd2.builders import (
    assert_equal_pixels,
    attributes_of,
    frame_metadata,
    loops,
    random_frames,
    slow,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk

EXPERIMENT = loops(2, 2, 2)
COUNT = EXPERIMENT.frame_count
FRAMES = random_frames((COUNT, 5, 7, 2))
ROWS = frame_metadata(EXPERIMENT)


def write_with_gaps(path: Path, missing: Collection[int], level: int | None = None) -> Path:
    """Write the frames but those that are missing, whose time and place are known."""
    attributes = attributes_of(FRAMES, zlib_level=level)
    info = TextInfo(description="mine")
    with Nd2Writer(path, attributes, experiment=EXPERIMENT, text_info=info) as writer:
        for index, (frame, row) in enumerate(zip(FRAMES, ROWS, strict=True)):
            if index in missing:
                writer.skip_frame(row)
            else:
                writer.write_frame(frame, row)
    return path


def with_gaps(missing: Collection[int]) -> Pixels:
    """Return the frames, zero where they are missing."""
    frames = FRAMES.copy()
    frames[list(missing)] = 0
    return frames


@pytest.mark.parametrize("level", [None, 6], ids=["uncompressed", "zlib"])
@pytest.mark.parametrize(
    "missing",
    [(0,), (3,), (7,), (0, 1, 4), (5, 6, 7), tuple(range(1, 8)), tuple(range(7)), tuple(range(8))],
    ids=str,
)
def test_missing_frames_are_zeros_and_the_others_keep_their_place(
    tmp_path: Path, missing: tuple[int, ...], level: int | None
) -> None:
    path = write_with_gaps(tmp_path / "file.nd2", missing, level)
    assert_equal_pixels(path, with_gaps(missing))
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == missing
        assert reader.frame_times_ms.tolist() == [row.time_ms for row in ROWS]
        assert reader.experiment == EXPERIMENT


@pytest.mark.parametrize("level", [None, 6], ids=["uncompressed", "zlib"])
@pytest.mark.parametrize("missing", [(0,), (3, 4), (7,), tuple(range(1, 8))], ids=str)
def test_the_vendors_reader_sees_them_so(
    vendor_sdk: VendorSdk, tmp_path: Path, missing: tuple[int, ...], level: int | None
) -> None:
    view = vendor_sdk.read(write_with_gaps(tmp_path / "file.nd2", missing, level))
    assert np.array_equal(view.frames, with_gaps(missing))


def test_a_file_without_missing_frames_says_nothing_of_them(tmp_path: Path) -> None:
    path = write_with_gaps(tmp_path / "file.nd2", ())
    with Nd2Reader(path) as reader, nd2.ND2File(path) as file:
        assert reader.missing_frames == ()
        assert "issing" not in file.text_info["description"]
        assert not [name for name in reader.chunks if "Missing" in name]


def test_a_black_frame_is_not_missing(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    with Nd2Writer(path, attributes_of(FRAMES), experiment=EXPERIMENT) as writer:
        for _ in range(COUNT):
            writer.write_frame(np.zeros(FRAMES.shape[1:], np.uint16))
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == ()


def test_the_description_tells_which_are_missing(tmp_path: Path) -> None:
    path = write_with_gaps(tmp_path / "file.nd2", (2, 5))
    with nd2.ND2File(path) as file:
        assert "Missing frames: 2 (2, 5)" in file.text_info["description"].split("\r\n")
    with Nd2Reader(path) as reader:
        assert reader.text_info.description == "mine"


def test_the_description_of_many_missing_frames_stays_short(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=2, height=2, frame_count=60)
    with Nd2Writer(path, attributes, experiment=loops(times=60)) as writer:
        for index in range(60):
            if index % 2:
                writer.skip_frame()
            else:
                writer.write_frame(np.ones((2, 2)))
    with nd2.ND2File(path) as file:
        (line,) = (
            line for line in file.text_info["description"].split("\r\n") if "Missing" in line
        )
    assert line.startswith("Missing frames: 30 (1, 3, 5, ")
    assert line.endswith(", 39, ...)")
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == tuple(range(1, 60, 2))


def test_what_is_recorded_of_a_missing_frame_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    columns = (
        RecordedColumn(name="Temperature", unit="°C"),
        RecordedColumn(name="Shots", kind="integer"),
        RecordedColumn(name="Note", kind="text"),
    )
    rows = [
        FrameMetadata(
            time_ms=10.0 * n,
            x_um=float(n),
            y_um=-float(n),
            recorded={"Temperature": 37.0 + n, "Shots": n, "Note": f"frame {n}"},
        )
        for n in range(3)
    ]
    frames = FRAMES[:3]
    with Nd2Writer(
        path, attributes_of(frames), experiment=loops(times=3), recorded=columns
    ) as writer:
        writer.write_frame(frames[0], rows[0])
        writer.skip_frame(rows[1])
        writer.write_frame(frames[2], rows[2])
    with Nd2Reader(path) as reader:
        assert reader.frame_metadata() == rows


def test_stage_columns_stay_when_only_missing_frames_have_no_place(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    frames = FRAMES[:3]
    with Nd2Writer(path, attributes_of(frames), experiment=loops(times=3)) as writer:
        writer.write_frame(frames[0], FrameMetadata(time_ms=0.0, x_um=1.0, y_um=2.0, z_um=3.0))
        writer.skip_frame()
        writer.write_frame(frames[2], FrameMetadata(time_ms=2009.0, x_um=4.0, y_um=5.0, z_um=6.0))
    with Nd2Reader(path) as reader:
        rows = reader.frame_metadata()
    assert [(row.time_ms, row.x_um, row.z_um) for row in rows] == [
        (0.0, 1.0, 3.0),
        (1000.0, None, None),
        (2009.0, 4.0, 6.0),
    ]


def test_a_missing_frame_too_many_is_refused(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "file.nd2", ImageAttributes(width=1, height=1)) as writer:
        writer.skip_frame()
        with pytest.raises(FormatError, match="all 1 frames are written already"):
            writer.skip_frame()
    with pytest.raises(FormatError, match="is not open"):
        Nd2Writer(tmp_path / "other.nd2", ImageAttributes(width=1, height=1)).skip_frame()


def test_a_missing_frame_without_a_number_for_an_integer_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    columns = (RecordedColumn(name="Shots", kind="integer"),)
    with Nd2Writer(path, ImageAttributes(width=1, height=1), recorded=columns) as writer:
        with pytest.raises(FormatError, match="no value of column Shots"):
            writer.skip_frame()
        writer.skip_frame(FrameMetadata(time_ms=0.0, recorded={"Shots": 0}))
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == (0,)


@slow
@given(
    missing=st.sets(st.integers(0, COUNT - 1)),
    level=st.none() | st.just(1),
)
def test_any_set_of_missing_frames_reads_back(
    tmp_path_factory: pytest.TempPathFactory, missing: set[int], level: int | None
) -> None:
    path = write_with_gaps(tmp_path_factory.mktemp("gaps") / "file.nd2", missing, level)
    assert_equal_pixels(path, with_gaps(missing))
    with Nd2Reader(path) as reader:
        assert reader.missing_frames == tuple(sorted(missing))
