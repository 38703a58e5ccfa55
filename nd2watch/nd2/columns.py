"""Recorded columns: series with one value for each frame."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    RecordedValue = float | int | str

_TYPE_CODES: Final = {"text": 1, "integer": 2, "number": 3}
_TEXT_CELL: Final = 512
_TAKEN: Final = re.compile(
    r"[XYZ]|AcqTimes|AcqFrames|RoiMetadata|WellPlate|FloatComp", re.IGNORECASE
)
"""How chunks begin that readers take for something else than a user's column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedColumn:
    """A series with one value for each frame, such as a temperature.

    Attributes
    ----------
    name : str
        What readers call it; unlike the other columns.
    unit : str
        Unit of the values; may be empty.
    kind : {"number", "integer", "text"}
        f64, i32, or texts of at most 255 UTF-16 units.

    Raises
    ------
    FormatError
        If the name is empty, a text cannot be stored, or the kind is unknown.
    """

    name: str
    unit: str = ""
    kind: Literal["number", "integer", "text"] = "number"

    def __post_init__(self) -> None:
        check_text(self.name, "a column's name")
        check_text(self.unit, f"the unit of column {self.name}")
        if not self.name.strip():
            raise FormatError("a recorded column has no name")
        if self.kind not in _TYPE_CODES:
            raise FormatError(f"kind {self.kind!r} of column {self.name} is not known")

    @property
    def header(self) -> str:
        """What readers write above the column: its name with its unit."""
        return f"{self.name} [{self.unit}]" if self.unit.strip() else self.name

    def chunk_key(self) -> str:
        """Return the name as a part of a chunk's name: ASCII, and unlike those readers look for."""
        key = re.sub(r"[^A-Za-z0-9_]+", "_", self.name)[:64]
        return f"Recorded_{key}" if _TAKEN.match(key) or not key.strip("_") else key

    def encode(self, values: Sequence[RecordedValue | None]) -> bytes:
        """Return the stored values; a missing number is NaN, a missing text empty.

        Raises
        ------
        FormatError
            If a value is not of the column's kind, or an integer is missing.
        """
        try:
            if self.kind == "text":
                return b"".join(self._cell(value) for value in values)
            if self.kind == "number":
                filled = (np.nan if value is None else value for value in values)
                return struct.pack(f"<{len(values)}d", *filled)
            return struct.pack(f"<{len(values)}i", *values)
        except (TypeError, ValueError, OverflowError, struct.error) as error:
            raise FormatError(
                f"a value of column {self.name} is no {self.kind}: {error}"
            ) from error

    def _cell(self, value: RecordedValue | None) -> bytes:
        """Return one text as stored."""
        if not isinstance(value, (str, type(None))):
            raise TypeError(repr(value))
        check_text(value or "", f"a value of column {self.name}")
        text = (value or "").encode("utf-16-le")
        if len(text) > _TEXT_CELL - 2:
            raise FormatError(f"a text of column {self.name} is longer than 255 characters")
        return text.ljust(_TEXT_CELL, b"\0")

    def decode(self, stored: bytes) -> tuple[RecordedValue, ...]:
        """Return the values of a stored column."""
        if self.kind == "text":
            cells = (stored[at : at + _TEXT_CELL] for at in range(0, len(stored), _TEXT_CELL))
            return tuple(c.decode("utf-16-le", "replace").partition("\0")[0] for c in cells)
        dtype = "<f8" if self.kind == "number" else "<i4"
        if len(stored) % np.dtype(dtype).itemsize:
            raise FormatError(f"column {self.name} is cut short")
        return tuple(np.frombuffer(stored, dtype).tolist())


def encode_tags(columns: dict[str, RecordedColumn], size: int) -> bytes:
    """Return the XML that describes columns.

    Parameters
    ----------
    columns : dict
        Columns by the key in their chunk's name.
    size : int
        Frames.
    """
    root = ET.Element("variant", version="1.0")
    listing = ET.SubElement(root, "CustomTagDescription_v1.0", runtype="CLxListVariant")
    for index, (key, column) in enumerate(columns.items()):
        entry = ET.SubElement(listing, f"Tag{index}", runtype="CLxListVariant")
        for name, kind, value in (
            ("ID", "CLxStringW", key),
            ("Type", "lx_int32", str(_TYPE_CODES[column.kind])),
            ("Group", "lx_int32", "0"),
            ("Size", "lx_int32", str(size)),
            ("Desc", "CLxStringW", column.name),
            ("Unit", "CLxStringW", column.unit),
        ):
            ET.SubElement(entry, name, runtype=kind, value=value)
    return xml_bytes(root)


def decode_tags(stored: bytes) -> dict[str, RecordedColumn]:
    """Return the columns that stored XML describes, by the key in their chunk's name.

    Raises
    ------
    FormatError
        If it is no such XML.
    """
    kinds: dict[str, Literal["number", "integer", "text"]] = {
        "1": "text",
        "2": "integer",
        "3": "number",
    }
    columns = {}
    for entry in parse_xml(stored).iterfind("./CustomTagDescription_v1.0/*"):
        values = {element.tag: element.get("value", "") for element in entry}
        if values.get("Type") in kinds and values.get("ID"):
            columns[values["ID"]] = RecordedColumn(
                name=values.get("Desc") or values["ID"],
                unit=values.get("Unit", ""),
                kind=kinds[values["Type"]],
            )
    return columns


def xml_bytes(root: ET.Element) -> bytes:
    """Return an XML variant as stored: UTF-8 with its declaration."""
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode").encode()
    )


def parse_xml(stored: bytes) -> ET.Element:
    """Return the root of a stored XML variant.

    Raises
    ------
    FormatError
        If it is damaged, is no UTF-8, or has a document type, which real files never have.
    """
    if b"<!" in stored or b"\0" in stored:  # UTF-16 would hide the former
        raise FormatError("damaged XML: it declares a document type or is no UTF-8")
    try:
        return ET.fromstring(stored)  # noqa: S314 - without a document type there are no entities # nosec B314
    except (ET.ParseError, ValueError, LookupError) as error:
        raise FormatError(f"damaged XML: {error}") from error
