"""Channels of a simulated run."""

from __future__ import annotations

from typing import Final

from nd2watch.simulate.run import RunChannel

_FLUOROPHORES: Final = {
    "DAPI": (0x0000FF, 385.0, 455.0),
    "CFP": (0x00FFFF, 435.0, 475.0),
    "FITC": (0x00FF00, 475.0, 525.0),
    "GFP": (0x00FF00, 475.0, 525.0),
    "YFP": (0xFFFF00, 510.0, 540.0),
    "TRITC": (0xFF8000, 550.0, 590.0),
    "Cy3": (0xFF8000, 550.0, 590.0),
    "mCherry": (0xFF0000, 575.0, 625.0),
    "Cy5": (0xFF00FF, 640.0, 690.0),
    "DIC": (0xFFFFFF, 550.0, 550.0),
}
"""Display colour, and wavelengths of excitation and emission, nm."""

_OTHERS: Final = tuple(_FLUOROPHORES.values())


def run_channel(name: str, number: int, z: int) -> RunChannel:
    """Return the channel of a name, the `number`-th from 0, of `z` planes.

    Channels of unknown names are given the light of known ones, by their number.
    """
    color, excitation_nm, emission_nm = _FLUOROPHORES.get(name, _OTHERS[number % len(_OTHERS)])
    return RunChannel(
        name=name,
        color=color,
        excitation_nm=excitation_nm,
        emission_nm=emission_nm,
        exposure_ms=20.0 + 10.0 * number,
        z=z,
    )
