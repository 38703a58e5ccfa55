"""What the check of a finished file finds, and what it does not mind."""

from __future__ import annotations

import os
import random
import shutil
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.convert import FileCheck, check_file, convert_folder
from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    ImageAttributes,
    MaskLayer,
    Nd2Reader,
    Nd2Writer,
    RecordedColumn,
    TimeLoop,
)
from nd2watch.sources import encode_frame
from tests.convert.damage import data_of, flip, places_of, rewrite_map, stored_bytes
from tests.frames import acquisition, layout_of, noise, write

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = "CustomData|Nd2WatchSourcesZJSON!"
WHAT = acquisition(t=2, p=1, z=2, width=8, height=4)


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """Return a file that was converted from ``in``: 4 frames of 2 channels."""
    write(tmp_path / "in", WHAT)
    convert_folder(tmp_path / "in", tmp_path / "out.nd2", layout_of(WHAT, pixel_size_um=0.5))
    return tmp_path / "out.nd2"


def problems(path: Path, *, sources: bool = False, folder: Path | None = None) -> tuple[str, ...]:
    return check_file(path, sources=sources, folder=folder).problems


def held_by(path: Path) -> dict[str, bytes]:
    """Return the data of every chunk, the list of sources inflated."""
    with Nd2Reader(path) as reader:
        held = {name: reader.read_chunk(name) for name in reader.chunks}
    return held | {SOURCES: zlib.decompress(held[SOURCES])}


def a_source(converted: Path, t: int = 2, z: int = 1, channel: str = "GFP") -> Path:
    return converted.parent / "in" / f"img_t{t:03}_xy01_z{z:03}_c{channel}.tif"


def test_a_converted_file_is_sound(converted: Path) -> None:
    seen: list[tuple[int, int]] = []
    check = check_file(converted, sources=True, progress=lambda *done: seen.append(done))
    assert check == FileCheck(path=converted, frame_count=4, as_written=4, as_sources=4)
    assert check.is_sound
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


