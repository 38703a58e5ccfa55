"""PNG and JPEG files, decoded through imagecodecs; Pillow reads the Exif record."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np
from PIL import ExifTags, Image

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import PlaneInfo, SourceInfo
from nd2watch.sources.declared import check_declared
from nd2watch.sources.files import check_start, key_of
from nd2watch.sources.jpeg_file import EXIF, JpegHead, check_scans, head_of, segments
from nd2watch.sources.png_file import PALETTE, SAMPLES, START, decode_png, read_head

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

_MOST_SIDE: Final = 2**31 - 1
_MOST_BYTES: Final = 1 << 32
_TAIL: Final = 1 << 16

_GRAY: Final = 0
_PNG_RGB: Final = (2, PALETTE, 6)
_PNG_END: Final = b"IEND\xaeB`\x82"

_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_EXIF_START: Final = b"Exif\0\0"
_PROCESSES: Final = (0xC0, 0xC1, 0xC2, 0xC3)
"""Baseline, extended, progressive and lossless."""

_CMYK: Final = 4
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
        check_start(path, file, "PNG", START)
        self._head = head = read_head(file)
        if head.color not in SAMPLES:
            raise FrameUnreadable(f"{path} is of the unknown PNG colour type {head.color}", path)
        is_low = head.color == _GRAY and head.bits < 8
        self.info = SourceInfo(
            height=head.height,
            width=head.width,
            dtype=np.dtype(np.uint16 if head.bits == 16 else np.uint8),
            rgb=head.color in _PNG_RGB,
            bits_significant=head.bits if is_low else None,
        )
        decoded = _check_size(path, self.info)
        _check_end(path, file, size, file.tell(), _PNG_END)
        check_declared(path, decoded, size)
        self._path, self._file = path, file
        self._scale = 255 // (2**head.bits - 1) if is_low else 1

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        del plane
        self._file.seek(0)
        pixels = decode_png(self._path, self._file.read(), self._head)
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
        if head.samples not in (1, 3) or not 2 <= head.bits <= 16:
            known = head.samples == _CMYK
            what = "CMYK colours" if known else f"{head.samples} samples of {head.bits} bits"
            raise FrameUnreadable(f"{path} holds {what} a pixel; save it as gray or RGB", path)
        self._orientation = exif.orientation
        self.info = SourceInfo(
            height=head.height if exif.orientation <= 4 else head.width,
            width=head.width if exif.orientation <= 4 else head.height,
            dtype=np.dtype(np.uint16 if head.bits > 8 else np.uint8),
            rgb=head.samples == 3,
            planes=(PlaneInfo(acquired=exif.acquired),),
            bits_significant=head.bits,
        )
        decoded = _check_size(path, self.info)
        _check_end(path, file, size, file.tell(), _JPEG_END)
        check_declared(path, decoded, size)
        self._file = file

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        del plane
        self._file.seek(0)
        data = self._file.read()
        check_scans(data)
        pixels = imagecodecs.jpeg8_decode(data)
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


def _read_segments(path: Path, file: BinaryIO) -> tuple[JpegHead, _Exif]:
    """Return the frame header and the Exif record of a JPEG file, left at its pixel data."""
    head, exif = None, _Exif()
    for marker, content in segments(file):
        head = head_of(marker, content) or head
        if marker == EXIF and content.startswith(_EXIF_START):
            exif = _read_exif(content)
    if head is None:
        raise ValueError("it has no header of an image")
    if head.process not in _PROCESSES:
        raise FrameUnreadable(
            f"{path} is compressed by the rare JPEG process {head.process:#x}; save it as baseline"
            " or progressive JPEG",
            path,
        )
    return head, exif


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


def _check_size(path: Path, info: SourceInfo) -> int:
    """Return the bytes of the pixels of an image, refusing one of absurd size."""
    sides = (info.height, info.width)
    decoded = math.prod(info.shape) * info.dtype.itemsize
    if min(sides) < 1 or max(sides) > _MOST_SIDE or decoded > _MOST_BYTES:
        raise FrameUnreadable(
            f"{path} says that it is of {info.format_text}; it is damaged, or too large: images of"
            " up to 4 GiB are read",
            path,
        )
    return decoded


def _check_end(path: Path, file: BinaryIO, size: int, start: int, end: bytes) -> None:
    """Refuse a file whose end is missing; some programs put more after it."""
    for first in (max(start, size - _TAIL), start):
        file.seek(first)
        if end in file.read():
            return
    raise FrameIncomplete(f"{path} is not written yet, or cut short: its end is missing", path)
