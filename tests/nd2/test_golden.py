"""Our files are made like a genuine one; docs/format.md tells every difference."""

from __future__ import annotations

import re
import struct
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
from nd2.structures import Channel as ChannelOfNd2
from nd2.structures import FrameMetadata as FrameMetadataOfNd2
from nd2.structures import Metadata as MetadataOfNd2

from nd2watch.nd2 import Modality, Nd2Reader
from nd2watch.nd2.chunks import read_map
from tests.nd2.dissect import BLOCK, MAP_END, chunks, survey, tree_fields
from tests.nd2.golden import FRAMES, load_golden_file, write_confocal, write_extras

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.nd2.dissect import Chunk

pytestmark = pytest.mark.timeout(600)  # the first run downloads 19 MB

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def genuine_path() -> Path:
    """Return the genuine file."""
    return load_golden_file()


@pytest.fixture(scope="module")
def genuine(genuine_path: Path) -> list[Chunk]:
    """Return the chunks of the genuine file."""
    return chunks(genuine_path)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> list[Chunk]:
    """Return the chunks of a file of ours with the content of the genuine one."""
    return chunks(write_confocal(tmp_path_factory.mktemp("own") / "confocal.nd2"))


@pytest.fixture(scope="module")
def own_extras(tmp_path_factory: pytest.TempPathFactory) -> list[Chunk]:
    """Return the chunks of a file of ours with what the genuine one has not."""
    return chunks(write_extras(tmp_path_factory.mktemp("own") / "extras.nd2", 16))


@pytest.fixture(scope="module")
def own_floats(tmp_path_factory: pytest.TempPathFactory) -> list[Chunk]:
    """Return the chunks of the same file with float samples."""
    return chunks(write_extras(tmp_path_factory.mktemp("own") / "floats.nd2", 32))


@pytest.fixture(params=["genuine", "own", "own_extras", "own_floats"])
def file(request: pytest.FixtureRequest) -> list[Chunk]:
    """Return the chunks of each of the files."""
    found: list[Chunk] = request.getfixturevalue(request.param)
    return found


def by_name(file: Sequence[Chunk]) -> dict[str, Chunk]:
    """Return the chunks of a file by their names."""
    return {chunk.name: chunk for chunk in file}


def is_frame(chunk: Chunk) -> bool:
    """Tell whether a chunk holds a frame."""
    return chunk.name.startswith("ImageDataSeq|")


