"""The simulated microscope writes as real ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.errors import LayoutError
from nd2watch.simulate import Manner, simulate
from tests.frames import acquisition

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", ["none", "zlib", "lzw"])
def test_files_hold_the_pixels_of_their_coordinates(
    tmp_path: Path, dtype: str, compression: str
) -> None:
    what = acquisition(dtype=dtype)
    manner = Manner(frames_per_s=0, compression=compression)  # type: ignore[arg-type]
    written = simulate(tmp_path, what, manner)
    assert len(written) == 24
    for coordinates, path in written.items():
        pixels = tifffile.imread(path)
        assert pixels.dtype == dtype
        np.testing.assert_array_equal(pixels, what.pixels(coordinates))


def test_every_frame_is_unlike_every_other(tmp_path: Path) -> None:
    what = acquisition()
    frames = {what.pixels(coordinates).tobytes() for coordinates in what.coordinates()}
    assert len(frames) == 24


def test_files_grow_in_place_piece_by_piece(tmp_path: Path) -> None:
    what = acquisition(t=1, p=1, z=1, channels=("DAPI",))
    path = tmp_path / what.name((0, 0, 0, 0))
    sizes: list[int] = []
    manner = Manner(in_place=True, pieces=4, frames_per_s=10)
    simulate(tmp_path, what, manner, sleep=lambda _: sizes.append(path.stat().st_size))
    assert len(sizes) == 4
    assert sizes == sorted(set(sizes))


def test_files_appear_whole_when_renamed(tmp_path: Path) -> None:
    what = acquisition(t=1, p=1, z=1, channels=("DAPI",))
    path = tmp_path / what.name((0, 0, 0, 0))
    seen: list[bool] = []
    manner = Manner(in_place=False, pieces=4)
    simulate(tmp_path, what, manner, sleep=lambda _: seen.append(path.exists()))
    assert seen == [False] * 4
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_frame_rate_is_kept(tmp_path: Path) -> None:
    pauses: list[float] = []
    manner = Manner(pieces=5, frames_per_s=8)
    simulate(tmp_path, acquisition(), manner, sleep=pauses.append)
    assert sum(pauses) == pytest.approx(24 / 8)


@pytest.mark.parametrize("shuffle", [0, 5])
def test_files_come_out_of_order_only_when_asked(tmp_path: Path, shuffle: int) -> None:
    what = acquisition()
    written = simulate(tmp_path, what, Manner(frames_per_s=0, shuffle=shuffle))
    order = [what.coordinates().index(coordinates) for coordinates in written]
    assert (order == sorted(order)) == (shuffle == 0)
    assert all(abs(place - index) <= shuffle for place, index in enumerate(order))


def test_folders_and_other_fields_can_be_in_the_pattern(tmp_path: Path) -> None:
    pattern = "{plate}/TimePoint_{t}/{plate}_s{p}_z{z}_w{c}.tif"
    what = acquisition(pattern=pattern, fields={"plate": "P1"}, first_index=0)
    written = simulate(tmp_path, what, Manner(frames_per_s=0))
    assert written[1, 0, 2, 1] == tmp_path / "P1" / "TimePoint_1" / "P1_s0_z2_wGFP.tif"


@pytest.mark.parametrize("pattern", ["img_t{t}.tif", "{who}_t{t}_p{p}_z{z}_c{c}.tif"])
def test_a_pattern_that_does_not_name_all_frames_is_refused(pattern: str) -> None:
    with pytest.raises(LayoutError):
        acquisition(pattern=pattern)
