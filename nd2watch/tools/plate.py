"""The well plate that the names of positions tell of."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Well, WellPlate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Labels = tuple[str, ...]

_NAME: Final = re.compile(r"([A-Z]{1,2})([0-9]{1,2})")
_PADDED: Final = re.compile(r"[0-9]{2}$")
_ROW: Final = re.compile(r"[A-Z]{1,2}")
_USUAL: Final = (96, 384, 1536)
"""Plates that are assumed; smaller ones are to be stated, as a few wells tell nothing of them."""

_LARGEST: Final = WellPlate.standard(_USUAL[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateOptions:
    """What is stated of a plate.

    Attributes
    ----------
    is_off : bool
        Positions are never taken for wells.
    rows, columns : int, optional
        Size of the plate.
    name : str
        Shown to people.
    row_naming, column_naming : str
        "letter", "number", or a text for people.

    Raises
    ------
    LayoutError
        If a size is not above 0.
    """

    is_off: bool = False
    rows: int | None = None
    columns: int | None = None
    name: str = ""
    row_naming: str = "letter"
    column_naming: str = "number"

    def __post_init__(self) -> None:
        for what in ("rows", "columns"):
            count = getattr(self, what)
            if count is not None and count < 1:
                raise LayoutError(f"--wellplate-{what} {count}: a plate has at least 1")

    @property
    def is_stated(self) -> bool:
        """Something is stated, so that there is a plate."""
        return self.rows is not None or self.columns is not None or bool(self.name)


def plate_of(
    positions: Sequence[Labels], options: PlateOptions
) -> tuple[WellPlate | None, tuple[Well, ...]]:
    """Return the plate, and the well of each position; no plate when the positions are no wells.

    Positions are wells when a label of each has the form A01, with two digits or in several rows;
    or when two labels are a row of letters and a column; or, if a plate is stated, when there are
    two numbers, column (X) and row (Y) from 1. All must lie on a plate of 1536 wells, or of the
    stated size.

    Parameters
    ----------
    positions : sequence of tuple of str
        Labels of each position.
    options : PlateOptions
        What is stated.

    Raises
    ------
    LayoutError
        If a plate is stated, and the positions are no wells, or not on it.
    """
    if options.is_off:
        return None, ()
    wells = next(_readings(positions, options), None)
    if wells is None:
        if options.is_stated:
            shown = ", ".join("_".join(labels) for labels in positions[:5])
            raise LayoutError(
                f"a well plate is stated, but the positions ({shown}) are not named like A01, or by"
                " row and column; name the groups that are by -m, or by -mx and -my"
            )
        return None, ()
    plate = _plate(wells, options)
    for well in wells:
        plate.check(well, "a position")
    return plate, wells


def _readings(positions: Sequence[Labels], options: PlateOptions) -> Iterator[tuple[Well, ...]]:
    """Yield the wells that positions can be read as."""
    count = len(positions[0])
    for number in range(count):
        labels = [position[number] for position in positions]
        wells = _all(map(_named, labels))
        if wells and (options.is_stated or _are_names(labels, wells)):
            yield wells
    for row, column in itertools.permutations(range(count), 2):
        if wells := _all(_placed(position[row], position[column]) for position in positions):
            yield wells
    if options.is_stated and count == 2:
        yield from filter(None, [_all(_numbered(row, column) for column, row in positions)])


def _all(found: Iterable[Well | None]) -> tuple[Well, ...]:
    """Return the wells of positions; none unless all have one."""
    wells = tuple(found)
    return () if None in wells else tuple(well for well in wells if well is not None)


def _are_names(labels: Sequence[str], wells: Sequence[Well]) -> bool:
    """Return whether labels are names of wells rather than a letter with a running number."""
    padded = all(_PADDED.search(label) for label in labels)
    return padded or len({well.row for well in wells}) > 1


def _named(label: str) -> Well | None:
    """Return the well that a label such as A01 names."""
    return _on_plate(label) if _NAME.fullmatch(label) else None


def _placed(row: str, column: str) -> Well | None:
    """Return the well in a row of letters and a column."""
    return _on_plate(f"{row}{column}") if _ROW.fullmatch(row) and column.isdecimal() else None


def _numbered(row: str, column: str) -> Well | None:
    """Return the well in a row and a column that count from 1."""
    if not (row.isdecimal() and column.isdecimal()) or not (int(row) and int(column)):
        return None
    return Well(row=int(row) - 1, column=int(column) - 1)


def _on_plate(name: str) -> Well | None:
    """Return a well by its name, unless it is on no plate."""
    if not re.search("[1-9]", name):
        return None
    well = Well.parse(name)
    return well if well in _LARGEST else None


def _plate(wells: Sequence[Well], options: PlateOptions) -> WellPlate:
    """Return the stated plate, or the smallest usual one that has the wells."""
    plates = (WellPlate.standard(count) for count in _USUAL)
    usual = next((p for p in plates if all(well in p for well in wells)), _LARGEST)
    rows, columns = options.rows or usual.rows, options.columns or usual.columns
    is_usual = (rows, columns) == (usual.rows, usual.columns)
    return WellPlate(
        name=options.name or (usual.name if is_usual else f"{rows * columns} Well Plate"),
        rows=rows,
        columns=columns,
        row_naming=_naming(options.row_naming, rows),
        column_naming=_naming(options.column_naming, columns),
    )


def _naming(naming: str, count: int) -> str:
    """Return how rows or columns are labelled, for people."""
    if naming == "number":
        return f"1-{count}"
    if naming == "letter":
        return WellPlate(rows=count, columns=1).row_naming
    return naming
