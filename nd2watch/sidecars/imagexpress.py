"""Plans of ImageXpress microscopes, and the lists of images of those with HCS.ai."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import decoded
from nd2watch.sidecars.values import (
    list_of,
    moment_since_1970,
    relative_path,
    text_of,
    well_name,
    whole,
)
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.tiff.units import distance_um, magnification_of
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ENTRY: Final = re.compile(r'"([^"]*)"\s*(?:,(.*))?')
_ROWS: Final = 52
_WAVES: Final = 99
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
    planes = whole(entries.get("ZSteps")) if _is_on(entries.get("ZSeries")) else 1
    sizes = {
        "t": whole(entries.get("TimePoints")),
        "z": planes if "ZSeries" in entries else None,
        "c": len(channels) or None,
    }
    return Sidecar(
        sizes={axis: size for axis, size in sizes.items() if size is not None},
        sites=_sites(entries),
        wells=tuple(
            well_name(row, column)
            for row in range(1, _ROWS + 1)
            for column, is_on in enumerate(_flags(entries, f"WellsSelection{row}"), 1)
            if is_on
        ),
        channels=channels,
        plate_name=path.stem,
        plate_rows=whole(entries.get("YWells")),
        plate_columns=whole(entries.get("XWells")),
    )


def _waves(entries: Mapping[str, str]) -> dict[str, ChannelInfo]:
    """Return the wavelengths that are collected, by number."""
    count = whole(entries.get("NWavelengths")) or 0
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
    columns, rows = (whole(entries.get(name)) for name in ("XSites", "YSites"))
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


def _protocol(path: Path, text: str) -> Sidecar:
    """Return what a plan of HCS.ai tells, which is JSON."""
    try:
        document = json.loads(text[text.find("{") :])
    except (ValueError, RecursionError) as error:
        raise SidecarError(f"{path} is no whole JSON document: {error}", path) from error
    plan = _at(document, "ImageStack", "AutoLeadAcquisitionProtocol")
    if not isinstance(plan, dict):
        raise SidecarError(f"{path} is no plan of MetaXpress Acquire", path)
    waves = [wave for wave in list_of(plan.get("Wavelengths")) if isinstance(wave, dict)]
    sizes = {"t": len(list_of(_at(plan, "PlateMap", "TimeSchedule", "Times"))), "c": len(waves)}
    slices = whole(_at(plan, "PlateMap", "ZDimensionParameters", "NumberOfSlices"))
    # Where only projections were kept, it has the planes that they are made of.
    if slices is not None and any(wave.get("ImagingMode") != _PROJECTION for wave in waves):
        sizes["z"] = slices
    lens = plan.get("ObjectiveCalibration")
    objective = text_of(_at(lens, "ObjectiveName"))
    return Sidecar(
        sizes=sizes,
        channels={
            str(number): _wave(wave)
            for wave in waves
            if (number := whole(wave.get("Index"))) is not None
        },
        optics=OpticsInfo(objective_name=objective, magnification=magnification_of(objective)),
        pixel_size_um=distance_um(_at(lens, "PixelWidth"), _at(lens, "Unit") or "um"),
        z_step_um=above_zero(_at(plan, "PlateMap", "ZDimensionParameters", "Step")),
        plate_name=text_of(_at(plan, "Plate", "Name")),
        plate_rows=whole(_at(plan, "Plate", "Rows")),
        plate_columns=whole(_at(plan, "Plate", "Columns")),
    )


def _wave(wave: Mapping[str, Any]) -> ChannelInfo:
    """Return a channel of HCS.ai, which is named after its emission filter."""
    return ChannelInfo(
        name=text_of(_at(wave, "EmissionFilter", "Name")),
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


def _image_list(path: Path, text: str) -> Sidecar:
    """Return what a list of images tells, which has a row for each of them."""
    lines = text.splitlines()
    is_cut = not text.endswith("\n")
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    if "ImageFileName" not in names:
        raise SidecarError(f"{path} is no list of images, or has no line yet", path)
    frames: dict[str, PlaneInfo] = {}
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if len(cells) != len(names):  # damaged, or not written to its end
            continue
        if is_cut and number == len(lines):  # the last cell may go on
            cells[-1] = ""
        row = dict(zip(names, cells, strict=True))
        folder, name = row.get("ImageSubFolderPath", ""), relative_path(row["ImageFileName"])
        file = relative_path(f"{folder}/{name}" if folder else name) if name else ""
        if file:
            frames[file] = _plane(row)
    return Sidecar(frames=frames, files=tuple(frames))


def _plane(row: Mapping[str, str]) -> PlaneInfo:
    """Return what a row tells of its image."""
    x, y, z = (finite(row.get(f"Position{axis}Um")) for axis in "XYZ")
    return PlaneInfo(
        acquired=moment_since_1970(row.get("TimeStampSec")),
        stage_um=None if x is None or y is None else (x, y, z),
        exposure_ms=above_zero(row.get("ExposureTimeMs")),
    )
