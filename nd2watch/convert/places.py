"""Where the frames of a sequence were taken: stage positions and the distance of Z planes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import StagePosition, XYPosLoop, ZStackLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid
    from nd2watch.nd2 import Experiment
    from nd2watch.sources import SourcePlane

    Frame = Sequence[SourcePlane | None]

_POSITIONS: Final = 1


def stage_of(frame: Frame) -> dict[str, float]:
    """Return the stage position of a frame's first plane, by field of `FrameMetadata`."""
    plane = next((plane for plane in frame if plane is not None), None)
    stage = (None, None, None) if plane is None else plane.info.stage_um or (None, None, None)
    named = zip(("x_um", "y_um", "z_um"), stage, strict=True)
    return {name: value for name, value in named if value is not None}


def with_places(experiment: Experiment | None) -> Experiment | None:
    """Return stated loops if they have positions that are not all at 0; else None."""
    loops = experiment.loops if experiment is not None else ()
    positions = (p for loop in loops if isinstance(loop, XYPosLoop) for p in loop.positions)
    return experiment if any(p.x_um or p.y_um or p.z_um for p in positions) else None


def stage_on(experiment: Experiment, index: int) -> dict[str, float]:
    """Return the stage position that loops give a frame, by field of `FrameMetadata`."""
    stage, height_um = StagePosition(), 0.0
    for loop, point in experiment.place_of(index):
        if isinstance(loop, XYPosLoop):
            stage = loop.positions[point]
        elif isinstance(loop, ZStackLoop):
            height_um = loop.height_um(point)
    return {"x_um": stage.x_um, "y_um": stage.y_um, "z_um": stage.z_um + height_um}


def bottom_to_top(grid: FrameGrid) -> FrameGrid:
    """Return a grid with the planes of each stack turned round where stage Z falls."""
    count = grid.sizes[2]
    stacks = (grid.frames[start : start + count] for start in range(0, len(grid.frames), count))
    return dataclasses.replace(
        grid,
        frames=tuple(
            frame
            for stack in stacks
            for frame in (reversed(stack) if _height_um(stack) < 0 else stack)
        ),
    )


def falls(grid: FrameGrid) -> bool:
    """Return whether stage Z falls in the first stack."""
    return _height_um(grid.frames[: grid.sizes[2]]) < 0


def z_step_of(grid: FrameGrid, stated: StatedMetadata) -> float | None:
    """Return the Z step that is stated, else that of the first file or stack, um."""
    count = grid.sizes[2]
    known = stated.calibration.z_step_um or grid.first.file.info.z_step_um
    if known is not None or count == 1:
        return known
    return round(abs(_height_um(grid.frames[:count])) / (count - 1), 6) or None


def _height_um(stack: Sequence[Frame]) -> float:
    """Return how much higher the last plane of a stack is than the first, um; 0 when unknown."""
    first, last = (stage_of(frame).get("z_um") for frame in (stack[0], stack[-1]))
    return 0.0 if first is None or last is None else last - first


def positions_of(grid: FrameGrid) -> tuple[StagePosition, ...]:
    """Return name and place of each position, at the first time point's home plane."""
    _, p_count, z_count, _ = grid.sizes
    home = (z_count - 1) // 2
    return tuple(
        StagePosition(
            name=_name(grid, position, grid.frames[position * z_count + home]),
            **stage_of(grid.frames[position * z_count + home]),
        )
        for position in range(p_count)
    )


def _name(grid: FrameGrid, position: int, frame: Frame) -> str:
    """Return a position's name: a word in the names of the files, else what the file tells."""
    label = grid.labels[_POSITIONS][position]
    plane = next((plane for plane in frame if plane is not None), None)
    if plane is None or not (label.isdecimal() or not label):
        return label
    return plane.file.info.position(plane.index) or label
