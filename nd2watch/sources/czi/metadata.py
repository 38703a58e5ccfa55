"""What the XML of a CZI file tells of its channels, scenes, optics and times."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nd2watch.sources.base import ChannelInfo, OpticsInfo
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOR: Final = re.compile(r"#(?:[0-9a-fA-F]{2})?([0-9a-fA-F]{6})")
_BAND: Final = re.compile(r"\s*([\d.]+)\s*-\s*([\d.]+)\s*")
_MODES: Final[Mapping[str, tuple[str, ...]]] = {
    "WideField": ("camera",),
    "LaserScanningConfocalMicroscopy": ("laser_scan_confocal",),
    "MultiPhotonMicroscopy": ("multiphoton",),
    "SpectralImaging": ("laser_scan_confocal", "spectral"),
    "SpinningDiskConfocal": ("spinning_disk", "camera"),
    "StructuredIllumination": ("structured_illumination", "camera"),
    "TotalInternalReflection": ("tirf", "camera"),
    "TIRF": ("tirf", "camera"),
    "SPIM": ("light_sheet", "camera"),
}
_CONTRASTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Fluorescence": ("fluorescence",),
    "Brightfield": ("brightfield",),
    "Phase": ("brightfield", "phase_contrast"),
    "DIC": ("brightfield", "dic"),
    "Darkfield": ("brightfield", "darkfield"),
}
_LIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Epifluorescence": ("fluorescence",),
    "Fluorescence": ("fluorescence",),
    "Transmitted": ("brightfield",),
}
_SMALLEST_UM: Final = 0.01
"""No pinhole is smaller; some versions of ZEN give m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A scene.

    Attributes
    ----------
    name : str
        Its name, behind that of its well.
    center_um : tuple of float, optional
        Stage position (X, Y) of its centre, um.
    """

    name: str = ""
    center_um: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the XML of a file tells; None or empty where it tells nothing.

    Attributes
    ----------
    channels : tuple of ChannelInfo
        Channels, in the order of dimension C.
    scenes : mapping from int to Scene
        Scenes by their point on dimension S.
    optics : OpticsInfo
        The optics.
    pixel_size_um, z_step_um : float, optional
        Edge of a pixel, distance of Z planes, um.
    period_ms : float, optional
        Time from one time point to the next, ms.
    started : datetime, optional
        When acquisition began, with its time zone.
    """

    channels: tuple[ChannelInfo, ...] = ()
    scenes: Mapping[int, Scene] = field(default_factory=dict)
    optics: OpticsInfo = field(default_factory=OpticsInfo)
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    period_ms: float | None = None
    started: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What the XML of one subblock tells; None where it tells nothing.

    Attributes
    ----------
    acquired : datetime, optional
        When it was taken, with its time zone.
    x_um, y_um, z_um : float, optional
        Stage position, um.
    """

    acquired: datetime | None = None
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None


def read_document(stored: bytes) -> Document:
    """Return what the XML of a file tells.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    metadata = _child(_parsed(stored), "Metadata")
    image = _child(metadata, "Information/Image")
    scaling = _child(metadata, "Scaling/Items")
    started = _time(_text(image, "AcquisitionDateAndTime"))
    period_s = above_zero(_text(image, "Dimensions/T/Positions/Interval/Increment"))
    return Document(
        channels=_channels(metadata),
        scenes=_scenes(image),
        optics=_optics(metadata),
        pixel_size_um=_um(_text(scaling, "Distance[@Id='X']/Value")),
        z_step_um=_um(_text(scaling, "Distance[@Id='Z']/Value")),
        period_ms=period_s and period_s * 1e3,
        started=started or _time(_text(image, "Dimensions/T/StartTime")),
    )


def read_tags(stored: bytes) -> Tags:
    """Return what the XML of a subblock tells.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    tags = _child(_parsed(stored), "Tags")
    return Tags(
        acquired=_time(_text(tags, "AcquisitionTime")),
        x_um=finite(_text(tags, "StageXPosition")),
        y_um=finite(_text(tags, "StageYPosition")),
        z_um=finite(_text(tags, "FocusPosition")),
    )


def _parsed(stored: bytes) -> ET.Element:
    """Return the root of stored XML."""
    text = stored.rstrip(b"\0 \r\n\t")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"\0" in text:
        raise ValueError("the XML declares a document type, or is no UTF-8")
    try:
        return ET.fromstring(text)  # noqa: S314 - without a document type there are no entities # nosec B314
    except (ET.ParseError, LookupError) as error:
        raise ValueError(f"damaged XML: {error}") from error


def _child(parent: ET.Element, path: str) -> ET.Element:
    """Return an element below another, an empty one where it is not there."""
    found = parent.find(path)
    return ET.Element("none") if found is None else found


def _text(parent: ET.Element, *paths: str) -> str:
    """Return the text at the first of several places at which there is one."""
    found = ((parent.findtext(path) or "").strip() for path in paths)
    return next((text for text in found if text), "")


def _um(text: str) -> float | None:
    """Return a distance that is stored in m."""
    distance_m = above_zero(text)
    return None if distance_m is None else round(distance_m * 1e6, 9)


def _time(text: str) -> datetime | None:
    """Return a time; one without a zone is local."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone() if time.year > 1 else None  # year 1 is written for unknown
    except (ValueError, OverflowError, OSError):
        return None


