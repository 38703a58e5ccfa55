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

    from nd2watch.tools.numbered_files import Labels

_PADDED: Final = re.compile("[A-H]0[1-9]")
_NAME: Final = re.compile(r"([A-Z]{1,2})([0-9]{1,3})")
_USUAL: Final = (96, 384, 1536)
"""Plates that are assumed; smaller ones are to be stated, as a few wells tell nothing of them."""

_LARGEST: Final = WellPlate.standard(_USUAL[-1])
_SHOWN: Final = 5


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
    positions: Sequence[Labels], options: PlateOptions, *, columns_first: bool = False
) -> tuple[WellPlate | None, tuple[Well, ...]]:
    """Return the plate, and the well of each position; no plate when the positions are no wells.

    Positions are wells when a label of each has the form A01, or when two labels are a row of
    letters and a column. They must be in several rows, or in one of A to H with padded numbers, as
    another letter with a running number tells nothing, and on a plate of 1536 wells. If a plate is
    stated, one row and small letters are taken too; so are the first two labels that are numbers,
    from 1, as row and column; and all must lie on that plate.

    Parameters
    ----------
    positions : sequence of tuple of str
        Labels of each position.
    options : PlateOptions
        What is stated.
    columns_first : bool, default False
        Of two numbers, the first is that of the column.

    Raises
    ------
    LayoutError
        If a plate is stated, and the positions are no wells.
    FormatError
        If a position is not on the plate.
    """
    if options.is_off:
        return None, ()
    is_stated = options.is_stated
    capital = [tuple(label.upper() for label in labels) for labels in positions]
    readings = _readings(capital if is_stated else positions, is_stated, columns_first)
    wells = next((wells for wells in readings if is_stated or _are_evident(wells, positions)), ())
    if not wells:
        if is_stated:
            shown = ", ".join(filter(None, ("_".join(labels) for labels in positions[:_SHOWN])))
            raise LayoutError(
                f"a well plate is stated, but the positions ({shown or 'without names'}) are not"
                " named like A01, or by row and column; name the groups that are by -m, or by -mx"
                " and -my"
            )
        return None, ()
    plate = _plate(wells, options)
    for labels, well in zip(positions, wells, strict=True):
        plate.check(well, f"position {'_'.join(labels)}")
    return plate, wells


def _readings(
    positions: Sequence[Labels], is_stated: bool, columns_first: bool
) -> Iterator[tuple[Well, ...]]:
    """Yield the wells that positions can be read as, the likeliest ones first."""
    count = len(positions[0])
    found = []
    for number in range(count):
        labels = [position[number] for position in positions]
        found.append(_all(map(_named, labels)))
    for row, column in sorted(itertools.permutations(range(count), 2), key=_distance):
        found.append(_all(_placed(labels[row], labels[column]) for labels in positions))
    numbers = [n for n in range(count) if all(labels[n].isdecimal() for labels in positions)]
    if is_stated and len(numbers) > 1:
        row, column = numbers[1::-1] if columns_first else numbers[:2]
        found.append(_all(_numbered(labels[row], labels[column]) for labels in positions))
    return filter(None, found)


def _distance(pair: tuple[int, int]) -> int:
    """Return a sorting key by which a column right behind its row comes first."""
    row, column = pair
    return abs(column - row - 1)


def _all(found: Iterable[Well | None]) -> tuple[Well, ...]:
    """Return the wells of positions; none unless all have one."""
    wells = tuple(found)
    return () if None in wells else tuple(well for well in wells if well is not None)


def _are_evident(wells: Sequence[Well], positions: Sequence[Labels]) -> bool:
    """Return whether wells are no letter with a running number, and on the largest usual plate."""
    padded = any(_PADDED.fullmatch(label) for labels in positions for label in labels)
    several = len({well.row for well in wells}) > 1
    return (several or padded) and all(well in _LARGEST for well in wells)


def _named(label: str) -> Well | None:
    """Return the well that a label such as A01 names."""
    found = _NAME.fullmatch(label)
    return Well.parse(label) if found and int(found[2]) else None


def _placed(row: str, column: str) -> Well | None:
    """Return the well in a row of letters and a column."""
    return _named(f"{row}{column}") if row.isalpha() else None


def _numbered(row: str, column: str) -> Well | None:
    """Return the well in a row and a column that count from 1."""
    if not (row.isdecimal() and column.isdecimal()) or not (int(row) and int(column)):
        return None
    return Well(row=int(row) - 1, column=int(column) - 1)


def _plate(wells: Sequence[Well], options: PlateOptions) -> WellPlate:
    """Return the stated plate, or the smallest usual one that has the wells."""
    plates = (WellPlate.standard(count) for count in _USUAL)
    usual = next((plate for plate in plates if all(well in plate for well in wells)), _LARGEST)
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
