"""ND2 files that tests of sources write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    Modality,
    Nd2Writer,
    Optics,
    Picture,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from tests.nd2.builders import attributes_of, random_frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nd2watch.nd2 import Loop
    from tests.nd2.builders import Pixels

STARTED = datetime(2024, 4, 22, 18, 30, 1, 250_000, tzinfo=UTC)
CHANNELS = (
    Channel(
        name="DAPI",
        color=0x0000FF,
        excitation_nm=405.0,
        emission_nm=450.5,
        modality=Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL | Modality.PMT,
        exposure_ms=12.5,
        pinhole_um=30.25,
        camera="PMT 1",
    ),
    Channel(name="Ph", color=0xFF8000, modality=Modality.PHASE_CONTRAST | Modality.BRIGHTFIELD),
)
OPTICS = Optics(
    objective_name="Plan Apo 60x Oil",
    magnification=60.0,
    numerical_aperture=1.4,
    immersion_index=1.515,
    zoom=1.5,
)
TIMES = TimeLoop(count=2, period_ms=1000.0)
POSITIONS = XYPosLoop(
    positions=tuple(
        StagePosition(name=f"Well {n}", x_um=100.0 * n, y_um=-5.0, z_um=50.0) for n in range(3)
    )
)
STACK = ZStackLoop(count=2, step_um=0.5, bottom_to_top=False)
LOOPS: tuple[Loop, ...] = (TIMES, POSITIONS, STACK)
RGB = Picture(channels=(Channel(name="Colour", component_count=3),))


def row(index: int) -> FrameMetadata:
    """Return what is recorded for a frame."""
    return FrameMetadata(
        time_ms=250.0 + 100.0 * index, x_um=0.5 * index, y_um=-3.0, z_um=7.0, exposure_ms=11.0
    )


def write(
    path: Path,
    frames: Pixels,
    loops: Sequence[Loop] = (),
    *,
    picture: Picture | None = None,
    rows: Sequence[FrameMetadata] = (),
    missing: Sequence[int] = (),
    **settings: Any,
) -> Path:
    """Write frames, shape (frame, Y, X, component)."""
    with Nd2Writer(
        path,
        attributes_of(frames, **settings),
        experiment=Experiment(loops=tuple(loops)),
        picture=picture,
    ) as writer:
        for index, frame in enumerate(frames):
            if index in missing:
                writer.skip_frame()
            else:
                writer.write_frame(frame, *rows[index : index + 1])
    return path


def write_full(path: Path) -> Pixels:
    """Write a file of which everything is known; return its frames."""
    frames = random_frames((12, 4, 5, 2), bits=12)
    picture = Picture(channels=CHANNELS, optics=OPTICS, pixel_size_um=0.108, started=STARTED)
    rows = [row(index) for index in range(12)]
    write(path, frames, LOOPS, picture=picture, rows=rows, bits_significant=12)
    return frames
