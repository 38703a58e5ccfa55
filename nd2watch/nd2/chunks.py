"""Chunks of an ND2 file: their headers, padding, and the chunk map at the end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlace:
    """Where a chunk lies in its file.

    Attributes
    ----------
    offset : int
        Byte offset of the chunk's header.
    data_size : int
        Bytes of data, without name and padding.
    """

    offset: int
    data_size: int


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a chunk.

    Raises
    ------
    FormatError
        If it is not printable ASCII that ends in its only ``!``.
    """
    if not (name.isascii() and name.isprintable() and name.find("!") == len(name) - 1 > 0):
        raise FormatError(f"{name!r} is no name for a chunk: ASCII, with ! at its end only")


def encode_header(name: str, name_size: int, data_size: int) -> bytes:
    """Return header, name and zero padding of a chunk; its data follow directly."""
    return spec.CHUNK_HEADER.pack(spec.CHUNK_MAGIC, name_size, data_size) + name.encode(
        "ascii"
    ).ljust(name_size, b"\0")


def encode_signature() -> bytes:
    """Return the file signature chunk, the first 4096 bytes of every file."""
    name = spec.SIGNATURE_NAME.decode("ascii")
    chunk = encode_header(name, len(name), len(spec.SIGNATURE_DATA)) + spec.SIGNATURE_DATA
    return chunk.ljust(spec.ALIGNMENT, b"\0")


def encode_metadata(name: str, data: bytes) -> bytes:
    """Return a metadata chunk: its data end on a boundary, the slack follows the name."""
    return encode_metadata_header(name, len(data)) + data


def encode_metadata_header(name: str, data_size: int) -> bytes:
    """Return what precedes the data of a metadata chunk."""
    total = spec.aligned(spec.CHUNK_HEADER.size + len(name) + spec.NAME_RESERVE + data_size)
    return encode_header(name, total - spec.CHUNK_HEADER.size - data_size, data_size)


def encode_map(places: Mapping[str, ChunkPlace], offset: int) -> bytes:
    """Return the chunk map that is to be written at byte `offset`, the end of the file.

    Entries are sorted by name in descending byte order, as NIS-Elements does.
    """
    entries = b"".join(
        name.encode("ascii") + spec.MAP_ENTRY.pack(place.offset, place.data_size)
        for name, place in sorted(places.items(), key=lambda item: item[0].encode(), reverse=True)
    )
    end = spec.MAP_TRAILER.pack(spec.MAP_END, offset)
    name_size = len(spec.MAP_NAME)
    total = spec.aligned(spec.CHUNK_HEADER.size + name_size + len(entries) + 2 * len(end))
    data_size = total - spec.CHUNK_HEADER.size - name_size
    header = encode_header(spec.MAP_NAME.decode("ascii"), name_size, data_size)
    return header + (entries + end).ljust(data_size - len(end), b"\0") + end


def read_map(file: BinaryIO) -> dict[str, ChunkPlace]:
    """Return every chunk listed in the chunk map of an open file.

    Raises
    ------
    FormatError
        If the file is not an ND2 3.0 file or its chunk map is missing or damaged.
    """
    size = file.seek(0, os.SEEK_END)
    _check_signature(file)
    if size < 2 * spec.ALIGNMENT:
        raise FormatError("the ND2 file ends after its signature")
    file.seek(size - spec.MAP_TRAILER.size)
    mark, offset = spec.MAP_TRAILER.unpack(file.read(spec.MAP_TRAILER.size))
    if mark != spec.MAP_END or not 0 < offset < size:
        raise FormatError(
            "the ND2 file has no chunk map: its writing was interrupted; `nd2watch recover` saves"
            " its frames"
        )
    start, data_size = _find_chunk(file, offset, spec.MAP_NAME)
    file.seek(start)
    return _decode_entries(file.read(data_size))


def scan(file: BinaryIO) -> dict[str, ChunkPlace]:
    """Return the whole chunks of a file without looking at its chunk map, in their order.

    Of chunks with the same name the last counts; signature and maps are left out.

    Raises
    ------
    FormatError
        If the file is not an ND2 3.0 file.
    """
    size = file.seek(0, os.SEEK_END)
    _check_signature(file)
    places: dict[str, ChunkPlace] = {}
    offset = spec.ALIGNMENT
    while offset < size:
        found = _chunk_at(file, offset, size)
        if found is None:
            offset += spec.ALIGNMENT
            continue
        name, place, end = found
        if name != spec.MAP_NAME.decode("ascii"):
            places.pop(name, None)
            places[name] = place
        # Where no chunk follows, the size may be damaged: it must not hide what it spans.
        offset = end if end >= size or _begins(file, end) else offset + spec.ALIGNMENT
    return places


