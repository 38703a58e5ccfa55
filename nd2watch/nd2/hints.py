"""XML that Bio-Formats needs where it would guess wrongly."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.nd2.channel import Modality
from nd2watch.nd2.columns import xml_bytes
from nd2watch.nd2.loops import XYPosLoop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes
    from nd2watch.nd2.experiment import Experiment
    from nd2watch.nd2.picture import Picture

_SAME_UM: Final = 0.05
_MODES: Final = {
    Modality.TIRF: "TIRF",
    Modality.MULTIPHOTON: "MultiPhotonMicroscopy",
    Modality.STRUCTURED_ILLUMINATION: "StructuredIllumination",
    Modality.SPINNING_DISK: "SpinningDiskConfocal",
    Modality.LIGHT_SHEET: "SPIM",
    Modality.SPECTRAL: "SpectralImaging",
    Modality.LASER_SCAN_CONFOCAL: "LaserScanningConfocalMicroscopy",
    Modality.BRIGHTFIELD: "BrightField",
    Modality.FLUORESCENCE: "WideField",
}
"""OME's word for each modality; of several the first."""


def encode_hints(
    attributes: ImageAttributes,
    experiment: Experiment,
    picture: Picture,
    stage_um: Mapping[str, npt.NDArray[np.float64]],
) -> bytes:
    """Return the XML.

    With several positions Bio-Formats forgets the sample type, and takes it from here, as it does
    their names. It does not take a Z step below 0 from the loop. With one position and as many
    different stage positions as time points, it takes the time points for positions, unless the
    stage positions are here. It looks stage positions up as if the loops nested as time, XY, Z,
    and is given them in that order.

    Parameters
    ----------
    attributes : ImageAttributes
        Size and sample format.
    experiment : Experiment
        The loops.
    picture : Picture
        The channels, of which Bio-Formats finds the modality nowhere else.
    stage_um : mapping of str to array, shape (frame,)
        The stage columns that the file has: "X", "Y", "Z".
    """
    root = ET.Element("variant", version="1.0")
    listing = ET.SubElement(root, "no_name", runtype="CLxListVariant")
    several = experiment.sizes.get("p", 1) > 1
    for channel in picture.channels:
        ET.SubElement(listing, "Modality", runtype="CLxStringW", value=_mode(channel.modality))
    if several and not attributes.is_float:  # no value stands for float
        bits = str(attributes.bits_in_memory)
        ET.SubElement(listing, "uiBpcInMemory", runtype="lx_int32", value=bits)
    stack = experiment.z_stack
    if stack is not None and not stack.bottom_to_top:
        ET.SubElement(listing, "dZStep", runtype="double", value=repr(stack.step_um))
    # Lists come last: what follows after one is taken for an item of it.
    if several:
        _add_list(listing, "pPosName", "CLxStringW", _position_names(experiment))
    guessed = not several and _taken_for_positions(stage_um, experiment.sizes.get("t", 1))
    if guessed or not experiment.is_in_usual_order:
        for axis, column in stage_um.items():
            values = (repr(v) if v == v else "NaN" for v in _usual_order(column, experiment))
            _add_list(listing, f"dPos{axis}", "double", values)
    ET.SubElement(listing, "end", runtype="CLxListVariant")
    return xml_bytes(root)


def _mode(modality: Modality) -> str:
    """Return a modality in the words of Bio-Formats."""
    return next((name for flag, name in _MODES.items() if flag & modality), "Other")


def _add_list(listing: ET.Element, name: str, kind: str, values: Iterable[str]) -> None:
    """Add a list of values."""
    entries = ET.SubElement(listing, name, runtype="CLxListVariant")
    for index, value in enumerate(values):
        ET.SubElement(entries, f"item_{index:010d}", runtype=kind, value=value)


def _position_names(experiment: Experiment) -> list[str]:
    """Return the names of the positions."""
    return [
        position.name
        for loop in experiment.loops
        if isinstance(loop, XYPosLoop)
        for position in loop.positions
    ]


def _usual_order(column: npt.NDArray[np.float64], experiment: Experiment) -> list[float]:
    """Return the values of a column as if the loops nested as time, XY, Z."""
    axes = list(experiment.sizes)
    order = [axes.index(axis) for axis in "tpz" if axis in axes]
    values: list[float] = (
        column.reshape([*experiment.sizes.values()] or [-1])
        .transpose(order or [0])
        .ravel()
        .tolist()
    )
    return values


def _taken_for_positions(stage_um: Mapping[str, npt.NDArray[np.float64]], times: int) -> bool:
    """Return whether Bio-Formats may count as many stage positions as there are time points."""
    if times == 1:
        return False
    alike = {axis: _may_count(column, times) for axis, column in stage_um.items()}
    return alike.get("Z", False) or (alike.get("X", False) and alike.get("Y", False))


def _may_count(column: npt.NDArray[np.float64], count: int) -> bool:
    """Return whether `count` values may be told apart, whatever order they are compared in."""
    distinct = np.unique(column)
    groups = 1 + np.count_nonzero(np.diff(distinct) > _SAME_UM)
    return bool(groups <= count <= len(distinct))
