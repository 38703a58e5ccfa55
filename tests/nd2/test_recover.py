"""Interrupted files: what `recover` saves of them, wherever they end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Circle,
    FrameMetadata,
    MaskLayer,
    Nd2Reader,
    Provenance,
    Roi,
    recover,
)
from nd2watch.nd2.provenance import FrameSources, SourceRecord
from nd2watch.nd2.spec import SKIPPED, SOURCES
from tests.nd2.builders import experiments, loops
from tests.nd2.interrupted import (
    COLUMNS,
    CUSTOM,
    EVERYTHING,
    FOUR,
    PHASES,
    PLATE,
    PROVENANCE,
    RECIPES,
    TEXT,
    TEXT_CHUNK,
    Recipe,
    assert_shows,
    cuts,
    end_of,
    fewer,
    interrupted,
    places_of,
    saved_frames,
    whole_frames,
    with_blanks,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.nd2 import Experiment
    from tests.oracles import VendorSdk


pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.mark.parametrize("name", RECIPES)
def test_of_a_file_cut_anywhere_the_whole_frames_are_saved(tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    content = recipe.write(tmp_path / "whole.nd2").read_bytes()
    places = places_of(tmp_path / "whole.nd2")
    cut, output = tmp_path / "cut.nd2", tmp_path / "saved.nd2"
    outermost = next(iter(recipe.experiment.sizes.values()), 1)
    inner = recipe.experiment.frame_count // outermost
    least = 2 if name == "Z" else 1  # its home plane is the second
    shown: set[tuple[object, ...]] = set()
    for length in cuts(content, places):
        cut.write_bytes(content[:length])
        saved = saved_frames(content, places, length)
        if not saved:
            with pytest.raises(FormatError, match=r"cut\.nd2"):
                recover(cut, output)
            continue
        found = recover(cut, output, replace=True)
        ended = end_of(content, places[TEXT_CHUNK]) <= length
        whole = max(whole_frames(content, places, length)) + 1
        needed = max(-(-whole // inner), least)
        assert found.frame_count == inner * (outermost if ended else needed)
        assert set(range(found.frame_count)) - set(found.missing) == saved
        assert found.saved == len(saved)
        assert cut.read_bytes() == content[:length]
        expected = with_blanks(recipe, saved, found.frame_count)
        with Nd2Reader(output) as reader:
            assert reader.missing_frames == found.missing
            assert np.array_equal([reader.read_frame(n) for n in range(len(expected))], expected)
            assert np.array_equal(
                [reader.frame_times_ms[n] for n in sorted(saved)],
                [recipe.rows[n].time_ms for n in sorted(saved)],
            )
        if (state := (found.frame_count, found.missing, found.notes)) not in shown:
            shown.add(state)
            assert_shows(output, expected)
    assert len(shown) > len(recipe.frames) - len(recipe.missing)


@pytest.mark.parametrize("name", RECIPES)
def test_the_vendors_reader_shows_what_was_saved(
    vendor_sdk: VendorSdk, tmp_path: Path, name: str
) -> None:
    recipe = RECIPES[name]
    last = len(recipe.frames) - 1
    for chunk in (f"ImageDataSeq|{last}!", "CustomData|AcqTimesCache!"):
        if not last and chunk.startswith("Image"):
            continue
        cut = interrupted(tmp_path, recipe, chunk, ahead=1)
        found = recover(cut, tmp_path / "saved.nd2", replace=True)
        saved = set(range(found.frame_count)) - set(found.missing)
        assert_shows(found.output, with_blanks(recipe, saved, found.frame_count), vendor_sdk)


@pytest.mark.parametrize(
    ("experiment", "frames", "sizes"),
    [
        (loops(3, 2, 2), 5, {"T": 2, "P": 2, "Z": 2}),
        (loops(0, 3, 2), 3, {"P": 2, "Z": 2}),
        (loops(0, 0, 5), 4, {"Z": 4}),
        (loops(0, 0, 5), 1, {"Z": 3}),
        (PHASES, 3, {"T": 3}),
        (PHASES, 1, {"T": 1}),
    ],
    ids=["T", "XY", "Z", "Z below the home plane", "second phase", "first phase"],
)
def test_the_outermost_loop_is_as_long_as_frames_need(
    tmp_path: Path, experiment: Experiment, frames: int, sizes: dict[str, int]
) -> None:
    cut = interrupted(tmp_path, Recipe(experiment=experiment), f"ImageDataSeq|{frames}!")
    found = recover(cut)
    axis, count = next(iter(sizes.items()))
    name = {"T": "T", "P": "XY", "Z": "Z"}[axis]
    outermost = experiment.loops[0]
    assert f"the {name} loop has {count} of {outermost.count} points" in found.notes
    with Nd2Reader(found.output) as ours, nd2.ND2File(found.output) as theirs:
        assert {axis: n for axis, n in ours.sizes.items() if axis in "TPZ"} == sizes
        kept = {axis: n for axis, n in theirs.sizes.items() if axis in "TPZ"}
        assert kept == {axis: n for axis, n in sizes.items() if n > 1}
        for loop, original in zip(ours.experiment.loops[1:], experiment.loops[1:], strict=True):
            assert loop == original


def test_until_columns_are_written_times_are_the_frames_and_places_the_loops(
    tmp_path: Path,
) -> None:
    recipe = replace(EVERYTHING, experiment=loops(2, 2, 3))
    found = recover(interrupted(tmp_path, recipe, TEXT_CHUNK))
    (note,) = found.notes
    assert note.startswith("texts, recorded columns, wells, regions, masks and custom chunks")
    with Nd2Reader(found.output) as reader:
        assert reader.frame_metadata() == [
            replace(row, exposure_ms=None, recorded={}, well=None) for row in recipe.rows
        ]
        assert reader.text_info.description == ""
        assert reader.recorded_columns() == ()


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_the_stage_z_of_planes_stays_when_there_are_fewer(
    vendor_sdk: VendorSdk, tmp_path: Path, frames: int
) -> None:
    recipe = Recipe(experiment=loops(0, 0, 5))
    found = recover(interrupted(tmp_path, recipe, f"ImageDataSeq|{frames}!"))
    metadata = vendor_sdk.read(found.output).frame_metadata
    z_um = [frame["channels"][0]["position"]["stagePositionUm"][2] for frame in metadata]
    assert z_um[:frames] == [row.z_um for row in recipe.rows[:frames]]


def test_without_positions_in_the_loops_none_are_made_up(tmp_path: Path) -> None:
    found = recover(interrupted(tmp_path, FOUR, TEXT_CHUNK))
    with Nd2Reader(found.output) as reader:
        assert reader.frame_metadata() == [FrameMetadata(time_ms=row.time_ms) for row in FOUR.rows]


@pytest.mark.parametrize("ahead", [0, 1], ids=["all but the map", "a cut last chunk"])
def test_what_is_behind_the_frames_is_saved_as_it_is(tmp_path: Path, ahead: int) -> None:
    found = recover(interrupted(tmp_path, EVERYTHING, ahead=ahead))
    assert (found.saved, found.missing, found.notes) == (6, (), ())
    with Nd2Reader(found.output) as reader:
        assert reader.frame_metadata() == EVERYTHING.rows
        assert reader.recorded_columns() == COLUMNS
        assert reader.well_plate == PLATE
        assert reader.text_info == TEXT
        assert reader.provenance == PROVENANCE
        assert reader.experiment.sizes == EVERYTHING.experiment.sizes
        custom = {name: data for name, data in CUSTOM.items() if name in reader.chunks}
        assert len(custom) == 2 - ahead
        assert {name: reader.read_chunk(name) for name in custom} == custom
    with nd2.ND2File(found.output) as file:
        events = file.events()
    assert [e["Temperature [°C]"] for e in events][:2] == [37.0, 37.125]
    assert [e["Filter"] for e in events] == list(range(6))


def write_drawn(path: Path) -> Path:
    """Write a file with regions, masks, a pyramid, and the sources of its frames."""
    recipe = Recipe(experiment=loops(2), shape=(4, 1030, 1), pyramid=True)
    sources = (SourceRecord(name="a/b.tif", size=100, mtime_ns=5),)
    provenance = Provenance(
        software="tests",
        sources_digest="0123",
        frames=(FrameSources(digest="ab" * 16, sources=sources),) * 2,
    )
    with recipe.writer(
        path,
        rois=[Roi(shape=Circle(center_x=20.0, center_y=2.0, radius=1.5), label="Nucleus")],
        mask_layers=[MaskLayer(name="Cells")],
        provenance=provenance,
    ) as writer:
        recipe.put(writer)
        writer.write_mask("Cells", 1, recipe.frames[1, :, :, 0] % 3)
    return path


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(EVERYTHING.write, id="columns, wells, texts"),
        pytest.param(RECIPES["missing frames zlib"].write, id="missing frames"),
        pytest.param(write_drawn, id="regions, masks, pyramid, sources"),
    ],
)
def test_a_saved_file_holds_what_it_would_hold_had_it_not_been_interrupted(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    whole = write(tmp_path / "whole.nd2")
    before_map = max(end_of(whole.read_bytes(), place) for place in places_of(whole).values())
    (tmp_path / "cut.nd2").write_bytes(whole.read_bytes()[:before_map])
    found = recover(tmp_path / "cut.nd2")
    assert found.notes == ()
    with Nd2Reader(whole) as expected, Nd2Reader(found.output) as reader:
        assert reader.attributes == expected.attributes
        assert reader.experiment == expected.experiment
        assert reader.picture == expected.picture
        names = {name for name in expected.chunks if not name.startswith(SKIPPED)}
        assert reader.chunks.keys() == names
        for name in names - {SOURCES}:  # its digests are of chunks that lie elsewhere now
            assert reader.read_chunk(name) == expected.read_chunk(name), name
        if expected.provenance is not None:
            assert reader.provenance is not None
            assert reader.provenance.frames == expected.provenance.frames


def test_each_column_is_saved_as_soon_as_it_is_there(tmp_path: Path) -> None:
    whole = EVERYTHING.write(tmp_path / "whole.nd2")
    content, places = whole.read_bytes(), places_of(whole)
    names = list(places)
    tail = names[names.index("CustomDataVar|CustomDataV2_0!") :]
    seen = set()
    for chunk in tail:
        cut = tmp_path / "cut.nd2"
        cut.write_bytes(content[: end_of(content, places[chunk])])
        found = recover(cut, replace=True)
        whole_columns = tail[: tail.index(chunk) + 1]
        with Nd2Reader(found.output) as reader:
            rows, columns = reader.frame_metadata(), reader.recorded_columns()
        for column in COLUMNS:
            there = f"CustomData|{column.name}!" in whole_columns
            assert (column in columns) == there
            expected = [row.recorded.get(column.name) for row in EVERYTHING.rows]
            assert [row.recorded.get(column.name) for row in rows] == (
                expected if there else [None] * 6
            )
            noted = any(f"column {column.name} is left out" in note for note in found.notes)
            assert noted != there
        with_exposure = "CustomData|Camera_ExposureTime1!" in whole_columns
        assert [row.exposure_ms for row in rows] == [
            row.exposure_ms if with_exposure else None for row in EVERYTHING.rows
        ]
        seen.add(len(columns))
    assert seen == {0, 1, 2, 3}


@fewer
@given(data=st.data(), experiment=experiments, level=st.sampled_from([None, 1]))
def test_any_experiment_cut_anywhere_gives_right_frames_or_an_error(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    experiment: Experiment,
    level: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("random")
    shape = data.draw(st.tuples(*[st.integers(1, 9)] * 2, st.integers(1, 3)), "shape")
    skipped = data.draw(st.sets(st.integers(0, experiment.frame_count - 1), max_size=2), "skipped")
    recipe = Recipe(
        shape=shape,
        experiment=experiment,
        dtype=data.draw(st.sampled_from(["u1", "u2", "f4"]), "dtype"),
        level=level,
        missing=frozenset(skipped),
        rich=data.draw(st.booleans(), "rich"),
    )
    content = recipe.write(folder / "whole.nd2").read_bytes()
    places = places_of(folder / "whole.nd2")
    length = data.draw(st.integers(0, len(content) - 1), "length")
    cut = folder / "cut.nd2"
    cut.write_bytes(content[:length])
    saved = saved_frames(content, places, length)
    if not saved:
        with pytest.raises(FormatError):
            recover(cut)
        return
    found = recover(cut)
    assert set(range(found.frame_count)) - set(found.missing) == saved
    assert_shows(found.output, with_blanks(recipe, saved, found.frame_count))
