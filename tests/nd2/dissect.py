"""ND2 files taken apart into chunks and named, typed fields.

This shares no code with the package, so that one checks the other.
"""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BLOCK: Final = 4096
MAP_END: Final = b"ND2 CHUNK MAP SIGNATURE 0000001!"

_NUMBERS: Final = {
    1: ("bool", struct.Struct("<B")),
    2: ("int32", struct.Struct("<i")),
    3: ("uint32", struct.Struct("<I")),
    4: ("int64", struct.Struct("<q")),
    5: ("uint64", struct.Struct("<Q")),
    6: ("double", struct.Struct("<d")),
}
_COLUMNS: Final = {"1": ("text", 512), "2": ("int32", 4), "3": ("double", 8)}
"""Kind and bytes a frame of recorded columns, by the type in their description."""

_NUMBERED: Final = re.compile(r"(a|Point|Tag)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk as it lies in a file.

    Attributes
    ----------
    name : str
        With its closing ``!``.
    offset : int
        Where its header is.
    name_size : int
        Bytes of name and padding.
    padding : bytes
        Between name and data.
    data : bytes
        Data.
    fill : bytes
        From the data to the next boundary.
    """

    name: str
    offset: int
    name_size: int
    padding: bytes = field(repr=False)
    data: bytes = field(repr=False)
    fill: bytes = field(repr=False)

    @property
    def data_offset(self) -> int:
        """Where its data begin."""
        return self.offset + 16 + self.name_size

    @property
    def end(self) -> int:
        """Where its data end."""
        return self.data_offset + len(self.data)


def chunks(path: Path) -> list[Chunk]:
    """Return every chunk of a file, found by going from one to the next."""
    found = []
    content = path.read_bytes()
    at = 0
    while at < len(content):
        magic, name_size, data_size = struct.unpack_from("<IIQ", content, at)
        assert magic == 0x0ABECEDA, f"no chunk at byte {at}"
        start = at + 16 + name_size
        end = start + data_size
        following = -(-end // BLOCK) * BLOCK
        name, mark, padding = content[at + 16 : start].partition(b"!")
        chunk = Chunk(
            name=(name + mark).decode("ascii"),
            offset=at,
            name_size=name_size,
            padding=padding,
            data=content[start:end],
            fill=content[end:following],
        )
        found.append(chunk)
        at = following
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One item of a metadata tree.

    Attributes
    ----------
    path : str
        Names from the root's child down to it, joined by ``/``; numbered names and those of a
        list's items, which are empty, have ``#`` for the number.
    kind : str
        Stored type; that of the root has its name too.
    value : Any
        Value; of a level its children's names in the order of its table.
    name_units : int
        Stored UTF-16 units of the name, with its closing U+0000 if it has one.
    """

    path: str
    kind: str
    value: Any
    name_units: int = 0


def tree_fields(data: bytes) -> list[Field]:
    """Return the root and all items below it, as they are stored."""
    found: list[Field] = []
    name, end = _walk(data, 0, None, found)
    assert end == len(data), f"{len(data) - end} bytes follow {name}"
    found.insert(0, Field(path="", kind=f"level {name}", value=found.pop().value))
    return found


def _walk(data: bytes, start: int, parent: str | None, found: list[Field]) -> tuple[str, int]:
    """Add the item at `start` behind those below it; return its name and where it ends."""
    code, units = data[start], data[start + 1]
    at = start + 2 + 2 * units
    name, end, rest = data[start + 2 : at].decode("utf-16-le").partition("\0")
    assert (rest, bool(end)) == ("", bool(units)), f"the name {name!r} has no end"
    path = "" if parent is None else f"{parent}/{_general(name)}".lstrip("/")
    value: Any
    if code in _NUMBERS:
        kind, form = _NUMBERS[code]
        (value,) = form.unpack_from(data, at)
        at += form.size
    elif code == 8:
        kind, (value, at) = "string", _string(data, at)
    elif code == 9:
        kind, (size,) = "bytes", struct.unpack_from("<Q", data, at)
        value, at = data[at + 8 : at + 8 + size], at + 8 + size
    else:
        assert code == 11, f"type {code} of {path}"
        kind, (value, at) = "level", _level(data, start, at, path, found)
    found.append(Field(path=path, kind=kind, value=value, name_units=units))
    return name, at


def _string(data: bytes, at: int) -> tuple[str, int]:
    """Return a text and where it ends."""
    end = next(i for i in range(at, len(data), 2) if data[i : i + 2] == b"\0\0")
    return data[at:end].decode("utf-16-le"), end + 2


def _level(data: bytes, start: int, at: int, path: str, found: list[Field]) -> tuple[Any, int]:
    """Add what is below a level; return the names that its table leads to, and where it ends."""
    count, length = struct.unpack_from("<IQ", data, at)
    at += 12
    names = {}
    for _ in range(count):
        place = at - start
        names[place], at = _walk(data, at, path, found)
    assert at == start + length, f"{path} does not end with its last child"
    table = struct.unpack_from(f"<{count}Q", data, at)
    assert sorted(table) == sorted(names), f"the table of {path} does not lead to its children"
    return tuple(names[place] for place in table), at + 8 * count


def _general(name: str) -> str:
    """Return a name with its number, if it is one of a list, as ``#``."""
    match = _NUMBERED.fullmatch(name)
    return f"{match[1]}#" if match else name or "#"


def xml_fields(data: bytes) -> list[Field]:
    """Return the root and all elements of an XML variant, with their run-time type."""
    root = ET.fromstring(data)
    top = Field(path="", kind=f"xml {root.tag} {root.get('version')}", value=None)
    return [top, *_elements(root, "")]


def _elements(parent: ET.Element, path: str) -> Iterator[Field]:
    """Yield all elements below one."""
    for element in parent:
        own = f"{path}/{_general(element.tag)}".lstrip("/")
        yield Field(path=own, kind=element.get("runtype", ""), value=element.get("value"))
        yield from _elements(element, own)


def survey(file: Sequence[Chunk]) -> dict[str, frozenset[str]]:
    """Return the stored types of every field of a file, by chunk and path.

    Chunks that hold one value a frame have the type that their description tells, or, without
    one, the bytes of a value.
    """
    frames = sum(chunk.name.startswith("ImageDataSeq|") for chunk in file)
    columns = described_columns(file)
    found: dict[str, set[str]] = {}
    for chunk in file[1:-1]:  # without signature and map
        name = re.sub(r"^(\w+Seq\|(?:.*\|)?)\d+!$", r"\1#!", chunk.name)[:-1]
        name = "ImageMetadataSeqLV|0" if name == "ImageMetadataSeqLV|#" else name
        for item in _content(chunk, frames, columns):
            found.setdefault(f"{name}/{item.path}".rstrip("/"), set()).add(item.kind)
    return {path: frozenset(kinds) for path, kinds in found.items()}


def _content(chunk: Chunk, frames: int, columns: dict[str, tuple[str, int]]) -> list[Field]:
    """Return the fields of one chunk."""
    kind = "raw"
    if "Seq|" in chunk.name:
        kind = "frame"
    elif chunk.data.startswith(b"<?xml"):
        return xml_fields(chunk.data)
    elif chunk.name in columns:
        kind, size = columns[chunk.name]
        assert len(chunk.data) == size * frames, f"{chunk.name} has {len(chunk.data)} bytes"
    elif chunk.data[:1] == b"\x0b":
        return tree_fields(chunk.data)
    elif chunk.name.startswith("CustomData|Acq"):
        kind = f"{len(chunk.data) / frames:g} bytes a frame"
    return [Field(path="", kind=kind, value=None)]


def described_columns(file: Sequence[Chunk]) -> dict[str, tuple[str, int]]:
    """Return type and bytes a frame of each recorded column, by the name of its chunk."""
    (described,) = (chunk for chunk in file if chunk.name == "CustomDataVar|CustomDataV2_0!")
    values = [(item.path.rpartition("/")[2], item.value) for item in xml_fields(described.data)]
    keys = [value for name, value in values if name == "ID"]
    kinds = [value for name, value in values if name == "Type"]
    return {f"CustomData|{key}!": _COLUMNS[kind] for key, kind in zip(keys, kinds, strict=True)}
