"""Where a file comes from, as it is stored in the file."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import FrameMetadata, ImageAttributes, Nd2Reader, Nd2Writer, Provenance
from nd2watch.nd2.chunks import read_data, read_map
from nd2watch.nd2.provenance import ChunkDigest, FrameSources, SourceRecord, content_digest
from tests.nd2.builders import quick

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "0123456789abcdef" * 2
XML = "CustomDataVar|Nd2WatchProvenanceV1_0!"
LIST = "CustomData|Nd2WatchSourcesZJSON!"

texts = st.text(st.characters(exclude_characters="\0"), max_size=12)
names = st.lists(
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=6).filter(
        lambda part: part != ".."
    ),
    min_size=1,
    max_size=3,
).map("/".join)
records = st.builds(
    SourceRecord,
    name=names,
    size=st.integers(0, 2**40),
    mtime_ns=st.integers(-(2**40), 2**63),
    plane=st.integers(0, 2**20),
    by_page=st.booleans(),
)
frames = st.builds(
    FrameSources,
    digest=st.binary(min_size=16, max_size=16).map(bytes.hex),
    sources=st.lists(records, max_size=3).map(tuple),
)


def of_frames(*sources: FrameSources) -> Provenance:
    return Provenance(software="nd2watch 1.0", sources_digest="0f", folder="/in", frames=sources)


def frame(*source_names: str) -> FrameSources:
    records = (SourceRecord(name=name, size=5, mtime_ns=7) for name in source_names)
    return FrameSources(digest=DIGEST, sources=tuple(records))


def listed(value: Provenance, stored: bytes | None = None) -> Provenance:
    """Return a value after it was stored, or `stored` was in place of its list."""
    bare = Provenance.decode(value.encode())
    stored = value.encode_list() if stored is None else stored
    return bare.with_list(stored, frames=max(len(value.frames), 1), components=3)


@quick
@given(layout=texts, folder=texts, sources=st.lists(frames, max_size=4))
def test_it_reads_back(layout: str, folder: str, sources: list[FrameSources]) -> None:
    value = replace(of_frames(*sources), layout=layout, folder=folder)
    assert listed(value) == value


def test_names_that_are_no_utf_8_read_back() -> None:
    name = b"caf\xe9/\xff_t1.tif".decode("utf-8", "surrogateescape")
    value = replace(of_frames(frame(name)), folder="/in\udcff")
    assert listed(value) == value
    assert b"\\udce9/\\udcff_t1.tif" in zlib.decompress(value.encode_list())
    assert "/in\N{REPLACEMENT CHARACTER}".encode() in value.encode()


def test_the_list_is_json_with_a_line_for_each_frame() -> None:
    text = zlib.decompress(of_frames(frame("a.tif", "b.tif"), frame("c.tif")).encode_list())
    assert text.isascii()
    assert len(text.splitlines()) == 4
    assert json.loads(text) == {
        "version": 1,
        "layout": "",
        "folder": "/in",
        "chunks": {},
        "frames": [
            [DIGEST, [["a.tif", 5, 7], ["b.tif", 5, 7]]],
            [DIGEST, [["c.tif", 5, 7]]],
        ],
    }


def test_the_xml_alone_tells_what_is_common() -> None:
    value = replace(of_frames(frame("a.tif")), layout="t{t}.tif")
    assert Provenance.decode(value.encode()) == replace(value, frames=())


def test_a_small_list_that_inflates_to_gigabytes_is_refused() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    assert len(bomb) < 100_000
    with pytest.raises(FormatError, match="holds more than"):
        listed(of_frames(frame("a.tif")), bomb)


HEAD = b'{"version": 1, "layout": "", "folder": "", "chunks": {}, "frames": [\n'


def text_with(line: bytes) -> bytes:
    return zlib.compress(HEAD + line + b"\n]}")


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="no zlib stream"),
        pytest.param(of_frames(frame("a")).encode_list()[:-5], id="cut"),
        pytest.param(zlib.compress(b""), id="nothing"),
        pytest.param(zlib.compress(b"[]"), id="a list"),
        pytest.param(zlib.compress(HEAD), id="no end"),
        pytest.param(zlib.compress(HEAD.replace(b'"folder"', b'"volder"')), id="no folder"),
        pytest.param(zlib.compress(HEAD.replace(b'"folder": ""', b'"folder": 1')), id="a number"),
        pytest.param(text_with(b"[" * 100_000), id="deep"),
        pytest.param(text_with(b"1"), id="a number for a frame"),
        pytest.param(text_with(b'["", []]'), id="no digest"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["a", 1]]]'), id="no time"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["a", "1", 1]]]'), id="text size"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["a", 1, 1.5]]]'), id="fraction"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["../a", 1, 1]]]'), id="upwards"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["/a", 1, 1]]]'), id="absolute"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["", 1, 1]]]'), id="no name"),
        pytest.param(text_with(b'["' + DIGEST.encode() + b'", [["a\\u0000", 1, 1]]]'), id="NUL"),
    ],
)
def test_a_damaged_list_is_refused(stored: bytes) -> None:
    with pytest.raises(FormatError):
        listed(of_frames(frame("a.tif")), stored)


def write(path: Path, provenance: Provenance | None, later: Provenance | None = None) -> Path:
    """Write a frame of zeros, and tell where it comes from before or after that."""
    attributes = ImageAttributes(width=4, height=3)
    with Nd2Writer(path, attributes, provenance=provenance) as writer:
        writer.write_frame(np.zeros((3, 4), np.uint16), FrameMetadata(time_ms=5))
        if later is not None:
            writer.set_provenance(later)
    return path


def test_it_may_be_told_when_the_frames_are_written(tmp_path: Path) -> None:
    first = Provenance(software="a", sources_digest="0")
    later = of_frames(frame("a.tif"))
    with Nd2Reader(write(tmp_path / "a.nd2", first, later)) as reader:
        assert reader.provenance is not None
        assert replace(reader.provenance, chunks=()) == later


def test_without_frames_no_list_is_written(tmp_path: Path) -> None:
    value = Provenance(software="a", sources_digest="0", layout="t{t}.tif", folder="/in")
    with Nd2Reader(write(tmp_path / "a.nd2", value)) as reader:
        assert LIST not in reader.chunks
        assert reader.provenance == value


def test_files_of_older_versions_have_less(tmp_path: Path) -> None:
    old = (
        b'<?xml version="1.0" encoding="UTF-8"?><variant version="1.0"><Nd2WatchProvenance_v1.0'
        b' runtype="CLxListVariant"><Software runtype="CLxStringW" value="nd2watch 0.1.0" />'
        b'<SourcesDigest runtype="CLxStringW" value="0f" /></Nd2WatchProvenance_v1.0></variant>'
    )
    assert Provenance.decode(old) == Provenance(software="nd2watch 0.1.0", sources_digest="0f")


def test_a_digest_of_all_metadata_is_recorded_with_the_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nd2", of_frames(frame("a.tif")))
    with Nd2Reader(path) as reader, path.open("rb") as file:
        assert reader.provenance is not None
        recorded = reader.provenance.chunks
        places = read_map(file)
        data = {name: read_data(file, name, place) for name, place in places.items()}
    assert recorded == tuple(
        ChunkDigest(name=name, offset=places[name].offset, digest=content_digest(data[name]))
        for name in sorted(data.keys() - {"ImageDataSeq|0!", LIST})
    )
    assert XML in [chunk.name for chunk in recorded]