def _begins(file: BinaryIO, offset: int) -> bool:
    """Return whether a chunk, whole or not, begins at `offset`."""
    file.seek(offset)
    return file.read(4) == spec.CHUNK_MAGIC.to_bytes(4, "little")


def _chunk_at(file: BinaryIO, offset: int, size: int) -> tuple[str, ChunkPlace, int] | None:
    """Return name, place and aligned end of the whole chunk whose header is at `offset`, if any."""
    file.seek(offset)
    header = file.read(spec.CHUNK_HEADER.size)
    if len(header) < spec.CHUNK_HEADER.size:
        return None
    magic, name_size, data_size = spec.CHUNK_HEADER.unpack(header)
    end = offset + spec.CHUNK_HEADER.size + name_size + data_size
    if magic != spec.CHUNK_MAGIC or end > size:
        return None
    known, mark, _ = file.read(min(name_size, spec.ALIGNMENT)).partition(b"!")
    name = (known + mark).decode("ascii", "replace")
    if name.startswith(spec.FRAMES) and name_size != spec.FRAME_NAME_SIZE:
        return None  # a damaged size would shift the pixels
    try:
        check_name(name)
    except FormatError:
        return None
    return name, ChunkPlace(offset=offset, data_size=data_size), spec.aligned(end)


def _check_signature(file: BinaryIO) -> None:
    """Refuse a file that does not begin as ND2 3.0 files do."""
    file.seek(0)
    length = spec.CHUNK_HEADER.size + len(spec.SIGNATURE_NAME) + len(b"Ver3.0")
    if file.read(length) != encode_signature()[:length]:
        raise FormatError("not an ND2 3.0 file: its signature is missing")


def read_data(file: BinaryIO, name: str, place: ChunkPlace) -> bytes:
    """Return the data of one chunk, checking its header against the chunk map.

    Raises
    ------
    FormatError
        If another chunk, or less data than listed, is found there.
    """
    file.seek(find_data(file, name, place))
    return file.read(place.data_size)


def find_data(file: BinaryIO, name: str, place: ChunkPlace) -> int:
    """Return the offset of a chunk's data, checking its header against the chunk map.

    Raises
    ------
    FormatError
        If another chunk, or less data than listed, is found there.
    """
    start, size = _find_chunk(file, place.offset, name.encode("ascii", "replace"))
    if size != place.data_size:
        raise FormatError(f"chunk {name} holds {size} bytes, the map lists {place.data_size}")
    return start


def _find_chunk(file: BinaryIO, offset: int, name: bytes) -> tuple[int, int]:
    """Return offset and size of the data of the chunk `name` whose header is at `offset`."""
    size = file.seek(0, os.SEEK_END)
    if not 0 <= offset <= size - spec.CHUNK_HEADER.size:
        raise FormatError(f"the file ends before chunk {name.decode('ascii')}")
    file.seek(offset)
    magic, name_size, data_size = spec.CHUNK_HEADER.unpack(file.read(spec.CHUNK_HEADER.size))
    # Sizes are checked before anything is read: a damaged one must not fill the memory.
    if magic == spec.CHUNK_MAGIC and file.tell() + name_size + data_size > size:
        raise FormatError(f"the file ends inside chunk {name.decode('ascii')}")
    if magic != spec.CHUNK_MAGIC or not file.read(name_size).startswith(name):
        raise FormatError(f"no chunk {name.decode('ascii')} at byte {offset}")
    return file.tell(), data_size


def _decode_entries(data: bytes) -> dict[str, ChunkPlace]:
    """Return the entries of a chunk map's data."""
    places: dict[str, ChunkPlace] = {}
    position = 0
    while not data.startswith(spec.MAP_END, position):
        end = data.find(b"!", position) + 1
        if end == 0 or end + spec.MAP_ENTRY.size > len(data):
            raise FormatError("the chunk map has no end mark")
        offset, data_size = spec.MAP_ENTRY.unpack_from(data, end)
        name = data[position:end].decode("ascii", "replace")
        places[name] = ChunkPlace(offset=offset, data_size=data_size)
        position = end + spec.MAP_ENTRY.size
    return places
