"""Files of Yokogawa CellVoyager and CQ systems: list of images, details and settings, in XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.document import Document, attributes
from nd2watch.sidecars.values import relative_path, well_name, whole
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import aperture_of, moment
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from xml.etree import ElementTree as ET

_MOST_PLANES: Final = 100_000
_COLOR: Final = re.compile(r"#(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})")
_BAND: Final = re.compile(r"BP(\d+(?:\.\d+)?)/\d+(?:\.\d+)?")
_MODALITIES: Final = {
    "ConfocalFluorescence": ("fluorescence", "spinning_disk", "camera"),
    "Brightfield": ("brightfield", "camera"),
}


def read(path: Path, data: bytes) -> Sidecar:
    """Return what one of the files tells; all of them tell more.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        ``MeasurementData.mlf``, the images so far; ``MeasurementDetail.mrf``, the whole
        measurement; or ``*.mes``, its settings.

    Raises
    ------
    SidecarError
        If it is none of them, or the settings are not whole.
    """
    document = Document(path, data, "MeasurementRecord")
    images = _of_images(document)
    root, is_whole = document.root, document.is_whole
    if root.tag == "MeasurementData":
        return images
    if root.tag == "MeasurementDetail":
        return _of_measurement(root, is_whole=is_whole)
    if root.tag != "MeasurementSetting":
        raise SidecarError(f"{path} is no file of a Yokogawa measurement", path)
    if not is_whole:
        raise SidecarError(f"{path} is not written to its end yet", path)
    return _of_settings(root)


def _of_images(document: Document) -> Sidecar:
    """Read a document, and return what it tells as a list of images.

    It cannot tell that no more will come.
    """
    frames: dict[str, PlaneInfo] = {}
    wells: dict[str, None] = {}
    for _, element in document:
        record, file = attributes(element), relative_path(element.text)
        well = _well(record)
        if record.get("Type") != "IMG" or not file or not well:
            continue
        wells[well] = None
        x, y, z = (finite(record.get(name)) for name in "XYZ")
        frames[file] = PlaneInfo(
            acquired=moment(record.get("Time")),
            stage_um=None if x is None or y is None else (x, y, z),
        )
    return Sidecar(
        frames=frames,
        files=tuple(frames),
        wells=tuple(wells) if document.is_whole else (),
        is_closed=None if document.is_whole else False,
    )


def _of_measurement(root: ET.Element, *, is_whole: bool) -> Sidecar:
    """Return what the details tell: all sizes, and whether it has ended."""
    detail = attributes(root)
    plates = [attributes(plate) for plate in root.iterfind("MeasurementSamplePlate")]
    pixels = [
        above_zero(attributes(channel).get("HorizontalPixelDimension"))
        for channel in root.iterfind("MeasurementChannel")
    ]
    return Sidecar(
        sizes={
            "t": whole(detail.get("TimePointCount")) or 0,
            "z": whole(detail.get("ZCount")) or 0,
        },
        sites=whole(detail.get("FieldCount")),
        pixel_size_um=next((size for size in pixels if size), None),
        started=moment(detail.get("BeginTime")),
        is_closed=is_whole and moment(detail.get("EndTime")) is not None,
        plate_name=next((plate.get("Name", "") for plate in plates), ""),
        plate_rows=whole(detail.get("RowCount")),
        plate_columns=whole(detail.get("ColumnCount")),
    )


def _of_settings(root: ET.Element) -> Sidecar:
    """Return what the settings tell: the plan, and the channels."""
    actions = root.findall("Timelapse/Timeline/ActionList/*")
    planes = _planes(actions)
    most = max(planes.values(), default=0)
    steps = [above_zero(attributes(action).get("SliceLength")) for action in actions]
    points = root.iterfind("Timelapse/Timeline/PointSequence/FixedPosition")
    targets = root.iterfind("Timelapse/Timeline/WellSequence/TargetWell")
    wells = [_well(attributes(well)) for well in targets if (well.text or "").strip() == "true"]
    plate = attributes(root)
    return Sidecar(
        sizes={"c": len(planes), "z": most},
        sites=max(map(len, points), default=None),
        wells=tuple(dict.fromkeys(filter(None, wells))),
        planes={label: count for label, count in planes.items() if count < most},
        channels=_channels(root, planes),
        optics=_optics(root),
        z_step_um=next((step for step in steps if step), None),
        period_ms=_period_ms(root),
        plate_rows=whole(plate.get("Rows")),
        plate_columns=whole(plate.get("Columns")),
    )


def _planes(actions: Iterable[ET.Element]) -> dict[str, int]:
    """Return the planes of each channel that is acquired, by its label, 0 where it is not known."""
    found: dict[str, int] = {}
    for action in actions:
        for channel in action.iterfind("Ch"):
            number = whole((channel.text or "").strip())
            if number:
                found[str(number)] = max(found.get(str(number), 0), _slices(action))
    # One count that is not known may be the largest.
    return found if all(found.values()) else dict.fromkeys(found, 0)


def _slices(action: ET.Element) -> int:
    """Return the planes that an action takes, 0 where it is not known."""
    if action.tag.endswith("2D"):
        return 1
    told = attributes(action)
    top, bottom = finite(told.get("TopDistance")), finite(told.get("BottomDistance"))
    length = above_zero(told.get("SliceLength"))
    # Projections take the place of their planes. Ranges that are not whole steps are rounded
    # differently from program to program.
    if top is None or bottom is None or length is None or told.get("ImageProcessing"):
        return 0
    steps = (top - bottom) / length
    if not 0 <= steps < _MOST_PLANES or abs(steps - round(steps)) > 1e-6:
        return 0
    return round(steps) + 1


def _channels(root: ET.Element, planes: Mapping[str, int]) -> dict[str, ChannelInfo]:
    """Return the channels that are acquired, by label; the settings have others, too."""
    lights = {
        light.get("Name", ""): above_zero(light.get("WaveLength"))
        for light in map(attributes, root.iterfind("LightSourceList/LightSource"))
    }
    found: dict[str, ChannelInfo] = {}
    for channel in root.iterfind("ChannelList/Channel"):
        label = str(whole(attributes(channel).get("Ch")))
        if label in planes:
            names = [(name.text or "").strip() for name in channel.iterfind("LightSourceName")]
            found[label] = _channel(attributes(channel), [lights.get(name) for name in names])
    return found


def _channel(told: Mapping[str, str], lights_nm: Iterable[float | None]) -> ChannelInfo:
    """Return what is told of a channel, with the wavelengths of its light sources."""
    color, band = _COLOR.fullmatch(told.get("Color", "")), _BAND.match(told.get("Acquisition", ""))
    emission_nm = finite(band[1]) if band else None
    known = [light for light in lights_nm if light]
    below = [light for light in known if emission_nm is None or light < emission_nm]
    return ChannelInfo(
        name=told.get("Target") or told.get("Fluorophore") or told.get("Acquisition", ""),
        color=int(color[1], 16) if color else None,
        excitation_nm=max(below or known, default=None),
        emission_nm=emission_nm,
        exposure_ms=finite(told.get("ExposureTime")),
        modality=_MODALITIES.get(told.get("Kind", ""), ()),
        pinhole_um=finite(told.get("PinholeDiameter")),
        camera=told.get("CameraType", ""),
    )


def _optics(root: ET.Element) -> OpticsInfo:
    """Return the optics of the first channel."""
    told = next(map(attributes, root.iterfind("ChannelList/Channel")), {})
    return OpticsInfo(
        objective_name=told.get("Objective", ""),
        magnification=finite(told.get("Magnification")),
        numerical_aperture=aperture_of(told.get("Objective", "")),
    )


def _period_ms(root: ET.Element) -> float | None:
    """Return the time from one time point to the next, where there is one for all."""
    lines = [attributes(line) for line in root.iterfind("Timelapse/Timeline")]
    told = lines[0] if len(lines) == 1 else {}
    interval_s, whole_s = above_zero(told.get("Interval")), above_zero(told.get("Period"))
    # One time point alone has the time that it takes for an interval.
    return interval_s * 1e3 if interval_s and whole_s and interval_s < whole_s else None


def _well(told: Mapping[str, str]) -> str:
    """Return the name of the well in a row and column, empty when they are damaged."""
    return well_name(whole(told.get("Row")), whole(told.get("Column")))
