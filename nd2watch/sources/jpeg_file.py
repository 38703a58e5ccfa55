"""The segments of a JPEG file, or of JPEG data in another file, before its pixel data."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

EXIF: Final = 0xE1
_HEAD: Final = struct.Struct(">B2HB")
_SCAN: Final = 0xDA
_WITHOUT_CONTENT: Final = (0x01, *range(0xD0, 0xDA))
_HEADS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST_SCANS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHead:
    """What the head of an image says.

    Attributes
    ----------
    process : int
        Marker of the kind of JPEG.
    bits : int
        Of a sample.
    width, height : int
        Pixels.
    samples : int
        Of a pixel.
    """

    process: int
    bits: int
    width: int
    height: int
    samples: int


def segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment up to the pixel data, where the file is left.

    Raises
    ------
    Exception
        If there is none where one must be, or one is not whole.
    """
    file.seek(2)
    marker = 0
    while marker != _SCAN:
        lead, marker = file.read(2)
        while marker == 0xFF:
            (marker,) = file.read(1)
        if lead != 0xFF or marker in _WITHOUT_CONTENT:
            raise ValueError("no segment where one must be")
        (length,) = struct.unpack(">H", file.read(2))
        content = file.read(max(0, length - 2))
        if len(content) != length - 2:
            raise EOFError(f"its segment {marker:#x} is not whole")
        yield marker, content


def head_of(marker: int, content: bytes) -> JpegHead | None:
    """Return what a segment says of the image, None when it is not the head."""
    if marker not in _HEADS:
        return None
    bits, height, width, samples = _HEAD.unpack_from(content)
    return JpegHead(process=marker, bits=bits, width=width, height=height, samples=samples)


def check_scans(data: bytes) -> None:
    """Refuse pixel data that go through all pixels again and again.

    Raises
    ------
    ValueError
        If there are more than a hundred scans; programs write about ten.
    """
    # Within pixel data the lead of a marker is always followed by 0.
    count = data.count(bytes((0xFF, _SCAN)))
    if count > _MOST_SCANS:
        raise ValueError(f"its pixels are stored in {count} scans, more than can be meant")
