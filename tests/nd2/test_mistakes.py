"""What the writer makes of values that people pass by mistake, and of what they leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
    TimeLoop,
    ZStackLoop,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ATTRIBUTES = ImageAttributes(width=4, height=3, frame_count=2)
TWO = Experiment(loops=(TimeLoop(count=2),))


def test_a_writer_writes_once(tmp_path: Path) -> None:
    writer = Nd2Writer(tmp_path / "file.nd2", ATTRIBUTES, experiment=TWO, replace=True)
    with pytest.raises(FormatError, match="1 of 2 frames"), writer:
        writer.write_frame(np.ones(ATTRIBUTES.shape, ATTRIBUTES.dtype))
    with pytest.raises(FormatError, match="a writer writes once"), writer:
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: ImageAttributes(width=64.5, height=8),  # type: ignore[arg-type]
        lambda: ImageAttributes(width="64", height=8),  # type: ignore[arg-type]
        lambda: ImageAttributes(width=64, height=8, zlib_level=1.5),  # type: ignore[arg-type]
        lambda: TimeLoop(count=2.5),  # type: ignore[arg-type]
        lambda: FrameMetadata(time_ms="0"),  # type: ignore[arg-type]
        lambda: Experiment(loops=(3,)),  # type: ignore[arg-type]
        lambda: Experiment(loops=TimeLoop(count=3)),  # type: ignore[arg-type]
        lambda: Picture(channels=("DAPI",)),  # type: ignore[arg-type]
    ],
)
def test_values_of_other_types_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(FormatError):
        make()


def test_numbers_of_numpy_do_not_overflow() -> None:
    attributes = ImageAttributes(width=np.uint16(30000), height=np.uint16(30000))  # type: ignore[arg-type]
    assert attributes.frame_size == 30000 * 30000 * 2


def test_lists_become_tuples() -> None:
    experiment = Experiment(loops=[TimeLoop(count=3)])  # type: ignore[arg-type]
    assert experiment == Experiment(loops=(TimeLoop(count=3),))


@pytest.mark.parametrize(
    "name",
    ["ND2 CHUNK MAP SIGNATURE 0000001!", "ND2 FILEMAP SIGNATURE NAME 0001!"],
)
def test_a_custom_chunk_that_readers_take_for_the_map_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="written by the writer itself"):
        Nd2Writer(tmp_path / "f.nd2", ATTRIBUTES, experiment=TWO, custom_chunks={name: b""})


def test_frames_of_which_nothing_is_known_come_when_they_are_planned(tmp_path: Path) -> None:
    attributes = ImageAttributes(width=4, height=3, frame_count=4)
    loop = TimeLoop(count=4, period_ms=5000)
    with Nd2Writer(tmp_path / "f.nd2", attributes, experiment=Experiment(loops=(loop,))) as writer:
        for _ in range(4):
            writer.write_frame(np.zeros((3, 4), np.uint16))
    with Nd2Reader(tmp_path / "f.nd2") as reader:
        assert reader.frame_times_ms.tolist() == [0, 5000, 10000, 15000]
        assert reader.experiment.loops == (loop,)  # nothing was measured


def test_a_skipped_frame_is_not_measured(tmp_path: Path) -> None:
    attributes = ImageAttributes(width=4, height=3, frame_count=6)
    loops = (TimeLoop(count=3, period_ms=1000), ZStackLoop(count=2))
    with Nd2Writer(tmp_path / "f.nd2", attributes, experiment=Experiment(loops=loops)) as writer:
        for index, time_ms in enumerate((0, 10, 1000, 1010, 2000, 2010)):
            if index == 2:
                writer.skip_frame()
            else:
                metadata = FrameMetadata(time_ms=time_ms)
                writer.write_frame(np.zeros((3, 4), np.uint16), metadata)
    with Nd2Reader(tmp_path / "f.nd2") as reader:
        (time, _) = reader.experiment.loops
        assert isinstance(time, TimeLoop)
        assert (time.period_min_ms, time.period_max_ms) == (990, 1010)