def trees(file: Sequence[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks that hold a tree."""
    for chunk in file[1:-1]:
        if "LV" in chunk.name or chunk.name == "CustomData|RoiMetadata_v1!":
            yield chunk


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the page."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


def code(cell: str) -> list[str]:
    """Return what a cell has as code."""
    return re.findall("`([^`]+)`", cell)


def patterns(title: str) -> list[str]:
    """Return the paths, with wildcards, that a table of the page lists."""
    return [
        f"{chunk}/{field}" if field else chunk
        for names, fields, _ in rows(title)
        for chunk in code(names)
        for field in code(fields) or [""]
    ]


def covers(pattern: str, path: str) -> bool:
    """Tell whether a pattern stands for a path or for something above it."""
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*")


def assert_lists(title: str, paths: set[str], others: set[str]) -> None:
    """Check that a table lists the paths, nothing else, and none of the others."""
    listed = patterns(title)
    table = f'docs/format.md, "{title}"'
    rest = [path for path in sorted(paths) if not any(covers(p, path) for p in listed)]
    assert not rest, f"{table} does not list {rest}"
    stale = [p for p in listed if not any(covers(p, path) for path in paths)]
    assert not stale, f"{table} lists {stale}, of which there is nothing"
    wide = [p for p in listed if any(covers(p, path) for path in others)]
    assert not wide, f"{table}: {wide} also stand for other fields"


def test_fields_that_both_write_have_the_same_type(
    genuine: list[Chunk], own: list[Chunk], own_extras: list[Chunk]
) -> None:
    theirs = survey(genuine)
    for file, at_least in ((own, 200), (own_extras, 150)):
        ours = survey(file)
        both = theirs.keys() & ours.keys()
        assert {path: ours[path] for path in both} == {path: theirs[path] for path in both}
        assert len(both) > at_least


def test_fields_that_only_we_write_have_the_type_that_their_name_begins_with(
    genuine: list[Chunk], own: list[Chunk], own_extras: list[Chunk], own_floats: list[Chunk]
) -> None:
    types = {"b": "bool", "i": "int32", "ui": "uint32", "d": "double", "ws": "string"}
    ours = survey(own) | survey(own_extras) | survey(own_floats)
    checked = 0
    for path in ours.keys() - survey(genuine).keys():
        prefix = re.fullmatch(r"(?:.*/)?(?:m_)?(b|i|ui|d|ws)[A-Z]\w*", path)
        # XML names its types otherwise, and dPosName is the one exception.
        if prefix and not path.startswith("CustomDataVar|") and not path.endswith("/dPosName"):
            assert ours[path] == {types[prefix[1]]}, path
            checked += 1
    assert checked > 60


def test_phases_have_the_fields_of_a_time_loop(own: list[Chunk], own_extras: list[Chunk]) -> None:
    loop, phase = (
        {
            path.removeprefix(above): kinds
            for path, kinds in survey(file).items()
            if path.startswith(above)
        }
        for file, above in (
            (own, "ImageMetadataLV/uLoopPars/"),
            (own_extras, "ImageMetadataLV/uLoopPars/pPeriod/#/"),
        )
    )
    assert phase == loop


def test_fields_that_only_we_write_are_documented(genuine: list[Chunk], own: list[Chunk]) -> None:
    theirs, ours = survey(genuine).keys(), survey(own).keys()
    assert_lists("Only in files of nd2watch", ours - theirs, set(theirs))


def test_fields_that_we_leave_out_are_documented(genuine: list[Chunk], own: list[Chunk]) -> None:
    theirs, ours = survey(genuine).keys(), survey(own).keys()
    assert_lists("Left out", theirs - ours, set(ours))


def test_fields_of_other_content_are_documented(
    genuine: list[Chunk], own: list[Chunk], own_extras: list[Chunk], own_floats: list[Chunk]
) -> None:
    known = survey(genuine) | survey(own)
    others = (survey(own_extras) | survey(own_floats)).keys() - known.keys()
    listed = patterns("Only in files of nd2watch")
    new = {
        path
        for path in others
        if path.split("/")[0] in known and not any(covers(p, path) for p in listed)
    }
    assert_lists("With other content", new, set(known))


def test_chunks_that_we_write_are_documented(
    genuine: list[Chunk], own: list[Chunk], own_extras: list[Chunk]
) -> None:
    written = {path for path in survey(own) | survey(own_extras) if "/" not in path}
    theirs = {path for path in survey(genuine) if "/" not in path}
    table = [(name, row[-1]) for row in rows("Chunks") for name in code(row[0])]
    new = [path for path in written if not any(covers(name, path) for name, _ in table)]
    assert not new, f'docs/format.md, "Chunks" does not list {new}'
    for name, genuine_file in table:
        assert any(covers(name, path) for path in written), f"{name} is not written"
        has = any(covers(name, path) for path in theirs)
        assert genuine_file == ("has it" if has else "lacks it"), name


@pytest.mark.parametrize("name", ["ImageAttributesLV!", "ImageCalibrationLV|0!"])
def test_size_and_calibration_are_the_same_byte_for_byte(
    name: str, genuine: list[Chunk], own: list[Chunk]
) -> None:
    assert by_name(own)[name].data == by_name(genuine)[name].data


def test_the_description_begins_with_the_same_sizes(genuine: list[Chunk], own: list[Chunk]) -> None:
    for file in (genuine, own):
        texts = {f.path: f.value for f in tree_fields(by_name(file)["ImageTextInfoLV!"].data)}
        assert texts["TextInfoItem_5"].startswith("Dimensions: T(3) x Z(10)")


def test_no_level_has_a_name_twice_but_one_of_the_genuine_file(
    genuine: list[Chunk], own: list[Chunk]
) -> None:
    assert repeated(own) == set()
    assert repeated(genuine) == {("ppNextLevelEx/#/uLoopPars", "dZLow")}


def repeated(file: Sequence[Chunk]) -> set[tuple[str, str]]:
    """Return the names that a level has more than once, with its path; lists have none."""
    return {
        (field.path, name)
        for chunk in trees(file)
        for field in tree_fields(chunk.data)
        if field.kind.startswith("level")
        for name, count in Counter(field.value).items()
        if name and count > 1
    }


def test_tables_of_levels_are_in_the_order_of_names(file: list[Chunk]) -> None:
    for chunk in trees(file):
        for field in tree_fields(chunk.data):
            if field.kind.startswith("level"):
                names = [name.encode("utf-16-le") for name in field.value]
                assert names == sorted(names), f"{chunk.name} {field.path}"


def test_items_of_lists_have_no_name_at_all(genuine: list[Chunk], own: list[Chunk]) -> None:
    for file in (genuine, own):
        names = {
            field.name_units
            for chunk in trees(file)
            for field in tree_fields(chunk.data)
            if field.path.rpartition("/")[2] == "#"
        }
        assert names == {0}


def test_the_file_begins_with_its_signature(file: list[Chunk]) -> None:
    first = file[0]
    assert (first.name, first.name_size) == ("ND2 FILE SIGNATURE CHUNK NAME01!", 32)
    assert first.data == b"Ver3.0".ljust(64, b"\0")


def test_chunks_begin_on_boundaries_with_zeros_between(file: list[Chunk]) -> None:
    assert [chunk.offset % BLOCK for chunk in file] == [0] * len(file)
    assert not [chunk for chunk in file if (chunk.padding + chunk.fill).strip(b"\0")]


def test_data_of_metadata_end_on_a_boundary(file: list[Chunk]) -> None:
    for chunk in file[1:-1]:
        if not is_frame(chunk):
            size = 16 + len(chunk.name) + 20 + len(chunk.data)
            assert chunk.end - chunk.offset == -(-size // BLOCK) * BLOCK, chunk.name


def test_pixels_begin_on_a_boundary_after_the_time(file: list[Chunk]) -> None:
    frames = [chunk for chunk in file if is_frame(chunk)]
    times = np.frombuffer(by_name(file)["CustomData|AcqTimesCache!"].data, "<f8")
    assert [chunk.name for chunk in frames] == [f"ImageDataSeq|{n}!" for n in range(len(frames))]
    assert {chunk.data_offset - chunk.offset for chunk in frames} == {BLOCK - 8}
    assert [struct.unpack("<d", chunk.data[:8])[0] for chunk in frames] == times.tolist()


def test_chunks_are_in_the_same_order_except_for_the_attributes(
    genuine: list[Chunk], own: list[Chunk]
) -> None:
    theirs, ours = (
        [chunk.name for chunk in file if chunk.name.startswith("Image")] for file in (genuine, own)
    )
    assert theirs[-1] == ours[0] == "ImageAttributesLV!"
    assert theirs[:-1] == ours[1:]


def test_frames_have_the_same_size(genuine: list[Chunk], own: list[Chunk]) -> None:
    sizes = [{len(chunk.data) for chunk in file if is_frame(chunk)} for file in (genuine, own)]
    assert sizes == [{8 + 31 * 38 * 2 * 2}] * 2


def test_the_map_lists_all_chunks_in_falling_order(file: list[Chunk]) -> None:
    last = file[-1]
    assert (last.name, last.name_size) == ("ND2 FILEMAP SIGNATURE NAME 0001!", 32)
    mark = MAP_END + struct.pack("<Q", last.offset)
    listed = sorted(file[1:-1], key=lambda chunk: chunk.name.encode(), reverse=True)
    entries = b"".join(
        chunk.name.encode() + struct.pack("<QQ", chunk.offset, len(chunk.data)) for chunk in listed
    )
    assert last.data.startswith(entries + mark)
    assert last.data.endswith(mark)
    assert not last.data[len(entries + mark) : -len(mark)].strip(b"\0")
    assert last.end % BLOCK == 0


def test_our_map_reader_finds_what_walking_finds(genuine_path: Path) -> None:
    with genuine_path.open("rb") as file:
        listed = read_map(file)
    found = {chunk.name: (chunk.offset, len(chunk.data)) for chunk in chunks(genuine_path)[1:-1]}
    assert {name: (place.offset, place.data_size) for name, place in listed.items()} == found


def test_our_reader_sees_the_frames_that_nd2_sees(genuine_path: Path) -> None:
    with Nd2Reader(genuine_path) as reader, nd2.ND2File(genuine_path) as other:
        assert reader.sizes == dict(other.sizes)
        assert reader.missing_frames == ()
        expected = np.moveaxis(other.asarray().reshape(FRAMES, 2, 31, 38), 1, -1)
        for index in range(FRAMES):
            np.testing.assert_array_equal(reader.read_frame(index), expected[index])
            seen = other.frame_metadata(index)
            assert isinstance(seen, FrameMetadataOfNd2)
            assert reader.frame_times_ms[index] == seen.channels[0].time.relativeTimeMs


def test_our_reader_sees_the_columns_that_nd2_sees(genuine_path: Path) -> None:
    with Nd2Reader(genuine_path) as reader, nd2.ND2File(genuine_path) as other:
        columns = reader.columns().values()
        table = other.events(orient="list")
    assert len(columns) == 16
    for column, values in columns:
        title = f"{column.name} [{column.unit}]" if column.unit else column.name
        np.testing.assert_array_equal(values, table[title])


def test_our_reader_sees_the_optics_that_nd2_sees(genuine_path: Path) -> None:
    with Nd2Reader(genuine_path) as reader, nd2.ND2File(genuine_path) as other:
        optics = reader.picture.optics
        for own, theirs in zip(reader.picture.channels, channels_of(other), strict=True):
            color, microscope = theirs.channel.color, theirs.microscope
            assert own.name == theirs.channel.name
            assert own.color == color.r << 16 | color.g << 8 | color.b
            assert own.emission_nm == theirs.channel.emissionLambdaNm
            assert own.optics is None
            assert own.pinhole_um == microscope.pinholeDiameterUm
            assert reader.pixel_size_um == theirs.volume.axesCalibration[0]
            assert optics.objective_name == microscope.objectiveName
            assert optics.numerical_aperture == microscope.objectiveNumericalAperture
            assert optics.immersion_index == microscope.immersionRefractiveIndex
            assert optics.zoom == microscope.zoomMagnification
        confocal = Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL
        assert {channel.microscope for channel in reader.picture.channels} == {"Ti Microscope"}
        assert [channel.modality for channel in reader.picture.channels] == [
            confocal | Modality.GAASP,
            confocal | Modality.PMT,
        ]


def test_our_reader_sees_the_excitation_that_nd2_sees(genuine_path: Path) -> None:
    with Nd2Reader(genuine_path) as reader, nd2.ND2File(genuine_path) as other:
        own = [channel.excitation_nm for channel in reader.picture.channels]
        assert own == [channel.channel.excitationLambdaNm for channel in channels_of(other)]


def channels_of(file: nd2.ND2File) -> Sequence[ChannelOfNd2]:
    """Return the channels that nd2 sees."""
    assert isinstance(file.metadata, MetadataOfNd2)
    assert file.metadata.channels
    return file.metadata.channels
