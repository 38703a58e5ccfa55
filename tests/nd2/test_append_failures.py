"""Time points that cannot be added: the file stays as it was, or can be recovered."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import ConversionError, FormatError
from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    TimeLoop,
    Well,
    XYPosLoop,
    ZStackLoop,
    recover,
)
from tests.nd2.builders import loops, stage
from tests.nd2.interrupted import (
    CUSTOM,
    GROWN,
    PROVENANCE,
    TEXT,
    Recipe,
    assert_shows,
    end_of,
    grow,
    places_of,
    saved_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("without_sync")

# Failures


def failing(path: Path, recipe: Recipe, count: int, error: BaseException) -> None:
    with Nd2Writer.append(path, 3) as writer:
        recipe.put(writer, 2, 2 + count)
        raise error


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt("stop")])
@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("name", ["T", "zlib", "everything recorded"])
def test_after_an_exception_the_file_is_what_it_was(
    tmp_path: Path, name: str, count: int, error: BaseException
) -> None:
    whole, first = GROWN[name]
    path = first.write(tmp_path / "file.nd2")
    before = path.read_bytes()
    with pytest.raises(type(error), match="stop"):
        failing(path, whole, count, error)
    assert path.read_bytes() == before
    grow(path, whole, 2, 3)
    assert_shows(path, whole.frames)


def test_too_few_frames_are_refused_and_the_file_is_what_it_was(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    before = path.read_bytes()

    def incomplete() -> None:
        with Nd2Writer.append(path, 3) as writer:
            whole.put(writer, 2, 4)

    with pytest.raises(FormatError, match=r"4 of 5 frames were written to .*file\.nd2"):
        incomplete()
    assert path.read_bytes() == before


def test_a_frame_by_tiles_that_fails_first_leaves_nothing(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")

    def broken(writer: Nd2Writer) -> None:
        with writer.tiles() as tiles:
            tiles.write(0, 0, whole.frames[2][:3])
            raise RuntimeError("stop")

    with Nd2Writer.append(path, 3) as writer:
        with pytest.raises(RuntimeError, match="stop"):
            broken(writer)
        with writer.tiles(whole.rows[2]) as tiles:
            tiles.write(0, 0, whole.frames[2])
        whole.put(writer, 3)
    again = grow(first.write(tmp_path / "again.nd2"), whole, 2, 3)
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of the size of files")
@pytest.mark.parametrize("beyond", [0, 1, 5000, 40_000])
def test_on_a_full_disk_the_file_is_what_it_was(tmp_path: Path, beyond: int) -> None:
    import resource

    recipe = Recipe(experiment=loops(2), shape=(100, 90, 1))
    path = recipe.write(tmp_path / "file.nd2")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full() -> None:
        with Nd2Writer.append(path, 2) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + beyond, limits[1]))
            recipe.put(writer)

    try:
        with pytest.raises(OSError, match="too large"):
            full()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert_shows(path, recipe.frames)


def test_the_new_map_is_written_when_all_else_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, first = GROWN["everything recorded"]
    path = first.write(tmp_path / "file.nd2")
    on_disk: list[bytes] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        on_disk.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", noted)
    grow(path, whole, 2, 3)
    before, after = on_disk[:2]
    assert before == after[: len(before)]
    assert after[len(before) :].startswith(b"\xda\xce\xbe\n" + bytes([32]))
    assert after == path.read_bytes()


# What is refused


def one_frame(path: Path, *loops: TimeLoop | XYPosLoop | ZStackLoop) -> Path:
    with Nd2Writer(
        path, ImageAttributes(width=2, height=2), experiment=Experiment(loops=loops)
    ) as writer:
        writer.write_frame(np.zeros((2, 2)))
    return path


def cut_short(path: Path) -> Path:
    one_frame(path, TimeLoop(count=1))
    path.write_bytes(path.read_bytes()[:-4096])
    return path


@pytest.mark.parametrize(
    ("make", "count", "message"),
    [
        (one_frame, 1, "no outermost loop over time"),
        (lambda p: one_frame(p, XYPosLoop(positions=(stage(0),))), 1, "no outermost loop over"),
        (lambda p: one_frame(p, ZStackLoop(count=1), TimeLoop(count=1)), 1, "no outermost loop"),
        (lambda p: one_frame(p, TimeLoop(count=1)), 0, "0 time points cannot be added"),
        (lambda p: one_frame(p, TimeLoop(count=1)), -3, "-3 time points cannot be added"),
        (lambda p: one_frame(p, TimeLoop(count=1)), 2**31, "frame_count is 2147483649"),
        (cut_short, 1, "its writing was interrupted"),
        (lambda p: p.write_bytes(b"II*\0"), 1, "not an ND2 3.0 file"),
    ],
    ids=["no loop", "XY", "Z over T", "0 points", "-3 points", "too many", "interrupted", "TIFF"],
)
def test_what_cannot_grow_is_refused_and_untouched(
    tmp_path: Path, make: Callable[[Path], object], count: int, message: str
) -> None:
    path = tmp_path / "file.nd2"
    make(path)
    before = path.read_bytes()
    with pytest.raises(FormatError, match=message):
        Nd2Writer.append(path, count)
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"file\.nd2"):
        Nd2Writer.append(tmp_path / "file.nd2", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_new_frame_needs_what_columns_of_integers_need(tmp_path: Path) -> None:
    whole, first = GROWN["everything recorded"]
    path = first.write(tmp_path / "file.nd2")
    with Nd2Writer.append(path, 1) as writer:
        with pytest.raises(FormatError, match="no value of column Filter"):
            writer.write_frame(whole.frames[2], FrameMetadata(time_ms=5000.0))
        with pytest.raises(FormatError, match="well C01"):
            writer.write_frame(
                whole.frames[2],
                replace(whole.rows[3], well=Well(row=2, column=0)),
            )
        writer.write_frame(whole.frames[2], whole.rows[2])
    with Nd2Reader(path) as reader:
        assert reader.frame_metadata() == whole.rows[:3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks of this kind")
def test_of_two_that_append_at_once_one_is_refused(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    other = Nd2Writer.append(path, 3)
    with Nd2Writer.append(path, 3) as writer:
        with pytest.raises(ConversionError, match="being written by another program"):
            other.__enter__()
        whole.put(writer, 2)
    assert_shows(path, whole.frames)


def test_a_file_that_grew_since_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    late = Nd2Writer.append(path, 3)
    grow(path, whole, 2, 3)
    before = path.read_bytes()
    with pytest.raises(FormatError, match="was written to meanwhile"):
        late.__enter__()
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks of this kind")
def test_of_many_that_append_at_once_none_is_lost_unseen(tmp_path: Path) -> None:
    racers = 4
    path = GROWN["T"][1].write(tmp_path / "file.nd2")
    ready = threading.Barrier(racers, timeout=30)

    def race(number: int) -> int | None:
        writer = Nd2Writer.append(path, 1)
        ready.wait()
        try:
            with writer:
                writer.write_frame(np.full((5, 7, 2), number))
        except (ConversionError, FormatError):
            return None
        return number

    with ThreadPoolExecutor(racers) as pool:
        (winner,) = [number for number in pool.map(race, range(racers)) if number is not None]
    with Nd2Reader(path) as reader:
        assert reader.attributes.frame_count == 3
        assert (reader.read_frame(2) == winner).all()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    link = tmp_path / "link.nd2"
    link.symlink_to(path)
    grow(link, whole, 2, 3)
    assert link.is_symlink()
    assert_shows(path, whole.frames)


# Interrupted


@pytest.mark.parametrize("name", GROWN)
def test_of_a_file_cut_while_it_grew_old_and_new_frames_are_saved(
    tmp_path: Path, name: str
) -> None:
    whole, first = GROWN[name]
    path = tmp_path / "file.nd2"
    with first.writer(path) as writer:
        whole.put(writer, 0, len(first.frames))
    start = path.stat().st_size
    content = grow(path, whole, len(first.frames), 3).read_bytes()
    places = places_of(path)
    ends = [end_of(content, place) for place in places.values() if place.offset >= start]
    path.unlink()
    cut = tmp_path / "cut.nd2"
    inner = len(first.frames) // 2
    shown = set()
    for length in (*range(start + 1, start + 4096, 900), *(e - d for e in ends for d in (1, 0))):
        cut.write_bytes(content[:length])
        found = recover(cut, replace=True)
        saved = saved_frames(content, places, length)
        assert set(range(found.frame_count)) - set(found.missing) == saved
        assert found.frame_count % inner == 0
        expected = whole.frames[: found.frame_count].copy()
        expected[list(found.missing)] = 0
        with Nd2Reader(found.output) as reader:
            assert np.array_equal([reader.read_frame(n) for n in range(len(expected))], expected)
            rows = reader.frame_metadata()
            assert rows[: len(first.frames)] == whole.rows[: len(first.frames)]
            assert [rows[n].time_ms for n in saved] == [whole.rows[n].time_ms for n in saved]
            assert reader.text_info.author == (TEXT.author if whole.rich else "")
            assert reader.provenance == (PROVENANCE if whole.rich else None)
            for custom in CUSTOM if whole.rich else ():
                assert reader.read_chunk(custom) == CUSTOM[custom]
        if (found.frame_count, found.missing) not in shown:
            shown.add((found.frame_count, found.missing))
            assert_shows(found.output, expected)
    assert len(shown) >= 4 if not whole.missing else 2


def test_frames_behind_a_skipped_one_are_saved(tmp_path: Path) -> None:
    recipe = Recipe(experiment=loops(6), missing=frozenset({2, 3}))
    path = tmp_path / "file.nd2"
    with Recipe(experiment=loops(2)).writer(path) as writer:
        recipe.put(writer, 0, 2)
    grow(path, recipe, 2, 4)
    content = path.read_bytes()
    places = places_of(path)
    cut = tmp_path / "cut.nd2"
    cut.write_bytes(content[: places["ImageDataSeq|5!"].offset + 50])
    found = recover(cut)
    assert (found.frame_count, found.missing) == (5, (2, 3))
    assert_shows(found.output, recipe.frames[:5])
