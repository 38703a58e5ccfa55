"""Writes small CZI files as ZEN does: segments, directory, metadata, time stamps.

Each segment has a header of 32 bytes (name, bytes allocated, bytes used). A tile is a subblock: the
sizes of its parts, its entry in the directory, its XML, its pixels. An entry lists the tile's
start, size and stored size on each dimension. The file header tells where the directory, the
metadata and the list of attachments are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.frames import noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

PIXEL_TYPES = {
    ("uint8", 2): 0,
    ("uint16", 2): 1,
    ("float32", 2): 2,
    ("uint8", 3): 3,
    ("uint16", 3): 4,
    ("complex64", 2): 10,
    ("int32", 2): 12,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A subblock.

    `data` is what is stored instead of the plain pixels, `size` what (Y, X) it stands for at full
    resolution, `lengths` the points on dimensions along which it has several.
    """

    pixels: npt.NDArray[Any]
    point: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    top: int = 0
    compression: int = 0
    data: bytes | bytearray | None = None
    size: tuple[int, int] | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    xml: str = ""
    part: int = 0

    @property
    def stored(self) -> bytes:
        """The pixels as they are stored: RGB as blue, green, red."""
        if self.data is not None:
            return bytes(self.data)
        turned = self.pixels[..., ::-1] if self.pixels.ndim == 3 else self.pixels
        return np.ascontiguousarray(turned).tobytes()

    def entry(self, position: int) -> bytes:
        """The entry in the directory."""
        height, width = self.pixels.shape[:2]
        full_height, full_width = self.size or (height, width)
        dimensions = [("X", self.left, full_width, width), ("Y", self.top, full_height, height)]
        for letter, start in self.point.items():
            length = self.lengths.get(letter, 1)
            dimensions.append((letter, start, length, length))
        return struct.pack(
            "<2siqiiBxxxxxi",
            b"DV",
            PIXEL_TYPES[self.pixels.dtype.name, self.pixels.ndim],
            position,
            self.part,
            self.compression,
            0 if self.size is None else 2,
            len(dimensions),
        ) + b"".join(
            struct.pack("<4siifi", letter.encode(), start, length, 0.0, stored)
            for letter, start, length, stored in dimensions
        )

    def content(self, position: int) -> bytes:
        """The content of the subblock."""
        xml, data = self.xml.encode(), self.stored
        sizes = struct.pack("<iiq", len(xml), 0, len(data))
        return (sizes + self.entry(position)).ljust(256, b"\0") + xml + data


def build_czi(
    tiles: Sequence[Tile],
    xml: str = "",
    *,
    times_s: Sequence[float] = (),
    pending: int = 0,
    part: int = 0,
    directory_first: bool = False,
) -> bytes:
    """Return a file of tiles with metadata and time stamps, if there are any."""
    stored = bytearray(_segment(b"ZISRAWFILE", bytes(512)))
    if directory_first:
        stored += _directory(tiles, [0] * len(tiles))
    positions = []
    for tile in tiles:
        positions.append(len(stored))
        stored += _segment(b"ZISRAWSUBBLOCK", tile.content(positions[-1]))
    directory = _directory(tiles, positions)
    directory_at = 32 + 512 if directory_first else len(stored)
    stored[directory_at : directory_at + (len(directory) if directory_first else 0)] = directory
    metadata_at = attachments_at = 0
    if xml:
        metadata_at = len(stored)
        content = struct.pack("<ii", len(xml.encode()), 0).ljust(256, b"\0") + xml.encode()
        stored += _segment(b"ZISRAWMETADATA", content)
    if times_s:
        stamps = struct.pack(f"<ii{len(times_s)}d", 8 * len(times_s), len(times_s), *times_s)
        entry = struct.pack(
            "<2s10xqi16s8s80s", b"A1", len(stored), 0, b"", b"CZTIMS", b"TimeStamps"
        )
        content = (struct.pack("<i12x", len(stamps)) + entry).ljust(256, b"\0") + stamps
        stored += _segment(b"ZISRAWATTACH", content)
        attachments_at = len(stored)
        stored += _segment(b"ZISRAWATTDIR", struct.pack("<i", 1).ljust(256, b"\0") + entry)
    positions_of_all = (part, directory_at, metadata_at, pending, attachments_at)
    struct.pack_into("<iiii16s16siqqiq", stored, 32, 1, 0, 0, 0, b"", b"", *positions_of_all)
    return bytes(stored)


def built(folder: Path, tiles: Sequence[Tile], xml: str = "", **options: Any) -> Path:
    """Write a file, and return its name."""
    path = folder / "a.czi"
    path.write_bytes(build_czi(tiles, xml, **options))
    return path


def tiles_of(**sizes: int) -> list[Tile]:
    """Return one tile for each point of the dimensions, of different pixels."""
    return [
        Tile(pixels=noise(number), point=dict(zip(sizes, map(int, at), strict=True)))
        for number, at in enumerate(np.ndindex(*sizes.values()))
    ]


def _directory(tiles: Sequence[Tile], positions: Sequence[int]) -> bytes:
    """Return the segment that lists the tiles."""
    entries = [tile.entry(at) for tile, at in zip(tiles, positions, strict=True)]
    content = struct.pack("<i", len(tiles)).ljust(128, b"\0") + b"".join(entries)
    return _segment(b"ZISRAWDIRECTORY", content)


def _segment(name: bytes, content: bytes) -> bytes:
    """Return a segment, filled to a multiple of 32 bytes as in all files."""
    allocated = -(-len(content) // 32) * 32
    header = struct.pack("<16sqq", name, allocated, len(content))
    return header + content.ljust(allocated, b"\0")
