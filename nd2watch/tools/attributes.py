"""Size and sample format of frames, made and asked as programs for limnd2 do."""

from __future__ import annotations

from dataclasses import astuple
from typing import Final

from nd2watch import nd2
from nd2watch.errors import FormatError
from nd2watch.tools.checks import whole

_STORED: Final = (8, 16, 32)


class ImageAttributes(nd2.ImageAttributes):
    """`nd2watch.nd2.ImageAttributes` that also answer to limnd2's names.

    They are taken wherever those are, and equal those of the same values.
    """

    __slots__ = ()

    @staticmethod
    def create(
        *, width: int, height: int, component_count: int, bits: int, sequence_count: int
    ) -> ImageAttributes:
        """Return the attributes of frames whose samples have a number of bits.

        Parameters
        ----------
        width, height : int
            Pixels.
        component_count : int
            Samples stored for each pixel.
        bits : int
            Bits that samples fill: 1 to 8 are stored as uint8, 9 to 16 as uint16, 32 as float32.
        sequence_count : int
            Frames in the file.

        Raises
        ------
        FormatError
            If a value is out of range: integers of more than 16 bits cannot be stored, for one.
        """
        significant = whole(bits, "bits")
        if significant < 1:
            raise FormatError(f"samples of {bits} bits cannot be; state 1 to 16, or 32 for float32")
        return ImageAttributes(
            width=whole(width, "width"),
            height=whole(height, "height"),
            component_count=whole(component_count, "component_count"),
            bits_in_memory=next((held for held in _STORED if significant <= held), significant),
            bits_significant=significant,
            frame_count=whole(sequence_count, "sequence_count"),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, nd2.ImageAttributes):
            return NotImplemented
        return astuple(self) == astuple(other)

    def __hash__(self) -> int:
        return super().__hash__()

    @property
    def uiWidth(self) -> int:
        """Pixels of a row."""
        return self.width

    @property
    def uiHeight(self) -> int:
        """Rows."""
        return self.height

    @property
    def uiWidthBytes(self) -> int:
        """Bytes from row to row."""
        return self.row_stride

    @property
    def uiComp(self) -> int:
        """Samples stored for each pixel."""
        return self.component_count

    @property
    def uiBpcInMemory(self) -> int:
        """Bits in which a sample is stored."""
        return self.bits_in_memory

    @property
    def uiBpcSignificant(self) -> int:
        """Bits that samples fill."""
        return self.bits_significant

    @property
    def uiSequenceCount(self) -> int:
        """Frames in the file."""
        return self.frame_count

    @property
    def componentCount(self) -> int:
        """Samples stored for each pixel."""
        return self.component_count

    @property
    def frameCount(self) -> int:
        """Frames in the file."""
        return self.frame_count

    @property
    def widthBytes(self) -> int:
        """Bytes from row to row."""
        return self.row_stride

    @property
    def imageBytes(self) -> int:
        """Bytes of one frame before compression, row padding included."""
        return self.frame_size
