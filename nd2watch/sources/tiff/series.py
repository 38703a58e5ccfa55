"""What tifffile itself knows of the axes of a TIFF file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FrameIncomplete
from nd2watch.sources.base import PAGES
from nd2watch.sources.tiff.planes import Grid, grid_of_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tifffile

    from nd2watch.sources.tiff.pages import Pages

_AXES: Final = {"T": "t", "Z": "z", "C": "c", "P": "p", "R": "p", "M": "p"}
_KINDS: Final = ("fluoview", "sis")
_OWN: Final = ("lsm", "micromanager", "ome", "scanimage", "imagej", "stk")
_SLIDES: Final = ("svs", "qpi", "bif", "avs", "philips")
"""Slide scanners, whose first series is the slide; others are its label and the like."""


def series_grid(pages: Pages) -> Grid | None:
    """Return the pages in the order of their axes, None when tifffile does not know them."""
    first = pages.first
    if len(pages) == 1 and '"truncated"' not in first.description:
        return None
    if first.is_shaped:
        grid = _joined(pages, pages.tiff.series)
        whole = len(pages) == 1 or (grid is not None and grid.pages.size == len(pages.images))
        return grid if whole else None
    if _has_own_reader(first):
        return None
    if any(getattr(first, f"is_{kind}") for kind in _SLIDES):
        return _joined(pages, pages.tiff.series[:1])
    if any(getattr(first, f"is_{kind}") for kind in _KINDS):
        return _joined(pages, pages.tiff.series)
    return None


def main_images_grid(pages: Pages) -> Grid | None:
    """Return the pages that are images of their own where others are levels of a pyramid."""
    return None if _has_own_reader(pages.first) else _joined(pages, pages.tiff.series)


def _has_own_reader(page: tifffile.TiffPage) -> bool:
    """Return whether tifffile would believe sizes that are announced, or open other files."""
    return any(getattr(page, f"is_{kind}") for kind in _OWN)


def _joined(pages: Pages, series: list[tifffile.TiffPageSeries]) -> Grid | None:
    """Return the grid of all series, one after the other; None when they have different axes."""
    images = [each for each in series if _is_image(each.keyframe)]
    grids = [grid for each in images if (grid := _grid_of(pages, each)) is not None]
    if not grids or len(grids) < len(images):
        return None
    first = grids[0]
    if len(grids) == 1:
        return first
    if any(each.pages.shape != first.pages.shape for each in grids):
        return None
    meant = any(axis != PAGES for axis in first.axes)
    return Grid(
        axes=("p" if meant else PAGES, *first.axes),
        pages=np.stack([each.pages for each in grids]),
    )


def _is_image(page: tifffile.TiffPage) -> bool:
    """Return whether a page is an image of its own."""
    return not (page.is_reduced or page.is_mask or page.is_subifd)


def _grid_of(pages: Pages, series: tifffile.TiffPageSeries) -> Grid | None:
    """Return the grid of one series, None when its pages are no planes of Y and X."""
    page, sizes = series.keyframe, list(series.get_shape(False))
    axes, rest = series.get_axes(False), math.prod(page.shape)
    within = 0
    while rest > 1 and within < len(sizes):
        within += 1
        rest //= sizes[-within]
    outer = len(sizes) - within
    if _letters(axes[outer:], sizes[outer:]) != _letters(page.axes, page.shape):
        return None
    named = [
        (_AXES.get(axis, PAGES), size) for axis, size in zip(axes[:outer], sizes, strict=False)
    ]
    if series.is_truncated and len(pages) == 1:
        return pages.unrolled(named)
    if series.is_truncated or len(series) > len(pages):
        raise FrameIncomplete(f"{pages.path} announces more images than it has pages", pages.path)
    if series.kind == "shaped":  # its pages follow one another, and are not parsed for this
        return grid_of_sizes(named, page.index + np.arange(len(series)))
    return grid_of_sizes(named, np.array([each.index for each in series if each is not None]))


def _letters(axes: str, sizes: Sequence[int]) -> str:
    """Return the axes that have more than one point; samples may be called channels."""
    return "".join(axis for axis, size in zip(axes, sizes, strict=True) if size > 1).replace(
        "S", "C"
    )