class TestFile:
    """A file checked against itself."""

    def test_a_changed_pixel_is_found(self, converted: Path) -> None:
        start, _ = data_of(converted, "ImageDataSeq|2!")
        flip(converted, start + 8 + 5)
        assert problems(converted) == ("the pixels of frame 2 are not as they were written",)

    def test_a_changed_time_is_found(self, converted: Path) -> None:
        start, _ = data_of(converted, "ImageDataSeq|1!")
        flip(converted, start + 7, bit=5)
        (problem,) = problems(converted)
        assert problem.startswith("1 frame is stored with another time than the column has")

    @pytest.mark.parametrize(
        "chunk",
        [
            "ImageTextInfoLV!",
            "ImageCalibrationLV|0!",
            "CustomData|AcqTimesCache!",
            "CustomDataVar|CustomDataV2_0!",
        ],
    )
    def test_a_changed_value_in_the_metadata_is_found(self, converted: Path, chunk: str) -> None:
        start, size = data_of(converted, chunk)
        flip(converted, start + size - 20)
        assert f"chunk {chunk} is not as it was written" in problems(converted)

    @pytest.mark.parametrize("chunk", ["CustomDataVar|Nd2WatchProvenanceV1_0!", SOURCES])
    def test_damage_of_the_provenance_is_found(self, converted: Path, chunk: str) -> None:
        start, size = data_of(converted, chunk)
        flip(converted, start + size - 20)
        (problem, *_) = problems(converted)
        assert problem.startswith("where the file comes from: ")

    def test_no_bit_that_matters_changes_unnoticed(self, converted: Path) -> None:
        whole, held = converted.read_bytes(), held_by(converted)
        draw = random.Random(0)
        for position in draw.sample(stored_bytes(converted), 400):
            flip(converted, position, draw.randrange(8))
            # Of a compressed list the last bits are not used, zeros are the same a byte further.
            assert problems(converted) or held_by(converted) == held, position
            converted.write_bytes(whole)

    def test_a_file_that_is_cut_is_found(self, converted: Path) -> None:
        whole = converted.read_bytes()
        for length in (0, 100, 5000, len(whole) // 2, len(whole) - 1):
            converted.write_bytes(whole[:length])
            check = check_file(converted)
            assert len(check.problems) == 1
            assert check.frame_count == 0

    def test_a_missing_frame_is_named(self, converted: Path) -> None:
        places = places_of(converted)
        del places["ImageDataSeq|1!"], places["ImageDataSeq|3!"]
        rewrite_map(converted, places)
        assert problems(converted, sources=True) == ("2 frames are missing: 1, 3",)

    def test_missing_metadata_are_named(self, converted: Path) -> None:
        places = places_of(converted)
        del places["ImageTextInfoLV!"]
        rewrite_map(converted, places)
        assert problems(converted) == ("chunk ImageTextInfoLV! is missing",)

    def test_a_frame_too_many_is_found(self, converted: Path) -> None:
        places = places_of(converted)
        places["ImageDataSeq|4!"] = places["ImageDataSeq|3!"]
        rewrite_map(converted, places)
        assert problems(converted) == (
            "no chunk ImageDataSeq|4! at byte " + str(places["ImageDataSeq|3!"].offset),
            "there is a frame 4 beyond the 4 frames",
        )

    def test_a_chunk_inside_another_is_found(self, converted: Path) -> None:
        places = places_of(converted)
        frame = places["ImageDataSeq|0!"]
        content = bytearray(converted.read_bytes())
        # The second frame moves to the last bytes of the first one.
        header = content[frame.offset : frame.offset + 4096]
        inside = frame.offset + 4096
        inner = header.replace(b"ImageDataSeq|0!", b"ImageDataSeq|1!")
        content[inside : inside + 4096] = inner
        converted.write_bytes(content)
        places["ImageDataSeq|1!"] = replace(frame, offset=inside)
        rewrite_map(converted, places)
        assert "chunk ImageDataSeq|1! lies inside chunk ImageDataSeq|0!" in problems(converted)

    def test_loops_that_do_not_make_the_frames_are_found(self, converted: Path) -> None:
        start, size = data_of(converted, "ImageAttributesLV!")
        content = bytearray(converted.read_bytes())
        name = "uiSequenceCount\0".encode("utf-16-le")
        at = content.index(name, start, start + size) + len(name)
        content[at] = 3
        converted.write_bytes(content)
        found = problems(converted)
        assert "the loops make 4 frames, the attributes say 3" in found
        assert "there is a frame 3 beyond the 3 frames" in found

    def test_what_is_no_nd2_file_has_one_problem(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nd2"
        path.write_text("hello")
        assert problems(path) == ("not an ND2 3.0 file: its signature is missing",)

    def test_a_file_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            check_file(tmp_path / "a.nd2")


def write_frames(path: Path, times_ms: list[float], zlib_level: int | None = None) -> Path:
    """Write frames that are no conversion, with a column."""
    attributes = ImageAttributes(
        width=32, height=24, frame_count=len(times_ms), zlib_level=zlib_level
    )
    experiment = Experiment(loops=(TimeLoop(count=len(times_ms)),))
    heat = RecordedColumn(name="Heat", unit="°C")
    with Nd2Writer(path, attributes, experiment=experiment, recorded=[heat]) as writer:
        for number, time_ms in enumerate(times_ms):
            metadata = FrameMetadata(time_ms=time_ms, recorded={"Heat": 20.0 + number})
            if number == 5:
                writer.skip_frame(metadata)
            else:
                writer.write_frame(noise(number), metadata)
    return path


class TestOtherFiles:
    """Files that are no conversions."""

    def test_they_are_decoded_and_said_not_to_be_compared(self, tmp_path: Path) -> None:
        check = check_file(write_frames(tmp_path / "a.nd2", [0, 1, 2]))
        assert check.problems == ()
        assert check.as_written == 0
        assert check.notes == ("no digests of its pixels are recorded; they were decoded only",)

    def test_times_that_fall_are_a_note(self, tmp_path: Path) -> None:
        check = check_file(write_frames(tmp_path / "a.nd2", [0, 2, 1]))
        assert check.is_sound
        assert "times do not rise from frame 1 to frame 2" in check.notes

    def test_frames_that_were_never_taken_are_a_note(self, tmp_path: Path) -> None:
        check = check_file(write_frames(tmp_path / "a.nd2", list(range(7))))
        assert check.is_sound
        assert "1 frame is blank, as not taken or lost: 5" in check.notes

    def test_a_compressed_frame_that_does_not_inflate_is_named(self, tmp_path: Path) -> None:
        path = write_frames(tmp_path / "a.nd2", [0, 1, 2], zlib_level=1)
        start, size = data_of(path, "ImageDataSeq|1!")
        flip(path, start + size // 2)
        (problem,) = problems(path)
        assert problem.startswith("frame 1 is damaged")

    def test_a_column_that_is_cut_short_is_named(self, tmp_path: Path) -> None:
        path = write_frames(tmp_path / "a.nd2", [0, 1, 2])
        places = places_of(path)
        places["CustomData|Heat!"] = places["CustomData|AcqFramesCache!"]
        start = places["CustomData|Heat!"].offset + 16
        content = path.read_bytes()
        name = b"CustomData|Heat!".ljust(26, b"\0")
        path.write_bytes(content[:start] + name + content[start + 26 :])
        del places["CustomData|AcqFramesCache!"]
        rewrite_map(path, places)
        (problem,) = problems(path)
        assert "Heat" in problem

    def test_damaged_metadata_without_digests_are_found_where_they_do_not_decode(
        self, tmp_path: Path
    ) -> None:
        path = write_frames(tmp_path / "a.nd2", [0, 1, 2])
        start, _ = data_of(path, "ImageTextInfoLV!")
        flip(path, start, bit=6)
        (problem,) = problems(path)
        assert problem.startswith("chunk ImageTextInfoLV!: damaged metadata")

    def test_a_damaged_mask_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nd2"
        layers = [MaskLayer(name="Cells")]
        attributes = ImageAttributes(width=32, height=24)
        with Nd2Writer(path, attributes, mask_layers=layers) as writer:
            writer.write_frame(noise(1))
            writer.write_mask("Cells", 0, noise(2) >> 15)
        assert problems(path) == ()
        (chunk,) = (name for name in places_of(path) if name.startswith("CustomDataSeq|"))
        start, size = data_of(path, chunk)
        flip(path, start + size // 2)
        (problem,) = problems(path)
        assert problem.startswith("mask Cells of frame 0 is damaged")

    def test_they_have_no_sources_to_compare_with(self, tmp_path: Path) -> None:
        (problem,) = problems(write_frames(tmp_path / "a.nd2", [0, 1, 2]), sources=True)
        assert problem.startswith("it does not list its sources")

    def test_frames_that_were_added_have_no_digests(self, tmp_path: Path) -> None:
        what = acquisition(t=2, p=1, z=1, channels=("DAPI",))
        write(tmp_path / "in", what)
        path = tmp_path / "a.nd2"
        convert_folder(tmp_path / "in", path, layout_of(what))
        with Nd2Writer.append(path, 1) as writer:
            writer.write_frame(noise(1))
        check = check_file(path, sources=True)
        assert check.problems == ()
        assert (check.frame_count, check.as_written, check.as_sources) == (3, 2, 2)
        assert check.notes == (
            "frames from number 2 on were added after the conversion; no digests of their pixels"
            " are recorded",
        )


class TestSources:
    """A file checked against its sources."""

    def test_a_source_of_other_pixels_is_named(self, converted: Path) -> None:
        source = a_source(converted)
        pixels = tifffile.imread(source)
        pixels[1, 2] ^= 1
        source.write_bytes(encode_frame(pixels))
        assert problems(converted, sources=True) == (
            f"source {source} has other pixels than frame 2",
        )

    def test_a_source_of_another_size_is_named(self, converted: Path) -> None:
        source = a_source(converted)
        size = source.stat().st_size
        with source.open("ab") as file:
            file.write(b"x")
        assert problems(converted, sources=True) == (
            f"source {source} has {size + 1} bytes; it had {size} at the conversion",
        )

    def test_a_source_of_another_time_only_is_a_note(self, converted: Path) -> None:
        source = a_source(converted)
        os.utime(source, ns=(0, 0))
        check = check_file(converted, sources=True)
        assert check.problems == ()
        assert check.as_sources == 4
        (note,) = check.notes
        assert note.endswith(f"another time of change than at the conversion, such as {source}")

    def test_a_missing_source_is_named(self, converted: Path) -> None:
        source = a_source(converted)
        source.unlink()
        check = check_file(converted, sources=True)
        assert check.problems == (f"source {source} is missing",)
        assert (check.as_written, check.as_sources) == (4, 3)

    def test_missing_sources_are_passed_over_where_that_is_wanted(self, converted: Path) -> None:
        first = a_source(converted)
        first.unlink()
        check = check_file(converted, sources=True, all_sources=False)
        assert check.problems == ()
        assert (check.as_written, check.as_sources) == (4, 3)
        for source in list(first.parent.iterdir()):
            source.unlink()
        assert check_file(converted, sources=True, all_sources=False).problems == ()
        first.parent.rmdir()
        check = check_file(converted, sources=True, all_sources=False)
        assert (check.problems, check.as_sources) == ((), 0)

    def test_a_source_that_is_no_image_any_more_is_named(self, converted: Path) -> None:
        source = a_source(converted)
        source.write_bytes(b"x" * source.stat().st_size)
        (problem,) = problems(converted, sources=True)
        assert f"{source} is not a TIFF file" in problem

    def test_a_source_turned_on_its_side_is_named(self, converted: Path) -> None:
        source = a_source(converted)
        source.write_bytes(encode_frame(np.ascontiguousarray(tifffile.imread(source).T)))
        (problem,) = problems(converted, sources=True)
        assert f"{source} is 4 x 8 uint16" in problem

    def test_moved_sources_are_found_in_the_folder_that_is_given(self, converted: Path) -> None:
        there = converted.parent / "archive" / "elsewhere"
        shutil.copytree(converted.parent / "in", there)
        shutil.rmtree(converted.parent / "in")
        (problem,) = problems(converted, sources=True)
        assert "in, is not there; name the one where they are by --sources FOLDER" in problem
        assert check_file(converted, sources=True, folder=there).as_sources == 4

    def test_a_wrong_folder_is_told_once(self, converted: Path) -> None:
        empty = converted.parent / "empty"
        empty.mkdir()
        assert problems(converted, sources=True, folder=empty) == (
            f"none of its 8 sources is in {empty}",
        )

    def test_a_damaged_frame_is_not_blamed_on_its_sources(self, converted: Path) -> None:
        start, _ = data_of(converted, "ImageDataSeq|2!")
        flip(converted, start + 8)
        check = check_file(converted, sources=True)
        assert check.problems == ("the pixels of frame 2 are not as they were written",)
        assert (check.as_written, check.as_sources) == (3, 4)

    def test_both_sides_are_told_when_both_changed(self, converted: Path) -> None:
        start, _ = data_of(converted, "ImageDataSeq|2!")
        flip(converted, start + 8)
        source = a_source(converted)
        source.write_bytes(encode_frame(tifffile.imread(source) ^ 1))
        assert len(problems(converted, sources=True)) == 2 + 1  # GFP; DAPI differs by the flip

    def test_sources_in_folders_are_found(self, tmp_path: Path) -> None:
        what = acquisition(t=2, p=1, z=1, pattern="xy{p}/{c}/t{t}.tif")
        write(tmp_path / "in", what)
        convert_folder(tmp_path / "in", tmp_path / "out.nd2", layout_of(what))
        assert check_file(tmp_path / "out.nd2", sources=True).as_sources == 2
        moved = tmp_path / "moved"
        shutil.move(tmp_path / "in", moved)
        for folder in (moved, moved / "xy1"):
            assert check_file(tmp_path / "out.nd2", sources=True, folder=folder).as_sources == 2
