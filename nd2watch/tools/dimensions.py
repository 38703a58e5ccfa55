"""The axes by the names that they have in this interface."""

from __future__ import annotations

from typing import Final

DIMENSIONS: Final = {"t": "timeloop", "p": "multipoint", "z": "zstack", "c": "channel"}
"""Name of each axis."""

AXIS_OF: Final = {name: axis for axis, name in DIMENSIONS.items()}
"""Axis of each name."""

LOOP_AXIS_OF: Final = {name: axis for name, axis in AXIS_OF.items() if axis != "c"}
"""The same for the axes that are loops."""
