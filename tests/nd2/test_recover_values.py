"""What `recover` tells of frames beside their pixels: places and digests, never made up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.convert.check import check_file
from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    Nd2Reader,
    Nd2Writer,
    Provenance,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    recover,
)
from nd2watch.nd2.provenance import FrameSources, SourceRecord, content_digest
from nd2watch.nd2.spec import SOURCES
from tests.nd2.builders import loops
from tests.nd2.interrupted import TEXT_CHUNK, Recipe, assert_shows, interrupted, places_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("without_sync")

# Places


def at(*positions: StagePosition) -> Experiment:
    return Experiment(loops=(TimeLoop(count=2), XYPosLoop(positions=positions)))


def write_without_stage(path: Path, experiment: Experiment) -> Path:
    """Write a file without stage columns."""
    recipe = Recipe(experiment=experiment)
    with recipe.writer(path) as writer:
        for number, frame in enumerate(recipe.frames):
            writer.write_frame(frame, FrameMetadata(time_ms=10.0 * number))
    return path


def stage_after_a_cut(folder: Path, experiment: Experiment, chunk: str) -> list[FrameMetadata]:
    """Return what is recovered of a file without stage columns that ends before a chunk."""
    whole = write_without_stage(folder / "whole.nd2", experiment)
    end = places_of(whole)[chunk].offset if chunk else whole.stat().st_size - 4096
    (folder / "cut.nd2").write_bytes(whole.read_bytes()[:end])
    with Nd2Reader(recover(folder / "cut.nd2").output) as reader:
        assert ("CustomData|X!" in reader.chunks) == (reader.frame_metadata()[0].x_um is not None)
        return reader.frame_metadata()


@pytest.mark.parametrize("chunk", ["", TEXT_CHUNK], ids=["lost map", "lost columns"])
def test_positions_that_are_all_0_are_no_stage_positions(tmp_path: Path, chunk: str) -> None:
    rows = stage_after_a_cut(tmp_path, at(StagePosition(name="A"), StagePosition(name="B")), chunk)
    assert rows == [FrameMetadata(time_ms=10.0 * n) for n in range(4)]


def test_where_columns_say_that_no_position_was_recorded_none_is_made_up(tmp_path: Path) -> None:
    rows = stage_after_a_cut(tmp_path, at(StagePosition(x_um=5.0), StagePosition(y_um=7.0)), "")
    assert rows == [FrameMetadata(time_ms=10.0 * n) for n in range(4)]


def test_without_columns_the_positions_of_the_loops_are_those_of_the_frames(tmp_path: Path) -> None:
    experiment = at(StagePosition(x_um=5.0), StagePosition(y_um=7.0, z_um=-1.0))
    rows = stage_after_a_cut(tmp_path, experiment, TEXT_CHUNK)
    assert [(row.x_um, row.y_um, row.z_um) for row in rows] == [
        (5.0, 0.0, 0.0),
        (0.0, 7.0, -1.0),
    ] * 2


def test_a_lost_stage_column_is_not_replaced_by_the_loops(tmp_path: Path) -> None:
    recipe = Recipe(experiment=loops(2, 2))
    whole = recipe.write(tmp_path / "whole.nd2")
    content = bytearray(whole.read_bytes()[:-4096])
    content[places_of(whole)["CustomData|Y!"].offset] ^= 0xFF
    (tmp_path / "cut.nd2").write_bytes(content)
    found = recover(tmp_path / "cut.nd2")
    assert any("column Y Coord is left out" in note for note in found.notes)
    with Nd2Reader(found.output) as reader:
        assert reader.frame_metadata() == [replace(row, y_um=None) for row in recipe.rows]


# Digests


def write_with_digests(path: Path, recipe: Recipe) -> Path:
    """Write a file as a conversion does: with the digest of every frame, and of its metadata."""
    source = (SourceRecord(name="a.tif", size=1, mtime_ns=2),)
    provenance = Provenance(
        software="tests",
        sources_digest="0123",
        layout="Ω/{t}",
        folder="/data",
        frames=tuple(
            FrameSources(digest=content_digest(frame.tobytes()), sources=source)
            for frame in recipe.frames
        ),
    )
    return recipe.write(path, provenance=provenance)


@pytest.mark.parametrize("appended", [0, 1, 2])
def test_a_recovered_conversion_is_as_it_was_written(tmp_path: Path, appended: int) -> None:
    recipe = Recipe(experiment=loops(2 + appended))
    path = write_with_digests(tmp_path / "file.nd2", Recipe(experiment=loops(2)))
    with Nd2Reader(path) as reader:
        before = reader.provenance
    pixels = [*Recipe(experiment=loops(2)).frames]
    for number in range(appended):
        pixels.append(recipe.frames[2 + number])
        with Nd2Writer.append(path, 1) as writer:
            writer.write_frame(pixels[-1])
    assert check_file(path).problems == ()
    (tmp_path / "cut.nd2").write_bytes(path.read_bytes()[:-40])
    found = recover(tmp_path / "cut.nd2")
    assert found.notes == ()
    check = check_file(found.output)
    assert (check.problems, check.as_written) == ((), 2)
    assert_shows(found.output, np.stack(pixels))
    with Nd2Reader(found.output) as reader:
        after = reader.provenance
        assert before is not None
        assert after is not None
        assert replace(after, chunks=()) == replace(before, chunks=())
        listed = {chunk.name: chunk for chunk in after.chunks}
        for name in reader.chunks.keys() - {SOURCES}:
            if not name.startswith("ImageDataSeq|"):
                assert listed[name].offset == reader.chunks[name].offset, name
                assert listed[name].digest == content_digest(reader.read_chunk(name)), name


def test_a_damaged_list_of_sources_is_noted_and_left_out(tmp_path: Path) -> None:
    whole = write_with_digests(tmp_path / "whole.nd2", Recipe(experiment=loops(2)))
    place = places_of(whole)[SOURCES]
    content = bytearray(whole.read_bytes())
    end = content.index(b"ND2 FILEMAP") - 16
    data = place.offset + 16 + int.from_bytes(content[place.offset + 4 :][:4], "little")
    content[data : data + 8] = bytes(8)
    (tmp_path / "cut.nd2").write_bytes(content[:end])
    found = recover(tmp_path / "cut.nd2")
    assert any("the list of sources" in note for note in found.notes)
    check = check_file(found.output)
    assert check.problems == ()
    with Nd2Reader(found.output) as reader:
        assert reader.provenance == Provenance(
            software="tests", sources_digest="0123", layout="Ω/{t}", folder="/data"
        )


def test_interrupted_before_the_list_of_sources_there_is_none(tmp_path: Path) -> None:
    cut = interrupted(tmp_path, Recipe(experiment=loops(2), rich=True))
    with Nd2Reader(recover(cut).output) as reader:
        assert SOURCES not in reader.chunks
