"""ND2 files that are not whole, damaged, or none at all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import (
    FormatError,
    FrameIncomplete,
    FrameUnreadable,
    SourceChanged,
    SourceError,
)
from nd2watch.nd2 import Channel, ImageAttributes, Nd2Reader, Picture
from nd2watch.nd2.lite_variant import encode
from nd2watch.sources import PAGES, PlaneReader, SourcePlane, open_frame, read_frame
from tests.nd2.builders import chunks_of, file_of, random_frames
from tests.sources.nd2_files import TIMES, write, write_full

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.sources import SourceInfo
    from tests.nd2.builders import Pixels

UNFINISHED = {"empty": 0.0, "four bytes": 4, "a tenth": 0.1, "half": 0.5, "one byte short": -1}


@pytest.mark.parametrize("end", UNFINISHED.values(), ids=UNFINISHED)
def test_a_file_that_may_still_grow_is_incomplete(tmp_path: Path, end: float) -> None:
    path = tmp_path / "a.nd2"
    write_full(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(end * len(data)) if isinstance(end, float) else end])
    with pytest.raises(FrameIncomplete, match=r"a\.nd2"):
        open_frame(path)
    path.write_bytes(bytes(len(data)))
    with pytest.raises(FrameIncomplete, match="begins with zeros"):
        open_frame(path)


def test_files_that_are_no_nd2_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    for data in (b"II*\0rest", bytes.fromhex("0000000c6a5020200d0a870a")):
        path.write_bytes(data)
        with pytest.raises(
            FrameUnreadable, match=r"not a version 3 ND2 file: it begins with .*save it anew"
        ):
            open_frame(path)


LOOPS, PICTURE = "ImageMetadataLV!", "ImageMetadataSeqLV|0!"


def utf16(text: str) -> bytes:
    """Return a text as metadata hold it."""
    return text.encode("utf-16-le")


def read_all(path: Path) -> tuple[SourceInfo, list[Pixels]]:
    """Return what a file tells, and all of its planes."""
    frame = open_frame(path)
    with PlaneReader() as reader:
        planes = range(frame.info.plane_count)
        return frame.info, [reader.read(SourcePlane(file=frame, index=n)) for n in planes]


@pytest.mark.parametrize(
    ("found", "damaged"),
    [
        (utf16("dMinPeriodDiff"), utf16("dMinPeriodDifX")),
        (utf16("uLoopPars"), utf16("uLoopParX")),
        (utf16("Well 1"), utf16("Well ") + b"\0\xd8"),
        (None, b"damaged"),
        (None, b""),
    ],
)
def test_damaged_loops_leave_frames_as_pages(
    tmp_path: Path, found: bytes | None, damaged: bytes
) -> None:
    path = tmp_path / "a.nd2"
    pixels = write_full(path)
    chunks = chunks_of(path)
    assert found is None or found in chunks[LOOPS]
    whole = chunks[LOOPS]
    chunks[LOOPS] = damaged if found is None else whole.replace(found, damaged)
    path.write_bytes(file_of(chunks))
    info, planes = read_all(path)
    assert info.axes == ((PAGES, 12), ("c", 2))
    assert [channel.name for channel in info.channels] == ["DAPI", "Ph"]
    assert info.plane(2).time_ms == 350.0
    np.testing.assert_array_equal(planes, np.moveaxis(pixels, -1, 1).reshape(24, 4, 5))
    with pytest.raises(FormatError):
        Nd2Reader(path)


@pytest.mark.parametrize("damaged", [b"damaged", b"", None, b"camera"])
def test_damaged_picture_metadata_leave_channels_numbered(
    tmp_path: Path, damaged: bytes | None
) -> None:
    path = tmp_path / "a.nd2"
    pixels = write_full(path)
    chunks = chunks_of(path)
    if damaged == b"camera":
        damaged = chunks[PICTURE].replace(utf16("PMT 1"), utf16("PMT") + b"\0\xd8\0\xd8")
    if damaged is None:
        del chunks[PICTURE]
    else:
        chunks[PICTURE] = damaged
    path.write_bytes(file_of(chunks))
    info, planes = read_all(path)
    assert info.axes == (("t", 2), ("p", 3), ("z", 2), ("c", 2))
    assert [channel.name for channel in info.channels] == ["Channel 1", "Channel 2"]
    assert (info.pixel_size_um, info.started) == (None, None)
    np.testing.assert_array_equal(planes, np.moveaxis(pixels, -1, 1).reshape(24, 4, 5))
    with pytest.raises(FormatError):
        Nd2Reader(path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("GFP", "GFP"), ("GFP 1", "GFP 2")),
        (("   ", "Cy3"), ("Channel 1", "Cy3")),
        (("\x07\x07\x07", "Cy3"), ("Channel 1", "Cy3")),
        (("   ", "   "), ("Channel 1", "Channel 2")),
    ],
)
def test_channel_names_at_fault_cost_nothing_else(
    tmp_path: Path, names: tuple[str, str], expected: tuple[str, str]
) -> None:
    channels = (Channel(name="aaa", emission_nm=450.5), Channel(name="bbb"))
    picture = Picture(channels=channels, pixel_size_um=0.108)
    path = write(tmp_path / "a.nd2", random_frames((1, 4, 5, 2)), picture=picture)
    chunks = chunks_of(path)
    for channel, name in zip(channels, names, strict=True):
        chunks[PICTURE] = chunks[PICTURE].replace(utf16(channel.name), utf16(name))
    path.write_bytes(file_of(chunks))
    info = open_frame(path).info
    assert tuple(channel.name for channel in info.channels) == expected
    assert (info.pixel_size_um, info.channels[0].emission_nm) == (0.108, 450.5)
    with pytest.raises(FormatError, match="name"):
        Nd2Reader(path)


def test_a_whole_file_of_damaged_attributes_is_refused_for_good(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    write_full(path)
    path.write_bytes(file_of(chunks_of(path) | {"ImageAttributesLV!": b"damaged"}))
    with pytest.raises(FrameUnreadable, match=r"a\.nd2: damaged metadata.*cannot be read"):
        open_frame(path)


@pytest.mark.parametrize(("zlib_level", "count"), [(None, 3), (None, 2**31 - 1), (6, 2**25)])
def test_a_wrong_number_of_components_is_refused_while_opening(
    tmp_path: Path, zlib_level: int | None, count: int
) -> None:
    path = write(tmp_path / "a.nd2", random_frames((1, 64, 64, 2)), zlib_level=zlib_level)
    chunks = chunks_of(path)
    attributes = ImageAttributes(
        width=1, height=1, component_count=count, bits_in_memory=8, zlib_level=zlib_level
    )
    stored = encode("SLxImageAttributes", attributes.encode())
    path.write_bytes(file_of(chunks | {"ImageAttributesLV!": stored}))
    with pytest.raises(FrameUnreadable, match=r"a\.nd2.*cannot be read"):
        open_frame(path)


def test_damaged_pixels_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nd2", random_frames((2, 4, 5, 1)), [TIMES], zlib_level=6)
    chunks = chunks_of(path)
    data = chunks["ImageDataSeq|1!"]
    path.write_bytes(file_of(chunks | {"ImageDataSeq|1!": data[:20] + bytes(len(data) - 20)}))
    frame = open_frame(path)
    read_frame(frame, 0)
    with pytest.raises(FrameUnreadable, match=r"a\.nd2"):
        read_frame(frame, 1)


def test_a_file_that_is_replaced_is_not_read(tmp_path: Path) -> None:
    write_full(tmp_path / "a.nd2")
    write_full(tmp_path / "b.nd2")
    frame = open_frame(tmp_path / "a.nd2")
    (tmp_path / "b.nd2").replace(tmp_path / "a.nd2")
    with pytest.raises(SourceChanged):
        read_frame(frame)


def test_a_file_that_is_replaced_while_it_is_opened_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_full(tmp_path / "a.nd2")
    write_full(tmp_path / "b.nd2")
    frame = open_frame(tmp_path / "a.nd2")
    genuine = Nd2Reader.__init__

    def replacing(reader: Nd2Reader, path: Path, *rest: Any) -> None:
        (tmp_path / "b.nd2").replace(tmp_path / "a.nd2")
        genuine(reader, path, *rest)

    monkeypatch.setattr(Nd2Reader, "__init__", replacing)
    with pytest.raises(SourceChanged, match="replaced while it was opened"):
        read_frame(frame)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, dict[str, bytes]]:
    """Return a path for damaged files, and bytes and chunks of the whole one."""
    path = tmp_path_factory.mktemp("damage") / "a.nd2"
    write_full(path)
    return path, path.read_bytes(), chunks_of(path)


def assert_only_source_errors(path: Path) -> None:
    """Read everything."""
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        with PlaneReader() as reader:
            for index in range(frame.info.plane_count):
                found = reader.read(SourcePlane(file=frame, index=index))
                assert found.shape == frame.info.shape


quick = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
bytes_of_damage = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12
)


@quick
@given(damage=bytes_of_damage)
def test_no_damage_raises_anything_but_source_errors(
    sample: tuple[Path, bytes, dict[str, bytes]], damage: list[tuple[float, int]]
) -> None:
    path, whole, _ = sample
    data = bytearray(whole)
    for place, value in damage:
        data[int(place * len(data))] = value
    path.write_bytes(data)
    assert_only_source_errors(path)


@quick
@given(data=st.data(), damage=bytes_of_damage)
def test_no_damage_within_chunks_raises_anything_but_source_errors(
    sample: tuple[Path, bytes, dict[str, bytes]],
    data: st.DataObject,
    damage: list[tuple[float, int]],
) -> None:
    path, _, whole = sample
    chunks = {name: bytearray(content) for name, content in whole.items()}
    for place, value in damage:
        content = chunks[data.draw(st.sampled_from(sorted(chunks)))]
        content[int(place * len(content))] = value
    path.write_bytes(file_of({name: bytes(content) for name, content in chunks.items()}))
    assert_only_source_errors(path)
