"""Size and sample format of the frames of an ND2 file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import make_whole
from nd2watch.nd2.lite_variant import Double, Int32, UInt32, get

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_UNSIGNED: Final = 1
_FLOAT: Final = 2
_ZLIB: Final = 0
_UNCOMPRESSED: Final = 2
_MAX_SIDE: Final = 2**31 - 1
_MAX_ROW: Final = 2**32 - 1
_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    8: np.dtype("u1"),
    16: np.dtype("<u2"),
    32: np.dtype("<f4"),
}

_LEAST_BITS: Final = {8: 1, 16: 9, 32: 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAttributes:
    """Size and sample format, the same for every frame.

    Attributes
    ----------
    width, height : int
        Pixels.
    component_count : int
        Samples stored for each pixel: one for each channel, three for an RGB channel.
    bits_in_memory : int
        8 (uint8), 16 (uint16) or 32 (float32).
    bits_significant : int
        Bits that the camera fills: 1 to 8 of uint8, 9 to 16 of uint16 (with fewer, the vendor's
        reader writes beyond its memory), all 32 of float32. Samples are right-aligned. All of
        them when left out.
    frame_count : int
        Frames in the file: the product of the loop counts.
    zlib_level : int, optional
        Lossless compression of each frame, from 0 (none) to 9 (smallest). Frames are stored as
        they are when left out.

    Raises
    ------
    FormatError
        If a value is out of range.
    """

    width: int
    height: int
    component_count: int = 1
    bits_in_memory: int = 16
    bits_significant: int = 0
    frame_count: int = 1
    zlib_level: int | None = None

    def __post_init__(self) -> None:
        make_whole(self, *(field.name for field in fields(self)))
        bits = self.bits_in_memory
        if bits not in _DTYPES:
            raise FormatError(
                f"{bits} bits a sample cannot be stored; use 8 (uint8), 16 (uint16), 32 (float32)"
            )
        if self.bits_significant == 0:
            object.__setattr__(self, "bits_significant", bits)
        if not _LEAST_BITS[bits] <= self.bits_significant <= bits:
            raise FormatError(
                f"{self.bits_significant} significant bits do not fit {self.dtype.name};"
                f" it takes {_LEAST_BITS[bits]} to {bits}"
            )
        for name in ("width", "height", "component_count", "frame_count"):
            value = getattr(self, name)
            if not 1 <= value <= _MAX_SIDE:
                raise FormatError(f"{name} is {value}; it must be at least 1 and below 2**31")
        if self.row_stride > _MAX_ROW:
            raise FormatError(f"a row of {self.row_stride} bytes is longer than ND2 can hold")
        if self.zlib_level is not None and not 0 <= self.zlib_level <= 9:
            raise FormatError(f"zlib level {self.zlib_level} is not among 0 to 9")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Sample type as stored, little-endian."""
        return _DTYPES[self.bits_in_memory]

    @property
    def is_float(self) -> bool:
        """Samples are float32."""
        return self.bits_in_memory == 32

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a frame: (Y, X, component)."""
        return self.height, self.width, self.component_count

    @property
    def row_size(self) -> int:
        """Bytes of samples in a row, without padding."""
        return self.width * self.component_count * self.bits_in_memory // 8

    @property
    def row_stride(self) -> int:
        """Bytes from row to row: the vendor's reader takes multiples of 4, whatever is stored."""
        return -(-self.row_size // 4) * 4

    @property
    def frame_size(self) -> int:
        """Bytes of one frame before compression, row padding included."""
        return self.row_stride * self.height

    def encode(self) -> dict[str, Item]:
        """Return the stored form: exactly 13 items, as Bio-Formats counts them."""
        return {
            "uiWidth": UInt32(self.width),
            "uiWidthBytes": UInt32(self.row_stride),
            "uiHeight": UInt32(self.height),
            "uiComp": UInt32(self.component_count),
            "uiBpcInMemory": Int32(self.bits_in_memory),
            "uiBpcSignificant": Int32(self.bits_significant),
            "uiSequenceCount": UInt32(self.frame_count),
            "uiTileWidth": UInt32(self.width),
            "uiTileHeight": UInt32(self.height),
            "eCompression": Int32(_UNCOMPRESSED if self.zlib_level is None else _ZLIB),
            "dCompressionParam": Double(float(self.zlib_level or 0)),
            "ePixelType": Int32(_FLOAT if self.is_float else _UNSIGNED),
            "uiVirtualComponents": UInt32(self.component_count),
        }

    @classmethod
    def decode(cls, stored: Plain) -> ImageAttributes:
        """Return the value of a stored form.

        Raises
        ------
        FormatError
            If a field is missing, or the frames are of a kind that is not read here: signed,
            lossily compressed, or with other row padding than to 4 bytes.
        """
        compression = get(stored, "eCompression", int)
        if compression not in (_UNCOMPRESSED, _ZLIB):
            raise FormatError("frames with lossy compression are not read here")
        level = round(get(stored, "dCompressionParam", float))
        value = cls(
            width=get(stored, "uiWidth", int),
            height=get(stored, "uiHeight", int),
            component_count=get(stored, "uiComp", int),
            bits_in_memory=get(stored, "uiBpcInMemory", int),
            bits_significant=get(stored, "uiBpcSignificant", int),
            frame_count=get(stored, "uiSequenceCount", int),
            zlib_level=min(max(level, 0), 9) if compression == _ZLIB else None,
        )
        if get(stored, "uiWidthBytes", int) != value.row_stride:
            raise FormatError("frames whose rows are not padded to 4 bytes are not read here")
        if get(stored, "ePixelType", int) != (_FLOAT if value.is_float else _UNSIGNED):
            raise FormatError("frames of signed samples are not read here")
        return value
