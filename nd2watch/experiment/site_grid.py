"""A rectangular grid of sites, whose places follow from their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from nd2watch.errors import LayoutError

Order = Literal["rows", "columns", "serpentine-rows", "serpentine-columns"]

ORDERS: Final[tuple[Order, ...]] = ("rows", "columns", "serpentine-rows", "serpentine-columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteGrid:
    """A grid of sites.

    Attributes
    ----------
    columns, rows : int
        Sites in X and in Y.
    step_um : tuple of float
        Distance of neighbours in X and in Y, um.
    order : {"rows", "columns", "serpentine-rows", "serpentine-columns"}
        How sites are numbered: row by row from the first corner, or column by column; serpentine
        ones turn round at each end.

    Raises
    ------
    LayoutError
        If there are no sites, or no such order.
    """

    columns: int
    rows: int
    step_um: tuple[float, float]
    order: Order = "rows"

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise LayoutError(f"a grid of {self.columns} x {self.rows} sites; it needs at least 1")
        if self.order not in ORDERS:
            raise LayoutError(f"{self.order!r} is no order of sites; there are {', '.join(ORDERS)}")

    @property
    def count(self) -> int:
        """Number of sites."""
        return self.columns * self.rows

    def place_um(self, index: int) -> tuple[float, float]:
        """Return the place (X, Y) of a site by its number from 0, um from the first one.

        Raises
        ------
        LayoutError
            If the grid has no such site.
        """
        if not 0 <= index < self.count:
            raise LayoutError(
                f"site {index + 1} is beyond the grid of {self.columns} x {self.rows} sites"
            )
        by_rows = self.order.endswith("rows")
        line, point = divmod(index, self.columns if by_rows else self.rows)
        if self.order.startswith("serpentine") and line % 2:
            point = (self.columns if by_rows else self.rows) - 1 - point
        column, row = (point, line) if by_rows else (line, point)
        return column * self.step_um[0], row * self.step_um[1]
