"""The image file directories of a TIFF file: where they lie, and which of them are read alike."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from nd2watch.errors import FrameIncomplete, FrameUnreadable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

NO_COMPRESSION: Final = 1

_BIG: Final = 43
_MOST_TAGS: Final = 4096
_FAX: Final = (2, 3, 4)
_LONGEST_VALUE: Final = 1 << 28
_SPARE: Final = 1 << 25
_READINGS: Final = 4
"""Values of tags may have so many times the bytes of the file, and the spare ones, together."""

_LETTERS: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types of whole numbers, as `struct` calls them."""

_WIDTHS: Final = {kind: struct.calcsize(letter) for kind, letter in _LETTERS.items()} | {
    **{2: 1, 6: 1, 7: 1},
    **{5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 17: 8},
}
"""Bytes of a value of each type."""

_SUBFILE_TYPE: Final = 254
_BITS: Final = 258
_COMPRESSION: Final = 259
_STRIPS: Final = (273, 279)
_TILES: Final = (324, 325)
_TILE_WIDTH: Final = 322
_OLD_JPEG: Final = (513, 514)
_ZEISS_LSM: Final = 34412
_WATCHED: Final = frozenset(
    (_SUBFILE_TYPE, _COMPRESSION, _TILE_WIDTH, *_STRIPS, *_TILES, *_OLD_JPEG)
)
_LAYOUT: Final = frozenset(
    (
        *(_SUBFILE_TYPE, 255),
        *(256, 257, 32997),  # width, length, depth
        *(258, 277, 284, 338, 339),  # bits, number, planes, extra ones and format of samples
        *(_COMPRESSION, 262, 266, 292, 317, 530),  # and all that decoding needs
        *(278, 322, 323, 32998),  # rows of strips; sides of tiles
        42113,
    )
)
"""Numbers of the tags that say how pixels are stored."""

_LESSER_IMAGE: Final = 0b101
"""Kinds of subfiles that are no images of their own: reduced ones, and masks."""


Entry: TypeAlias = tuple[int, int, int, bytes]
"""A tag of a directory: its number, type, count of values, and these or where they lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What directories have in common whose pages are read alike.

    Attributes
    ----------
    first : int
        Number of the first of them.
    codes : frozenset of int
        Numbers of the tags that say how pixels are stored.
    segments : int
        Strips or tiles that are listed.
    contiguous : bool
        Each of them follows the one before.
    lesser : bool
        The page is a reduced image or a mask.
    sized : bool
        The sizes of strips or tiles are listed.
    """

    first: int
    codes: frozenset[int]
    segments: int
    contiguous: bool
    lesser: bool
    sized: bool


