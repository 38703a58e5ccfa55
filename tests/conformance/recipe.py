"""How a file of the family is made up from the few things in which it is special."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    NETimeLoop,
    Optics,
    Picture,
    StagePosition,
    TextInfo,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from tests.conformance.case import Case
from tests.conformance.ways import Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nd2watch.nd2 import Loop, MaskLayer, RecordedColumn, Roi, WellPlate

STARTED: Final = datetime(2024, 4, 22, 18, 30, 15, 250_000, tzinfo=UTC)
NO_TEXT: Final = TextInfo()
OPTICS: Final = Optics(
    objective_name="Plan Apo VC 60x Oil DIC N2",
    magnification=60.0,
    numerical_aperture=1.4,
    immersion_index=1.515,
    zoom=1.5,
)
LOOPS: Final[dict[str, Loop]] = {
    "t": TimeLoop(
        count=2,
        period_ms=1000.0,
        duration_ms=1012.5,
        period_min_ms=990.25,
        period_mean_ms=1001.75,
        period_max_ms=1012.5,
    ),
    "p": XYPosLoop(
        positions=tuple(
            StagePosition(
                name=f"A{n + 1}", x_um=1000.5 + 700 * n, y_um=-2000.25 + 300 * n, z_um=50.0 + 5 * n
            )
            for n in range(3)
        )
    ),
    "z": ZStackLoop(count=4, step_um=0.5, home_index=1),
}
_NAMES: Final = ("DAPI", "GFP", "Cy3", "Cy5")
_COLORS: Final = (0x0000FF, 0x00FF00, 0xFF8000, 0xFF0000)
_EXCITATION: Final = (385.0, 488.0, 555.5, 640.0)
_EMISSION: Final = (460.5, 520.0, 580.0, 670.0)
_FIRST_MS: Final = 100.0
_FRAME_MS: Final = 137.25


def channels(count: int) -> tuple[Channel, ...]:
    """Return channels with names, colours and wavelengths of their own."""
    return tuple(
        Channel(
            name=_NAMES[n] if n < len(_NAMES) else f"Band {n:02}",
            color=_COLORS[n] if n < len(_COLORS) else 0x102030 + 0x050301 * n,
            excitation_nm=_EXCITATION[n] if n < len(_EXCITATION) else 405.0,
            emission_nm=_EMISSION[n] if n < len(_EMISSION) else 420.0 + 10 * n,
        )
        for n in range(count)
    )


def loops(order: str, **others: Loop) -> tuple[Loop, ...]:
    """Return loops outermost first.

    Parameters
    ----------
    order : str
        Their letters: t, p, z.
    **others
        Loops instead of those in `LOOPS`, by their letters.
    """
    return tuple((LOOPS | others)[axis] for axis in order)


def make(
    name: str,
    *,
    order: str = "t",
    replaced: dict[str, Loop] | None = None,
    channels: tuple[Channel, ...] = channels(2),
    dtype: str = "uint16",
    bits: int = 0,
    width: int = 128,
    height: int = 96,
    zlib: int | None = None,
    pixel_size_um: float | None = 0.325,
    optics: Optics = OPTICS,
    started: datetime | None = STARTED,
    text_info: TextInfo = NO_TEXT,
    recorded: tuple[RecordedColumn, ...] = (),
    well_plate: WellPlate | None = None,
    rois: tuple[Roi, ...] = (),
    mask_layers: tuple[MaskLayer, ...] = (),
    pyramid: bool = False,
    change: Callable[[int, FrameMetadata], FrameMetadata] | None = None,
    missing: Iterable[int] = (),
    black: Iterable[int] = (),
    way: Way = Way.AT_ONCE,
) -> Case:
    """Return a file of the family.

    Parameters
    ----------
    name : str
        What is special about it.
    order, replaced
        As `loops` takes them.
    channels, dtype, bits, width, height, zlib, pixel_size_um, optics, started, text_info
        What is written.
    recorded, well_plate
        Further columns and the plate, for which `change` gives values.
    rois, mask_layers, pyramid
        As `Nd2Writer` takes them.
    change : callable, optional
        Called with number and metadata of each frame, returns other metadata.
    missing, black : iterable of int
        Frames that are left out, and those of zeros.
    way : Way
        How the file comes about.
    """
    experiment = Experiment(loops=loops(order, **(replaced or {})))
    frames = frame_metadata(experiment)
    if change is not None:
        frames = tuple(change(n, frame) for n, frame in enumerate(frames))
    return Case(
        name=name,
        attributes=ImageAttributes(
            width=width,
            height=height,
            component_count=sum(channel.component_count for channel in channels),
            bits_in_memory=8 * np.dtype(dtype).itemsize,
            bits_significant=bits,
            frame_count=experiment.frame_count,
            zlib_level=zlib,
        ),
        experiment=experiment,
        picture=Picture(
            channels=channels, optics=optics, pixel_size_um=pixel_size_um, started=started
        ),
        text_info=text_info,
        recorded=recorded,
        well_plate=well_plate,
        rois=rois,
        mask_layers=mask_layers,
        pyramid=pyramid,
        frames=frames,
        missing=frozenset(missing),
        black=frozenset(black),
        way=way,
    )


def frame_metadata(experiment: Experiment) -> tuple[FrameMetadata, ...]:
    """Return time and stage position of every frame, as a microscope would record them."""
    positions: tuple[StagePosition, ...] = (StagePosition(x_um=10.5, y_um=-20.25, z_um=30.0),)
    above: tuple[float, ...] = (0.0,)
    for loop in experiment.loops:
        if isinstance(loop, XYPosLoop):
            positions = loop.positions
        elif isinstance(loop, ZStackLoop):
            step = loop.step_um if loop.bottom_to_top else -loop.step_um
            above = tuple((n - loop.home_index) * step for n in range(loop.count))
    sizes = experiment.sizes
    frames = []
    for index, place in enumerate(product(*map(range, sizes.values()))):
        at = dict(zip(sizes, place, strict=True))
        stage = positions[at.get("p", 0)]
        frames.append(
            FrameMetadata(
                time_ms=_FIRST_MS + _FRAME_MS * index,
                x_um=stage.x_um,
                y_um=stage.y_um,
                z_um=stage.z_um + above[at.get("z", 0)],
            )
        )
    return tuple(frames)


def phases(*counts: int) -> NETimeLoop:
    """Return phases of these numbers of time points."""
    return NETimeLoop(
        phases=tuple(
            TimeLoop(
                count=count,
                period_ms=100.0 * (n + 1),
                duration_ms=100.0 * (n + 1) * (count - 1),
                period_min_ms=95.5 + 100 * n,
                period_mean_ms=100.25 + 100 * n,
                period_max_ms=105.0 + 100 * n,
                start_ms=5000.0 * n,
                name=f"phase {n + 1}",
            )
            for n, count in enumerate(counts)
        )
    )


def with_stage(
    x_um: float | None, y_um: float | None, z_um: float | None
) -> Callable[[int, FrameMetadata], FrameMetadata]:
    """Return a change that puts every frame to one place of the stage."""
    return lambda _, frame: replace(frame, x_um=x_um, y_um=y_um, z_um=z_um)
