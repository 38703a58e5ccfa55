"""Time points added to finished files: all that was there stays, readers see the whole."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Circle,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    MaskLayer,
    Nd2Reader,
    Nd2Writer,
    NETimeLoop,
    Rectangle,
    Roi,
    TimeLoop,
    Well,
)
from nd2watch.nd2.masks import encode_layers
from tests.nd2.builders import channels, loops, random_frames, stage
from tests.nd2.golden import load_golden_file
from tests.nd2.interrupted import (
    COLUMNS,
    CUSTOM,
    GROWN,
    PHASES,
    PLATE,
    PROVENANCE,
    TEXT,
    Recipe,
    assert_shows,
    grow,
    places_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk


pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.mark.parametrize("counts", [(3,), (1, 2), (1, 1, 1)], ids=["once", "twice", "three times"])
@pytest.mark.parametrize("name", GROWN)
def test_a_file_that_grew_is_as_if_it_had_been_written_at_once(
    vendor_sdk: VendorSdk, tmp_path: Path, name: str, counts: tuple[int, ...]
) -> None:
    whole, first = GROWN[name]
    first_frames = len(first.frames)
    path = tmp_path / "file.nd2"
    with first.writer(path) as writer:
        whole.put(writer, 0, first_frames)
    before = path.read_bytes()
    grow(path, whole, first_frames, *counts)
    assert path.read_bytes()[: len(before)] == before
    assert [file.name for file in tmp_path.iterdir()] == ["file.nd2"]
    assert_shows(path, whole.frames, vendor_sdk)
    at_once = tmp_path / "at once.nd2"
    with whole.writer(at_once) as writer:
        whole.put(writer)
    with Nd2Reader(path) as reader, Nd2Reader(at_once) as expected:
        assert reader.missing_frames == tuple(sorted(whole.missing))
        assert reader.sizes == expected.sizes
        assert reader.frame_metadata() == whole.rows
        assert reader.recorded_columns() == expected.recorded_columns()
        assert reader.chunks.keys() == expected.chunks.keys()
        for name in reader.chunks:
            if name.startswith(("CustomData|", "ImageAttributesLV!")):
                assert reader.read_chunk(name) == expected.read_chunk(name), name


def test_what_was_there_before_is_unchanged(tmp_path: Path) -> None:
    whole, first = GROWN["everything recorded"]
    path = first.write(tmp_path / "file.nd2")
    with Nd2Reader(path) as reader:
        texts, picture = reader.text_info, reader.picture
    grow(path, whole, 2, 3)
    with Nd2Reader(path) as reader:
        assert reader.text_info == texts == TEXT
        assert reader.picture == picture
        assert reader.provenance == PROVENANCE
        assert reader.well_plate == PLATE
        assert reader.recorded_columns() == COLUMNS
        assert {name: reader.read_chunk(name) for name in CUSTOM} == CUSTOM
        assert reader.frame_wells[1] == Well(row=1, column=1)
        assert 2 not in reader.frame_wells
        assert reader.frame_wells[4] == Well(row=0, column=1)
    with nd2.ND2File(path) as file:
        events = file.events()
        assert file.text_info["author"] == "Ada"
    assert [event["Time [s]"] for event in events] == [row.time_ms / 1000 for row in whole.rows]
    assert [event["Exposure Time [ms]"] for event in events] == [10.0, 11.0, 10.0, 13.0, 14.0]
    assert [event["X Coord [µm]"] for event in events] == [row.x_um for row in whole.rows]


def test_periods_are_measured_anew(tmp_path: Path) -> None:
    frames = random_frames((5, 4, 5, 1))
    path = tmp_path / "file.nd2"
    times = (0.0, 90.0, 210.0, 300.0, 1000.0)
    experiment = Experiment(loops=(TimeLoop(count=3, period_ms=100.0, name="slow"),))
    attributes = ImageAttributes(width=5, height=4, frame_count=3)
    with Nd2Writer(path, attributes, experiment=experiment) as writer:
        for frame, time_ms in zip(frames[:3], times[:3], strict=True):
            writer.write_frame(frame, FrameMetadata(time_ms=time_ms))
    with Nd2Writer.append(path, 2) as writer:
        for frame, time_ms in zip(frames[3:], times[3:], strict=True):
            writer.write_frame(frame, FrameMetadata(time_ms=time_ms))
    with Nd2Reader(path) as reader:
        (loop,) = reader.experiment.loops
    assert loop == TimeLoop(
        count=5,
        period_ms=100.0,
        duration_ms=1000.0,
        period_min_ms=90.0,
        period_mean_ms=250.0,
        period_max_ms=700.0,
        name="slow",
    )
    with nd2.ND2File(path) as file:
        (theirs,) = file.experiment
        assert theirs.type == "TimeLoop"
    periods = theirs.parameters.periodDiff
    assert (periods.min, periods.avg, periods.max) == (90.0, 250.0, 700.0)
    assert theirs.parameters.durationMs == 1000.0


def test_the_last_phase_goes_on(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    recipe = Recipe(experiment=PHASES)
    path = recipe.write(tmp_path / "file.nd2")
    with Nd2Reader(path) as reader:
        (before,) = reader.experiment.loops
    added = random_frames((2, *recipe.shape), seed=5)
    start = recipe.rows[-1].time_ms
    with Nd2Writer.append(path, 2) as writer:
        writer.write_frame(added[0], FrameMetadata(time_ms=start + 50.0))
        writer.write_frame(added[1], FrameMetadata(time_ms=start + 2050.0))
    with Nd2Reader(path) as reader:
        (loop,) = reader.experiment.loops
    assert isinstance(before, NETimeLoop)
    assert isinstance(loop, NETimeLoop)
    assert loop.phases[0] == before.phases[0]
    last = loop.phases[1]
    assert (last.count, last.period_ms, last.name, last.period_max_ms) == (5, 500.0, "slow", 2000.0)
    assert_shows(path, np.concatenate([recipe.frames, added]), vendor_sdk)
    assert vendor_sdk.read(path).loops == [("NETimeLoop", 7)]
    with nd2.ND2File(path) as file:
        assert file.sizes["T"] == 7


def test_places_of_earlier_frames_stay_where_later_ones_have_none(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    with Nd2Writer.append(path, 3) as writer:
        for frame in whole.frames[2:]:
            writer.write_frame(frame)
    assert_shows(path, whole.frames, vendor_sdk)
    with Nd2Reader(path) as reader:
        rows = reader.frame_metadata()
    planned = (FrameMetadata(time_ms=time_ms) for time_ms in (2000.0, 3000.0, 4000.0))
    assert rows == [*first.rows, *planned]
    with nd2.ND2File(path) as file:
        x_um = [event["X Coord [µm]"] for event in file.events()]
    assert x_um[:2] == [stage(0).x_um] * 2
    assert all(value is None or np.isnan(value) for value in x_um[2:])


def test_masks_and_pyramids_of_earlier_frames_stay(tmp_path: Path) -> None:
    frames = random_frames((3, 1030, 8, 1), np.uint8)
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=8, height=1030, bits_in_memory=8, frame_count=2)
    labels = frames[0, :, :, 0] % 4
    with Nd2Writer(
        path,
        attributes,
        experiment=loops(2),
        mask_layers=[MaskLayer(name="Cells")],
        pyramid=True,
    ) as writer:
        for frame in frames[:2]:
            writer.write_frame(frame)
        writer.write_mask("Cells", 1, labels)
    before = places_of(path)
    with Nd2Writer.append(path, 1) as writer:
        writer.write_frame(frames[2])
    after = places_of(path)
    level = "CustomDataSeq|DownsampledColorData_1024|{}!"
    assert all(after[level.format(n)] == before[level.format(n)] for n in range(2))
    assert level.format(2) in after
    assert_shows(path, frames)
    with Nd2Reader(path) as reader:
        assert reader.mask_layers == (MaskLayer(name="Cells"),)
        mask = reader.read_mask("Cells", 1)
    assert mask is not None
    assert np.array_equal(mask, labels)


def test_further_masks_join_those_that_are_there(tmp_path: Path) -> None:
    recipe = Recipe(experiment=loops(3), shape=(8, 9, 2))
    path = tmp_path / "file.nd2"
    layers = (
        MaskLayer(name="Cells <1>", color=0x12AB34),
        MaskLayer(name="Nuclei µ", channel=channels(2)[1].name),
    )
    labels = [recipe.frames[n, :, :, 0] % 5 for n in range(3)]
    regions = [
        Roi(shape=Circle(center_x=2.3, center_y=4.1, radius=1.7), label="one"),
        Roi(shape=Rectangle(x=1.0, y=3.0, width=3.0, height=1.0), color=0x00FF00),
    ]
    first = replace(recipe, experiment=loops(2))
    with first.writer(path, mask_layers=layers, rois=regions) as writer:
        recipe.put(writer, 0, 2)
        writer.write_mask("Cells <1>", 0, labels[0])
        writer.write_mask("Nuclei µ", 1, labels[1])
    described = ("CustomDataVar|BinaryMetadata_v1!", "CustomData|RoiMetadata_v1!")
    with Nd2Reader(path) as reader:
        before = [reader.read_chunk(name) for name in described]
        rois = reader.rois
    with Nd2Writer.append(path, 1) as writer:
        recipe.put(writer, 2)
        writer.write_mask("Cells <1>", 2, labels[2])
        writer.write_mask("Nuclei µ", 0, labels[0])
        writer.write_mask("Nuclei µ", 1, labels[2])
        with pytest.raises(FormatError, match="no mask layer 'Other'"):
            writer.write_mask("Other", 0, labels[0])
    assert_shows(path, recipe.frames)
    with Nd2Reader(path) as reader:
        assert [reader.read_chunk(name) for name in described] == before
        assert reader.mask_layers == layers
        assert reader.rois == rois
        found = {
            (layer.name, n): mask
            for layer in layers
            for n in range(3)
            if (mask := reader.read_mask(layer.name, n)) is not None
        }
    expected = {
        ("Cells <1>", 0): labels[0],
        ("Cells <1>", 2): labels[2],
        ("Nuclei µ", 0): labels[0],
        ("Nuclei µ", 1): labels[2],
    }
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[at], expected[at]) for at in expected)


def test_layers_that_others_described_stay_as_they_are(tmp_path: Path) -> None:
    recipe = Recipe(experiment=loops(3))
    path = tmp_path / "file.nd2"
    name, described = (
        "CustomDataVar|BinaryMetadata_v1!",
        encode_layers([MaskLayer(name="Cells")], ["any"]).replace(
            b"RleZipBinarySequence_1_v1", b"RleZipBinarySequence_7_v1"
        ),
    )
    attributes = replace(recipe.attributes, frame_count=2)
    with Nd2Writer(
        path, attributes, experiment=loops(2), custom_chunks={name: described}
    ) as writer:
        recipe.put(writer, 0, 2)
    with Nd2Writer.append(path, 1) as writer:
        with pytest.raises(FormatError, match="no mask layer 'Cells'"):
            writer.write_mask("Cells", 0, recipe.frames[0, :, :, 0])
        recipe.put(writer, 2)
    with Nd2Reader(path) as reader:
        assert reader.read_chunk(name) == described


def test_a_file_that_another_program_wrote_is_refused_and_untouched(tmp_path: Path) -> None:
    genuine = load_golden_file().read_bytes()
    path = tmp_path / "genuine.nd2"
    path.write_bytes(genuine)
    message = r"genuine\.nd2 was not written by nd2watch.*convert it .*or write .* to a new file"
    with pytest.raises(FormatError, match=message):
        Nd2Writer.append(path, 1)
    assert path.read_bytes() == genuine
    assert list(tmp_path.iterdir()) == [path]


# Cost


def test_appending_to_many_frames_costs_what_their_columns_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: Nd2Reader, index: int) -> None:
        raise AssertionError(f"frame {index} is read")

    count = 10_000
    path = tmp_path / "file.nd2"
    attributes = ImageAttributes(width=4, height=4, bits_in_memory=8, frame_count=count)
    frame = np.ones((4, 4), np.uint8)
    with Nd2Writer(path, attributes, experiment=loops(count)) as writer:
        for _ in range(count):
            writer.write_frame(frame)
    before = path.stat().st_size
    monkeypatch.setattr(Nd2Reader, "stored_frame", forbidden)
    tracemalloc.start()
    try:
        with Nd2Writer.append(path, 1) as writer:
            writer.write_frame(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20
    assert path.stat().st_size - before < 1 << 20
    assert before > 64 << 20
    with nd2.ND2File(path) as file:
        assert file.sizes["T"] == count + 1
        assert (file.read_frame(count) == 1).all()


def test_frames_of_an_appended_file_can_be_read_while_it_grows(tmp_path: Path) -> None:
    whole, first = GROWN["T"]
    path = first.write(tmp_path / "file.nd2")
    with Nd2Reader(path) as reader, Nd2Writer.append(path, 3) as writer:
        whole.put(writer, 2)
        assert np.array_equal(reader.read_frame(1), whole.frames[1])
