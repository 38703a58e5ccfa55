"""Pyramids that the writer makes: each level the halving of the one before, any reader reads on."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.nd2 import ImageAttributes, Nd2Reader, Nd2Writer, recover
from nd2watch.nd2 import frame_codec as frame_codec_module
from nd2watch.nd2.pyramid import LEVELS, halved, level_name, levels
from tests.nd2.builders import loops
from tests.nd2.interrupted import Recipe, assert_shows, end_of, places_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk

pytestmark = pytest.mark.usefixtures("without_sync")

SMALL = Recipe(experiment=loops(2), shape=(20, 1030, 2), pyramid=True)
RECIPES = {
    "uint16": SMALL,
    "uint8 of odd sizes": replace(SMALL, shape=(21, 1031, 1), dtype="u1"),
    "high": replace(SMALL, shape=(2047, 9, 3), dtype="u1"),
    "three levels": replace(SMALL, shape=(16, 2500, 1)),
    "float32": replace(SMALL, dtype="f4"),
    "RGB": replace(SMALL, shape=(20, 1030, 3), dtype="u1", rgb=True),
    "RGB of 16 bits, zlib": replace(SMALL, shape=(20, 1030, 3), rgb=True, level=1),
    "zlib": replace(SMALL, level=6),
    "T XY Z": replace(SMALL, experiment=loops(2, 2, 2)),
    "missing frame": replace(SMALL, experiment=loops(3), missing=frozenset({1})),
    "one frame": Recipe(shape=(20, 1030, 2), pyramid=True),
}


def expected_levels(frames: Pixels) -> dict[str, Pixels]:
    """Return each level of frames, shape (frame, Y, X, component), by its chunk."""
    found: dict[str, Pixels] = {}
    for index, frame in enumerate(frames):
        image = frame
        for level in levels(frame.shape[1], frame.shape[0]):
            image = halved(image[: len(image) // 2 * 2])
            found[level_name(level.size, index)] = image
    return found


def assert_levels(path: Path, frames: Pixels, *, rgb: bool = False) -> None:
    """Check that a file has all levels of its frames and no others, rows padded to 4 bytes."""
    expected = expected_levels(frames)
    with Nd2Reader(path) as reader:
        assert {name for name in reader.chunks if name.startswith(LEVELS)} == set(expected)
        for name, image in expected.items():
            stored = image[:, :, ::-1] if rgb else image
            rows = [np.ascontiguousarray(row).tobytes() for row in stored]
            padded = b"".join(row + bytes(-len(row) % 4) for row in rows)
            assert reader.read_chunk(name) == padded, name


@pytest.mark.parametrize("name", RECIPES)
def test_each_level_halves_the_one_before(vendor_sdk: VendorSdk, tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    path = recipe.write(tmp_path / "file.nd2")
    assert_levels(path, recipe.frames, rgb=recipe.rgb)
    assert_shows(path, recipe.frames, vendor_sdk)


@pytest.mark.parametrize("strip", [1, 5000, 60_000])
@pytest.mark.parametrize("name", RECIPES)
def test_strips_of_any_size_make_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, strip: int
) -> None:
    recipe = RECIPES[name]
    whole = recipe.write(tmp_path / "whole.nd2")
    monkeypatch.setattr(frame_codec_module, "_STRIP_BYTES", strip)
    path = recipe.write(tmp_path / "strips.nd2")
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("height", "width"), [(5, 1024), (1024, 3), (10, 10), (1, 5000)])
def test_small_or_flat_frames_have_no_levels(tmp_path: Path, height: int, width: int) -> None:
    recipe = replace(SMALL, shape=(height, width, 1))
    path = recipe.write(tmp_path / "file.nd2")
    assert_levels(path, recipe.frames)
    if height == 1:
        assert not any(name.startswith(LEVELS) for name in places_of(path))
    assert_shows(path, recipe.frames)


def test_frames_by_tiles_have_the_same_levels(tmp_path: Path) -> None:
    recipe = replace(SMALL, shape=(40, 1500, 2))
    with recipe.writer(tmp_path / "tiles.nd2") as writer:
        for frame, row in zip(recipe.frames, recipe.rows, strict=True):
            with writer.tiles(row) as tiles:
                for x in (700, 0):
                    tiles.write(0, x, frame[:, x : x + 800])
    whole = recipe.write(tmp_path / "whole.nd2")
    assert (tmp_path / "tiles.nd2").read_bytes() == whole.read_bytes()


def test_levels_lie_where_chunks_lie(tmp_path: Path) -> None:
    path = RECIPES["three levels"].write(tmp_path / "file.nd2")
    content = path.read_bytes()
    for name, place in places_of(path).items():
        assert place.offset % 4096 == 0
        if name.startswith(LEVELS):
            assert end_of(content, place) % 4096 == 0
            assert content[place.offset + 16 :].startswith(name.encode())


def test_without_asking_there_are_no_levels(tmp_path: Path) -> None:
    path = replace(SMALL, pyramid=False).write(tmp_path / "file.nd2")
    assert not any(name.startswith(LEVELS) for name in places_of(path))


@pytest.mark.parametrize("name", ["uint16", "RGB of 16 bits, zlib", "float32"])
def test_appended_frames_have_levels_as_the_others_do(tmp_path: Path, name: str) -> None:
    whole = replace(RECIPES[name], experiment=loops(4))
    path = tmp_path / "file.nd2"
    with RECIPES[name].writer(path) as writer:
        whole.put(writer, 0, 2)
    before = places_of(path)
    with Nd2Writer.append(path, 2) as writer:
        whole.put(writer, 2)
    assert_levels(path, whole.frames, rgb=whole.rgb)
    assert_shows(path, whole.frames)
    after = places_of(path)
    assert all(after[name] == before[name] for name in before if name.startswith(LEVELS))


@pytest.mark.parametrize("name", ["three levels", "RGB", "missing frame", "zlib"])
def test_levels_that_were_not_written_yet_are_made_when_frames_are_recovered(
    tmp_path: Path, name: str
) -> None:
    recipe = RECIPES[name]
    whole = recipe.write(tmp_path / "whole.nd2")
    content, places = whole.read_bytes(), places_of(whole)
    cut = tmp_path / "cut.nd2"
    for chunk, place in places.items():
        if not chunk.startswith(LEVELS):
            continue
        end = end_of(content, place)
        for length in (end, end - 1):
            cut.write_bytes(content[:length])
            found = recover(cut, replace=True)
            assert found.missing == tuple(recipe.missing)
            first = chunk == next(name for name in places if name.startswith(LEVELS))
            if not (first and length < end):  # then nothing tells that levels were wanted
                assert_levels(found.output, recipe.frames, rgb=recipe.rgb)
            assert_shows(found.output, recipe.frames)


@pytest.mark.parametrize("level", [None, 1], ids=["uncompressed", "zlib"])
def test_levels_of_a_large_frame_take_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int | None
) -> None:
    monkeypatch.setattr(frame_codec_module, "_STRIP_BYTES", 1 << 20)
    frame = np.zeros((6000, 4000), np.uint8)
    frame[::7, ::5] = 200
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=4000, height=6000, bits_in_memory=8, zlib_level=level)
    try:
        with Nd2Writer(path, attributes, pyramid=True, threads=1) as writer:
            writer.write_frame(frame)
            tracemalloc.start()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
    assert_levels(path, frame[np.newaxis, ..., np.newaxis])
