"""Files that are kept when their writing fails, and those that are not."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import FormatError, OutputExists
from nd2watch.nd2 import Circle, MaskLayer, Nd2Reader, Roi, recover
from nd2watch.nd2.chunk_writer import ChunkWriter
from nd2watch.pending import remove_orphans
from tests.nd2.builders import loops
from tests.nd2.interrupted import (
    COLUMNS,
    CUSTOM,
    EVERYTHING,
    PLATE,
    PROVENANCE,
    RECIPES,
    TEXT,
    Recipe,
    assert_shows,
    places_of,
    whole_frames,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2 import Nd2Writer

pytestmark = pytest.mark.usefixtures("without_sync")

SIX = Recipe(experiment=loops(6), shape=(30, 41, 1))
LEVELS = pytest.mark.parametrize("level", [None, 1], ids=["uncompressed", "zlib"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupt(
    path: Path, recipe: Recipe, frames: int, error: BaseException, *, keep: bool = True
) -> None:
    """Write some frames of a file, then fail."""
    with recipe.writer(path, keep_unfinished=keep) as writer:
        recipe.put(writer, 0, frames)
        raise error


@LEVELS
@pytest.mark.parametrize("frames", [1, 3, 6])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, MemoryError])
def test_all_frames_before_an_exception_can_be_recovered(
    tmp_path: Path, error: type[BaseException], frames: int, level: int | None
) -> None:
    recipe = replace(SIX, level=level)
    with pytest.raises(error, match="stop"):
        interrupt(tmp_path / "file.nd2", recipe, frames, error("stop"))
    assert names(tmp_path) == ["file.nd2.unfinished"]
    found = recover(tmp_path / "file.nd2.unfinished")
    assert (found.output, found.saved) == (tmp_path / "file.nd2", frames)
    assert_shows(found.output, recipe.frames[:frames])
    assert names(tmp_path) == ["file.nd2", "file.nd2.unfinished"]


REGION = Roi(shape=Circle(center_x=3.0, center_y=2.0, radius=1.5), label="Nucleus")


def fail_after(path: Path, recipe: Recipe, frames: int) -> None:
    """Write some frames of a file with masks and a region, then fail."""
    with recipe.writer(
        path, keep_unfinished=True, mask_layers=[MaskLayer(name="Cells")], rois=[REGION]
    ) as writer:
        recipe.put(writer, 0, frames)
        for index in (0, frames):
            writer.write_mask("Cells", index, recipe.frames[index, :, :, 0] % 3)
        raise RuntimeError("stop")


@LEVELS
@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_what_was_recorded_of_the_frames_before_an_exception_is_recovered(
    tmp_path: Path, frames: int, level: int | None
) -> None:
    recipe = replace(EVERYTHING, level=level)  # three time points of two positions
    with pytest.raises(RuntimeError, match="stop"):
        fail_after(tmp_path / "file.nd2", recipe, frames)
    found = recover(tmp_path / "file.nd2.unfinished")
    count = frames + frames % 2
    assert (found.frame_count, found.missing) == (count, tuple(range(frames, count)))
    expected = recipe.frames[:count].copy()
    expected[frames:] = 0
    assert_shows(found.output, expected)
    with Nd2Reader(found.output) as reader:
        assert reader.frame_metadata()[:frames] == recipe.rows[:frames]
        assert reader.experiment.sizes == {"t": count // 2, "p": 2}
        number, integer, text = COLUMNS
        if count > frames:  # integers that frames lack can only be numbers
            integer = replace(integer, kind="number")
        assert reader.recorded_columns() == (number, integer, text)
        assert reader.well_plate == PLATE
        assert reader.text_info == TEXT
        assert reader.provenance == PROVENANCE
        assert {name: reader.read_chunk(name) for name in CUSTOM} == CUSTOM
        assert reader.rois == (REGION,)
        mask = reader.read_mask("Cells", 0)
        assert mask is not None
        assert np.array_equal(mask, recipe.frames[0, :, :, 0] % 3)
        assert (reader.read_mask("Cells", frames) is not None) == (count > frames)


@LEVELS
@pytest.mark.parametrize("keep", [True, False])
def test_an_exception_before_the_first_frame_leaves_nothing(
    tmp_path: Path, keep: bool, level: int | None
) -> None:
    recipe = replace(SIX, level=level)
    with pytest.raises(RuntimeError, match="stop"):
        interrupt(tmp_path / "file.nd2", recipe, 0, RuntimeError("stop"), keep=keep)
    assert names(tmp_path) == []


@LEVELS
def test_an_exception_in_the_first_frame_leaves_nothing(tmp_path: Path, level: int | None) -> None:
    recipe = replace(SIX, level=level)

    def failing() -> None:
        with (
            recipe.writer(tmp_path / "file.nd2", keep_unfinished=True) as writer,
            writer.tiles() as tiles,
        ):
            tiles.write(0, 0, recipe.frames[0])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        failing()
    assert names(tmp_path) == []


@LEVELS
def test_an_exception_in_a_frame_by_tiles_keeps_those_before(
    tmp_path: Path, level: int | None
) -> None:
    recipe = replace(SIX, level=level)

    def failing() -> None:
        with recipe.writer(tmp_path / "file.nd2", keep_unfinished=True) as writer:
            recipe.put(writer, 0, 2)
            with writer.tiles() as tiles:
                tiles.write(0, 0, recipe.frames[2])
                raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        failing()
    found = recover(tmp_path / "file.nd2.unfinished")
    assert (found.frame_count, found.missing) == (2, ())
    assert_shows(found.output, recipe.frames[:2])


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_without_keeping_nothing_is_left(tmp_path: Path, frames: int) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        interrupt(tmp_path / "file.nd2", SIX, frames, RuntimeError("stop"), keep=False)
    assert names(tmp_path) == []


def test_too_few_frames_are_kept(tmp_path: Path) -> None:
    def too_few() -> None:
        with SIX.writer(tmp_path / "file.nd2", keep_unfinished=True) as writer:
            SIX.put(writer, 0, 4)

    with pytest.raises(FormatError, match="4 of 6 frames were written"):
        too_few()
    assert recover(tmp_path / "file.nd2.unfinished").saved == 4


def test_frames_can_be_recovered_before_the_program_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2.unfinished"
    with SIX.writer(tmp_path / "file.nd2", keep_unfinished=True) as writer:
        for number in range(6):
            SIX.put(writer, number, number + 1)
            copy = tmp_path / "copy.nd2"
            copy.write_bytes(path.read_bytes())
            found = recover(copy, tmp_path / "saved.nd2", replace=True)
            assert_shows(found.output, SIX.frames[: number + 1])
    assert_shows(tmp_path / "file.nd2", SIX.frames)


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_that_succeeds_is_the_same_and_nothing_else_stays(tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    recipe.write(tmp_path / "kept.nd2", keep_unfinished=True)
    recipe.write(tmp_path / "other.nd2")
    assert names(tmp_path) == ["kept.nd2", "other.nd2"]
    assert (tmp_path / "kept.nd2").read_bytes() == (tmp_path / "other.nd2").read_bytes()


def test_the_unfinished_file_has_a_name_that_people_see(tmp_path: Path) -> None:
    with SIX.writer(tmp_path / "file.nd2", keep_unfinished=True) as writer:
        assert names(tmp_path) == ["file.nd2.unfinished"]
        SIX.put(writer)
        assert names(tmp_path) == ["file.nd2.unfinished"]
    assert names(tmp_path) == ["file.nd2"]


def test_a_second_writer_is_told_to_recover_first(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    with pytest.raises(RuntimeError, match="stop"):
        interrupt(path, SIX, 3, RuntimeError("stop"))
    before = (tmp_path / "file.nd2.unfinished").read_bytes()
    with pytest.raises(OutputExists, match=r"unfinished is there .*nd2watch recover.*remove it"):
        SIX.write(path, keep_unfinished=True)
    assert (tmp_path / "file.nd2.unfinished").read_bytes() == before
    recover(tmp_path / "file.nd2.unfinished")
    (tmp_path / "file.nd2.unfinished").unlink()
    SIX.write(path, keep_unfinished=True, replace=True)
    assert names(tmp_path) == ["file.nd2"]
    assert_shows(path, SIX.frames)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks of this kind")
def test_a_file_that_is_being_written_is_neither_taken_for_a_rest_nor_recovered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.nd2"
    with SIX.writer(path, keep_unfinished=True) as writer:
        SIX.put(writer, 0, 3)
        with pytest.raises(OutputExists, match="is being written by another program"):
            SIX.write(path, keep_unfinished=True)
        with pytest.raises(FormatError, match="is still being written"):
            recover(tmp_path / "file.nd2.unfinished")
        SIX.put(writer, 3)
    assert_shows(path, SIX.frames)


def test_a_name_that_was_taken_meanwhile_costs_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"

    def late() -> None:
        with SIX.writer(path, keep_unfinished=True) as writer:
            SIX.put(writer)
            path.write_bytes(b"precious")

    with pytest.raises(OutputExists, match="exists already"):
        late()
    assert path.read_bytes() == b"precious"
    with pytest.raises(FormatError, match=r"is complete: rename it to file\.nd2"):
        recover(tmp_path / "file.nd2.unfinished")
    (tmp_path / "file.nd2.unfinished").rename(tmp_path / "good.nd2")
    assert_shows(tmp_path / "good.nd2", SIX.frames)


def test_a_failed_check_keeps_the_complete_file(tmp_path: Path) -> None:
    def check(path: Path) -> None:
        raise RuntimeError(f"{path.name} is not good")

    with pytest.raises(RuntimeError, match="not good"):
        SIX.write(tmp_path / "file.nd2", keep_unfinished=True, check=check)
    assert places_of(tmp_path / "file.nd2.unfinished")


def test_an_existing_output_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExists, match=r"file\.nd2 exists already"):
        SIX.write(path, keep_unfinished=True)
    assert names(tmp_path) == ["file.nd2"]


def test_unfinished_files_are_no_orphans(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        interrupt(tmp_path / "file.nd2", SIX, 3, RuntimeError("stop"))
    assert remove_orphans(tmp_path) == []
    assert names(tmp_path) == ["file.nd2.unfinished"]


@LEVELS
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of the size of files")
def test_a_full_disk_keeps_the_frames_that_fit(tmp_path: Path, level: int | None) -> None:
    import resource

    recipe = Recipe(experiment=loops(40), shape=(90, 101, 1), level=level)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = recipe.write(tmp_path / "whole.nd2")
    room = whole.stat().st_size // 2
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        with pytest.raises(OSError, match="too large"):
            recipe.write(tmp_path / "file.nd2", keep_unfinished=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == ["file.nd2.unfinished", "whole.nd2"]
    found = recover(tmp_path / "file.nd2.unfinished")
    fitting = whole_frames(whole.read_bytes(), places_of(whole), room)
    assert found.saved == len(fitting) > 10
    assert_shows(found.output, recipe.frames[: found.saved])


@LEVELS
def test_a_frame_whose_writing_failed_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int | None
) -> None:
    recipe = replace(SIX, level=level)
    path = tmp_path / "file.nd2"
    begin, calls = ChunkWriter.begin_frame, iter([True, False, True])

    def interrupted(self: ChunkWriter, index: int, time_ms: float, size: int) -> None:
        begin(self, index, time_ms, size)
        if next(calls, False):
            raise KeyboardInterrupt

    def write(writer: Nd2Writer, number: int) -> bool:
        try:
            recipe.put(writer, number, number + 1)
        except KeyboardInterrupt:
            return False
        return True

    monkeypatch.setattr(ChunkWriter, "begin_frame", interrupted)
    with recipe.writer(path) as writer:
        failures = 0
        for number in range(6):
            while not write(writer, number):
                failures += 1
    assert failures == 2
    assert_shows(path, recipe.frames)
