"""What Zeiss LSM files tell, whose pages hold all channels."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.sources.base import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known
from nd2watch.sources.tiff.planes import Grid, grid_of_sizes
from nd2watch.sources.tiff.units import (
    aperture_of,
    distance_um,
    duration_ms,
    length_um,
    magnification_of,
)
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nd2watch.sources.tiff.pages import Pages

_INFO: Final = 34412
_MODALITY: Final = ("laser_scan_confocal",)
_AXES: Final = {0: "z", 3: "t", 4: "t", 6: "tz", 7: "tz", 9: "t"}
"""Axes of the pages by type of scan, where a page is a plane; others scan planes across Z or T."""

_SIZES: Final = {"t": "DimensionTime", "z": "DimensionZ"}


class Lsm:
    """The metadata of a file.

    Parameters
    ----------
    pages : Pages
        The pages of the file; its thumbnails are none of them.

    Raises
    ------
    Exception
        If they are damaged.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._texts: dict[str, Any] = dict(pages.first.tags.valueof(_INFO))

    def grid(self) -> Grid | None:
        """Return the pages along positions, time and Z, None when the sizes are not theirs."""
        return grid_of_sizes(self._axes, self._pages.images)

    def known(self) -> Known:
        """Return what the metadata tell."""
        count = self._pages.format(int(self._pages.images[0])).samples
        unknown = (ChannelInfo(modality=_MODALITY),) * count
        objective = str(self._scan.get("Objective", ""))
        return Known(
            channels=unless_damaged(lambda: self._channels(count), unknown),
            optics=OpticsInfo(
                objective_name=objective,
                magnification=magnification_of(objective),
                numerical_aperture=aperture_of(objective),
            ),
            pixel_size_um=length_um(self._texts.get("VoxelSizeX"), "m"),
            z_step_um=self._z_step_um(),
            period_ms=duration_ms(self._texts.get("TimeIntervall"), "s"),
            planes=unless_damaged(self._planes, {}),
        )

    @property
    def _axes(self) -> list[tuple[str, int]]:
        """Axes of the pages and their sizes, outermost first; tiles are positions too."""
        texts = self._texts
        places = max(texts.get("DimensionM", 0), 1) * max(texts.get("DimensionP", 0), 1)
        scanned = _AXES.get(texts["ScanType"], "")
        return [("p", places), *((axis, int(texts[_SIZES[axis]])) for axis in scanned)]

    @cached_property
    def _scan(self) -> dict[str, Any]:
        """What is recorded of the scan."""
        scan = self._texts.get("ScanInformation")
        return scan if isinstance(scan, dict) else {}

    def _z_step_um(self) -> float | None:
        """Return the distance of planes in Z, None where there is no such axis."""
        if "z" not in _AXES.get(self._texts.get("ScanType", 0), ""):
            return None
        return distance_um(self._texts.get("VoxelSizeZ"), "m")

    def _planes(self) -> dict[int, PlaneInfo]:
        """Return when and where each page was scanned."""
        axes = self._axes
        sizes = dict(axes)
        times = _list(self._texts.get("TimeStamps"))
        places = _list(self._texts.get("Positions"))
        grid = self.grid()
        if grid is None:
            return {}
        with_times = len(times) == sizes.get("t", 1)
        with_places = len(places) == sizes["p"]
        planes = {}
        for at, number in np.ndenumerate(grid.pages):
            point = dict(zip(grid.axes, at, strict=True))
            time_s = times[point.get("t", 0)] - times[0] if with_times else None
            place = places[point["p"]] if with_places else None
            planes[int(number)] = PlaneInfo(
                time_ms=duration_ms(time_s, "s"), stage_um=_stage_um(place) if place else None
            )
        return planes

    def _channels(self, count: int) -> tuple[ChannelInfo, ...]:
        """Return what is told of the channels."""
        listed = self._texts.get("ChannelColors") or {}
        names, colors = listed.get("ColorNames", []), listed.get("Colors", [])
        bands = _list(self._texts.get("ChannelWavelength"))
        detected = list(_detected(self._scan.get("Tracks", [])))
        channels = []
        for index in range(count):
            track, detector = detected[index] if len(detected) == count else ({}, {})
            band = bands[index] if len(bands) == count else []
            channels.append(
                ChannelInfo(
                    name=names[index] if len(names) == count else "",
                    color=_color(colors[index]) if len(colors) == count else None,
                    excitation_nm=_excitation_nm(track),
                    emission_nm=_emission_nm(band, detector),
                    modality=_MODALITY,
                    pinhole_um=finite(detector.get("PinholeDiameter")),
                    camera=str(detector.get("PointDetectorName", "")),
                )
            )
        return tuple(channels)


def read_lsm(pages: Pages) -> Lsm | None:
    """Return the metadata of a Zeiss LSM file, None when it is none.

    Raises
    ------
    Exception
        If they are damaged.
    """
    return Lsm(pages) if pages.first.is_lsm else None


def _list(values: Any) -> list[Any]:
    """Return the items of an array, none for what is no array."""
    return values.tolist() if isinstance(values, np.ndarray) else []


def _color(values: list[int]) -> int:
    """Return a colour of red, green and blue."""
    red, green, blue, *_ = values
    return red << 16 | green << 8 | blue


def _stage_um(place: list[float]) -> tuple[float, float, float | None] | None:
    """Return a stage position, which is stored in m."""
    x, y, z = (length_um(value, "m") for value in place)
    return None if x is None or y is None else (x, y, z)


def _detected(tracks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each detection channel that was recorded, with its track, in their order."""
    for track in tracks:
        for detector in track.get("DetectionChannels", []):
            if track.get("Acquire", 1) and detector.get("Acquire", 1):
                yield track, detector


def _excitation_nm(track: dict[str, Any]) -> float | None:
    """Return the wavelength of the laser of a track, None where there are several."""
    lines = {
        above_zero(light.get("Wavelength"))
        for light in track.get("IlluminationChannels", [])
        if light.get("Aquire", light.get("Acquire", 1))
    }
    return lines.pop() if len(lines) == 1 else None


def _emission_nm(band: list[float], detector: dict[str, Any]) -> float | None:
    """Return the centre of the band of a channel, or of that of its detector."""
    edges = [finite(edge) for edge in band]
    if len(edges) == 2 and edges[0] and edges[1]:
        return round((edges[0] + edges[1]) / 2 * 1e9, 3)
    edges = [above_zero(detector.get(f"SpiWavelength{end}")) for end in ("Start", "Stop")]
    if edges[0] and edges[1] and math.isfinite(edges[0] + edges[1]):
        return (edges[0] + edges[1]) / 2
    return None
