"""Indices of Harmony, the program of Opera Phenix and Operetta: XML with all images of a plate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import elements
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import moment
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from xml.etree import ElementTree as ET

    Texts = Mapping[str, str]

_LONGEST: Final = 9
_DIGITS: Final = 9
"""Digits after the point to which metres and seconds are exact in um and ms."""

_PLACE: Final = {
    **dict.fromkeys(("Row", "Col", "FieldID"), ""),
    "TimepointID": "0",
    "PlaneID": "1",
    "ChannelID": "",
}
"""Numbers that tell where an image is, with what they are when they are left out."""

_CONTRASTS: Final = {"fluorescence": ("fluorescence",), "brightfield": ("brightfield",)}
_MODES: Final = {
    "confocal": ("spinning_disk", "camera"),
    "nipkowconfocal": ("spinning_disk", "camera"),
    "nonconfocal": ("camera",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """An image of the index: its file and place, and what is told of it alone."""

    file: str
    well: str
    site: int
    t: int
    z: int
    channel: str
    offset_ms: float | None
    info: PlaneInfo

    @property
    def stack(self) -> tuple[str, int, int, str]:
        """Where it is, but for the plane."""
        return self.well, self.site, self.t, self.channel

    @property
    def height_um(self) -> float | None:
        """Its stage position in Z."""
        return self.info.stage_um[2] if self.info.stage_um else None


def read(path: Path, data: bytes) -> Sidecar:
    """Return what an index tells.

    Sizes are told only by a whole one, as it has no plan: they are those of its images.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        ``Index.idx.xml``, ``Index.xml`` or ``Index.ref.xml``.

    Raises
    ------
    SidecarError
        If it is no XML, or whole without any image.
    """
    root, is_whole = elements(path, data)
    images: list[_Image] = []
    samples: dict[str, Texts] = {}
    constants = _constants(root)
    for element in root.iterfind("Images/Image"):
        texts = _texts(element)
        image = _image(texts)
        if image is not None:
            images.append(image)
            if image.channel not in samples:
                samples[image.channel] = {**constants.get(image.channel, {}), **texts}
    if is_whole and not images:
        raise SidecarError(f"{path} lists no images", path)
    plate = root.find("Plates/Plate")
    frames = {image.file: image.info for image in images}
    return Sidecar(
        channels={label: _channel(samples[label]) for label in sorted(samples, key=int)},
        frames=frames,
        files=tuple(frames),
        is_closed=is_whole,
        z_step_um=_z_step_um(images),
        **_of_plate({} if plate is None else _texts(plate)),
        **_of_optics(next(iter(samples.values()), {})),
        **(_sizes(images) if is_whole else {}),
    )


def _constants(root: ET.Element) -> dict[str, Texts]:
    """Return what newer indices tell once of each channel, by its label."""
    found: dict[str, Texts] = {}
    for entry in root.iterfind("Maps/Map/Entry"):
        label = entry.get("ChannelID", "").strip()
        found[label] = {**_texts(entry), **found.get(label, {})}
    return found


def _image(texts: Texts) -> _Image | None:
    """Return an image, None when it was not recorded, or its record is damaged."""
    file = _relative(texts.get("URL", ""))
    place = [_whole(texts.get(name, default)) for name, default in _PLACE.items()]
    numbers = [number for number in place if number is not None]
    if not file or len(numbers) < len(place):
        return None
    row, column, site, t, z, channel = numbers
    if not row or not column:
        return None
    acquired, offset_ms = moment(texts.get("AbsTime")), _scaled(texts, "MeasurementTimeOffset", 1e3)
    return _Image(
        file=file,
        well=_well(row, column),
        site=site,
        t=t,
        z=z,
        channel=str(channel),
        offset_ms=offset_ms,
        info=PlaneInfo(
            acquired=acquired,
            time_ms=offset_ms if acquired is None else None,
            stage_um=_stage_um(texts),
        ),
    )


def _stage_um(texts: Texts) -> tuple[float, float, float | None] | None:
    """Return the stage position of an image."""
    x, y, z = (_scaled(texts, name, 1e6) for name in ("PositionX", "PositionY", "PositionZ"))
    if x is None or y is None:
        return None
    # PositionZ is what the program shows; both rise with the planes.
    return x, y, _scaled(texts, "AbsPositionZ", 1e6) if z is None else z


def _channel(texts: Texts) -> ChannelInfo:
    """Return what is told of a channel."""
    contrast = _CONTRASTS.get(texts.get("ChannelType", "").lower())
    mode = _MODES.get(texts.get("AcquisitionType", "").lower(), ())
    return ChannelInfo(
        name=texts.get("ChannelName", ""),
        excitation_nm=finite(texts.get("MainExcitationWavelength")),
        emission_nm=finite(texts.get("MainEmissionWavelength")),
        exposure_ms=_scaled(texts, "ExposureTime", 1e3),
        modality=(*contrast, *mode) if contrast else (),
        camera=texts.get("CameraType", ""),
    )


def _of_optics(texts: Texts) -> dict[str, Any]:
    """Return what the first channel tells of the optics, which all share."""
    return {
        "optics": OpticsInfo(
            magnification=finite(texts.get("ObjectiveMagnification")),
            numerical_aperture=finite(texts.get("ObjectiveNA")),
        ),
        "pixel_size_um": _scaled(texts, "ImageResolutionX", 1e6),
    }


def _of_plate(texts: Texts) -> dict[str, Any]:
    """Return what is told of the plate."""
    return {
        "started": moment(texts.get("MeasurementStartTime")),
        "plate_name": texts.get("Name") or texts.get("PlateID", ""),
        "plate_rows": _whole(texts.get("PlateRows", "")),
        "plate_columns": _whole(texts.get("PlateColumns", "")),
    }


def _sizes(images: Iterable[_Image]) -> dict[str, Any]:
    """Return the sizes of what was acquired."""
    sites: dict[str, set[int]] = {}
    planes: dict[str, set[int]] = {}
    offsets: dict[int, float | None] = {}
    for image in images:
        sites.setdefault(image.well, set()).add(image.site)
        planes.setdefault(image.channel, set()).add(image.z)
        offsets.setdefault(image.t, image.offset_ms)
    counts = {channel: len(known) for channel, known in planes.items()}
    most = max(counts.values())
    of_wells = {len(known) for known in sites.values()}
    return {
        "sizes": {"t": len(offsets), "z": most, "c": len(counts)},
        "planes": {channel: count for channel, count in counts.items() if count < most},
        "sites": of_wells.pop() if len(of_wells) == 1 else None,
        "wells": tuple(sites),
        "period_ms": _step(offsets),
    }


def _z_step_um(images: Sequence[_Image]) -> float | None:
    """Return the distance of planes in the first stack."""
    other = next((image for image in images if image.z != images[0].z), None)
    if other is None:
        return None
    step = _step({image.z: image.height_um for image in images if image.stack == other.stack})
    return None if step is None else abs(step)


def _step(values: Mapping[int, float | None]) -> float | None:
    """Return the mean step from one number to the next, None without two of them."""
    known = {number: value for number, value in values.items() if value is not None}
    if len(known) < 2:
        return None
    first, last = min(known), max(known)
    return round((known[last] - known[first]) / (last - first), _DIGITS)


def _texts(element: ET.Element) -> Texts:
    """Return the texts of what is written in an element, by name."""
    return {child.tag: (child.text or "").strip() for child in element}


def _scaled(texts: Texts, name: str, factor: float) -> float | None:
    """Return a number in other units, without the traces of converting it."""
    number = finite(texts.get(name))
    return None if number is None else round(number * factor, _DIGITS)


def _whole(text: str) -> int | None:
    """Return a number that counts something, None when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST else None


def _well(row: int, column: int) -> str:
    """Return the name of the well in a row and column from 1."""
    letters = ""
    while row:
        row, rest = divmod(row - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{column:02d}"


def _relative(text: str) -> str:
    """Return the path of a file below the folder, empty when it leads elsewhere."""
    path = text.strip().replace("\\", "/")
    return "" if ":" in path or {"", "..", "."} & set(path.split("/")) else path
