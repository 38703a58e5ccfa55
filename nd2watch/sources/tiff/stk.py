"""What MetaMorph writes into its stacks (STK), whose planes follow one another in one page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.sources.base import PAGES, ChannelInfo, PlaneInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known
from nd2watch.sources.tiff.metaseries import camera_of, exposure_ms, optics_of
from nd2watch.sources.tiff.stacks import Stack
from nd2watch.sources.tiff.units import length_um
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from nd2watch.sources.tiff.pages import Pages
    from nd2watch.sources.tiff.planes import Grid

_PLANES: Final = 33629
_JULIAN_DAY_OF_ORDINAL_0: Final = 1721424
_FARTHEST_UM: Final = 1e6
"""Stage positions beyond are none: they are negative ones that were stored without their sign."""


class Stk:
    """The metadata of a stack.

    Parameters
    ----------
    pages : Pages
        The page of the file.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        tag = pages.first.tags.get(_PLANES)
        self._count = tag.count if tag is not None else 1

    def grid(self) -> Grid | None:
        """Return the planes along Z, where they have distances, or in time, where only times rise.

        As many as are announced must be there, whatever else is damaged.
        """
        if len(self._pages.images) > 1 or self._count == 1:
            return None
        grid = self._pages.unrolled([(PAGES, self._count)])
        axis = unless_damaged(lambda: "z" if any(self._stack.steps_um) else self._stack.axis, None)
        return replace(grid, axes=(axis,)) if grid and axis else grid

    def known(self) -> Known:
        """Return what the metadata tell."""
        planes = self._planes
        labels = set(map(str, self._each("StageLabel")))
        return Known(
            channels=(self._channel(),),
            positions=tuple(labels) if len(labels) == 1 else (),
            optics=optics_of(self._properties()),
            pixel_size_um=self._pixel_size_um(),
            z_step_um=self._stack.z_step_um,
            z_falls=self._falls(),
            planes=dict(enumerate(planes)),
        )

    @cached_property
    def _texts(self) -> dict[str, Any]:
        """What the tags of the format say, as tifffile names it."""
        nothing: dict[str, Any] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            return unless_damaged(lambda: self._pages.tiff.stk_metadata, None) or nothing

    @cached_property
    def _planes(self) -> tuple[PlaneInfo, ...]:
        """What is told of each plane."""
        unknown: list[datetime | None] = [None] * self._count
        times, stage = unless_damaged(self._times, unknown), self._each("StagePosition")
        heights, valid = self._each("AbsoluteZ"), self._each("AbsoluteZValid")
        descriptions = self._each("PlaneDescriptions")
        planes = []
        for index in range(self._count):
            height = heights[index] if heights and (not valid or valid[index]) else None
            planes.append(
                PlaneInfo(
                    acquired=times[index],
                    stage_um=_stage_um(stage[index], height) if stage else None,
                    exposure_ms=exposure_ms(None, str(descriptions[index]))
                    if descriptions
                    else None,
                )
            )
        return tuple(planes)

    def _times(self) -> list[datetime | None]:
        """Return when each plane was taken."""
        tag = self._pages.first.tags.valueof(_PLANES)
        days, times_ms = tag["DateCreated"].tolist(), tag["TimeCreated"].tolist()
        return [_local(day, ms) for day, ms in zip(days, times_ms, strict=True)]

    @cached_property
    def _stack(self) -> Stack:
        """What tells which axis the planes are along."""
        times = tuple(plane.acquired for plane in self._planes)
        waves = {str(wave) for wave in self._each("Wavelengths")}
        places = {plane.stage_um[:2] for plane in self._planes if plane.stage_um}
        return Stack(
            steps_um=self._steps_um(),
            times=times if None not in times else (),
            places=max(len(places), len(waves), 1),
        )

    def _steps_um(self) -> tuple[float, ...]:
        """Return the distance of each plane from the one before."""
        distances = [finite(each) or 0.0 for each in self._each("ZDistance")]
        return tuple(distances[1:]) if all(distances[1:]) else tuple(0.0 for _ in distances[1:])

    def _falls(self) -> bool:
        """Return whether the last plane is lower than the first; distances have no sign."""
        heights, valid = self._each("AbsoluteZ"), self._each("AbsoluteZValid")
        return bool(heights) and all(valid) and heights[-1] < heights[0]

    def _each(self, name: str) -> list[Any]:
        """Return a value of each plane, nothing unless there is one for each."""
        values = self._texts.get(name)
        values = values.tolist() if isinstance(values, np.ndarray) else values
        return values if isinstance(values, list) and len(values) == self._count else []

    def _channel(self) -> ChannelInfo:
        """Return what is told of the channel, where all planes are of one."""
        waves = {finite(wave) for wave in self._each("Wavelengths")}
        descriptions = self._each("PlaneDescriptions")
        return ChannelInfo(
            name=self._properties().get("_IllumSetting_", ""),
            emission_nm=waves.pop() if len(waves) == 1 else None,
            camera=camera_of(str(descriptions[0])) if descriptions else "",
        )

    def _pixel_size_um(self) -> float | None:
        """Return the edge of a pixel."""
        if not self._texts.get("SpatialCalibration", 1):
            return None
        return length_um(self._texts.get("XCalibration"), self._texts.get("CalibrationUnits"))

    def _properties(self) -> dict[str | None, str]:
        """Return the further properties of the planes."""
        properties = self._texts.get("PlaneProperty", [])
        return {each["name"]: str(each["value"]) for each in properties}


def read_stk(pages: Pages) -> Stk | None:
    """Return the metadata of a stack of MetaMorph, None when the file is none."""
    return Stk(pages) if pages.first.is_stk else None


def _local(julian_day: int, time_ms: int) -> datetime | None:
    """Return a time, which is local; None for no day of the calendar."""
    try:
        day = datetime.fromordinal(julian_day - _JULIAN_DAY_OF_ORDINAL_0)
        return (day + timedelta(milliseconds=time_ms)).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _stage_um(place: list[Any], height: object) -> tuple[float, float, float | None] | None:
    """Return a stage position; 0 and 0 is written where none is known."""
    x, y = (finite(each) for each in place)
    if x is None or y is None or (not x and not y) or max(abs(x), abs(y)) > _FARTHEST_UM:
        return None
    return x, y, finite(height)
