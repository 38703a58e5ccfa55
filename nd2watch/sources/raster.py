"""PNG and JPEG files, decoded through imagecodecs; Pillow reads the Exif record."""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np
from PIL import ExifTags, Image

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import PlaneInfo, SourceInfo
from nd2watch.sources.files import check_start, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

_MOST_SIDE: Final = 2**31 - 1
_MOST_BYTES: Final = 1 << 32
_MOST_RATIO: Final = 4096
"""Compression beyond the most of PNG, 1032, and of JPEG, 64 pixels of 36 bits in 1 bit."""

_TAIL: Final = 1 << 16

_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND\xaeB`\x82"
_PNG_HEAD: Final = struct.Struct(">8xI4s2I5BI")
_PNG_CHUNK: Final = struct.Struct(">I4s")
_GRAY: Final = 0
_PALETTE: Final = 3
_PNG_SAMPLES: Final = {_GRAY: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}
_PNG_RGB: Final = (2, _PALETTE, 6)

_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_JPEG_HEAD: Final = struct.Struct(">B2HB")
_EXIF: Final = 0xE1
_EXIF_START: Final = b"Exif\0\0"
_SCAN: Final = 0xDA
_WITHOUT_CONTENT: Final = (0x01, *range(0xD0, 0xDA))
_HEADS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HEADS_READ: Final = (0xC0, 0xC1, 0xC2, 0xC3)
_FIRST_YEAR: Final = 1970
_FLIPS: Final = ((1, 1), (1, -1), (-1, -1), (-1, 1))
"""Steps along Y and X for orientations 1 to 4; 5 to 8 are the same of swapped axes."""


class PngSource:
    """An open PNG file.

    Samples are as stored, also of 1, 2 and 4 bits; palettes become RGB. Nothing is corrected for
    gamma, and the pixel size is not taken: it is the resolution of a screen or a printer.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.

    Attributes
    ----------
    info : SourceInfo
        What its header says.

    Raises
    ------
    FrameIncomplete
        If its end is not there.
    FrameUnreadable
        If it is no PNG file, or its size is absurd.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        size = key_of(file).size
        check_start(path, file, "PNG", _PNG_START)
        head = file.read(_PNG_HEAD.size)
        length, kind, width, height, bits, color, *_, checksum = _PNG_HEAD.unpack(head)
        if (length, kind) != (13, b"IHDR") or checksum != zlib.crc32(head[12:-4]):
            raise ValueError("no valid IHDR chunk")
        if color not in _PNG_SAMPLES:
            raise FrameUnreadable(f"{path} is of the unknown PNG colour type {color}", path)
        is_low = color == _GRAY and bits < 8
        self.info = SourceInfo(
            height=height,
            width=width,
            dtype=np.dtype(np.uint16 if bits == 16 else np.uint8),
            rgb=color in _PNG_RGB,
            bits_significant=bits if is_low else None,
        )
        _check_size(path, self.info, bits * _PNG_SAMPLES[color], size)
        _check_end(path, file, size, _PNG_HEAD.size, _PNG_END)
        self._path, self._file = path, file
        self._scale = 255 // (2**bits - 1) if is_low else 1

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        del plane
        self._file.seek(0)
        data = self._file.read()
        _check_chunks(self._path, data)
        pixels = imagecodecs.png_decode(data)
        if pixels.shape != self.info.shape:
            pixels = self._without_opacity(pixels)
        return pixels if self._scale == 1 else pixels // self._scale

    def close(self) -> None:
        """Release nothing: nothing but the file is open."""

    def _without_opacity(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the pixels without their last sample, of which nothing is lost."""
        if np.any(pixels[..., -1] != np.iinfo(pixels.dtype).max):
            raise FrameUnreadable(
                f"{self._path} has transparent pixels; save it without transparency (alpha)",
                self._path,
            )
        return pixels[..., :3] if self.info.rgb else pixels[..., 0]


def _check_chunks(path: Path, data: bytes) -> None:
    """Refuse a PNG file of several images, or one damaged according to its checksums.

    libpng would see such damage too, but each error costs imagecodecs a reference to None, and
    Python before 3.12 ends when the last is gone.
    """
    at, view = len(_PNG_START), memoryview(data)
    kinds: set[bytes] = set()
    while b"IEND" not in kinds:
        length, kind = _PNG_CHUNK.unpack_from(data, at)
        end = at + _PNG_CHUNK.size + length
        (checksum,) = struct.unpack_from(">I", data, end)
        is_record = kind.isalpha() and kind[:1].islower()
        if not is_record and checksum != zlib.crc32(view[at + 4 : end]):
            raise ValueError(f"the checksum of its {kind!r} chunk is wrong")
        kinds.add(kind)
        at = end + 4
    if b"acTL" in kinds:
        raise FrameUnreadable(f"{path} is an animation; save its images one by one", path)
    if b"IDAT" not in kinds:
        raise ValueError("it has no pixel data")


class JpegSource:
    """An open JPEG file.

    Its pixels are turned as its Exif record says. Damage within the pixel data is not always
    noticed: JPEG has no checksums.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.

    Attributes
    ----------
    info : SourceInfo
        What its header says.

    Raises
    ------
    FrameIncomplete
        If its end is not there.
    FrameUnreadable
        If it is no JPEG file of gray or RGB, or its size is absurd.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        size = key_of(file).size
        check_start(path, file, "JPEG", _JPEG_START)
        head, exif = _read_segments(path, file)
        bits, height, width, samples = _JPEG_HEAD.unpack_from(head)
        if samples not in (1, 3) or not 2 <= bits <= 16:
            what = "CMYK colours" if samples == 4 else f"{samples} samples of {bits} bits"
            raise FrameUnreadable(f"{path} holds {what} a pixel; save it as gray or RGB", path)
        self._orientation = exif.orientation
        self.info = SourceInfo(
            height=height if exif.orientation <= 4 else width,
            width=width if exif.orientation <= 4 else height,
            dtype=np.dtype(np.uint16 if bits > 8 else np.uint8),
            rgb=samples == 3,
            planes=(PlaneInfo(acquired=exif.acquired),),
            bits_significant=bits,
        )
        _check_size(path, self.info, bits * samples, size)
        _check_end(path, file, size, file.tell(), _JPEG_END)
        self._file = file

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        del plane
        self._file.seek(0)
        pixels = imagecodecs.jpeg8_decode(self._file.read())
        y_step, x_step = _FLIPS[(self._orientation - 1) % 4]
        if self._orientation > 4:
            pixels = pixels.swapaxes(0, 1)
        return pixels[::y_step, ::x_step]

    def close(self) -> None:
        """Release nothing: nothing but the file is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exif:
    """What is taken from an Exif record."""

    orientation: int = 1
    acquired: datetime | None = None


def _read_segments(path: Path, file: BinaryIO) -> tuple[bytes, _Exif]:
    """Return the frame header and the Exif record of a JPEG file, left at its pixel data."""
    head, exif = b"", _Exif()
    for marker, content in _segments(file):
        if marker in _HEADS:
            if marker not in _HEADS_READ:
                raise FrameUnreadable(
                    f"{path} is compressed by the rare JPEG process {marker:#x}; save it as"
                    " baseline or progressive JPEG",
                    path,
                )
            head = content
        elif marker == _EXIF and content.startswith(_EXIF_START):
            exif = _read_exif(content)
    return head, exif


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment before the pixel data of a JPEG file."""
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


def _read_exif(record: bytes) -> _Exif:
    """Return what an Exif record tells; nothing for a damaged one."""
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged records
        try:
            exif.load(record)
            turned = exif.get(ExifTags.Base.Orientation)
            times = exif.get_ifd(ExifTags.IFD.Exif)
        except Exception:  # the record is a bonus: a damaged one must not cost the frame
            return _Exif()
    orientation = turned if isinstance(turned, int) and 1 <= turned <= 8 else 1
    return _Exif(orientation=orientation, acquired=_acquired(times))


def _acquired(times: dict[int, Any]) -> datetime | None:
    """Return when the picture was taken, in local time where no offset is told."""
    names = ExifTags.Base
    try:
        taken = datetime.strptime(times[names.DateTimeOriginal].strip(" \0"), "%Y:%m:%d %H:%M:%S")
        if taken.year < _FIRST_YEAR:
            return None
        fraction = str(times.get(names.SubsecTimeOriginal, "")).strip(" \0")
        if fraction.isdecimal():
            taken = taken.replace(microsecond=int(f"{fraction:0<6}"[:6]))
        offset = str(times.get(names.OffsetTimeOriginal, "")).strip(" \0:")
        if offset:
            return taken.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
        return taken.astimezone()
    except Exception:  # as above
        return None


def _check_size(path: Path, info: SourceInfo, bits_per_pixel: int, size: int) -> None:
    """Refuse an image of absurd size, or of one that a file of `size` bytes cannot hold."""
    sides = (info.height, info.width)
    decoded = math.prod(info.shape) * info.dtype.itemsize
    if min(sides) < 1 or max(sides) > _MOST_SIDE or decoded > _MOST_BYTES:
        raise FrameUnreadable(
            f"{path} says that it is of {info.format_text}; it is damaged, or too large: images of"
            " up to 4 GiB are read",
            path,
        )
    if math.prod(sides) * bits_per_pixel > 8 * size * _MOST_RATIO:
        raise FrameIncomplete(f"{path} has {size} bytes, too few for {info.format_text}", path)


def _check_end(path: Path, file: BinaryIO, size: int, start: int, end: bytes) -> None:
    """Refuse a file whose end is missing; some programs put more after it."""
    for first in (max(start, size - _TAIL), start):
        file.seek(first)
        if end in file.read():
            return
    raise FrameIncomplete(f"{path} is not written yet, or cut short: its end is missing", path)
