"""Indices of Harmony, the program of Opera Phenix and Operetta: XML with all images of a plate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.document import Document
from nd2watch.sidecars.values import relative_path, well_name, whole
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import moment
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from xml.etree import ElementTree as ET

    Texts = Mapping[str, str]

_DIGITS: Final = 9
"""Digits after the point to which metres and seconds are exact in um and ms."""

_PLACE: Final = {
    **dict.fromkeys(("Row", "Col", "FieldID"), ""),
    "TimepointID": "0",
    "PlaneID": "1",
    "ChannelID": "",
}
"""Numbers that tell where an image is, with what they are when they are left out."""

_RECORDS: Final = ("Plates/Plate", "Maps/Map/Entry", "Images/Image")
"""Parts of an index that are read; newer ones have maps of what they tell once of each channel."""

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
    document = Document(path, data, *_RECORDS)
    images: list[_Image] = []
    samples: dict[str, Texts] = {}
    constants: dict[str, Texts] = {}
    plate: Texts = {}
    for *_, record in document:
        texts = _texts(record)
        if record.tag == "Plate":
            plate = plate or texts
        elif record.tag == "Entry":
            label = record.get("ChannelID", "").strip()
            constants[label] = {**texts, **constants.get(label, {})}
        elif (image := _image(texts)) is not None:
            images.append(image)
            samples.setdefault(image.channel, texts)
    if document.is_whole and not images:
        raise SidecarError(f"{path} lists no images", path)
    frames = {image.file: image.info for image in images}
    channels = {label: {**constants.get(label, {}), **texts} for label, texts in samples.items()}
    return Sidecar(
        channels={label: _channel(channels[label]) for label in sorted(channels, key=int)},
        frames=frames,
        files=tuple(frames),
        is_closed=document.is_whole,
        z_step_um=_z_step_um(images),
        **_of_plate(plate),
        **_of_optics(next(iter(channels.values()), {})),
        **(_sizes(images) if document.is_whole else {}),
    )


def _image(texts: Texts) -> _Image | None:
    """Return an image, None when it was not recorded, or its record is damaged."""
    file = relative_path(texts.get("URL"))
    place = [whole(texts.get(name, default)) for name, default in _PLACE.items()]
    numbers = [number for number in place if number is not None]
    if not file or len(numbers) < len(place):
        return None
    row, column, site, t, z, channel = numbers
    well = well_name(row, column)
    if not well:
        return None
    acquired, offset_ms = moment(texts.get("AbsTime")), _scaled(texts, "MeasurementTimeOffset", 1e3)
    return _Image(
        file=file,
        well=well,
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
        "plate_rows": whole(texts.get("PlateRows")),
        "plate_columns": whole(texts.get("PlateColumns")),
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
