"""What Bio-Formats shows of a file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

from tests.conformance.view import Plane, Point, View, known

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.bioformats import BioFormats

    Json = dict[str, Any]

_SCHEMA: Final = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
_NO_NAME: Final = re.compile(r"\(series \d+\)")
_SURROGATES: Final = re.compile(r"&#(5[56]\d{3});&#(5[67]\d{3});")


class BioFormatsReader:
    """Bio-Formats.

    Parameters
    ----------
    bioformats : BioFormats
        Its process.
    """

    title: Final = "Bio-Formats"
    raw: Final = frozenset({"microscope", "zoom", "start_julian_day", "row_stride"})

    def __init__(self, bioformats: BioFormats) -> None:
        self._bioformats = bioformats
        self.version = bioformats.version

    def read(self, path: Path) -> View:
        """Return the view of a file."""
        found = self._bioformats.read(path)
        if "error" in found:
            return View(opens=found["error"])
        root = ET.fromstring(_SURROGATES.sub(_whole_character, found["xml"]))
        images = [image.find(f"{_SCHEMA}Pixels") for image in root.iter(f"{_SCHEMA}Image")]
        pixels = [image for image in images if image is not None]
        return View(
            opens=True,
            **_image_values(found["series"]),
            **_position_names(root, path.name),
            **_pixel_values(pixels[0]),
            **_channel_values(pixels[0], root),
            **_optics_values(root, found["global"]),
            **_frame_values(pixels),
        )


def _whole_character(match: re.Match[str]) -> str:
    """Return the one character of two surrogates, which Java writes as if they were two."""
    units = b"".join(int(unit).to_bytes(2, "big") for unit in match.groups())
    return units.decode("utf-16-be")


def _image_values(series: list[Json]) -> Json:
    """Return sizes, sample format and pixels; each position is a series."""
    first = series[0]
    planes, channels, times = first["sizes"]
    assert first["little_endian"]
    return {
        "width": first["width"],
        "height": first["height"],
        "component_count": channels,
        "sample_type": "float32" if first["type"] == "float" else first["type"],
        "significant_bits": first["bits"],
        "sizes": Point(t=times, p=len(series), z=planes),
        "planes": {
            Plane(Point(t=t, p=p, z=z), c): found
            for p, one in enumerate(series)
            for z, c, t, found in one["planes"]
        },
    }


def _position_names(root: ET.Element, file_name: str) -> Json:
    """Return the names of the positions, which follow the file's name in those of the images."""
    names = [image.get("Name", "") for image in root.iter(f"{_SCHEMA}Image")]
    if len(names) == 1:
        return {}
    own = (name.removeprefix(file_name).strip() for name in names)
    return {"position_names": tuple("" if _NO_NAME.fullmatch(name) else name for name in own)}


def _pixel_values(pixels: ET.Element) -> Json:
    """Return the calibration."""
    return {
        "pixel_size_um": (_number(pixels, "PhysicalSizeX"), _number(pixels, "PhysicalSizeY")),
        "voxel_depth_um": _number(pixels, "PhysicalSizeZ"),
    }


def _channel_values(pixels: ET.Element, root: ET.Element) -> Json:
    """Return what belongs to the channels."""
    channels = list(pixels.iter(f"{_SCHEMA}Channel"))
    detector = root.find(f".//{_SCHEMA}Detector")
    camera = None if detector is None else detector.get("Model")
    return {
        "channel_names": tuple(c.get("Name") for c in channels),
        "channel_colors": tuple(_color(c.get("Color")) for c in channels),
        "excitation_nm": tuple(_number(c, "ExcitationWavelength") for c in channels),
        "emission_nm": tuple(_number(c, "EmissionWavelength") for c in channels),
        "exposure_ms": tuple(_exposure(pixels, component) for component in range(len(channels))),
        "acquisition_mode": tuple(c.get("AcquisitionMode") for c in channels),
        "camera": tuple(camera or "" for _ in channels),
    }


def _exposure(pixels: ET.Element, component: int) -> float | tuple[float | None, ...] | None:
    """Return the exposure of one channel, ms; several, if its planes differ."""
    found = {
        None if (s := _number(plane, "ExposureTime")) is None else s * 1000
        for plane in pixels.iter(f"{_SCHEMA}Plane")
        if plane.get("TheC") == str(component)
    }
    return found.pop() if len(found) == 1 else tuple(found)


def _optics_values(root: ET.Element, table: dict[str, str]) -> Json:
    """Return the objective and the microscope, of which there is one for all channels."""
    objective = root.find(f".//{_SCHEMA}Objective")
    settings = root.find(f".//{_SCHEMA}ObjectiveSettings")
    assert objective is not None
    assert settings is not None
    return {
        "objective_name": objective.get("Model") or "",
        "magnification": _number(objective, "CalibratedMagnification"),
        "numerical_aperture": _number(objective, "LensNA"),
        "immersion_index": _number(settings, "RefractiveIndex"),
        "microscope": table["m_sMicroscopeFullName"],
        "zoom": known(float(table["dZoom"])),
        "start_julian_day": known(float(table["dTimeAbsolute"])),
        "row_stride": int(table["uiWidthBytes"]),
    }


def _frame_values(images: list[ET.Element]) -> Json:
    """Return time and stage position of each frame, from the planes of its first component."""
    planes = {
        Point(t=int(plane.get("TheT", 0)), p=p, z=int(plane.get("TheZ", 0))): plane
        for p, image in enumerate(images)
        for plane in image.iter(f"{_SCHEMA}Plane")
        if plane.get("TheC") == "0"
    }

    def of_frames(value: Callable[[ET.Element], float | None]) -> dict[Point, float | None]:
        return {point: value(plane) for point, plane in planes.items()}

    def milliseconds(plane: ET.Element) -> float | None:
        seconds = _number(plane, "DeltaT")
        return None if seconds is None else seconds * 1000

    return {
        "frame_time_ms": of_frames(milliseconds),
        "frame_x_um": of_frames(lambda plane: _number(plane, "PositionX")),
        "frame_y_um": of_frames(lambda plane: _number(plane, "PositionY")),
        "frame_z_um": of_frames(lambda plane: _number(plane, "PositionZ")),
    }


def _number(element: ET.Element, name: str) -> float | None:
    """Return a number, None when it is not there."""
    text = element.get(name)
    return None if text is None else float(text)


def _color(text: str | None) -> int | None:
    """Return a colour as 0xRRGGBB; OME stores it with its opacity as a signed number."""
    return None if text is None else (int(text) & 0xFFFFFFFF) >> 8
