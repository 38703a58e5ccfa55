"""Damaged files: read or refused by a FormatError, in bounded time and memory, whatever they hold.

A valid file is damaged in two ways: as it lies on the disk, or chunk by chunk with an intact
container around, so that the damage reaches the innermost decoders.
"""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    MaskLayer,
    Nd2Reader,
    Nd2Writer,
    NETimeLoop,
    Optics,
    Picture,
    Polygon,
    Provenance,
    RecordedColumn,
    Rectangle,
    Roi,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    ZStackLoop,
)
from nd2watch.nd2.provenance import FrameSources, SourceRecord
from tests.nd2.builders import (
    channels,
    chunks_of,
    file_of,
    frame_metadata,
    loops,
    random_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Change = tuple[str, float, int]
MOST_MEMORY = 64 << 20
READ_FRAMES = 9

thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)


def write_plain(path: Path) -> None:
    """Write a file with all kinds of metadata."""
    experiment = loops(2, 2, 2)
    columns = (
        RecordedColumn(name="Temperature", unit="°C"),
        RecordedColumn(name="Shots", kind="integer"),
        RecordedColumn(name="Note", kind="text"),
    )
    sources = tuple(
        FrameSources(
            digest="0" * 32, sources=(SourceRecord(name=f"{n}.tif", size=n, mtime_ns=n),) * 2
        )
        for n in range(8)
    )
    with Nd2Writer(
        path,
        ImageAttributes(width=7, height=5, component_count=2, frame_count=8),
        experiment=experiment,
        picture=Picture(
            channels=channels(2),
            optics=Optics(objective_name="Plan", magnification=20.0),
            pixel_size_um=0.5,
        ),
        text_info=TextInfo(description="a\nb", author="c"),
        recorded=columns,
        well_plate=WellPlate(name="plate", rows=2, columns=3),
        rois=(
            Roi(shape=Rectangle(x=1.0, y=1.0, width=2.0, height=3.0, rotation_deg=20.0)),
            Roi(shape=Polygon(points=((0.0, 0.0), (4.0, 0.0), (4.0, 4.0))), label="a"),
        ),
        mask_layers=(MaskLayer(name="cells"),),
        provenance=Provenance(software="software", sources_digest="0123", frames=sources),
    ) as writer:
        frames = random_frames((8, 5, 7, 2))
        for number, (frame, row) in enumerate(zip(frames, frame_metadata(experiment), strict=True)):
            values: dict[str, float | int | str]
            values = {"Temperature": 37.0, "Shots": number, "Note": "note"}
            metadata = FrameMetadata(
                time_ms=row.time_ms,
                x_um=row.x_um,
                z_um=row.z_um,
                exposure_ms=5.0,
                recorded=values,
                well=Well(row=number % 2, column=number % 3),
            )
            if number == 5:
                writer.skip_frame(metadata)
            else:
                writer.write_frame(frame, metadata)
            writer.write_mask("cells", number, frame[:, :, 0] % 3)


def write_compressed(path: Path) -> None:
    """Write a compressed file of colour frames."""
    phases = NETimeLoop(phases=(TimeLoop(count=1), TimeLoop(count=2)))
    with Nd2Writer(
        path,
        ImageAttributes(
            width=7, height=5, component_count=3, bits_in_memory=8, frame_count=6, zlib_level=6
        ),
        experiment=Experiment(loops=(ZStackLoop(count=2, bottom_to_top=False), phases)),
        picture=Picture(channels=(Channel(name="RGB", component_count=3),)),
        threads=1,
    ) as writer:
        for frame in random_frames((6, 5, 7, 3), np.uint8):
            writer.write_frame(frame)


class Sample:
    """A valid file; no dataclass, as hypothesis would print all of its content.

    Attributes
    ----------
    content : bytes
        Of the file.
    chunks : dict of str to bytes
        Data by name.
    path : Path
        Where damaged versions go.
    """

    def __init__(self, good: Path) -> None:
        self.chunks = chunks_of(good)
        self.content = good.read_bytes()
        self.path = good.with_name("damaged.nd2")


