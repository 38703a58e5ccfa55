"""Size and sample format of the frames of an ND2 file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import Double, Int32, UInt32, get

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_UNSIGNED = 1
_UNCOMPRESSED = 2
_MAX_SIDE = 2**31 - 1
_MAX_ROW = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAttributes:
    """Size and sample format, the same for every frame.

    Attributes
    ----------
    width, height : int
        Pixels.
    component_count : int
        Samples stored for each pixel, one for each channel.
    bits_in_memory : int
        8 (uint8) or 16 (uint16).
    bits_significant : int
        Bits that the camera fills, from 1 to `bits_in_memory`; samples are right-aligned.
    frame_count : int
        Frames in the file: the product of the loop counts.

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

    def __post_init__(self) -> None:
        if self.bits_significant == 0:
            object.__setattr__(self, "bits_significant", self.bits_in_memory)
        if self.bits_in_memory not in (8, 16):
            raise FormatError(
                f"{self.bits_in_memory} bits a sample cannot be stored; use uint8 or uint16"
            )
        if not 1 <= self.bits_significant <= self.bits_in_memory:
            raise FormatError(
                f"{self.bits_significant} significant bits do not fit {self.bits_in_memory}"
            )
        for name in ("width", "height", "component_count", "frame_count"):
            value = getattr(self, name)
            if not 1 <= value <= _MAX_SIDE:
                raise FormatError(f"{name} is {value}; it must be at least 1 and below 2**31")

        if self.row_stride > _MAX_ROW:
            raise FormatError(f"a row of {self.row_stride} bytes is longer than ND2 can hold")

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Sample type as stored, little-endian."""
        return np.dtype("u1") if self.bits_in_memory == 8 else np.dtype("<u2")

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
        """Bytes of one stored frame, row padding included."""
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
            "eCompression": Int32(_UNCOMPRESSED),
            "dCompressionParam": Double(0.0),
            "ePixelType": Int32(_UNSIGNED),
            "uiVirtualComponents": UInt32(self.component_count),
        }

    @classmethod
    def decode(cls, stored: Plain) -> ImageAttributes:
        """Return the value of a stored form, which must be uncompressed and unsigned.

        Raises
        ------
        FormatError
            If a field is missing, or the file is of a kind that is not read here.
        """
        value = cls(
            width=get(stored, "uiWidth", int),
            height=get(stored, "uiHeight", int),
            component_count=get(stored, "uiComp", int),
            bits_in_memory=get(stored, "uiBpcInMemory", int),
            bits_significant=get(stored, "uiBpcSignificant", int),
            frame_count=get(stored, "uiSequenceCount", int),
        )
        stride = get(stored, "uiWidthBytes", int)
        compression = get(stored, "eCompression", int)
        if stride != value.row_stride or compression != _UNCOMPRESSED:
            raise FormatError("compressed or unpadded frames are not read here")
        return value
