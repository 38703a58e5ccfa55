"""TIFF files of which every number may be a lie."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS: Final = {1: "B", 2: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A value that is said to have `count` items of a type, and to lie at `offset`."""

    kind: int
    count: int
    offset: int


Value: TypeAlias = "int | list[int] | bytes | At"
"""Of a tag: a number, numbers, a text, or where they are said to be."""


class RawTiff:
    """Builds a little-endian TIFF file of pages with the tags that it is given.

    Parameters
    ----------
    big : bool
        It is a BigTIFF file.

    Attributes
    ----------
    directories : list of int
        Where each directory lies.
    """

    def __init__(self, *, big: bool = False) -> None:
        start = b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4)
        self._data = bytearray(start)
        self._offset, self._count = ("Q", "Q") if big else ("I", "H")
        self._kind = 16 if big else 4
        self._pointer = 8 if big else 4
        self.directories: list[int] = []

    def add(self, data: bytes) -> int:
        """Append data and return where it lies."""
        self._data += bytes(len(self._data) % 2)
        self._data += data
        return len(self._data) - len(data)

    def page(self, tags: Mapping[int, Value]) -> None:
        """Append a directory."""
        entries = b"".join(self._entry(code, tags[code]) for code in sorted(tags))
        head = struct.pack(f"<{self._count}", len(tags))
        directory = self.add(head + entries + bytes(struct.calcsize(self._offset)))
        self.point_to(directory)
        self._pointer = len(self._data) - struct.calcsize(self._offset)
        self.directories.append(directory)

    def point_to(self, directory: int) -> None:
        """Let the last directory, or the header, be followed by another one."""
        struct.pack_into(f"<{self._offset}", self._data, self._pointer, directory)

    def gray(self, width: int, height: int, strip: bytes, **more: Value) -> dict[int, Value]:
        """Return the tags of 8-bit gray in one strip, which is added.

        Others, or these by other values, are given as ``t277=3``.
        """
        return {
            **{256: width, 257: height, 258: [8], 259: [1], 262: [1]},
            **{273: self.add(strip), 277: [1], 278: height, 279: len(strip)},
            **{int(name[1:]): value for name, value in more.items()},
        }

    @property
    def data(self) -> bytes:
        """The file."""
        return bytes(self._data)

    def _entry(self, code: int, value: Value) -> bytes:
        """Return the entry of a tag; numbers of a list that fit are short ones."""
        if isinstance(value, At):
            return struct.pack(
                f"<HH{self._offset}{self._offset}", code, value.kind, value.count, value.offset
            )
        if isinstance(value, bytes):
            kind, count, data = 2, len(value), value
        else:
            numbers = value if isinstance(value, list) else [value]
            kind = 3 if isinstance(value, list) and max(numbers) < 1 << 16 else self._kind
            count, data = len(numbers), struct.pack(f"<{len(numbers)}{_LETTERS[kind]}", *numbers)
        room = struct.calcsize(self._offset)
        if len(data) > room:
            data = struct.pack(f"<{self._offset}", self.add(data))
        return struct.pack(f"<HH{self._offset}", code, kind, count) + data.ljust(room, b"\0")
