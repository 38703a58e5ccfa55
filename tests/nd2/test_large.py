"""Files over 4 GiB, written as holes so that they take little room on the disk."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest

from nd2watch.nd2 import Experiment, FrameMetadata, ImageAttributes, Nd2Reader, Nd2Writer, TimeLoop

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 8192
COUNT = 40
GIB = 1 << 30

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="files have no holes here unless they are told to"
)


def test_offsets_beyond_4_gib_are_right(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 8 * GIB:
        pytest.skip("8 GiB must be free, should the file system not keep holes")
    path = tmp_path / "large.nd2"
    attributes = ImageAttributes(width=SIDE, height=SIDE, frame_count=COUNT)
    experiment = Experiment(loops=(TimeLoop(count=COUNT, period_ms=10),))
    tile = np.arange(1, 13, dtype=np.uint16).reshape(3, 4)
    with Nd2Writer(path, attributes, experiment=experiment) as writer:
        for index in range(COUNT):
            with writer.tiles(FrameMetadata(time_ms=10.0 * index)) as tiles:
                tiles.write(SIDE - 3, SIDE - 4, tile + index)
    status = path.stat()
    assert status.st_size > 5 * GIB
    if sys.platform == "linux":
        assert status.st_blocks * 512 < GIB // 4
    last = COUNT - 1
    with nd2.ND2File(path) as file:
        frame = file.read_frame(last)
        np.testing.assert_array_equal(frame[-3:, -4:], tile + last)
        assert file.events()[last]["Time [s]"] == last / 100
    with Nd2Reader(path) as reader:
        *_, strip = reader.read_strips(last)
        np.testing.assert_array_equal(strip[-3:, -4:, 0], tile + last)
        assert not strip[:-3].any()
    path.unlink()
