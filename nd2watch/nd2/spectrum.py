"""Spectra of light, of which the wavelength of the peak is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from nd2watch.nd2.lite_variant import Bool, Double, UInt32, find
from nd2watch.nd2.quantities import known

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_POINT_OF_PEAK: Final = UInt32(4)


def stored_spectrum(peak_nm: float | None) -> dict[str, Item]:
    """Return a spectrum of one point, or an empty one."""
    points: dict[str, Item] = {}
    if peak_nm is not None:
        points["Point0"] = {
            "eType": _POINT_OF_PEAK,
            "dWavelength": Double(peak_nm),
            "dTValue": Double(1.0),
        }
    return {"uiCount": UInt32(len(points)), "pPoint": points, "bPoints": Bool(False)}


def read_peak_nm(optics: Plain | None, name: str, below_nm: float = math.inf) -> float | None:
    """Return where a stored spectrum is highest, nm, below a wavelength; None when it is empty.

    Of points alike, as lines of lasers are, it is the longest wavelength.

    Parameters
    ----------
    optics : mapping
        The stored filter or fluorescent probe.
    name : str
        Which spectrum of it.
    below_nm : float
        Points from here on are passed over.
    """
    stored = find(optics, name, "pPoint")
    points = stored.values() if isinstance(stored, dict) else []
    peaks = [
        (height, nm)
        for point in points
        if (nm := known(find(point, "dWavelength"))) is not None
        and nm < below_nm
        and isinstance(height := find(point, "dTValue"), (int, float))
    ]
    return max(peaks)[1] if peaks else None
