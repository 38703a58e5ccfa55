"""The well that the names of frames tell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError, LayoutError
from nd2watch.nd2 import Well, WellPlate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WELL_FIELD: Final = "well"
"""Field with the name of the well, like ``B02``, whatever fields it is made from."""

_USUAL: Final = (96, 384, 1536)
"""Plates that are assumed; smaller ones are to be stated, as a few wells tell nothing of them."""

_MOST_NAMES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class WellNames:
    """Which fields of a name are the well.

    Attributes
    ----------
    fields : tuple of str
        A field with a name like ``B02`` or with a running number, or the fields of row and column.
    columns : int, optional
        Columns of the plate, by which a running number is a row and a column.
    first : {0, 1}
        Number of the first row, the first column, or the first well.

    Raises
    ------
    LayoutError
        If there are not one or two fields.
    """

    fields: tuple[str, ...] = (WELL_FIELD,)
    columns: int | None = None
    first: int = 1

    def __post_init__(self) -> None:
        if len(self.fields) not in (1, 2):
            raise LayoutError("a well is told by one field, or by those of row and column")

    def name(self, fields: Mapping[str, str]) -> str | None:
        """Return the name of the well, with at least two digits; None where none is told.

        Raises
        ------
        LayoutError
            If it is no well.
        """
        texts = [fields[name] for name in self.fields if fields.get(name)]
        if len(texts) < len(self.fields):
            return None
        return _name(tuple(texts), self.columns, self.first)


def plate_for(wells: Iterable[Well]) -> WellPlate:
    """Return the smallest usual plate that has the wells: 96, 384 or 1536 wells, else larger."""
    known = set(wells)
    plates = (WellPlate.standard(count) for count in _USUAL)
    usual = next((plate for plate in plates if all(well in plate for well in known)), None)
    if usual is not None:
        return usual
    rows = max(well.row for well in known) + 1
    columns = max(well.column for well in known) + 1
    return WellPlate(name=f"{rows * columns} Well Plate", rows=rows, columns=columns)


@lru_cache(maxsize=_MOST_NAMES)
def _name(texts: tuple[str, ...], columns: int | None, first: int) -> str:
    """Return the name of a well, which the names of all its frames tell in the same way."""
    try:
        if len(texts) == 1:
            return _numbered(texts[0], columns, first).name
        row, column = texts
        return _placed(row, column, first).name
    except FormatError as error:
        raise LayoutError(str(error)) from error


def _numbered(text: str, columns: int | None, first: int) -> Well:
    """Return the well of a name, or of a running number."""
    if not text.isdecimal() or columns is None:
        return Well.parse(text)
    row, column = divmod(_index("well", text, first), columns)
    return Well(row=row, column=column)


def _placed(row: str, column: str, first: int) -> Well:
    """Return the well in a row, of letters or a number, and a column."""
    if not column.isdecimal():
        return Well.parse(f"{row}{column}")
    index = _index("column", column, first)
    if row.isdecimal():
        return Well(row=_index("row", row, first), column=index)
    return Well.parse(f"{row}{index + 1}")


def _index(what: str, number: str, first: int) -> int:
    """Return a number of names, counted from 0."""
    index = int(number) - first
    if index < 0:
        raise LayoutError(
            f"{what} {number} is none, as they count from {first}; if the first one has the"
            " number 0, say first = 0 in the table well"
        )
    return index
