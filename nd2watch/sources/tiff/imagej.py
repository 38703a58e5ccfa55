"""What ImageJ writes into its TIFF files: the axes of hyperstacks, calibration, labels, colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.sources.base import PAGES, ChannelInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known
from nd2watch.sources.tiff.planes import Grid, grid_of_sizes
from nd2watch.sources.tiff.units import distance_um, length_um
from nd2watch.sources.values import above_zero

if TYPE_CHECKING:
    from nd2watch.sources.tiff.pages import Pages

_AXES: Final = {"c": "channels", "z": "slices", "t": "frames"}
_ORDER: Final = "czt"
_MOST_CHANNELS: Final = 1000
_X_RESOLUTION: Final = 282


class ImageJ:
    """The metadata of a file.

    Parameters
    ----------
    pages : Pages
        Its pages.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._texts = pages.tiff.imagej_metadata or {}

    def grid(self) -> Grid | None:
        """Return the pages along their axes, None when the counts are not those of the file.

        One directory may stand for a whole stack, which then lies behind it in one piece.
        """
        axes = self._axes(len(self._pages.images))
        alone = len(self._pages) == 1 and self._pages.first.is_final
        if alone and math.prod(size for _, size in axes) > 1:
            return self._pages.unrolled(axes)
        return grid_of_sizes(axes, self._pages.images)

    def known(self) -> Known:
        """Return what the metadata tell."""
        unit = self._texts.get("unit")
        return Known(
            channels=self._channels(),
            pixel_size_um=length_um(self._pixel_size(), unit),
            z_step_um=distance_um(self._texts.get("spacing"), self._texts.get("zunit", unit)),
            period_ms=self._period_ms(),
        )

    def _axes(self, pages: int) -> list[tuple[str, int]]:
        """Return the axes and the sizes that they are said to have, outermost first."""
        counts = {axis: _whole(self._texts.get(name, 1)) for axis, name in _AXES.items()}
        layout = self._pages.format(int(self._pages.images[0]))
        within = 3 if layout.rgb else layout.samples
        if within == counts["c"] > 1 and counts["z"] * counts["t"] == pages:
            counts["c"] = 1  # the samples of each page are what it calls channels
        elif set(counts.values()) == {1}:
            return [(PAGES, _whole(self._texts.get("images", 1)))]
        order = str(self._texts.get("order", _ORDER)).lower()
        return [
            (axis, counts[axis])
            for axis in reversed(order if set(order) == set(_ORDER) else _ORDER)
        ]

    def _channels(self) -> tuple[ChannelInfo, ...]:
        """Return names and colours of the channels."""
        count = max(1, _whole(self._texts.get("channels", 1)))
        if count > _MOST_CHANNELS:
            return ()
        names = unless_damaged(lambda: self._labels(count), [""] * count)
        colors: list[int | None] = [None] * count
        colors = unless_damaged(lambda: _colors(self._texts.get("LUTs"), count), colors)
        if not any(names) and not any(color is not None for color in colors):
            return ()
        return tuple(
            ChannelInfo(name=name, color=color) for name, color in zip(names, colors, strict=True)
        )

    def _labels(self, count: int) -> list[str]:
        """Return the labels of the channels, empty ones when labels are of something else."""
        labels = self._texts.get("Labels", [])
        labels = [labels] if isinstance(labels, str) else labels
        names = [label.splitlines()[0].strip() if label else "" for label in labels]
        if len(names) == count:
            return names
        axes = self._axes(len(self._pages.images))
        grid = grid_of_sizes(axes, np.arange(len(names)))
        if grid is None or "c" not in grid.axes:
            return [""] * count
        planes = np.moveaxis(grid.pages, grid.axes.index("c"), 0).reshape(count, -1)
        of_channels = [{names[plane] for plane in row} for row in planes]
        return [each.pop() if len(each) == 1 else "" for each in of_channels]

    def _pixel_size(self) -> float | None:
        """Return the edge of a pixel in the unit of the file."""
        page = self._pages.first
        known = _X_RESOLUTION in page.tags
        resolution = above_zero(page.resolution[0]) if known else None
        return None if resolution is None else 1 / resolution

    def _period_ms(self) -> float | None:
        """Return the time between frames."""
        interval_s = above_zero(self._texts.get("finterval"))
        if interval_s is not None:
            return interval_s * 1000
        frames_per_s = above_zero(self._texts.get("fps"))
        return None if frames_per_s is None else 1000 / frames_per_s


def read_imagej(pages: Pages) -> ImageJ | None:
    """Return what ImageJ wrote into a file, None when it did not write it."""
    return ImageJ(pages) if pages.first.is_imagej else None


def _whole(value: object) -> int:
    """Return a count, 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _colors(tables: Any, count: int) -> list[int | None]:
    """Return the colours of look-up tables that rise evenly from black, None for others."""
    tables = [tables] if isinstance(tables, np.ndarray) else tables
    if tables is None or len(tables) != count:
        return [None] * count
    return [_color(np.asarray(table, np.int64)) for table in tables]


def _color(table: Any) -> int | None:
    """Return the colour at the end of a look-up table, shape (3, 256)."""
    last = table[:, -1:]
    even = last * np.arange(256) / 255
    if np.abs(table - even).max() > 1:
        return None
    red, green, blue = last[:, 0].tolist()
    return int(red << 16 | green << 8 | blue)
