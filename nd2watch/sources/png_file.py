"""The parts of a PNG file, checked before libpng sees them.

libpng tells of what it dislikes on standard error, in the words of the file, and inflates what
nobody needs. Each of its errors costs imagecodecs a reference to None, and Python before 3.12 ends
when the last is gone. So it only gets what it decodes without a word: header, colours, and rows
that are known to be sound.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np

from nd2watch.errors import FrameUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    Chunk = tuple[bytes, bytes | memoryview]
    """Kind and content."""

START: Final = b"\x89PNG\r\n\x1a\n"
PALETTE: Final = 3
SAMPLES: Final = {0: 1, 2: 3, PALETTE: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type."""

_BITS: Final = {0: (1, 2, 4, 8, 16), PALETTE: (1, 2, 4, 8), **dict.fromkeys((2, 4, 6), (8, 16))}
_HEAD: Final = struct.Struct(">2I5B")
_CHUNK: Final = struct.Struct(">I4s")
_CRITICAL: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ANIMATION: Final = b"acTL"
_WITHOUT_TEXT: Final = (*_CRITICAL, b"gAMA", b"cHRM", b"pHYs", b"sRGB")
_LONGEST_CHUNK: Final = 1 << 30
_WHOLE: Final = ((0, 0, 1, 1),)
_INTERLACED: Final = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)
"""First X and Y, and steps, of the pixels that each pass of an image has."""

_FILTERS: Final = 5
_COLOR_BYTES: Final = 3
_TRANSPARENT: Final = {0: 2, 2: 6}
"""Bytes of the chunk that tells which value of gray or RGB is transparent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PngHead:
    """What the first chunk says.

    Attributes
    ----------
    width, height : int
        Pixels.
    bits : int
        Of a sample.
    color : int
        Colour type.
    is_interlaced : bool
        The pixels are stored in seven passes.
    """

    width: int
    height: int
    bits: int
    color: int
    is_interlaced: bool

    @property
    def passes(self) -> tuple[_Pass, ...]:
        """The passes that have pixels; one where it is not interlaced."""
        steps = _INTERLACED if self.is_interlaced else _WHOLE
        each = (_Pass(head=self, x=x, y=y, x_step=dx, y_step=dy) for x, y, dx, dy in steps)
        return tuple(part for part in each if part.width > 0 and part.height > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """The pixels of an image at some places, which are stored as an image of their own."""

    head: PngHead
    x: int
    y: int
    x_step: int
    y_step: int

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return -(-(self.head.width - self.x) // self.x_step)

    @property
    def height(self) -> int:
        """Rows."""
        return -(-(self.head.height - self.y) // self.y_step)

    @property
    def row_size(self) -> int:
        """Bytes of a row, with that of its filter."""
        return 1 + -(-self.width * self.head.bits * SAMPLES[self.head.color] // 8)

    def decoded(self, rows: bytes, colors: tuple[Chunk, ...]) -> npt.NDArray[Any]:
        """Return its pixels."""
        head = _HEAD.pack(self.width, self.height, self.head.bits, self.head.color, 0, 0, 0)
        stored = memoryview(zlib.compress(rows, 0))
        starts = range(0, len(stored), _LONGEST_CHUNK)
        pieces = [(b"IDAT", stored[at : at + _LONGEST_CHUNK]) for at in starts]
        chunks: tuple[Chunk, ...] = ((b"IHDR", head), *colors, *pieces, (b"IEND", b""))
        file = b"".join((START, *(part for chunk in chunks for part in _stored(*chunk))))
        del stored, chunks  # before there are the pixels as well
        pixels: npt.NDArray[Any] = imagecodecs.png_decode(file)
        return pixels


def read_head(file: BinaryIO) -> PngHead:
    """Return what the first chunk says, which may be an unknown colour type.

    The file is left behind it.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    file.seek(len(START))
    length, kind = _CHUNK.unpack(file.read(_CHUNK.size))
    content, checksum = file.read(_HEAD.size), file.read(4)
    width, height, bits, color, *methods, interlacing = _HEAD.unpack(content)
    expected = zlib.crc32(kind + content).to_bytes(4, "big")
    if (length, kind) != (_HEAD.size, b"IHDR") or checksum != expected:
        raise ValueError("no valid IHDR chunk")
    if bits not in _BITS.get(color, (bits,)) or any(methods) or interlacing > 1:
        raise ValueError("its IHDR chunk is not of PNG")
    return PngHead(
        width=width, height=height, bits=bits, color=color, is_interlaced=bool(interlacing)
    )


