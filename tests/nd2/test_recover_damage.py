"""Damage in interrupted files: what `recover` saves all the same."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Nd2Reader,
    Recovery,
    recover,
)
from tests.nd2.builders import loops
from tests.nd2.interrupted import (
    EVERYTHING,
    FOUR,
    RECIPES,
    TEXT_CHUNK,
    Recipe,
    assert_shows,
    end_of,
    fewer,
    interrupted,
    places_of,
    with_blanks,
)

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("without_sync")


def with_damaged_head(path: Path, recipe: Recipe, chunk: str, how: str) -> Path:
    """Write a file without its map, and with zeros in the header or the data of a chunk."""
    content = bytearray(recipe.write(path).read_bytes())
    place = places_of(path)[chunk]
    at = place.offset if how == "header" else end_of(content, place) - place.data_size + 60
    content[at : at + 40] = bytes(40)
    path.write_bytes(content[:-4096])
    return path


@pytest.mark.parametrize("chunk", ["ImageAttributesLV!", "ImageMetadataSeqLV|0!"])
@pytest.mark.parametrize("how", ["header", "data"])
def test_a_damaged_head_is_one_clear_error(tmp_path: Path, chunk: str, how: str) -> None:
    cut = with_damaged_head(tmp_path / "file.nd2", FOUR, chunk, how)
    with pytest.raises(FormatError, match=r"file\.nd2.*(damaged metadata|stored)"):
        recover(cut)
    assert list(tmp_path.iterdir()) == [cut]


@pytest.mark.parametrize("how", ["header", "data"])
def test_with_damaged_loops_the_frames_are_time_points(tmp_path: Path, how: str) -> None:
    recipe = Recipe(experiment=loops(2, 3))
    found = recover(with_damaged_head(tmp_path / "file.nd2", recipe, "ImageMetadataLV!", how))
    assert found.notes == ("the loops are damaged; frames stand as time points of one loop",)
    assert_shows(found.output, recipe.frames)
    with nd2.ND2File(found.output) as file:
        assert file.sizes["T"] == 6


# Damage in the middle


def damaged(folder: Path, recipe: Recipe, name: str, at: int, new: bytes, chunk: str = "") -> Path:
    """Write an interrupted file with other bytes from byte `at` of a chunk of it."""
    whole = recipe.write(folder / "other.nd2")
    offset = places_of(whole)[name].offset + at
    whole.unlink()
    path = interrupted(folder, recipe, chunk)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(new)] = new
    path.write_bytes(content)
    return path


def assert_all_but(found: Recovery, recipe: Recipe, lost: set[int]) -> None:
    """Check that all frames are there but those lost, which are missing."""
    assert found.missing == tuple(sorted(lost))
    saved = set(range(len(recipe.frames))) - lost
    assert_shows(found.output, with_blanks(recipe, saved, len(recipe.frames)))


SIX = Recipe(experiment=loops(6), shape=(60, 70, 1))
ZLIB = replace(SIX, level=6)


@pytest.mark.parametrize("chunk", ["", TEXT_CHUNK], ids=["after the frames", "in the frames"])
@pytest.mark.parametrize(
    ("recipe", "at", "new"),
    [
        pytest.param(SIX, 0, bytes(4096), id="block of the header"),
        pytest.param(SIX, 0, b"?", id="magic"),
        pytest.param(SIX, 8, b"?", id="size"),
        pytest.param(SIX, 9, b"\xff\x7f", id="size over others"),
        pytest.param(SIX, 15, b"?", id="size beyond the file"),
        pytest.param(SIX, 4, b"\xff\x3f", id="size of the name"),
        pytest.param(SIX, 16, b"?", id="name"),
        pytest.param(SIX, 30, b"X", id="mark of the name"),
        pytest.param(SIX, 29, b"\xe9", id="name that is not ASCII"),
        pytest.param(SIX, 29, b"7", id="number beyond the loops"),
        pytest.param(ZLIB, 0, bytes(4096), id="zlib: block of the header"),
        pytest.param(ZLIB, 4096, bytes(4096), id="zlib: block of zeros"),
        pytest.param(ZLIB, 4100, b"?", id="zlib: a byte"),
        pytest.param(ZLIB, 6000, b"?", id="zlib: a byte in the middle"),
    ],
)
def test_a_damaged_frame_is_missing_and_the_others_are_saved(
    tmp_path: Path, recipe: Recipe, at: int, new: bytes, chunk: str
) -> None:
    found = recover(damaged(tmp_path, recipe, "ImageDataSeq|3!", at, new, chunk))
    assert_all_but(found, recipe, {3})
    with Nd2Reader(found.output) as reader:
        times = reader.frame_times_ms.tolist()
    assert all(before < after for before, after in pairwise(times))
    expected = [row.time_ms for row in recipe.rows]
    assert times[:3] + times[4:] == expected[:3] + expected[4:]


def test_every_flipped_byte_of_a_zlib_stream_is_noticed(tmp_path: Path) -> None:
    recipe = Recipe(experiment=loops(3), shape=(4, 6, 1), level=6)
    whole = recipe.write(tmp_path / "whole.nd2")
    content, place = whole.read_bytes(), places_of(whole)["ImageDataSeq|1!"]
    cut = tmp_path / "cut.nd2"
    lost = 0
    for at in range(place.offset + 4096, end_of(content, place), 2):
        flipped = bytearray(content[:-4096])
        flipped[at] ^= 0x10
        cut.write_bytes(flipped)
        found = recover(cut, replace=True)
        lost += len(found.missing)
        with Nd2Reader(found.output) as reader:
            assert np.array_equal(reader.read_frame(2), recipe.frames[2])
            if not found.missing:  # bits that fill up the last byte of the stream mean nothing
                assert np.array_equal(reader.read_frame(1), recipe.frames[1])
    assert lost > 15


@pytest.mark.parametrize("lost", [{0}, {5}, {0, 1, 2}, {1, 4}, {3, 4, 5}, {0, 5}])
@pytest.mark.parametrize("ended", [False, True])
def test_frames_that_are_lost_have_times_between_the_others(
    tmp_path: Path, lost: set[int], ended: bool
) -> None:
    whole = SIX.write(tmp_path / "whole.nd2")
    places = places_of(whole)
    content = bytearray(whole.read_bytes())
    for index in lost:
        content[places[f"ImageDataSeq|{index}!"].offset] = 0
    end = places["CustomData|AcqTimesCache!" if ended else TEXT_CHUNK].offset
    (tmp_path / "cut.nd2").write_bytes(content[:end])
    found = recover(tmp_path / "cut.nd2")
    count = 6 if ended else max({0, 1, 2, 3, 4, 5} - lost) + 1
    assert found.missing == tuple(index for index in sorted(lost) if index < count)
    with Nd2Reader(found.output) as reader:
        times = reader.frame_times_ms.tolist()
    assert len(times) == count
    assert all(before < after for before, after in pairwise(times))
    for index in set(range(count)) - lost:
        assert times[index] == SIX.rows[index].time_ms


@pytest.mark.parametrize("time_ms", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_number_costs_no_frame(tmp_path: Path, time_ms: float) -> None:
    stored = struct.pack("<d", time_ms)
    found = recover(damaged(tmp_path, SIX, "ImageDataSeq|2!", 4088, stored, TEXT_CHUNK))
    assert_all_but(found, SIX, set())
    with Nd2Reader(found.output) as reader:
        times = reader.frame_times_ms
        assert times[1] < times[2] < times[3]
        assert reader.frame_time_ms(2) == times[2]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        (TEXT_CHUNK, "texts are left out"),
        ("CustomDataVar|CustomDataV2_0!", "damaged XML"),
        ("CustomData|Filter!", None),
        ("CustomData|AcqTimesCache!", None),
        ("CustomData|X!", None),
        ("CustomData|WellPlateDesc_0!", "left out"),
        ("CustomData|WellPlateFrameInfoZJSON!", "left out"),
        ("CustomData|Notes!", None),
        ("CustomDataVar|Nd2WatchProvenanceV1_0!", None),
    ],
)
@pytest.mark.parametrize("how", ["header", "data"])
def test_a_damaged_chunk_behind_the_frames_costs_no_frame(
    tmp_path: Path, name: str, note: str | None, how: str
) -> None:
    recipe = EVERYTHING
    whole = recipe.write(tmp_path / "whole.nd2")
    content, place = bytearray(whole.read_bytes()), places_of(whole)[name]
    start = end_of(content, place) - place.data_size
    at = range(place.offset, place.offset + 4) if how == "header" else range(start, start + 12)
    for position in at:
        content[position] ^= 0x55
    (tmp_path / "cut.nd2").write_bytes(content[:-4096])
    found = recover(tmp_path / "cut.nd2")
    assert_all_but(found, recipe, set())
    if note is not None and how == "data":
        assert any(note in line for line in found.notes)


@pytest.mark.parametrize(
    "new", [b"x\0" * 256, b"\0\xd8a\0", b"\0\0"], ids=["long", "half", "empty"]
)
def test_a_damaged_text_costs_that_text_alone(tmp_path: Path, new: bytes) -> None:
    cut = interrupted(tmp_path, EVERYTHING)
    content = cut.read_bytes()
    at = content.index("frame 3 µ".encode("utf-16-le"))
    cut.write_bytes(content[:at] + new + content[at + len(new) :])
    found = recover(cut)
    with Nd2Reader(found.output) as reader:
        texts = [row.recorded.get("Remark") for row in reader.frame_metadata()]
    expected = [row.recorded.get("Remark") for row in EVERYTHING.rows]
    assert texts[:3] + texts[4:] == expected[:3] + expected[4:]
    assert texts[3] != expected[3]


@fewer
@given(data=st.data())
def test_random_damage_raises_nothing_but_a_format_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    name = data.draw(st.sampled_from(["everything recorded", "RGB zlib", "missing frames"]))
    content = bytearray(RECIPES[name].write(folder / "whole.nd2").read_bytes()[:-4096])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        size = data.draw(st.sampled_from([1, 2, 8, 64, 4096]))
        byte = data.draw(st.integers(0, 255))
        content[at : at + size] = bytes([byte]) * len(content[at : at + size])
    cut = folder / "cut.nd2"
    cut.write_bytes(content)
    try:
        found = recover(cut)
    except FormatError:
        assert sorted(path.name for path in folder.iterdir()) == ["cut.nd2", "whole.nd2"]
        return
    with nd2.ND2File(found.output) as theirs, Nd2Reader(found.output) as ours:
        assert theirs.attributes.sequenceCount == found.frame_count
        assert ours.missing_frames == found.missing
        assert theirs.asarray().size
