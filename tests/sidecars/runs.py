"""Small runs of acquisition programs, of which all is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from nd2watch.simulate.run import Run, RunChannel, RunFrame

if TYPE_CHECKING:
    from collections.abc import Callable

STARTED: Final = datetime(2024, 5, 6, 9, 30, 15, 250_000, timezone(timedelta(hours=2)))
_FRAME_MS: Final = 125.0
_WELL_UM: Final = 9000.0

DAPI: Final = RunChannel(
    name="DAPI", color=0x0000FF, excitation_nm=385.0, emission_nm=455.0, exposure_ms=20.0, z=3
)
GFP: Final = RunChannel(
    name="GFP", color=0x00FF00, excitation_nm=475.0, emission_nm=525.0, exposure_ms=50.0, z=3
)


def run(
    path: str | Callable[[RunFrame], str] = "{name}_t{t}_{well}_s{site}_z{z}_c{c}.tif",
    *,
    first: int = 0,
    **changes: Any,
) -> Run:
    """Return a run of 2 time points, 2 sites, 3 planes and 2 channels, with all of its frames.

    Frames are taken time point by time point, well by well, site by site, channel by channel;
    they are 125 ms apart.

    Parameters
    ----------
    path : str or function
        Path of a frame: a template of `str.format` with ``name``, ``well``, ``row`` (a letter),
        ``col`` (a number), ``cname`` and the numbers ``t``, ``site``, ``z``, ``c``; or a function
        that gets the frame with an empty path.
    first : int
        Number of the first time point, site, plane and channel in the template.
    **changes : object
        Attributes of the run that are otherwise, like ``wells=("B02", "B03")``.
    """
    z = changes.get("z", 3)
    plain = Run(
        **{
            "name": "run",
            "form": "",
            "t": 2,
            "z": z,
            "sites": 2,
            "wells": (),
            "channels": (replace(DAPI, z=z), replace(GFP, z=z)),
            "frames": (),
            "started": STARTED,
            "period_ms": 60_000.0,
            "pixel_size_um": 0.325,
            "z_step_um": 0.5,
            "width": 32,
            "height": 24,
            **changes,
        }
    )
    frames = (
        replace(frame, path=path(frame) if callable(path) else _path(path, plain, frame, first))
        for frame in _frames(plain)
    )
    return replace(plain, frames=tuple(frames))


def _frames(plain: Run) -> list[RunFrame]:
    """Return the frames of a run without their paths, in the order of acquisition."""
    frames: list[RunFrame] = []
    for t in range(plain.t):
        places = [
            (well, site, c, z)
            for well in plain.wells or ("",)
            for site in range(plain.sites)
            for c, channel in enumerate(plain.channels)
            for z in range(channel.z)
        ]
        for number, (well, site, c, z) in enumerate(places):
            time_ms = t * plain.period_ms + number * _FRAME_MS
            frames.append(
                RunFrame(
                    path="",
                    t=t,
                    z=z,
                    c=c,
                    well=well,
                    site=site,
                    acquired=plain.started + timedelta(milliseconds=time_ms),
                    time_ms=time_ms,
                    stage_um=_stage_um(plain, well, site, z),
                )
            )
    return frames


def _stage_um(plain: Run, well: str, site: int, z: int) -> tuple[float, float, float]:
    """Return where the stage stands: 9 mm from well to well, 200 um from site to site."""
    row, column = (ord(well[0]) - ord("A"), int(well[1:])) if well else (0, 0)
    x, y = column * _WELL_UM + 200.0 * site, row * _WELL_UM - 100.0 * site
    return x, y, 50.0 + z * plain.z_step_um


def _path(template: str, plain: Run, frame: RunFrame, first: int) -> str:
    """Return the path of a frame after a template."""
    return template.format(
        name=plain.name,
        well=frame.well,
        row=frame.well[:1],
        col=int(frame.well[1:] or 0),
        cname=plain.channels[frame.c].name,
        t=frame.t + first,
        site=frame.site + first,
        z=frame.z + first,
        c=frame.c + first,
    )