def decode_png(path: Path, data: bytes, head: PngHead) -> npt.NDArray[Any]:
    """Return the pixels of a PNG file, with their opacity where some are transparent.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        The file.
    head : PngHead
        What its first chunk says.

    Returns
    -------
    array, shape (Y, X) or (Y, X, samples)

    Raises
    ------
    FrameUnreadable
        If it is of several images.
    Exception
        If it is damaged.
    """
    found = _chunks(data)
    if _ANIMATION in found:
        raise FrameUnreadable(f"{path} is an animation; save its images one by one", path)
    colors = tuple(_colors(head, b"".join(found[b"PLTE"]), b"".join(found[b"tRNS"])))
    parts = _rows(head, b"".join(found.pop(b"IDAT")))
    if not head.is_interlaced:
        return head.passes[0].decoded(parts[0], colors)
    decoded = [each.decoded(rows, colors) for each, rows in zip(head.passes, parts, strict=True)]
    pixels = np.empty((head.height, head.width, *decoded[0].shape[2:]), decoded[0].dtype)
    for each, part in zip(head.passes, decoded, strict=True):
        pixels[each.y :: each.y_step, each.x :: each.x_step] = part
    return pixels


def check_png(data: bytes) -> PngHead:
    """Return what the first chunk of a PNG file says, all of which libpng decodes without a word.

    Raises
    ------
    Exception
        If that is not so: it is damaged, interlaced, or has texts.
    """
    head = read_head(io.BytesIO(data))
    found = _chunks(data)
    if head.is_interlaced or not found.keys() <= set(_WITHOUT_TEXT):
        raise ValueError("PNG in another file that is interlaced or has texts is not read")
    tuple(_colors(head, b"".join(found[b"PLTE"]), b"".join(found[b"tRNS"])))
    _rows(head, b"".join(found[b"IDAT"]))
    return head


def _chunks(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the chunks up to the end by kind; of records the kind alone, of which none matters."""
    at, view = len(START), memoryview(data)
    found: dict[bytes, list[bytes]] = {kind: [] for kind in _CRITICAL}
    while not found[b"IEND"]:
        length, kind = _CHUNK.unpack_from(data, at)
        end = at + _CHUNK.size + length
        (checksum,) = struct.unpack_from(">I", data, end)
        is_record = kind.isalpha() and kind[:1].islower()
        if not is_record and checksum != zlib.crc32(view[at + 4 : end]):
            raise ValueError(f"the checksum of its {kind!r} chunk is wrong")
        if not is_record and kind not in found:
            raise ValueError(f"its {kind!r} chunk is unknown")
        content = data[at + _CHUNK.size : end] if kind in _CRITICAL else b""
        found.setdefault(kind, []).append(content)
        at = end + 4
    if not found[b"IDAT"]:
        raise ValueError("it has no pixel data")
    if max(len(found[kind]) for kind in (b"IHDR", b"PLTE", b"tRNS")) > 1:
        raise ValueError("it has several headers or palettes")
    return found


def _colors(head: PngHead, palette: bytes, transparent: bytes) -> Iterator[Chunk]:
    """Yield the chunks that tell the colours, and which are transparent, as far as they can be."""
    if head.color != PALETTE:
        if transparent and len(transparent) == _TRANSPARENT.get(head.color):
            yield b"tRNS", transparent
        return
    if not palette or len(palette) % _COLOR_BYTES:
        raise ValueError("it has no valid palette")
    size = _COLOR_BYTES << head.bits
    # Colours that it does not have are black, as in libpng.
    yield b"PLTE", palette[:size].ljust(size, b"\0")
    if 0 < len(transparent) <= min(len(palette), size) // _COLOR_BYTES:
        yield b"tRNS", transparent


def _rows(head: PngHead, stored: bytes) -> list[bytes]:
    """Return the rows of each pass, refusing pixel data that are not exactly those of the image."""
    needed = sum(each.row_size * each.height for each in head.passes)
    rows = bytes(imagecodecs.deflate_decode(stored, out=needed))  # it makes no more than that
    if len(rows) != needed:
        raise ValueError(f"its pixel data are of {len(rows)} bytes, not {needed}")
    parts, begin = [], 0
    for each in head.passes:
        part = rows[begin : begin + each.row_size * each.height]
        if np.frombuffer(part, np.uint8)[:: each.row_size].max() >= _FILTERS:
            raise ValueError("its rows are filtered in unknown ways")
        parts.append(part)
        begin += len(part)
    return parts


def _stored(kind: bytes, content: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """Return the parts of a chunk as it is stored."""
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return _CHUNK.pack(len(content), kind), content, checksum.to_bytes(4, "big")
