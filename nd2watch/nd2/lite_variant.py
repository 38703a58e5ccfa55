"""The lite variant encoding of ND2 metadata: a typed tree to bytes and back.

An item is u8 type, u8 length of the name in UTF-16 units with its closing zero, the name as
UTF-16LE, and the value. A level (a tree node) is u32 item count, u64 bytes from the level's own
type byte to the end of its last child, the children, and a table of u64 child offsets that is
sorted by child name. A list is a level whose children all have an empty name.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_DEPTH: Final = 64
"""Deepest nesting that is read; real files stay far below it."""

_HEADER = struct.Struct("<BB")
_LEVEL = struct.Struct("<IQ")
_OFFSET = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its stored type.

    Attributes
    ----------
    value : bool, int or float
        The number; its range is checked when it is encoded.
    """

    value: float
    code: ClassVar[int]
    form: ClassVar[struct.Struct]


@dataclass(frozen=True, slots=True)
class Bool(Value):
    """u8, 0 or 1."""

    code = 1
    form = struct.Struct("<B")


@dataclass(frozen=True, slots=True)
class Int32(Value):
    """Signed 32-bit integer."""

    code = 2
    form = struct.Struct("<i")


@dataclass(frozen=True, slots=True)
class UInt32(Value):
    """Unsigned 32-bit integer."""

    code = 3
    form = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Int64(Value):
    """Signed 64-bit integer; only read, as nd2reader cannot skip it."""

    code = 4
    form = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class UInt64(Value):
    """Unsigned 64-bit integer."""

    code = 5
    form = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Double(Value):
    """64-bit floating point number."""

    code = 6
    form = struct.Struct("<d")


_TYPE_OF_CODE: Final[dict[int, type[Value]]] = {
    kind.code: kind for kind in (Bool, Int32, UInt32, Int64, UInt64, Double)
}

_CONTROL: Final = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_STRING: Final = 8
_BYTES: Final = 9
_LEVEL_CODE: Final = 11

if TYPE_CHECKING:
    Item = Value | str | bytes | Mapping[str, "Item"] | Sequence["Item"]

Plain = bool | int | float | str | bytes | dict[str, "Plain"] | list["Plain"]
"""What decoding gives: numbers without their stored type, levels as dict, lists as list."""


_Kind = TypeVar("_Kind")


def get(tree: Plain, name: str, kind: type[_Kind]) -> _Kind:
    """Return the child `name` of a decoded level, checked to be of `kind`.

    Raises
    ------
    FormatError
        If the child is missing, of another kind, or no finite number.
    """
    value = tree.get(name) if isinstance(tree, dict) else None
    if kind is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
        raise FormatError(f"damaged metadata: no {kind.__name__} named {name}")
    return value


def find(tree: Plain | None, *names: str) -> Plain | None:
    """Return what lies under `names` in a decoded tree, one below the other; None when absent."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def check_text(text: str, what: str) -> None:
    """Refuse a text that cannot be stored: no valid Unicode, or with a control character.

    Line breaks and tabs may be there; other control characters have no place in XML.

    Raises
    ------
    FormatError
        Names `what` the text is.
    """
    if not isinstance(text, str):
        raise FormatError(f"{what} is {text!r}; it must be text")
    _encode_text(text, what)
    if (found := _CONTROL.search(text)) is not None:
        raise FormatError(f"{what} holds the control character U+{ord(found.group()):04X}")


def encode(name: str, item: Item) -> bytes:
    """Return one named item as bytes.

    Parameters
    ----------
    name : str
        Name of the item; empty in a list. At most 254 UTF-16 units, no U+0000.
    item : Value, str, bytes, mapping or sequence
        The value; a mapping is a level with named children, a sequence a list.

    Raises
    ------
    FormatError
        If a name or string holds U+0000, a name is too long, or a number is out of range.
    """
    units = _encode_text(name, "name") if name else b""  # items of lists have none in real files
    if len(units) // 2 > 255:
        raise FormatError(f"the name {name[:40]!r}... is longer than 254 characters")
    code, value = _encode_value(name, item, _HEADER.size + len(units))
    return _HEADER.pack(code, len(units) // 2) + units + value


def _encode_value(name: str, item: Item, start: int) -> tuple[int, bytes]:
    """Return type code and value bytes; `start` is the distance from the type byte."""
    if isinstance(item, Value):
        try:
            number = item.value if isinstance(item, Double) else int(item.value)
            if number != item.value and item.value == item.value:
                raise ValueError("not a whole number")
            return item.code, item.form.pack(number)
        except (struct.error, OverflowError, ValueError) as error:
            raise FormatError(
                f"{name} = {item.value!r} does not fit {type(item).__name__}"
            ) from error
    if isinstance(item, str):
        return _STRING, _encode_text(item, name)
    if isinstance(item, bytes):
        return _BYTES, _OFFSET.pack(len(item)) + item
    pairs = list(item.items()) if hasattr(item, "items") else [("", child) for child in item]
    return _LEVEL_CODE, _encode_level(pairs, start + _LEVEL.size)


def _encode_level(pairs: Sequence[tuple[str, Item]], start: int) -> bytes:
    """Return a level's value: count, length, children, offset table."""
    offsets: list[tuple[bytes, int]] = []
    parts: list[bytes] = []
    position = start
    for name, child in pairs:
        part = encode(name, child)
        offsets.append((name.encode("utf-16-le"), position))
        parts.append(part)
        position += len(part)
    children = b"".join(parts)
    table = b"".join(_OFFSET.pack(offset) for _, offset in sorted(offsets))
    return _LEVEL.pack(len(pairs), position) + children + table


