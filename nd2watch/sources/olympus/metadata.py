"""What the settings files of an Olympus image tell of its channels, optics and times.

Settings are sections of keys with values, which are numbers or texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from nd2watch.sources.base import ChannelInfo, OpticsInfo
from nd2watch.sources.values import above_zero, finite

Settings = Mapping[str, Mapping[str, Any]]

_AXIS_COUNT: Final = 16
_DECIMAL_COMMA: Final = re.compile(r"(-?\d+),(\d+)(?:\.0)?")
_UM: Final[Mapping[str, float]] = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3}
_MS: Final[Mapping[str, float]] = {"us": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
_ACQUISITION: Final = "Acquisition Parameters Common"
_HIGHEST_APERTURE: Final = 2.0
"""9999 is written for an unknown numerical aperture."""


def scanned_axes(main: Settings) -> str:
    """Return the letters of the axes, fastest first, like ``XYCZ``; empty when not told."""
    return str(_section(main, "Axis Parameter Common").get("AxisOrder", "")).upper()


def planned_sizes(main: Settings) -> dict[str, int]:
    """Return how many points the axes are to have, by their letters."""
    sizes = {}
    for number in range(_AXIS_COUNT):
        axis = _section(main, f"Axis {number} Parameters Common")
        size = axis.get("MaxSize")
        if isinstance(size, int) and size > 1:
            sizes[str(axis.get("AxisCode", "")).upper()] = size
    return sizes


def channel_of(main: Settings, plane: Settings, number: int) -> ChannelInfo:
    """Return what is told of a channel.

    Parameters
    ----------
    main, plane : mapping
        Settings of the image and of one of its planes.
    number : int
        Number of the channel, as in the names of the files.
    """
    told = _section(main, f"Channel {number} Parameters")
    told = told or _section(main, f"GUI Channel {number} Parameters")
    dye, detector = (str(told.get(key, "")).strip() for key in ("DyeName", "CH Name"))
    excitation_nm = above_zero(_number(told.get("ExcitationWavelength")))
    emission_nm = above_zero(_number(told.get("EmissionWavelength")))
    pinhole_nm = _first_number("PinholeDiameter", _ACQUISITION, plane, main)
    is_transmitted = "transmit" in str(told.get("LightType", "")).lower()
    # Two photons excite what one of them could not: the light that comes back is of shorter waves.
    is_multiphoton = bool(excitation_nm and emission_nm and excitation_nm > emission_nm)
    return ChannelInfo(
        name=dye if dye.lower() not in ("", "none") else detector,
        excitation_nm=excitation_nm,
        emission_nm=emission_nm,
        modality=(
            "brightfield" if is_transmitted else "fluorescence",
            "multiphoton" if is_multiphoton else "laser_scan_confocal",
        ),
        pinhole_um=pinhole_nm and pinhole_nm / 1e3,
        camera=detector,
    )


def optics_of(plane: Settings) -> OpticsInfo:
    """Return what the settings of a plane tell of the objective."""
    told = _section(plane, _ACQUISITION)
    aperture = above_zero(_number(told.get("ObjectiveLens NAValue")))
    return OpticsInfo(
        objective_name=" ".join(str(told.get("ObjectiveLens Name", "")).split()),
        magnification=above_zero(_number(told.get("Magnification"))),
        numerical_aperture=aperture if aperture and aperture <= _HIGHEST_APERTURE else None,
    )


def pixel_size_um(main: Settings, plane: Settings) -> float | None:
    """Return the edge of a pixel, as the plane tells it, else the image."""
    for settings, section in ((plane, "Image Parameters"), (main, "Reference Image Parameter")):
        told = _section(settings, section)
        size = above_zero(_number(told.get("WidthConvertValue")))
        unit = _UM.get(str(told.get("WidthUnit", "")).lower())
        if size is not None and unit is not None:
            return round(size * unit, 9)
    return None


def z_step_um(main: Settings) -> float | None:
    """Return the distance of Z planes."""
    axis = _axis(main, "Z")
    step = _number(axis.get("Interval")) or _step(axis)
    return None if step is None else round(abs(step) * _unit(axis, _UM), 9)


def z_falls(main: Settings) -> bool:
    """Return whether the Z planes go downwards."""
    return (_step(_axis(main, "Z")) or 0.0) < 0


def period_ms(main: Settings) -> float | None:
    """Return the time from one time point to the next, as it was, else as it was intended."""
    axis = _axis(main, "T")
    step = _step(axis) or _number(axis.get("Interval"))
    return None if step is None else round(abs(step) * _unit(axis, _MS), 6)


def started(main: Settings) -> datetime | None:
    """Return when acquisition began; the file tells local time."""
    told = _section(main, _ACQUISITION)
    text = str(told.get("ImageCaputreDate") or told.get("ImageCaptureDate") or "")
    rest = told.get("ImageCaputreDate+MilliSec", 0)
    try:
        time = datetime.fromisoformat(text)
        rest_ms = rest if isinstance(rest, int) and 0 <= rest < 1000 else 0
        return (time + timedelta(milliseconds=rest_ms)).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def time_ms(main: Settings, plane: Settings) -> float | None:
    """Return when a plane was taken, ms since the acquisition began."""
    numbers = (number for number in range(_AXIS_COUNT) if _code(main, number) == "T")
    told = _section(plane, f"Axis {next(numbers, None)} Parameters")
    time = _number(told.get("AbsPositionValue"))
    unit = _MS.get(str(told.get("AbsPositionUnitName", "ms")).lower())
    return None if time is None or unit is None else finite(time * unit)


def _section(settings: Settings, name: str) -> Mapping[str, Any]:
    """Return a section, an empty one where it is not there."""
    section = settings.get(name)
    return section if isinstance(section, Mapping) else {}


def _code(main: Settings, number: int) -> str:
    """Return the letter of an axis."""
    return str(_section(main, f"Axis {number} Parameters Common").get("AxisCode", "")).upper()


def _axis(main: Settings, letter: str) -> Mapping[str, Any]:
    """Return what is told of an axis."""
    numbers = (number for number in range(_AXIS_COUNT) if _code(main, number) == letter)
    return _section(main, f"Axis {next(numbers, None)} Parameters Common")


def _step(axis: Mapping[str, Any]) -> float | None:
    """Return the step from one point of an axis to the next, which its ends give."""
    start, end = _number(axis.get("StartPosition")), _number(axis.get("EndPosition"))
    size = axis.get("MaxSize")
    if start is None or end is None or not isinstance(size, int) or size < 2:
        return None
    return (end - start) / (size - 1)


def _unit(axis: Mapping[str, Any], units: Mapping[str, float]) -> float:
    """Return the unit of an axis; nothing is known where it has an unknown one."""
    unit = str(axis.get("PixUnit") or axis.get("UnitName") or "").lower()
    return units.get(unit, 0.0)


def _first_number(key: str, section: str, *settings: Settings) -> float | None:
    """Return the first value above 0 that one of several settings has for a key."""
    found = (above_zero(_number(_section(each, section).get(key))) for each in settings)
    return next((value for value in found if value is not None), None)


def _number(value: object) -> float | None:
    """Return a value as a number; some systems write 0.207 as ``0,207.0``."""
    match = _DECIMAL_COMMA.fullmatch(value) if isinstance(value, str) else None
    return finite(value if match is None else f"{match[1]}.{match[2]}")
