"""Strips and tiles that are images themselves, whose own size must be that of the page.

Their codecs make room for the size that they find in them, whatever the page says.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameUnreadable
from nd2watch.sources.jpeg_file import check_scans, head_of, segments
from nd2watch.sources.png_file import check_png, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import tifffile

_PNG: Final = 34933
_SLACK: Final = 4
_SPARE: Final = 1 << 22
_JPEG_2000: Final = b"\xff\x4f\xff\x51"
_JPEG_XR_SIZES: Final = (0xBC80, 0xBC81)
_JPEG_XL: Final = b"\xff\x0a"
_JPEG_XL_BOXES: Final = {b"jxlc": 4, b"jxlp": 8}
_JPEG_XL_BITS: Final = (9, 13, 18, 30)
_JPEG_XL_RATIOS: Final = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def check_segments(
    path: Path,
    page: tifffile.TiffPage | tifffile.TiffFrame,
    keyframe: tifffile.TiffPage,
) -> None:
    """Refuse strips or tiles that hold far more pixels than they are to have.

    Parameters
    ----------
    path : Path
        The file, for messages.
    page : tifffile.TiffPage or tifffile.TiffFrame
        Their page.
    keyframe : tifffile.TiffPage
        A page that is read alike.

    Raises
    ------
    FrameUnreadable
        If one does.
    Exception
        If one is damaged.
    """
    samples_of = _SAMPLES.get(int(keyframe.compression))
    if samples_of is None:
        return
    most = _SPARE + _SLACK * max(keyframe.size, _segment_size(keyframe))
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        page.parent.filehandle.seek(offset)
        data = page.parent.filehandle.read(size)
        declared = samples_of(data) if data else 0
        if declared > most:
            raise FrameUnreadable(
                f"{path} declares {declared} samples in a part of {len(data)} bytes that is to have"
                f" {keyframe.size}; it is damaged, or made to fill the memory",
                path,
            )
        if keyframe.compression == _PNG and data:
            check_png(data)


def _segment_size(page: tifffile.TiffPage) -> int:
    """Return the samples of a tile."""
    if not page.is_tiled:
        return 0
    return page.tilewidth * page.tilelength * page.tiledepth * page.samplesperpixel


def _jpeg(data: bytes) -> int:
    """Return the samples of a JPEG image."""
    check_scans(data)
    for marker, content in segments(io.BytesIO(data)):
        if head := head_of(marker, content):
            return head.width * head.height * head.samples
    raise ValueError("no header of an image")


def _jpeg_2000(data: bytes) -> int:
    """Return the samples of a JPEG 2000 image, the most where several may be it."""
    found: list[int] = []
    at = data.find(_JPEG_2000)
    while at >= 0:
        right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
        (components,) = struct.unpack_from(">H", data, at + 40)
        found.append(max(right - left, 0) * max(bottom - top, 0) * components)
        at = data.find(_JPEG_2000, at + 1)
    return max(found)


def _jpeg_xr(data: bytes) -> int:
    """Return the samples of a JPEG XR image, as if they were of four channels."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    sizes = {}
    for number in range(count):
        code, kind, _, value = struct.unpack_from("<HHII", data, at + 2 + 12 * number)
        sizes[code] = value & 0xFFFF if kind == 3 else value
    width, height = (int(sizes[code]) for code in _JPEG_XR_SIZES)
    return width * height * 4


def _webp(data: bytes) -> int:
    """Return the samples of a WebP image, as if they were of four channels."""
    kind, content = data[12:16], data[20:30]
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (int(size) & 0x3FFF for size in struct.unpack_from("<2H", content, 6))
    else:
        raise ValueError("no WebP image")
    return width * height * 4


def _jpeg_xl(data: bytes) -> int:
    """Return the samples of a JPEG XL image, as if they were of four channels."""
    if not data.startswith(_JPEG_XL):
        data = _jpeg_xl_stream(data)
    bits = _Bits(data[2:20])
    small = bits.take(1)
    height = _jpeg_xl_side(bits, small)
    ratio = bits.take(3)
    over, under = _JPEG_XL_RATIOS[ratio]
    width = height * over // under if ratio else _jpeg_xl_side(bits, small)
    return width * height * 4


def _jpeg_xl_side(bits: _Bits, small: int) -> int:
    """Return a side of an image, which is stored in eighths if it is small."""
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take(_JPEG_XL_BITS[bits.take(2)]) + 1


def _jpeg_xl_stream(data: bytes) -> bytes:
    """Return the first piece of the pixel data in a container."""
    for kind, skipped in _JPEG_XL_BOXES.items():
        at = data.find(kind)
        if at >= 0 and data.startswith(_JPEG_XL, at + skipped):
            return data[at + skipped :]
    raise ValueError("no JPEG XL image")


class _Bits:
    """Takes numbers out of data, the lowest bits first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """Return the next number."""
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def _lerc(data: bytes) -> int:
    """Return the samples of a LERC image of one band."""
    if not data.startswith(b"Lerc2 "):
        raise ValueError("no LERC image of version 2")
    (version,) = struct.unpack_from("<i", data, 6)
    at = 14 if version >= 3 else 10
    height, width = struct.unpack_from("<2I", data, at)
    depth = struct.unpack_from("<I", data, at + 8)[0] if version >= 4 else 1
    return int(height * width * depth)


def _png(data: bytes) -> int:
    """Return the samples of a PNG image, as if they were of four channels."""
    head = read_head(io.BytesIO(data))
    return head.width * head.height * 4


_SAMPLES: Final[Mapping[int, Callable[[bytes], int]]] = {
    **dict.fromkeys((6, 7, 33007, 34892), _jpeg),
    **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg_2000),
    **dict.fromkeys((22610, 34934), _jpeg_xr),
    **dict.fromkeys((34927, 50001), _webp),
    **dict.fromkeys((50002, 52546), _jpeg_xl),
    34887: _lerc,
    _PNG: _png,
}
"""What tells the samples in a strip or tile, by compression."""
