"""The record that MetaMorph and MetaXpress put into each TIFF file (MetaSeries)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tifffile


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneRecord:
    """Time, pixel size and stage position of one plane; None where the record has none.

    Attributes
    ----------
    acquired : datetime, optional
        Time of acquisition; the record gives local time.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    stage_um : tuple of float, optional
        Stage position (X, Y, Z), um; Z may be unknown.
    """

    acquired: datetime | None = None
    pixel_size_um: float | None = None
    stage_um: tuple[float, float, float | None] | None = None


def read_plane_record(tiff: tifffile.TiffFile) -> PlaneRecord | None:
    """Return the record of a parsed TIFF file, None when it has none that can be read."""
    if not tiff.is_metaseries:
        return None
    try:
        plane = (tiff.metaseries_metadata or {}).get("PlaneInfo", {})
    except Exception:  # the record is a bonus: a damaged one must not cost the frame
        return None
    acquired = plane.get("acquisition-time-local")
    size = _number(plane, "spatial-calibration-x")
    calibrated = plane.get("spatial-calibration-state") and size is not None and size > 0
    in_um = str(plane.get("spatial-calibration-units", "")).lower() in ("um", "µm", "microns")
    x, y = _number(plane, "stage-position-x"), _number(plane, "stage-position-y")
    z = _number(plane, "z-position")
    return PlaneRecord(
        acquired=acquired.astimezone() if isinstance(acquired, datetime) else None,
        pixel_size_um=size if calibrated and in_um else None,
        stage_um=None if x is None or y is None else (x, y, z),
    )


def _number(plane: dict[str, Any], name: str) -> float | None:
    """Return a finite number of the record."""
    value = plane.get(name)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None
