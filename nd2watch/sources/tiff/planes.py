"""The planes of a TIFF file: which axes they have, and in which page each of them lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FrameUnreadable
from nd2watch.sources.base import PAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.sources.tiff.pixels import PageFormat

_MOST_PLANES: Final = 1 << 24
_MOST_IN_PAGE: Final = 1 << 16
_FIRST: Final = np.zeros(1, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """The pages of a file in the order of axes.

    Attributes
    ----------
    axes : tuple of str
        Names of the axes as in `SourceInfo`, outermost first; the same may be there twice.
    pages : array of int64, one dimension an axis
        Number of the page, or of the image where `Pages` are unrolled, at each point.
    single : tuple of int
        Points of axis ``c`` of which one page is at all points of axis ``z``.
    """

    axes: tuple[str, ...]
    pages: npt.NDArray[np.int64]
    single: tuple[int, ...] = ()


def grid_of_sizes(
    axes: Sequence[tuple[str, int]], pages: npt.NDArray[np.integer[Any]]
) -> Grid | None:
    """Return pages in row-major order of axes, None when the sizes of the axes do not fit.

    Parameters
    ----------
    axes : sequence of (str, int)
        Names and sizes, outermost first.
    pages : array of int
        Numbers of the pages.
    """
    sizes = tuple(size for _, size in axes)
    if min(sizes, default=1) < 1 or math.prod(sizes) != len(pages):
        return None
    numbers = pages.astype(np.int64).reshape(sizes)
    return Grid(axes=tuple(axis for axis, _ in axes), pages=numbers)


def grid_of_pages(pages: npt.NDArray[np.integer[Any]]) -> Grid:
    """Return the grid of pages of unknown meaning."""
    return Grid(axes=(PAGES,), pages=pages.astype(np.int64))


def grid_of_places(
    axes: Sequence[str], places: Collection[tuple[int, ...]], pages: Collection[int]
) -> Grid | None:
    """Return pages by their places, None when some places of the grid that they span are empty.

    Points at which no page is count for nothing: pages at t=2 and t=3 are an axis of two points.

    Parameters
    ----------
    axes : sequence of str
        Names, outermost first.
    places : collection of tuples of int
        Point on each axis, for each page.
    pages : collection of int
        Number of each page.
    """
    if not places:
        return None
    points = np.array(list(places), np.int64)
    ranks = [np.unique(column, return_inverse=True) for column in points.T]
    sizes = tuple(len(values) for values, _ in ranks)
    if math.prod(sizes) != len(points):
        return None
    numbers = np.full(sizes, -1, np.int64)
    numbers[tuple(rank for _, rank in ranks)] = list(pages)
    return None if (numbers < 0).any() else Grid(axes=tuple(axes), pages=numbers)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """The planes of a file, numbered in row-major order of its axes.

    Attributes
    ----------
    axes : tuple of (str, int)
        Axes and their sizes, as in `SourceInfo`.
    pages : array of int64
        Number of the page in which each plane lies.
    parts : array of int64
        Number of each plane in its page.
    single : tuple of int
        Points of axis ``c`` of which one plane is at all points of axis ``z``.
    """

    axes: tuple[tuple[str, int], ...]
    pages: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int64]
    single: tuple[int, ...] = ()


def planes_of(path: Path, grid: Grid, layout: PageFormat) -> Planes:
    """Return the planes of the pages of a grid, each of which may hold several.

    Parameters
    ----------
    path : Path
        The file's name.
    grid : Grid
        The pages.
    layout : PageFormat
        What each of them holds.

    Raises
    ------
    FrameUnreadable
        If they are too many to be true.
    """
    parts = layout.depth * layout.samples
    if grid.pages.size * parts > _MOST_PLANES or parts > _MOST_IN_PAGE:
        raise FrameUnreadable(
            f"{path} announces {grid.pages.size * parts} planes, more than can be;"
            " save it anew with the program that wrote it",
            path,
        )
    if parts == 1 and grid.pages.size == 1:
        return Planes(axes=(), pages=grid.pages.reshape(1), parts=_FIRST)
    within = np.arange(parts).reshape(layout.depth, layout.samples)
    axes, numbers = _merged((*grid.axes, "z", "c"), grid.pages[..., None, None] * parts + within)
    numbers = numbers.reshape(-1)
    return Planes(axes=axes, pages=numbers // parts, parts=numbers % parts, single=grid.single)


def _merged(
    axes: Sequence[str], numbers: npt.NDArray[np.int64]
) -> tuple[tuple[tuple[str, int], ...], npt.NDArray[np.int64]]:
    """Return axes with their sizes, and numbers, each axis once: at its first place."""
    kept = [at for at, size in enumerate(numbers.shape) if size > 1]
    names = [axes[at] for at in kept]
    order = sorted(range(len(names)), key=lambda at: (names.index(names[at]), at))
    sizes = [numbers.shape[at] for at in kept]
    moved = numbers.reshape(sizes).transpose(order)
    merged: dict[str, int] = {}
    for at in order:
        merged[names[at]] = merged.get(names[at], 1) * sizes[at]
    return tuple(merged.items()), moved
