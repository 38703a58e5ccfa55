"""What OME-XML in TIFF files tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.sources.base import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.known import Known, parse_xml
from nd2watch.sources.tiff.ome_planes import (
    Image,
    channel_numbers,
    child,
    children,
    grid_of_images,
    images_of,
    whole,
)
from nd2watch.sources.tiff.units import duration_ms, length_um, moment
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from nd2watch.sources.tiff.pages import Pages
    from nd2watch.sources.tiff.planes import Grid

_MODES: Final = {
    "WideField": ("camera",),
    "BrightField": ("brightfield",),
    "LaserScanningConfocalMicroscopy": ("laser_scan_confocal",),
    "SpinningDiskConfocal": ("spinning_disk",),
    "MultiPhotonMicroscopy": ("multiphoton",),
    "SecondHarmonicGenerationImaging": ("multiphoton",),
    "StructuredIllumination": ("structured_illumination",),
    "TotalInternalReflection": ("tirf",),
    "TIRF": ("tirf",),
    "SPIM": ("light_sheet",),
    "SpectralImaging": ("spectral",),
}
_CONTRASTS: Final = {
    "Fluorescence": "fluorescence",
    "Brightfield": "brightfield",
    "Darkfield": "darkfield",
    "Phase": "phase_contrast",
    "DIC": "dic",
    "HoffmanModulation": "brightfield",
    "ObliqueIllumination": "brightfield",
    "PolarizedLight": "brightfield",
}
_UM: Final = "\u00b5m"
_NO_UNIT_OF_LENGTH: Final = "reference frame"


class Ome:
    """The OME document of a file; other files that it tells of are left alone.

    Parameters
    ----------
    pages : Pages
        The pages of the file.

    Raises
    ------
    Exception
        If the document is damaged.
    """

    def __init__(self, pages: Pages) -> None:
        self._path = pages.path
        self._root = parse_xml(pages.first.description)
        self._images = images_of(self._root, pages.path.name, len(pages))

    def grid(self) -> Grid | None:
        """Return the pages along their axes, several images as positions."""
        return grid_of_images(self._path, self._images) if self._images else None

    def known(self) -> Known:
        """Return what the document tells of the images in this file, most of it of the first."""
        if not self._images:
            return Known()
        image = self._images[0]
        pixels = image.pixels
        started = self._started()
        return Known(
            channels=self._channels(image),
            positions=tuple(_name_of_position(each.element) for each in self._images),
            optics=self._optics(image.element),
            pixel_size_um=_length_um(pixels, "PhysicalSizeX"),
            z_step_um=_length_um(pixels, "PhysicalSizeZ"),
            period_ms=_duration_ms(pixels, "TimeIncrement"),
            started=started,
            planes={
                page: plane
                for each in self._images
                for page, plane in _planes(each, _delay_ms(each, started)).items()
            },
        )

    def _started(self) -> datetime | None:
        """Return when the first of the images was begun."""
        dates = [_date(image.element) for image in self._images]
        return min((date for date in dates if date is not None), default=None)

    def _channels(self, image: Image) -> tuple[ChannelInfo, ...]:
        """Return what is told of the channels of an image that are in this file."""
        described = dict(enumerate(children(image.pixels, "Channel")))
        channels = [
            self._channel(described[number]) if number in described else ChannelInfo()
            for number in image.channel_numbers
        ]
        return tuple(channels)

    def _channel(self, channel: Element) -> ChannelInfo:
        """Return what is told of a channel."""
        excitation_nm = _wavelength_nm(channel, "ExcitationWavelength")
        emission_nm = _wavelength_nm(channel, "EmissionWavelength")
        settings = child(channel, "DetectorSettings")
        detector = self._part("Detector", settings)
        color = channel.get("Color")
        return ChannelInfo(
            name=channel.get("Name", "") or channel.get("Fluor", ""),
            color=None if color is None else _color(color),
            excitation_nm=excitation_nm,
            emission_nm=emission_nm,
            modality=_modality(channel, fluorescent=bool(excitation_nm or emission_nm)),
            pinhole_um=_length_um(channel, "PinholeSize"),
            camera="" if detector is None else detector.get("Model", ""),
        )

    def _optics(self, image: Element) -> OpticsInfo:
        """Return what is told of the objective of an image."""
        settings = child(image, "ObjectiveSettings")
        objective = self._part("Objective", settings)
        if settings is None or objective is None:
            return OpticsInfo()
        return OpticsInfo(
            objective_name=objective.get("Model", ""),
            magnification=finite(objective.get("NominalMagnification")),
            numerical_aperture=finite(objective.get("LensNA")),
            immersion_index=finite(settings.get("RefractiveIndex")),
        )

    def _part(self, name: str, settings: Element | None) -> Element | None:
        """Return the part of an instrument that settings are of."""
        parts = (
            part
            for instrument in children(self._root, "Instrument")
            for part in children(instrument, name)
        )
        identifier = None if settings is None else settings.get("ID")
        return next((part for part in parts if identifier and part.get("ID") == identifier), None)


def read_ome(pages: Pages) -> Ome | None:
    """Return the OME document of a file, None when it has none.

    Raises
    ------
    Exception
        If it is damaged.
    """
    return Ome(pages) if pages.first.is_ome else None


def _planes(image: Image, delay_ms: float) -> dict[int, PlaneInfo]:
    """Return what is told of each page of an image."""
    elements = list(children(image.pixels, "Plane"))
    channels = channel_numbers(image.samples, {whole(plane, "TheC", 0) for plane in elements})
    planes: dict[int, PlaneInfo] = {}
    for plane in elements:
        t, z, c = (whole(plane, f"The{axis}", 0) for axis in "TZC")
        page = image.pages.get((t, z, channels.get(c, -1)))
        if page is not None and page not in planes:
            time_ms = _duration_ms(plane, "DeltaT")
            planes[page] = PlaneInfo(
                time_ms=None if time_ms is None else time_ms + delay_ms,
                stage_um=_stage_um(plane),
                exposure_ms=_duration_ms(plane, "ExposureTime"),
            )
    return planes


def _stage_um(plane: Element) -> tuple[float, float, float | None] | None:
    """Return the stage position; a position of the reference frame has no unit of length."""
    x, y, z = (_length_um(plane, f"Position{axis}", _NO_UNIT_OF_LENGTH) for axis in "XYZ")
    return None if x is None or y is None else (x, y, z)


def _name_of_position(image: Element) -> str:
    """Return the name of the position of an image."""
    label = child(image, "StageLabel")
    return ("" if label is None else label.get("Name", "")) or image.get("Name", "")


def _date(image: Element) -> datetime | None:
    """Return when an image was begun."""
    date = child(image, "AcquisitionDate")
    return None if date is None else moment(date.text)


def _delay_ms(image: Image, started: datetime | None) -> float:
    """Return the time from the start of the first image to that of this one, ms."""
    date = _date(image.element)
    if started is None or date is None:
        return 0.0
    return (date - started) / timedelta(milliseconds=1)


def _length_um(element: Element, name: str, unit: str = _UM) -> float | None:
    """Return an attribute that is a length, um; `unit` is that where none is given."""
    return length_um(element.get(name), element.get(f"{name}Unit", unit))


def _duration_ms(element: Element, name: str) -> float | None:
    """Return an attribute that is a time, ms."""
    return duration_ms(element.get(name), element.get(f"{name}Unit", "s"))


def _wavelength_nm(channel: Element, name: str) -> float | None:
    """Return a wavelength, nm."""
    um = _length_um(channel, name, "nm")
    return None if um is None else round(um * 1000, 6)


def _color(text: str) -> int | None:
    """Return a colour, which is stored as a signed number of red, green, blue and opacity."""
    number = finite(text)
    return None if number is None else (int(number) & 0xFFFFFFFF) >> 8


def _modality(channel: Element, *, fluorescent: bool) -> tuple[str, ...]:
    """Return how a channel is imaged: what its mode and its contrast are, if they are told."""
    modes = _MODES.get(channel.get("AcquisitionMode", ""), ())
    contrast = _CONTRASTS.get(channel.get("ContrastMethod", ""))
    if contrast is None and modes not in ((), ("brightfield",)):
        if modes == ("camera",) and not fluorescent:
            return ()
        contrast = "fluorescence"
    return tuple(dict.fromkeys((*((contrast,) if contrast else ()), *modes)))
