"""Places of sites in a grid, by their numbers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment import SiteGrid

if TYPE_CHECKING:
    from nd2watch.experiment.site_grid import Order


def places(order: Order, columns: int = 3, rows: int = 2) -> list[tuple[float, float]]:
    grid = SiteGrid(columns=columns, rows=rows, step_um=(10, 100), order=order)
    return [grid.place_um(index) for index in range(grid.count)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("rows", [(0, 0), (10, 0), (20, 0), (0, 100), (10, 100), (20, 100)]),
        ("columns", [(0, 0), (0, 100), (10, 0), (10, 100), (20, 0), (20, 100)]),
        ("serpentine-rows", [(0, 0), (10, 0), (20, 0), (20, 100), (10, 100), (0, 100)]),
        ("serpentine-columns", [(0, 0), (0, 100), (10, 100), (10, 0), (20, 0), (20, 100)]),
    ],
)
def test_sites_are_numbered_in_the_order(order: Order, expected: list[tuple[float, float]]) -> None:
    assert places(order) == expected


@pytest.mark.parametrize("order", ["serpentine-rows", "serpentine-columns"])
@pytest.mark.parametrize(("columns", "rows"), [(4, 5), (5, 4), (1, 6), (6, 1)])
def test_a_serpentine_goes_to_a_neighbour_always(order: Order, columns: int, rows: int) -> None:
    found = places(order, columns, rows)
    assert len(set(found)) == columns * rows
    for (x0, y0), (x1, y1) in itertools.pairwise(found):
        assert sorted((abs(x1 - x0) / 10, abs(y1 - y0) / 100)) == [0, 1]


def test_steps_below_0_go_the_other_way() -> None:
    grid = SiteGrid(columns=2, rows=2, step_um=(-1.5, -2))
    assert [grid.place_um(index) for index in range(4)] == [(0, 0), (-1.5, 0), (0, -2), (-1.5, -2)]


@pytest.mark.parametrize(("index", "shown"), [(-1, 0), (6, 7), (10**9, 10**9 + 1)])
def test_a_site_beyond_the_grid_is_refused(index: int, shown: int) -> None:
    grid = SiteGrid(columns=3, rows=2, step_um=(1, 1))
    with pytest.raises(LayoutError, match=f"site {shown} is beyond the grid of 3 x 2 sites"):
        grid.place_um(index)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"columns": 0}, "a grid of 0 x 2 sites; it needs at least 1"),
        ({"rows": -1}, "a grid of 3 x -1 sites"),
        ({"order": "spiral"}, "'spiral' is no order of sites; there are rows, columns, serp"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        SiteGrid(**{"columns": 3, "rows": 2, "step_um": (1, 1), **values})
