"""Damage done to ND2 files on purpose."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from nd2watch.nd2 import Nd2Reader
from nd2watch.nd2.chunks import encode_map, find_data, read_map

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2.chunks import ChunkPlace


def data_of(path: Path, chunk: str) -> tuple[int, int]:
    """Return offset and size of the data of a chunk."""
    with path.open("rb") as file:
        place = read_map(file)[chunk]
        return find_data(file, chunk, place), place.data_size


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Turn one bit of a file round."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def rewrite_map(path: Path, places: dict[str, ChunkPlace]) -> None:
    """Give a file another chunk map."""
    content = path.read_bytes()
    (start,) = struct.unpack("<Q", content[-8:])
    path.write_bytes(content[:start] + encode_map(places, start))


def places_of(path: Path) -> dict[str, ChunkPlace]:
    """Return the chunk map of a file."""
    with Nd2Reader(path) as reader:
        return reader.chunks


def stored_bytes(path: Path) -> list[int]:
    """Return the positions of all bytes that mean something: not of padding."""
    content = path.read_bytes()
    (start,) = struct.unpack("<Q", content[-8:])
    positions = list(range(54)) + list(range(start, start + 48))
    positions += range(len(content) - 40, len(content))
    entries = content.index(b"ND2 CHUNK MAP SIGNATURE 0000001!", start) + 32
    positions += range(start + 48, entries)
    for name, place in places_of(path).items():
        positions += range(place.offset, place.offset + 16 + len(name))
        data, size = data_of(path, name)
        positions += range(data, data + size)
    return positions
