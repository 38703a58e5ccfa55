"""XML that Bio-Formats needs where it would guess wrongly."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.nd2.columns import xml_bytes
from nd2watch.nd2.loops import XYPosLoop

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes
    from nd2watch.nd2.experiment import Experiment

_SAME_UM: Final = 0.05


def encode_hints(
    attributes: ImageAttributes,
    experiment: Experiment,
    stage_um: Mapping[str, npt.NDArray[np.float64]],
) -> bytes | None:
    """Return the XML, None when nothing is guessed wrongly.

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
    stage_um : mapping of str to array, shape (frame,)
        The stage columns that the file has: "X", "Y", "Z".
    """
    root = ET.Element("variant", version="1.0")
    listing = ET.SubElement(root, "no_name", runtype="CLxListVariant")
    several = experiment.sizes.get("p", 1) > 1
    if several and not attributes.is_float:  # no value stands for float
        bits = str(attributes.bits_in_memory)
        ET.SubElement(listing, "uiBpcInMemory", runtype="lx_int32", value=bits)
    if several:
        entries = ET.SubElement(listing, "pPosName", runtype="CLxListVariant")
        for index, name in enumerate(_position_names(experiment)):
            ET.SubElement(entries, f"item_{index:010d}", runtype="CLxStringW", value=name)
    stack = experiment.z_stack
    if stack is not None and not stack.bottom_to_top:
        ET.SubElement(listing, "dZStep", runtype="double", value=repr(stack.step_um))
    guessed = not several and _taken_for_positions(stage_um, experiment.sizes.get("t", 1))
    if guessed or not experiment.is_in_usual_order:
        for axis, column in stage_um.items():
            entries = ET.SubElement(listing, f"dPos{axis}", runtype="CLxListVariant")
            for index, value in enumerate(_usual_order(column, experiment)):
                name = f"item_{index:010d}"
                ET.SubElement(entries, name, runtype="double", value=repr(value))
    return xml_bytes(root) if len(listing) else None


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
