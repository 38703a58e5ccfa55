"""The segments of a CZI file, none of whose declared sizes is believed before it is checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.files import check_start, key_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_MAGIC: Final = b"ZISRAWFILE"
_HEADER: Final = struct.Struct("<16sqq")
_NUMBER: Final = struct.Struct("<i")
_PART_AT: Final = _HEADER.size + 48
_PENDING_AT: Final = _HEADER.size + 68
_START_SIZE: Final = _HEADER.size + 80

_DIRECTORY_SPACE: Final = 128
_ENTRY_SIZE: Final = 32
_DIMENSION_SIZE: Final = 20

_SUBBLOCK: Final = struct.Struct("<16sqqiiq")
_SUBBLOCK_SPACE: Final = 240
"""Bytes for the entry of the directory that is repeated in a subblock, at least."""

_CONTENT_AT: Final = _HEADER.size + 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SubblockParts:
    """Where the XML and the pixels of a subblock are in the file, bytes."""

    xml_at: int
    xml_size: int
    data_at: int
    data_size: int


class Segments:
    """The segments of an open file.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.

    Raises
    ------
    FrameIncomplete
        If it is still being written.
    FrameUnreadable
        If it is no CZI file, or one of several that make one image.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self.size = key_of(file).size
        check_start(path, file, "CZI", _MAGIC)
        _check_marks(path, file.read(_START_SIZE))

    def read(self, position: int, size: int) -> bytes:
        """Return bytes of the file.

        Raises
        ------
        ValueError
            If not all of them are there.
        """
        if position < 0 or size < 0 or position + size > self.size:
            raise ValueError(f"it has {self.size} bytes, and is to have {size} at {position}")
        self._file.seek(position)
        return self._file.read(size)

    def check(self, position: int, name: bytes) -> int:
        """Return the bytes that a segment has behind its header.

        Raises
        ------
        ValueError
            If there is no segment of this name.
        """
        found, allocated, used = _HEADER.unpack(self.read(position, _HEADER.size))
        if found.rstrip(b"\0") != name:
            raise ValueError(f"there is no {name.decode()} at {position}")
        return int(used or allocated)

    def check_directory(self, position: int) -> None:
        """Refuse a directory of subblocks whose entries are not all in it.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        size = self.check(position, b"ZISRAWDIRECTORY")
        data = self.read(position + _HEADER.size, size)
        (count,) = _NUMBER.unpack_from(data)
        at = _DIRECTORY_SPACE
        for _ in range(count):
            (dimensions,) = _NUMBER.unpack_from(data, at + _ENTRY_SIZE - _NUMBER.size)
            at += _ENTRY_SIZE + _DIMENSION_SIZE * dimensions
            if dimensions < 0 or at > size:
                raise ValueError(f"its directory has no room for {count} subblocks")

    def subblock(self, position: int, entry_size: int) -> SubblockParts:
        """Return where the parts of a subblock are, whose entry in the directory has a size.

        Raises
        ------
        ValueError
            If there is none, or it reaches beyond the end of the file.
        """
        found, _, _, xml_size, _, data_size = _SUBBLOCK.unpack(self.read(position, _SUBBLOCK.size))
        xml_at = position + _SUBBLOCK.size + max(_SUBBLOCK_SPACE, entry_size)
        data_at = xml_at + xml_size
        if found.rstrip(b"\0") != b"ZISRAWSUBBLOCK" or xml_size < 0 or data_size < 0:
            raise ValueError(f"there is no subblock at {position}")
        if data_at + data_size > self.size:
            raise ValueError(f"it has {self.size} bytes, its pixels end at {data_at + data_size}")
        return SubblockParts(xml_at=xml_at, xml_size=xml_size, data_at=data_at, data_size=data_size)

    def content(self, position: int, name: bytes) -> bytes:
        """Return the content of a segment of metadata, or of an attachment.

        Raises
        ------
        ValueError
            If it is not there.
        """
        self.check(position, name)
        (size,) = _NUMBER.unpack(self.read(position + _HEADER.size, _NUMBER.size))
        return self.read(position + _CONTENT_AT, size)


def in_parts(path: Path) -> FrameUnreadable:
    """Return the error for a file whose images are in several files."""
    return FrameUnreadable(
        f"{path} is one of several files that make one CZI image; save it as one file in ZEN", path
    )


def _check_marks(path: Path, start: bytes) -> None:
    """Refuse by the marks at its start what is not whole."""
    if len(start) < _START_SIZE:
        raise FrameIncomplete(f"{path} has only {len(start)} bytes; it is not written yet", path)
    if _NUMBER.unpack_from(start, _PENDING_AT) != (0,):
        raise FrameIncomplete(
            f"{path} is marked as being written; if that was broken off, open and save it in ZEN",
            path,
        )
    if _NUMBER.unpack_from(start, _PART_AT) != (0,):
        raise in_parts(path)
