"""Ways to damage files, by a source of chance that begins alike each time."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Change = Callable[[bytes, Random], bytes]

ABSURD: Final = (0, 1, 2, 0x7F, 0xFF, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
ABSURD_TEXTS: Final = (
    *("0", "-1", "", " ", "1e308", "-1e309", "NaN", "Infinity", "2147483648", "9" * 400, "0x10"),
    *("null", "true", "[]", "{}", '"', "'", "<", "&#0;", "&x;", "\0", "\x1b[2J", "\n", "\r\n"),
    *("../../../../etc/passwd", "..\\..\\x.tif", "/etc/passwd", "C:\\x.tif", "\\\\host\\x.tif"),
    *("\u202e", "\u2028", "\u0660\u0661", "\udcff", "A" * 5000, "1.5.2", "1,5", "²", "٣"),
)
_MOST_CHANGES: Final = 3
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_WORD: Final = re.compile(r"[\w./\\:-]+")


def flipped(data: bytes, chance: Random) -> bytes:
    """Flip some bits."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def numbered(data: bytes, chance: Random) -> bytes:
    """Put an absurd number somewhere."""
    size = chance.choice((1, 2, 4, 8))
    at = chance.randrange(max(len(data) // 2 - size, 1)) * 2
    order: Literal["little", "big"] = chance.choice(("little", "big"))
    value = chance.choice(ABSURD) & ((1 << 8 * size) - 1)
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def cut(data: bytes, chance: Random) -> bytes:
    """Cut the end off; some file systems leave zeros instead."""
    end = chance.randrange(len(data))
    return data[:end] + chance.choice((b"", b"\0", b"\xff")) * (len(data) - end)


def swapped(data: bytes, chance: Random) -> bytes:
    """Swap two blocks."""
    size = chance.randint(1, max(len(data) // 4, 1))
    first = chance.randrange(max(len(data) - 2 * size, 1))
    second = chance.randint(first + size, max(len(data) - size, first + size))
    parts = (data[second : second + size], data[first + size : second], data[first : first + size])
    return data[:first] + b"".join(parts) + data[second + size :]


def repeated(data: bytes, chance: Random) -> bytes:
    """Repeat a block."""
    begin, end = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:end] + data[begin:end] * chance.choice((1, 3)) + data[end:]


def dropped(data: bytes, chance: Random) -> bytes:
    """Leave a block out."""
    begin, end = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:begin] + data[end:]


def wiped(data: bytes, chance: Random) -> bytes:
    """Overwrite a block."""
    begin, end = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:begin] + chance.choice((b"\0", b"\xff", b"A")) * (end - begin) + data[end:]


BYTES: Final = (flipped, numbered, cut, swapped, repeated, dropped, wiped)


def with_absurd_tag(data: bytes, chance: Random) -> bytes:
    """Change a tag of a TIFF file, or where its next directory lies."""
    tiff = _Tiff(data)
    if not tiff.entries:
        return flipped(data, chance)
    places = [*tiff.entries, *tiff.pointers]
    at = chance.choice(places)
    if at in tiff.pointers:
        target = chance.choice((*tiff.directories, 0, len(data) - 1, 2**31, 2**32 - 1))
        return tiff.put(at, tiff.offset, target)
    field = chance.choice(("code", "type", "count", "value", "value"))
    if field == "code":
        return tiff.put(at, "H", chance.choice((254, 256, 257, 258, 259, 273, 279, 330, 34412)))
    if field == "type":
        return tiff.put(at + 2, "H", chance.choice((0, 1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 16, 99)))
    if field == "count":
        return tiff.put(at + 4, tiff.offset, chance.choice(ABSURD))
    return tiff.put(at + 4 + tiff.width, tiff.offset, chance.choice(ABSURD))


class _Tiff:
    """Where the directories of a TIFF file and their entries lie."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        is_big = self._number(2, "H") == 43
        self.offset, self.width = ("Q", 8) if is_big else ("I", 4)
        self.entries: list[int] = []
        self.pointers: list[int] = [8 if is_big else 4]
        self.directories: list[int] = []
        at = self._number(self.pointers[0], self.offset)
        while at and at not in self.directories:
            self.directories.append(at)
            count, head = self._number(at, "Q" if is_big else "H"), 8 if is_big else 2
            first, size = at + head, 20 if is_big else 12
            self.entries += [first + size * number for number in range(count)]
            self.pointers.append(first + size * count)
            at = self._number(self.pointers[-1], self.offset)

    def _number(self, at: int, form: str) -> int:
        """Return a number of the file."""
        (value,) = struct.unpack_from(self._order + form, self._data, at)
        return int(value)

    def put(self, at: int, form: str, value: int) -> bytes:
        """Return the file with another number."""
        new = struct.pack(self._order + form, value & ((1 << 8 * struct.calcsize(form)) - 1))
        return self._data[:at] + new + self._data[at + len(new) :]


def with_absurd_chunk(data: bytes, chance: Random) -> bytes:
    """Damage, drop, repeat or move a chunk of a PNG file, of which the checksums stay right."""
    chunks = _chunks(data)
    number = chance.randrange(len(chunks))
    kind, content = chunks[number]
    way = chance.choice(("change", "change", "drop", "repeat", "move", "rename"))
    if way == "change" and content:
        chunks[number] = (kind, chance.choice(BYTES)(content, chance))
    elif way == "drop":
        del chunks[number]
    elif way == "repeat":
        chunks.insert(number, (kind, content))
    elif way == "move":
        chunks.insert(chance.randrange(len(chunks)), chunks.pop(number))
    else:
        chunks[number] = (chance.choice((b"IDAT", b"PLTE", b"tRNS", b"acTL", b"zTXt")), content)
    return data[:8] + b"".join(png_chunk(*each) for each in chunks)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG file."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def with_absurd_text(data: bytes, chance: Random) -> bytes:
    """Put something absurd for a number or word of a text."""
    text = data.decode("utf-8", "surrogateescape")
    words = [*chance.choice((_NUMBER, _WORD)).finditer(text)]
    if not words:
        return flipped(data, chance)
    word = chance.choice(words)
    absurd = chance.choice(ABSURD_TEXTS)
    changed = text[: word.start()] + absurd + text[word.end() :]
    return changed.encode("utf-8", "surrogateescape")


def with_absurd_lines(data: bytes, chance: Random) -> bytes:
    """Leave out, repeat or swap lines, or elements where all is one line."""
    lines = re.split(rb"(?<=[\n>,])", data)
    first, second = (chance.randrange(len(lines)) for _ in range(2))
    way = chance.choice(("drop", "repeat", "swap"))
    if way == "drop":
        del lines[first]
    elif way == "repeat":
        lines[first] *= chance.choice((2, 50))
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def recoded(data: bytes, chance: Random) -> bytes:
    """Write a text in another encoding."""
    text = data.decode("utf-8", "replace")
    return text.encode(
        chance.choice(("utf-16", "utf-16-be", "utf-32", "utf-7", "cp500")), "replace"
    )


def mutated(data: bytes, suffix: str, chance: Random) -> bytes:
    """Return a file damaged in up to three ways, those of its format among them.

    Parameters
    ----------
    data : bytes
        The sound file.
    suffix : str
        Ending of its name.
    chance : Random
        Chooses.
    """
    changes: list[Change] = [chance.choice(BYTES)]
    if suffix in (".tif", ".stk", ".lsm", ".ome.tif") and chance.random() < 0.5:
        changes = [with_absurd_tag]
    elif suffix == ".png" and chance.random() < 0.5:
        changes = [with_absurd_chunk]
    elif suffix == "text" and chance.random() < 0.8:
        ways = (with_absurd_text, with_absurd_text, with_absurd_lines, recoded)
        changes = [chance.choice(ways) for _ in range(chance.randint(1, _MOST_CHANGES))]
    if chance.random() < 0.2:
        changes.append(chance.choice(BYTES))
    for change in changes:
        data = change(data, chance) if len(data) > 8 else data
    return data