def _channels(metadata: ET.Element) -> tuple[ChannelInfo, ...]:
    """Return the channels, completed by what is told of how they are displayed."""
    shown = metadata.findall("DisplaySetting/Channels/Channel")
    by_id = {channel.get("Id"): channel for channel in shown}
    detectors = _detectors(metadata)
    channels = metadata.findall("Information/Image/Dimensions/Channels/Channel")
    nothing = ET.Element("none")
    return tuple(
        _channel(channel, by_id.get(channel.get("Id"), nothing), detectors) for channel in channels
    )


def _channel(channel: ET.Element, shown: ET.Element, detectors: Mapping[str, str]) -> ChannelInfo:
    """Return what is told of a channel."""
    color = _COLOR.fullmatch(_text(channel, "Color") or _text(shown, "Color"))
    exposure_ns = above_zero(_text(channel, "ExposureTime"))
    excitation_nm = above_zero(
        _text(
            channel,
            "ExcitationWavelength",
            "IlluminationWavelength/SinglePeak",
            "LightSourcesSettings/LightSourceSettings/Wavelength",
        )
    )
    emission_nm = above_zero(
        _text(channel, "EmissionWavelength", "DetectionWavelength/SinglePeak")
    ) or _centre(_text(channel, "DetectionWavelength/Ranges"))
    detector = _child(channel, "DetectorSettings/Detector").get("Id", "")
    return ChannelInfo(
        name=channel.get("Name") or shown.get("Name") or _text(channel, "Fluor"),
        color=int(color[1], 16) if color else None,
        excitation_nm=excitation_nm or above_zero(_text(shown, "DyeMaxExcitation")),
        emission_nm=emission_nm or above_zero(_text(shown, "DyeMaxEmission")),
        exposure_ms=exposure_ns and exposure_ns / 1e6,
        modality=_modality(channel),
        pinhole_um=_pinhole_um(_text(channel, "PinholeSize")),
        camera=detectors.get(detector, ""),
    )


def _centre(band: str) -> float | None:
    """Return the centre of a band of wavelengths, like ``493-556``."""
    ends = _BAND.fullmatch(band)
    if ends is None:
        return None
    low, high = above_zero(ends[1]), above_zero(ends[2])
    return None if low is None or high is None else (low + high) / 2


def _modality(channel: ET.Element) -> tuple[str, ...]:
    """Return how a channel is imaged."""
    contrast = _CONTRASTS.get(_text(channel, "ContrastMethod"))
    light = contrast or _LIGHTS.get(_text(channel, "IlluminationType"), ())
    return (*light, *_MODES.get(_text(channel, "AcquisitionMode"), ()))


def _pinhole_um(text: str) -> float | None:
    """Return the diameter of the pinhole."""
    size = above_zero(text)
    return round(size * 1e6, 6) if size is not None and size < _SMALLEST_UM else size


def _detectors(metadata: ET.Element) -> Mapping[str, str]:
    """Return the names of the detectors by their identifiers."""
    found = metadata.findall("Information/Instrument/Detectors/Detector")
    return {
        detector.get("Id", ""): _text(detector, "Manufacturer/Model") or detector.get("Name", "")
        for detector in found
    }


def _scenes(image: ET.Element) -> Mapping[int, Scene]:
    """Return the scenes."""
    scenes = {}
    for scene in image.findall("Dimensions/S/Scenes/Scene"):
        index = scene.get("Index", "")
        if index.isdecimal():
            well = _text(scene, "ArrayName") or _child(scene, "Shape").get("Name", "")
            names = dict.fromkeys(name for name in (well, scene.get("Name", "")) if name)
            center = [finite(value) for value in _text(scene, "CenterPosition").split(",")]
            x_um, y_um = center if len(center) == 2 else (None, None)
            scenes[int(index)] = Scene(
                name=" ".join(names),
                center_um=None if x_um is None or y_um is None else (x_um, y_um),
            )
    return scenes


def _optics(metadata: ET.Element) -> OpticsInfo:
    """Return the objective that was used, the only one where that is not told."""
    settings = _child(metadata, "Information/Image/ObjectiveSettings")
    objectives = metadata.findall("Information/Instrument/Objectives/Objective")
    used = _child(settings, "ObjectiveRef").get("Id")
    objective = next((each for each in objectives if used and each.get("Id") == used), None)
    if objective is None:
        objective = objectives[0] if len(objectives) == 1 else ET.Element("none")
    index = _text(settings, "RefractiveIndex") or _text(objective, "ImmersionRefractiveIndex")
    return OpticsInfo(
        objective_name=objective.get("Name") or _text(objective, "Manufacturer/Model"),
        magnification=above_zero(_text(objective, "NominalMagnification")),
        numerical_aperture=above_zero(_text(objective, "LensNA")),
        immersion_index=above_zero(index),
    )
