"""Runs of acquisition programs with many frames, as they are simulated."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import LayoutError
from nd2watch.simulate import RunRequest, plan_run

if TYPE_CHECKING:
    from nd2watch.config import PresetConfig
    from nd2watch.simulate import ProgramRun

_WELLS: Final = tuple(f"{row}{column:02d}" for row in "ABCDE" for column in range(1, 11))
_CHANNELS: Final = ("DAPI", "GFP")
_REQUESTS: Final = (
    RunRequest(wells=_WELLS, sites=10, z=10, channels=_CHANNELS),
    RunRequest(wells=_WELLS, sites=10, channels=_CHANNELS),
    RunRequest(sites=10, z=10, channels=_CHANNELS),
    RunRequest(z=100, channels=_CHANNELS),
    RunRequest(channels=_CHANNELS),
    RunRequest(),
)
"""From the request with the most axes to that with the fewest: not all names tell all of them."""


def large_run(preset: PresetConfig, form: str, count: int) -> ProgramRun:
    """Return a run of at least so many planes, on as many axes as its names tell."""
    for request, axis in itertools.product(_REQUESTS, ("t", "sites")):
        planes = (len(request.wells) or 1, request.sites, request.z, len(request.channels))
        points = getattr(request, axis) * math.ceil(count / math.prod(planes))
        changes: dict[str, Any] = {axis: points, "form": form}
        try:
            return plan_run(preset, replace(request, **changes))
        except LayoutError:  # its names do not tell one of the axes
            continue
    raise SystemExit(f"{preset.title} cannot be simulated")
