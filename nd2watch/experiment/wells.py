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
        Columns of the plate, by which a running number from 1 is a row and a column.

    Raises
    ------
    LayoutError
        If there are not one or two fields.
    """

    fields: tuple[str, ...] = (WELL_FIELD,)
    columns: int | None = None

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
        return _name(tuple(texts), self.columns)


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
def _name(texts: tuple[str, ...], columns: int | None) -> str:
    """Return the name of a well, which the names of all its frames tell in the same way."""
    try:
        return (_numbered(texts[0], columns) if len(texts) == 1 else _placed(*texts)).name
    except FormatError as error:
        raise LayoutError(str(error)) from error


def _numbered(text: str, columns: int | None) -> Well:
    """Return the well of a name, or of a running number from 1."""
    if not text.isdecimal() or columns is None:
        return Well.parse(text)
    row, column = divmod(int(text) - 1, columns)
    return Well(row=row, column=column)


def _placed(row: str, column: str) -> Well:
    """Return the well in a row, of letters or a number from 1, and a column from 1."""
    if row.isdecimal() and column.isdecimal():
        return Well(row=int(row) - 1, column=int(column) - 1)
    return Well.parse(f"{row}{column}")
