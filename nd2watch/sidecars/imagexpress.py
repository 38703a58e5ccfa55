"""Plans of ImageXpress microscopes, and the lists of images of those with HCS.ai."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import decoded
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import distance_um, magnification_of
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ENTRY: Final = re.compile(r'"([^"]*)"\s*(?:,(.*))?')
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROWS: Final = (*_LETTERS, *(f"A{letter}" for letter in _LETTERS))
_WAVES: Final = 99
_DIGITS: Final = 9
_PROJECTION: Final = "Max Intensity Projection"


def read(path: Path, data: bytes) -> Sidecar:
    """Return what a plan or a list of images tells.

    Plans are written before the first frame, and lists tell nothing of their end, so that none of
    them can tell that the acquisition is over.

    Parameters
    ----------
    path : Path
        The file: a plan of MetaXpress (``.HTD``) or of HCS.ai (``.jdce``), or the list of images
        of HCS.ai (``.csv``).
    data : bytes
        What is in it.

    Raises
    ------
    SidecarError
        If it is something else, or a plan is not written to its end.
    """
    text = decoded(data)
    ending = path.suffix.lower()
    if ending == ".csv":
        return _image_list(path, text)
    return _protocol(path, text) if ending == ".jdce" else _plan(path, text)


def _plan(path: Path, text: str) -> Sidecar:
    """Return what a plan of MetaXpress tells, whose lines are a quoted key and values."""
    entries: dict[str, str] = {}
    for line in text.split("\n"):
        if found := _ENTRY.fullmatch(line.strip()):
            entries.setdefault(found[1], (found[2] or "").strip())
    if "HTSInfoFile" not in entries:
        raise SidecarError(f"{path} is no plan of MetaXpress", path)
    if "EndFile" not in entries:  # a part of it would ask for too few frames
        raise SidecarError(f"{path} is not written to its end yet", path)
    channels = _waves(entries)
    planes = _count(entries.get("ZSteps", "")) if _is_on(entries.get("ZSeries")) else 1
    sizes = {
        "t": _count(entries.get("TimePoints", "")),
        "z": planes if "ZSeries" in entries else None,
        "c": len(channels) or None,
    }
    return Sidecar(
        sizes={axis: size for axis, size in sizes.items() if size is not None},
        sites=_sites(entries),
        wells=tuple(
            f"{row}{column:02d}"
            for number, row in enumerate(_ROWS, 1)
            for column, is_on in enumerate(_flags(entries, f"WellsSelection{number}"), 1)
            if is_on
        ),
        channels=channels,
        plate_name=path.stem,
        plate_rows=_count(entries.get("YWells", "")),
        plate_columns=_count(entries.get("XWells", "")),
    )


def _waves(entries: Mapping[str, str]) -> dict[str, ChannelInfo]:
    """Return the wavelengths that are collected, by number."""
    count = _count(entries.get("NWavelengths", "")) or 0
    if _is_off(entries.get("Waves")):
        count = 1
    return {
        str(number): ChannelInfo(name=entries.get(f"WaveName{number}", "").strip('"'))
        for number in range(1, min(count, _WAVES) + 1)
        if not _is_off(entries.get(f"WaveCollect{number}"))
    }


def _sites(entries: Mapping[str, str]) -> int | None:
    """Return how many sites of a well are visited."""
    if _is_off(entries.get("Sites")):
        return 1
    selections = [name for name in entries if name.startswith("SiteSelection")]
    if selections:
        return sum(sum(_flags(entries, name)) for name in selections)
    columns, rows = (_count(entries.get(name, "")) for name in ("XSites", "YSites"))
    return columns * rows if columns and rows else None


def _flags(entries: Mapping[str, str], name: str) -> list[bool]:
    """Return the switches of a row."""
    return [_is_on(text) for text in entries.get(name, "").split(",")]


def _is_on(text: str | None) -> bool:
    """Return whether a switch is on."""
    return text is not None and text.strip().upper() in ("TRUE", "1")


def _is_off(text: str | None) -> bool:
    """Return whether a switch is there, and off."""
    return text is not None and text.strip().upper() in ("FALSE", "0")


def _count(text: str) -> int | None:
    """Return a number of things, None for something else or an absurd number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _protocol(path: Path, text: str) -> Sidecar:
    """Return what a plan of HCS.ai tells, which is JSON."""
    try:
        document = json.loads(text[text.find("{") :])
    except (ValueError, RecursionError) as error:
        raise SidecarError(f"{path} is no whole JSON document: {error}", path) from error
    plan = _at(document, "ImageStack", "AutoLeadAcquisitionProtocol")
    if not isinstance(plan, dict):
        raise SidecarError(f"{path} is no plan of MetaXpress Acquire", path)
    waves = [wave for wave in _list(plan.get("Wavelengths")) if isinstance(wave, dict)]
    sizes = {"t": len(_list(_at(plan, "PlateMap", "TimeSchedule", "Times"))), "c": len(waves)}
    slices = _at(plan, "PlateMap", "ZDimensionParameters", "NumberOfSlices")
    # Where only projections were kept, it has the planes that they are made of.
    if any(wave.get("ImagingMode") != _PROJECTION for wave in waves) and _is_count(slices):
        sizes["z"] = slices
    lens = plan.get("ObjectiveCalibration")
    objective = _text(_at(lens, "ObjectiveName"))
    rows, columns = (_at(plan, "Plate", name) for name in ("Rows", "Columns"))
    return Sidecar(
        sizes=sizes,
        channels={
            str(wave["Index"]): _wave(wave) for wave in waves if _is_count(wave.get("Index"))
        },
        optics=OpticsInfo(objective_name=objective, magnification=magnification_of(objective)),
        pixel_size_um=distance_um(_at(lens, "PixelWidth"), _at(lens, "Unit") or "um"),
        z_step_um=above_zero(_at(plan, "PlateMap", "ZDimensionParameters", "Step")),
        plate_name=_text(_at(plan, "Plate", "Name")),
        plate_rows=rows if _is_count(rows) else None,
        plate_columns=columns if _is_count(columns) else None,
    )