@pytest.fixture(scope="module", params=[write_plain, write_compressed], ids=["plain", "zlib"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = tmp_path_factory.mktemp("fuzz") / "good.nd2"
    write: Callable[[Path], None] = request.param
    write(path)
    return Sample(path)


def read_everything(path: Path) -> int:
    """Read all that the reader reads; return how much of it was not refused."""
    try:
        reader = Nd2Reader(path)
    except FormatError:
        return 0
    read = 0
    with reader:
        readers: list[Callable[[], object]] = [
            lambda: (reader.attributes, reader.sizes, reader.chunks, reader.channel_names),
            lambda: (reader.experiment.frame_count, reader.picture.julian_day),
            lambda: reader.text_info,
            lambda: reader.provenance,
            lambda: reader.frame_times_ms,
            lambda: reader.missing_frames,
            lambda: reader.recorded_columns(),
            lambda: reader.columns(),
            lambda: reader.frame_metadata(),
            lambda: reader.well_plate,
            lambda: reader.frame_wells,
            lambda: reader.rois,
            lambda: reader.mask_layers,
        ]
        for index in range(min(reader.attributes.frame_count, READ_FRAMES)):
            readers.append(lambda index=index: reader.read_frame(index))  # type: ignore[misc]
            readers.append(lambda index=index: reader.frame_time_ms(index))  # type: ignore[misc]
            readers.append(lambda index=index: reader.read_mask("cells", index))  # type: ignore[misc]
        for one in readers:
            try:
                one()
            except FormatError:
                continue
            read += 1
    return read


def assert_read_or_refused(path: Path, content: bytes) -> None:
    """Read a damaged file in bounded memory."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        read_everything(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


NUMBERS = [0, 1, 2, 3, 255, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62]
NUMBERS += [2**63, 2**64 - 1]
changes = st.tuples(
    st.sampled_from(["byte", "u32", "u64", "f64", "cut", "insert", "end", "repeat"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 255) | st.sampled_from(NUMBERS),
)


def changed(data: bytes, change: Change) -> bytes:
    """Return data with one change, at a fraction of their length."""
    kind, where, value = change
    at = int(where * len(data))
    if kind == "byte":
        return data[:at] + bytes([value & 0xFF]) + data[at + 1 :]
    if kind in ("u32", "u64", "f64"):
        form = {"u32": "<I", "u64": "<Q", "f64": "<Q"}[kind]
        mask = 0xFFFFFFFF if kind == "u32" else 2**64 - 1
        if kind == "f64":  # infinities, numbers that are none, the largest and smallest
            value = (0x7FF0000000000000, 0x7FF8000000000000, 0x7FEFFFFFFFFFFFFF, 1)[value % 4]
        new = struct.pack(form, value & mask)
        return data[:at] + new + data[at + len(new) :]
    if kind == "cut":
        return data[:at] + data[at + (value & 0xFF) :]
    if kind == "insert":
        return data[:at] + bytes([value & 0xFF]) * (value & 0x1F) + data[at:]
    if kind == "end":
        return data[:at]
    return data[:at] + data[at : at + (value & 0xFF)] * 2 + data[at + (value & 0xFF) :]


def test_the_valid_files_are_read_entirely(sample: Sample) -> None:
    sample.path.write_bytes(sample.content)
    whole = read_everything(sample.path)
    sample.path.write_bytes(file_of(sample.chunks))
    assert read_everything(sample.path) == whole
    assert whole > 13 + 2 * 5


@pytest.mark.timeout(60)
@thorough
@given(damage=st.lists(changes, min_size=1, max_size=4))
def test_a_file_damaged_anywhere(sample: Sample, damage: list[Change]) -> None:
    content = sample.content
    for change in damage:
        content = changed(content, change)
    assert_read_or_refused(sample.path, content)


@pytest.mark.timeout(60)
@thorough
@given(
    data=st.data(),
    damage=st.lists(changes, min_size=1, max_size=3),
)
def test_a_chunk_damaged_in_an_intact_file(
    sample: Sample, data: st.DataObject, damage: list[Change]
) -> None:
    chunks = dict(sample.chunks)
    for change in damage:
        name = data.draw(st.sampled_from(sorted(chunks)))
        chunks[name] = changed(chunks[name], change)
    assert_read_or_refused(sample.path, file_of(chunks))


def headers(content: bytes) -> list[int]:
    """Return where the numbers of headers and of the map's entries lie."""
    found = [at + 4 for at in range(0, len(content), 4096) if content[at : at + 4] == MAGIC]
    at = content.index(MAP_NAME) + len(MAP_NAME)
    while (end := content.index(b"!", at) + 1) < len(content) and content[at:end] != MAP_END:
        found += [end, end + 8]
        at = end + 16
    return [*found, len(content) - 8]


MAGIC = bytes.fromhex("dacebe0a")
MAP_NAME = b"ND2 FILEMAP SIGNATURE NAME 0001!"
MAP_END = b"ND2 CHUNK MAP SIGNATURE 0000001!"


@pytest.mark.timeout(60)
@thorough
@given(
    data=st.data(),
    number=st.sampled_from(NUMBERS) | st.integers(0, 1 << 18),
    size=st.sampled_from(["<I", "<Q"]),
    shift=st.sampled_from([0, 4]),
)
def test_a_wrong_size_or_offset(
    sample: Sample, data: st.DataObject, number: int, size: str, shift: int
) -> None:
    content = sample.content
    at = data.draw(st.sampled_from(headers(content))) + shift
    new = struct.pack(size, number & (2 ** (8 * struct.calcsize(size)) - 1))
    assert_read_or_refused(
        sample.path, (content[:at] + new + content[at + len(new) :])[: len(content)]
    )


DOUBLES = [0.0, -1.0, 1e-300, 5e-324, 1e308, -1e308, 3e18, float("inf"), float("nan")]
FIELDS = ["uiWidth", "uiWidthBytes", "uiHeight", "uiComp", "uiBpcInMemory", "uiSequenceCount"]
FIELDS += ["uiCount", "uiCompCount", "uiPeriodCount", "uiSampleIndex", "eType", "iType", "dZStep"]
FIELDS += ["dZLow", "dZHome", "dPosX", "dTimeAbsolute", "dCalibration", "uiColor", "eCompression"]


@pytest.mark.timeout(60)
@thorough
@given(
    numbers=st.dictionaries(
        st.sampled_from(FIELDS), st.sampled_from(NUMBERS) | st.integers(0, 8), min_size=1
    ),
)
@example(numbers={"uiSequenceCount": 2**31 - 1})
@example(numbers={"dZStep": 2, "dZLow": 4, "dZHome": 5})
@example(numbers={"dTimeAbsolute": 4, "dCalibration": 7})
@example(numbers={"uiHeight": 2**31 - 1})
@example(numbers={"uiHeight": 2**31 - 1, "uiSequenceCount": 2**31 - 1, "uiCount": 2**31 - 1})
def test_a_wrong_number_in_a_field(sample: Sample, numbers: dict[str, int]) -> None:
    chunks = dict(sample.chunks)
    for key, number in numbers.items():
        name = key.encode("utf-16-le") + b"\0\0"
        for chunk, data in chunks.items():
            if (at := data.find(name)) >= 0:
                at += len(name)
                new = struct.pack("<Q", number)[:4]
                if key.startswith("d"):
                    new = struct.pack("<d", DOUBLES[number % len(DOUBLES)])
                chunks[chunk] = data[:at] + new + data[at + len(new) :]
    assert_read_or_refused(sample.path, file_of(chunks))
