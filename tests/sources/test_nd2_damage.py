"""ND2 files that are not whole, damaged, or none at all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceChanged, SourceError
from nd2watch.nd2 import Nd2Reader
from nd2watch.sources import PlaneReader, SourcePlane, open_frame, read_frame
from tests.nd2.builders import chunks_of, file_of, random_frames
from tests.sources.nd2_files import TIMES, write, write_full

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_whole_file_of_damaged_metadata_is_refused_for_good(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    write_full(path)
    path.write_bytes(file_of(chunks_of(path) | {"ImageMetadataSeqLV|0!": b"damaged"}))
    with pytest.raises(FrameUnreadable, match=r"a\.nd2: damaged metadata.*cannot be read"):
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