def _wave(wave: Mapping[str, Any]) -> ChannelInfo:
    """Return a channel of HCS.ai, which is named after its emission filter."""
    return ChannelInfo(
        name=_text(_at(wave, "EmissionFilter", "Name")),
        excitation_nm=_wavelength_nm(wave.get("ExcitationFilter")),
        emission_nm=_wavelength_nm(wave.get("EmissionFilter")),
    )


def _wavelength_nm(filter_: object) -> float | None:
    """Return the wavelength of a filter, nm; its unit is that when it is left out."""
    value, unit = _at(filter_, "Wavelength"), _at(filter_, "Unit")
    if unit in (None, "nm"):
        return above_zero(value)
    length_um = distance_um(value, unit)
    return None if length_um is None else length_um * 1000


def _at(value: object, *names: str) -> Any:
    """Return what stands below some names in a JSON document, None when nothing does."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _list(value: object) -> list[Any]:
    """Return a list of a JSON document, an empty one for something else."""
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return a text of a JSON document, an empty one for something else."""
    return value if isinstance(value, str) else ""


def _is_count(value: object) -> bool:
    """Return whether a value of a JSON document is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _image_list(path: Path, text: str) -> Sidecar:
    """Return what a list of images tells, which has a row for each of them."""
    lines = text.splitlines()
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    if "ImageFileName" not in names:
        raise SidecarError(f"{path} is no list of images, or has no line yet", path)
    frames: dict[str, PlaneInfo] = {}
    for line in lines[1:]:
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if len(cells) != len(names):  # damaged, or not written to its end
            continue
        row = dict(zip(names, cells, strict=True))
        name = _relative(row.get("ImageSubFolderPath", ""), row["ImageFileName"])
        if name is not None:
            frames[name] = _plane(row)
    return Sidecar(frames=frames, files=tuple(frames))


def _plane(row: Mapping[str, str]) -> PlaneInfo:
    """Return what a row tells of its image."""
    x, y, z = (finite(row.get(f"Position{axis}Um")) for axis in "XYZ")
    return PlaneInfo(
        acquired=_moment(row.get("TimeStampSec")),
        stage_um=None if x is None or y is None else (x, y, z),
        exposure_ms=above_zero(row.get("ExposureTimeMs")),
    )


def _moment(text: str | None) -> datetime | None:
    """Return a time in seconds since 1970."""
    seconds = finite(text)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # such years are beyond the calendar
        return None


def _relative(folder: str, name: str) -> str | None:
    """Return the path of an image from the folder of its list, None where it leads elsewhere."""
    path = PurePosixPath(folder.replace("\\", "/"), name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return None
    return path.as_posix()