def _encode_text(text: str, what: str) -> bytes:
    """Return `text` as UTF-16LE with a closing U+0000."""
    if "\0" in text:
        raise FormatError(f"{what or 'text'} holds the character U+0000, which ends a string")
    try:
        return text.encode("utf-16-le") + b"\0\0"
    except UnicodeEncodeError as error:
        raise FormatError(f"{what or 'text'} is not valid Unicode: {text!r}") from error


def decode(data: bytes) -> tuple[str, Plain]:
    """Return name and value of the item that `data` begins with.

    Raises
    ------
    FormatError
        If the bytes are cut short, nest too deeply, or hold an unknown type.
    """
    try:
        name, value, _ = _decode_item(data, 0, 0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise FormatError(f"damaged metadata: {error}") from error
    return name, value


def _decode_item(data: bytes, start: int, depth: int) -> tuple[str, Plain, int]:
    """Return name, value and end of the item at `start`."""
    if depth > MAX_DEPTH:
        raise FormatError("damaged metadata: nested too deeply")
    code, units = _HEADER.unpack_from(data, start)
    position = start + _HEADER.size + 2 * units
    if position > len(data):
        raise FormatError("damaged metadata: a name is cut short")
    name = data[start + _HEADER.size : position].decode("utf-16-le").rstrip("\0")
    if code in _TYPE_OF_CODE:
        kind = _TYPE_OF_CODE[code]
        (number,) = kind.form.unpack_from(data, position)
        value: Plain = bool(number) if kind is Bool else number
        return name, value, position + kind.form.size
    reader = _READERS.get(code)
    if reader is None:
        raise FormatError(f"damaged metadata: unknown type {code} of {name!r}")
    value, end = reader(data, start, position, depth)
    return name, value, end


def _decode_string(data: bytes, start: int, position: int, depth: int) -> tuple[Plain, int]:
    """Return a string and its end."""
    end = position
    while data[end] or data[end + 1]:
        end += 2
    return data[position:end].decode("utf-16-le"), end + 2


def _decode_bytes(data: bytes, start: int, position: int, depth: int) -> tuple[Plain, int]:
    """Return raw bytes and their end."""
    (size,) = _OFFSET.unpack_from(data, position)
    end = position + _OFFSET.size + size
    if end > len(data):
        raise FormatError("damaged metadata: bytes are cut short")
    return data[position + _OFFSET.size : end], end


def _decode_level(data: bytes, start: int, position: int, depth: int) -> tuple[Plain, int]:
    """Return a level as dict, or as list when no child has a name, and its end."""
    count, length = _LEVEL.unpack_from(data, position)
    end = start + length
    position += _LEVEL.size
    after = end + count * _OFFSET.size
    if not position <= end <= after <= len(data):
        raise FormatError("damaged metadata: a level is cut short")
    names: list[str] = []
    values: list[Plain] = []
    while position < end:
        name, value, position = _decode_item(data, position, depth + 1)
        names.append(name)
        values.append(value)
    if position != end or len(names) != count:
        raise FormatError(f"damaged metadata: a level of {count} items holds {len(names)}")
    if names and not any(names):
        return values, after
    return dict(zip(names, values, strict=True)), after


_READERS: Final[dict[int, Callable[[bytes, int, int, int], tuple[Plain, int]]]] = {
    _STRING: _decode_string,
    _BYTES: _decode_bytes,
    _LEVEL_CODE: _decode_level,
}