class Directories:
    """The chain of directories of an open file, followed to its end; each page is within the file.

    Parameters
    ----------
    path : Path
        The file's name.
    file : BinaryIO
        The open file.
    size : int
        Its size, bytes.

    Attributes
    ----------
    offsets : array of int
        Where each directory lies.
    kinds : array of int
        Number of the layout of each, in `layouts`.
    layouts : list of Layout
        The layouts.
    latest : list of int
        Where the last of the pages of each layout begins.

    Raises
    ------
    FrameIncomplete
        If directories or pixel data lie behind the end of the file, or are not written yet.
    FrameUnreadable
        If the chain is a circle.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self._path, self._file, self._size = path, file, size
        file.seek(0)
        header = file.read(16)
        self._order: Literal["little", "big"] = "little" if header[:2] == b"II" else "big"
        self._sign = "<" if self._order == "little" else ">"
        big = int.from_bytes(header[2:4], self._order) == _BIG
        self._count_size, self._offset_size = (8, 8) if big else (2, 4)
        self._entry = struct.Struct(self._sign + ("HHQ8s" if big else "HHI4s"))
        self.offsets, self.kinds = array("Q"), array("Q")
        self.layouts: list[Layout] = []
        self.latest: list[int] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._is_lsm = False
        self._last = (0, 0)
        self._left = _READINGS * size + _SPARE
        self._follow(int.from_bytes(header[8:16] if big else header[4:8], self._order))

    def __len__(self) -> int:
        return len(self.offsets)

    def layout(self, number: int) -> Layout:
        """Return the layout of a directory."""
        return self.layouts[self.kinds[number]]

    def value(self, number: int, code: int) -> bytes:
        """Return the bytes of a tag of a directory, none when it has no such tag."""
        for entry in self._entries(self.offsets[number])[0]:
            if entry[0] == code:
                return self._value(entry)
        return b""

    def last_bytes(self, number: int, count: int) -> bytes:
        """Return up to `count` bytes at the end of the last strip or tile of a directory."""
        begin, end = self._last
        if number < len(self) - 1:
            found = {entry[0]: entry for entry in self._entries(self.offsets[number])[0]}
            begin, end = self._last_segment(*self._places(found))
        begin = max(begin, end - count)
        return self._read(begin, end - begin)

    def _follow(self, offset: int) -> None:
        """Read the directories from the first on."""
        seen = set()
        while offset:
            if offset in seen:
                raise FrameUnreadable(
                    f"{self._path} is damaged: page {len(self)} is followed by an earlier one;"
                    " save it anew with the program that wrote it",
                    self._path,
                )
            seen.add(offset)
            entries, following = self._entries(offset)
            if not len(self):
                self._is_lsm = any(code == _ZEISS_LSM for code, *_ in entries)
            self._add(offset, entries)
            offset = following

    def _entries(self, offset: int) -> tuple[list[Entry], int]:
        """Return the tags of the directory at `offset`, and where the next one lies."""
        number = int.from_bytes(self._read(offset, self._count_size), self._order)
        if not 0 < number <= _MOST_TAGS:
            raise self._damage(f"the directory at byte {offset} lists {number} tags")
        length = number * self._entry.size
        body = self._read(offset + self._count_size, length + self._offset_size)
        tags = list(self._entry.iter_unpack(body[:length]))
        return tags, int.from_bytes(body[length:], self._order)

    def _add(self, offset: int, entries: list[Entry]) -> None:
        """Take up a directory, checking where its pixel data lie."""
        tags = tuple(
            entry if entry[2] == 1 else (*entry[:3], self._value(entry))
            for entry in entries
            if entry[0] in _LAYOUT and (entry[0] != _BITS or not self._is_lsm)
        )
        found = {entry[0]: entry for entry in entries if entry[0] in _WATCHED}
        compression = self._whole(found.get(_COMPRESSION)) or NO_COMPRESSION
        offsets, counts = self._places(found)
        if self._is_lsm and compression != NO_COMPRESSION:
            counts = ()  # it has the sizes before compression
        self._last = self._check(offsets, counts, compression, tiled=_TILE_WIDTH in found)
        ends = map(add, offsets, counts)
        contiguous = len(offsets) == 1 or (
            len(counts) == len(offsets)
            and all(end == begin for end, begin in zip(ends, offsets[1:], strict=False))
        )
        signature = (tags, len(offsets), contiguous, bool(counts))
        kind = self._known.setdefault(signature, len(self.layouts))
        if kind == len(self.layouts):
            layout = Layout(
                first=len(self),
                codes=frozenset([tag[0] for tag in tags]),
                segments=len(offsets),
                contiguous=contiguous,
                lesser=bool(self._whole(found.get(_SUBFILE_TYPE)) & _LESSER_IMAGE),
                sized=bool(counts),
            )
            self.layouts.append(layout)
            self.latest.append(0)
        self.offsets.append(offset)
        self.kinds.append(kind)
        self.latest[kind] = max(self.latest[kind], offsets[0])

    def _whole(self, entry: Entry | None) -> int:
        """Return the first whole number of a tag, 0 when it is not there."""
        return self._numbers(entry)[0] if entry is not None else 0

    def _places(self, found: dict[int, Entry]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return offsets and sizes of strips or tiles; tiles go first, sizes may not be listed."""
        for places, sizes in (_TILES, _STRIPS, _OLD_JPEG):
            if places in found:
                offsets = self._numbers(found[places])
                return offsets, self._numbers(found[sizes]) if sizes in found else ()
        raise self._damage(f"page {len(self)} does not tell where its pixel data are")

    def _check(
        self,
        offsets: tuple[int, ...],
        counts: tuple[int, ...],
        compression: int,
        *,
        tiled: bool,
    ) -> tuple[int, int]:
        """Return begin and end of the last piece, refusing pixel data that are not in the file."""
        unwritten = offsets.count(0)
        if len(counts) > 1 or compression not in (NO_COMPRESSION, *_FAX):
            unwritten = max(unwritten, counts.count(0))
        if unwritten == len(offsets) or (unwritten and not tiled):
            raise self._damage(f"the pixel data of page {len(self)} are not written")
        end = max(max(offsets), max(map(add, offsets, counts), default=0))
        if end > self._size:
            raise FrameIncomplete(
                f"{self._path} has {self._size} bytes, its pixel data end at {end}", self._path
            )
        return self._last_segment(offsets, counts)

    def _last_segment(self, offsets: tuple[int, ...], counts: tuple[int, ...]) -> tuple[int, int]:
        """Return begin and end of the last strip or tile."""
        if len(counts) < len(offsets):
            return offsets[-1], self._size
        return offsets[-1], offsets[-1] + counts[len(offsets) - 1]

    def _numbers(self, entry: Entry) -> tuple[int, ...]:
        """Return the whole numbers of a tag."""
        code, kind, count, value = entry
        letter = _LETTERS.get(kind)
        if letter is None or not count:
            raise self._damage(f"tag {code} of page {len(self)} has no numbers")
        if count == 1 and _WIDTHS[kind] <= len(value):
            return (int.from_bytes(value[: _WIDTHS[kind]], self._order),)
        return struct.unpack(f"{self._sign}{count}{letter}", self._value(entry))

    def _value(self, entry: Entry) -> bytes:
        """Return the bytes of a tag."""
        code, kind, count, value = entry
        length = _WIDTHS.get(kind, 0) * count
        if length <= len(value):
            return value[:length]
        if length > _LONGEST_VALUE:
            raise self._damage(f"tag {code} has {count} values")
        self._left -= length
        if self._left < 0:
            raise FrameUnreadable(
                f"{self._path} is damaged: values of its tags lie in each other", self._path
            )
        return self._read(int.from_bytes(value, self._order), length)

    def _read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file."""
        if offset + length > self._size:
            raise FrameIncomplete(
                f"{self._path} has {self._size} bytes, but more are announced"
                f" ({length} at byte {offset}); it is damaged or cut short",
                self._path,
            )
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) != length:
            raise self._damage(f"{length} bytes at byte {offset} cannot be read")
        return data

    def _damage(self, what: str) -> FrameIncomplete:
        """Return the error for a file whose structure is broken."""
        return FrameIncomplete(f"{self._path} is damaged or cut short: {what}", self._path)
