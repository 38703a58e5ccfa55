"""Well plates: the plate that a file shows, and the well of each frame."""

from __future__ import annotations

import json
import re
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import lite_variant
from nd2watch.nd2.checks import make_whole
from nd2watch.nd2.lite_variant import UInt32, check_text, find, get
from nd2watch.nd2.zjson import inflated

if TYPE_CHECKING:
    from collections.abc import Sequence


PLATE: Final = "CustomData|WellPlateDesc_0!"
"""Chunk of the plate."""

FRAME_WELLS: Final = "CustomData|WellPlateFrameInfoZJSON!"
"""Chunk of the frames' wells."""

MAX_SIDE: Final = 9999
"""Most rows, and most columns, of a plate."""

MAX_LIST_BYTES = 1 << 29
"""Most bytes of the list of wells before compression: some 2.5 million frames."""

_ROOT: Final = "PlateDesc"
_NAME: Final = re.compile(r"([A-Za-z]{1,3})([0-9]{1,4})")
_STANDARD: Final = {
    6: (2, 3),
    12: (3, 4),
    24: (4, 6),
    48: (6, 8),
    96: (8, 12),
    384: (16, 24),
    1536: (32, 48),
}
_UUID_SPACE: Final = uuid.UUID("6c0a4f4e-5d3c-5b2e-9a51-2f7f6f0e8d11")

