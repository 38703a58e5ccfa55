"""The records that MetaMorph and MetaXpress put into each page of TIFF files (MetaSeries)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from nd2watch.sources.base import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known, parse_xml
from nd2watch.sources.tiff.stacks import Stack, grid_of_stack
from nd2watch.sources.tiff.units import (
    duration_of_text_ms,
    length_um,
    magnification_of,
    moment,
)
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nd2watch.sources.tiff.pages import Pages
    from nd2watch.sources.tiff.planes import Grid

_DESCRIPTION: Final = 270
_EXPOSURE: Final = re.compile(r"(?:^|[\r\n])Exposure(?: Time)?: *([^\r\n]+)")
_CAMERA: Final = re.compile(r"Acquired from +([^\r\n]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the record of one page tells; None or empty where it has none.

    Attributes
    ----------
    plane : PlaneInfo
        Time (the record gives local time) and stage position.
    channel : ChannelInfo
        Illumination setting, wavelength, exposure and camera.
    position : str
        Label of the stage position.
    optics : OpticsInfo
        The objective.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    """

    plane: PlaneInfo
    channel: ChannelInfo
    position: str
    optics: OpticsInfo
    pixel_size_um: float | None


class MetaSeries:
    """The records of a file.

    Parameters
    ----------
    pages : Pages
        Its pages.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._first = read_record(pages.first.description)

    def grid(self) -> Grid | None:
        """Return the pages as a stack or a time series, if that is what their records show."""
        if len(self._pages.images) == 1:
            return None
        return grid_of_stack(Stack.of_planes(self._planes().values()), self._pages.images)

    def known(self) -> Known:
        """Return what the records tell, the first one for all pages but where these differ."""
        first, numbers = self._first, self._pages.images.tolist()
        channel, planes = first.channel, {numbers[0]: first.plane}
        if len(numbers) > 1:
            channel, planes = replace(channel, exposure_ms=None), self._planes()
        return Known(
            channels=(channel,),
            positions=(first.position,) if first.position else (),
            optics=first.optics,
            pixel_size_um=first.pixel_size_um,
            z_step_um=Stack.of_planes(planes.values()).z_step_um,
            planes=planes,
        )

    def _planes(self) -> dict[int, PlaneInfo]:
        """Return what is told of each page, with its exposure."""
        return {
            number: unless_damaged(partial(self._plane, number), PlaneInfo())
            for number in self._pages.images.tolist()
        }

    def _plane(self, number: int) -> PlaneInfo:
        """Return what the record of a page tells of it."""
        record = read_record(self._pages.text(number, _DESCRIPTION))
        return replace(record.plane, exposure_ms=record.channel.exposure_ms)


def read_metaseries(pages: Pages) -> MetaSeries | None:
    """Return the records of a file, None when it has none.

    Raises
    ------
    Exception
        If the first of them is damaged.
    """
    return MetaSeries(pages) if pages.first.is_metaseries else None


def read_record(description: str) -> Record:
    """Return what the record of one page tells.

    Parameters
    ----------
    description : str
        Its image description.

    Raises
    ------
    ValueError
        If it is no XML, or one with a document type.
    """
    root = parse_xml(description)
    texts = {each.get("id"): each.get("value", "") for each in root.iter() if each.get("id")}
    calibrated = texts.get("spatial-calibration-state", "").lower() in ("on", "true", "1")
    size_um = length_um(texts.get("spatial-calibration-x"), texts.get("spatial-calibration-units"))
    return Record(
        plane=PlaneInfo(
            acquired=moment(texts.get("acquisition-time-local")),
            stage_um=_stage_um(texts),
        ),
        channel=ChannelInfo(
            name=texts.get("_IllumSetting_", ""),
            emission_nm=finite(texts.get("wavelength")),
            exposure_ms=exposure_ms(texts.get("Exposure Time"), texts.get("Description", "")),
            camera=camera_of(texts.get("Description", "")),
        ),
        position=texts.get("stage-label", ""),
        optics=optics_of(texts),
        pixel_size_um=size_um if calibrated else None,
    )


def optics_of(texts: Mapping[str | None, str]) -> OpticsInfo:
    """Return what the entries of a record tell of the objective."""
    objective = texts.get("_MagSetting_") or texts.get("ImageXpress Micro Objective", "")
    return OpticsInfo(
        objective_name=objective,
        magnification=magnification_of(objective),
        numerical_aperture=finite(texts.get("_MagNA_")),
        immersion_index=finite(texts.get("_MagRI_")),
    )


def exposure_ms(exposure: str | None, description: str) -> float | None:
    """Return the exposure time, ms, of its own entry or of a line of the description."""
    known = duration_of_text_ms(exposure)
    if known is not None:
        return known
    found = _EXPOSURE.search(description)
    return duration_of_text_ms(found[1]) if found else None


def camera_of(description: str) -> str:
    """Return the name of the camera in a description."""
    found = _CAMERA.search(description)
    return found[1] if found else ""


def _stage_um(texts: dict[str | None, str]) -> tuple[float, float, float | None] | None:
    """Return the stage position."""
    x, y = finite(texts.get("stage-position-x")), finite(texts.get("stage-position-y"))
    return None if x is None or y is None else (x, y, finite(texts.get("z-position")))