# A listed frame takes about 200 bytes; what is far above that is a decompression bomb.
_MAX_ENTRY_BYTES: Final = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Well:
    """A well, by its place on the plate.

    Attributes
    ----------
    row, column : int
        Counted from 0.

    Raises
    ------
    FormatError
        If one is below 0, or beyond any plate.
    """

    row: int
    column: int

    def __post_init__(self) -> None:
        make_whole(self, "row", "column")
        if not (0 <= self.row < MAX_SIDE and 0 <= self.column < MAX_SIDE):
            raise FormatError(
                f"row {self.row}, column {self.column} is no well; both count from 0"
                f" and stay below {MAX_SIDE}"
            )

    @property
    def name(self) -> str:
        """Name with at least two digits: A01."""
        return f"{_letters(self.row)}{self.column + 1:02d}"

    @property
    def compact_name(self) -> str:
        """Name without leading zeros: A1."""
        return f"{_letters(self.row)}{self.column + 1}"

    @classmethod
    def parse(cls, name: str) -> Well:
        """Return the well of a name such as A1, b03 or AA12.

        Raises
        ------
        FormatError
            If it is no such name.
        """
        match = _NAME.fullmatch(name)
        if match is None or int(match[2]) == 0:
            raise FormatError(f"{name!r} is no name of a well, such as A1, B03 or AA12")
        row = 0
        for letter in match[1].upper():
            row = 26 * row + ord(letter) - ord("A") + 1
        return cls(row=row - 1, column=int(match[2]) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WellPlate:
    """A plate of wells in rows and columns.

    Attributes
    ----------
    name : str
        Shown to people; may be empty.
    rows, columns : int
        From 1 to 9999.
    row_naming, column_naming : str
        How rows and columns are labelled, for people: "A-H" and "1-12". Derived from the counts
        when left out.

    Raises
    ------
    FormatError
        If a count is out of range, or a text cannot be stored.
    """

    name: str = ""
    rows: int
    columns: int
    row_naming: str = ""
    column_naming: str = ""

    def __post_init__(self) -> None:
        make_whole(self, "rows", "columns")
        for axis in ("rows", "columns"):
            count = getattr(self, axis)
            if not 1 <= count <= MAX_SIDE:
                raise FormatError(f"a plate of {count} {axis}; it has 1 to {MAX_SIDE}")
        if not self.row_naming:
            object.__setattr__(self, "row_naming", f"A-{_letters(self.rows - 1)}")
        if not self.column_naming:
            object.__setattr__(self, "column_naming", f"1-{self.columns}")
        for text in ("name", "row_naming", "column_naming"):
            check_text(getattr(self, text), f"the plate's {text}")

    @classmethod
    def standard(cls, well_count: int, name: str = "") -> WellPlate:
        """Return the plate of 6, 12, 24, 48, 96, 384 or 1536 wells.

        Raises
        ------
        FormatError
            If there is no such plate.
        """
        if well_count not in _STANDARD:
            known = ", ".join(map(str, _STANDARD))
            raise FormatError(f"no standard plate has {well_count} wells; they have {known}")
        rows, columns = _STANDARD[well_count]
        return cls(name=name or f"{well_count} Well Plate", rows=rows, columns=columns)

    @property
    def uuid(self) -> str:
        """Identity of the plate, the same for equal values."""
        values = [self.name, self.rows, self.columns, self.row_naming, self.column_naming]
        return str(uuid.uuid5(_UUID_SPACE, json.dumps(values)))

    def __contains__(self, well: Well) -> bool:
        return well.row < self.rows and well.column < self.columns

    def check(self, well: Well, what: str) -> None:
        """Refuse a well that the plate does not have.

        Raises
        ------
        FormatError
            Names the well, and `what` is in it.
        """
        if well not in self:
            last = Well(row=self.rows - 1, column=self.columns - 1)
            raise FormatError(
                f"{what} is in well {well.name}, which the plate of {self.rows} rows and"
                f" {self.columns} columns (A01 to {last.name}) does not have"
            )


def encode_plate(plate: WellPlate) -> bytes:
    """Return the data of chunk `PLATE`: exactly five items, as limnd2 takes no others."""
    return lite_variant.encode(
        _ROOT,
        {
            "name": plate.name,
            "rows": UInt32(plate.rows),
            "columns": UInt32(plate.columns),
            "rowNaming": plate.row_naming,
            "columnNaming": plate.column_naming,
        },
    )


def decode_plate(data: bytes) -> WellPlate:
    """Return the plate that chunk `PLATE` holds.

    Raises
    ------
    FormatError
        If the data are damaged.
    """
    root, stored = lite_variant.decode(data)
    if root != _ROOT:
        raise FormatError(f"damaged well plate: {root!r} instead of {_ROOT}")
    texts = {name: find(stored, name) for name in ("name", "rowNaming", "columnNaming")}
    name, row_naming, column_naming = (t if isinstance(t, str) else "" for t in texts.values())
    return WellPlate(
        name=name,
        rows=get(stored, "rows", int),
        columns=get(stored, "columns", int),
        row_naming=row_naming,
        column_naming=column_naming,
    )


def encode_frame_wells(plate: WellPlate, wells: Sequence[Well | None]) -> bytes:
    """Return the data of chunk `FRAME_WELLS`: a zlib stream of JSON, an entry a frame.

    Parameters
    ----------
    plate : WellPlate
        The plate that all frames are on.
    wells : sequence of Well or None
        For each frame, in their order; a frame in no well is not listed.

    Raises
    ------
    FormatError
        If a well is not on the plate, or the frames are too many.
    """
    numbers: dict[Well, int] = {}
    entries: list[dict[str, int | str]] = []
    plate_uuid = plate.uuid
    for frame, well in enumerate(wells):
        if well is None:
            continue
        if well not in numbers:
            plate.check(well, f"frame {frame}")
            numbers[well] = len(numbers)  # wells are numbered as they are first visited
        entries.append(
            {
                "plateIndex": 0,
                "plateUuid": plate_uuid,
                "seqIndex": frame,
                "wellIndex": numbers[well],
                "wellName": well.name,
                "wellCompactName": well.compact_name,
                "wellColIndex": int(well.column),
                "wellRowIndex": int(well.row),
            }
        )
    text = json.dumps(entries, separators=(",", ":")).encode("ascii")
    if len(text) > MAX_LIST_BYTES:
        raise FormatError(f"the wells of {len(entries)} frames are more than a file can list")
    return zlib.compress(text)


def decode_frame_wells(plate: WellPlate, data: bytes, frame_count: int) -> dict[int, Well]:
    """Return the wells that chunk `FRAME_WELLS` holds, by frame; frames in no well are absent.

    Parameters
    ----------
    plate : WellPlate
        The file's plate.
    data : bytes
        Data of the chunk.
    frame_count : int
        Frames of the file.

    Raises
    ------
    FormatError
        If the data are damaged, inflate to far more than `frame_count` entries, list a frame
        twice or one that is not there, or a well that is not on the plate.
    """
    limit = min(_MAX_ENTRY_BYTES * (frame_count + 1), MAX_LIST_BYTES)
    try:
        entries = json.loads(inflated(data, limit, "the list of wells").decode())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"damaged list of wells: {error}") from error
    if not isinstance(entries, list):
        raise FormatError("damaged list of wells: it is no list")
    wells: dict[int, Well] = {}
    for entry in entries:
        frame = _number(entry, "seqIndex")
        if frame in wells or not 0 <= frame < frame_count:
            twice = "twice" if frame in wells else f"among {frame_count}"
            raise FormatError(f"damaged list of wells: frame {frame} is listed {twice}")
        if _number(entry, "plateIndex") != 0:
            raise FormatError("frames of several plates in one file are not read here")
        well = Well(row=_number(entry, "wellRowIndex"), column=_number(entry, "wellColIndex"))
        plate.check(well, f"frame {frame}")
        wells[frame] = well
    return wells


def _letters(row: int) -> str:
    """Return the letters of a row: A to Z, AA to ZZ, and so on."""
    letters = ""
    row += 1
    while row:
        row, letter = divmod(row - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _number(entry: Any, name: str) -> int:
    """Return a whole number of an entry in the list of wells."""
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"damaged list of wells: no number named {name}")
    return value
