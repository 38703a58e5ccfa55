"""Where the frames of a sequence were taken: stage positions and the distance of Z planes."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import StagePosition, XYPosLoop, ZStackLoop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid
    from nd2watch.nd2 import Experiment
    from nd2watch.sources import SourcePlane

    Frame = Sequence[SourcePlane | None]

_POSITIONS: Final = 1


def stage_of(frame: Frame) -> dict[str, float]:
    """Return the stage position of a frame's first plane that tells one.

    It is by field of `FrameMetadata`; nothing where none does.
    """
    told = (plane.info.stage_um for plane in frame if plane is not None)
    stage = next((known for known in told if known is not None), (None, None, None))
    named = zip(("x_um", "y_um", "z_um"), stage, strict=True)
    return {name: value for name, value in named if value is not None}


def with_places(experiment: Experiment | None) -> Experiment | None:
    """Return stated loops if they have positions that are not all at 0; else None."""
    loops = experiment.loops if experiment is not None else ()
    positions = (p for loop in loops if isinstance(loop, XYPosLoop) for p in loop.positions)
    return experiment if any(p.x_um or p.y_um or p.z_um for p in positions) else None


def stage_on(experiment: Experiment, index: int, told: dict[str, float]) -> dict[str, float]:
    """Return the stage position that loops give a frame, by field of `FrameMetadata`.

    Z is what the frame's file tells, where the positions of the loops have none.
    """
    stage, height_um = StagePosition(), 0.0
    for loop, point in experiment.place_of(index):
        if isinstance(loop, XYPosLoop):
            stage = loop.positions[point]
        elif isinstance(loop, ZStackLoop):
            height_um = loop.height_um(point)
    z_um = stage.z_um + height_um if stage.z_um or "z_um" not in told else told["z_um"]
    return {"x_um": stage.x_um, "y_um": stage.y_um, "z_um": z_um}


def bottom_to_top(grid: FrameGrid, stated: StatedMetadata) -> FrameGrid:
    """Return a grid with the planes of each stack turned round if it is from top to bottom."""
    stacks = zip(_stacks(grid), _falling(grid, stated), strict=True)
    return dataclasses.replace(
        grid,
        frames=tuple(
            frame for stack, falls in stacks for frame in (reversed(stack) if falls else stack)
        ),
    )


def falls(grid: FrameGrid, stated: StatedMetadata) -> bool:
    """Return whether all stacks are from top to bottom."""
    return grid.sizes[2] > 1 and all(_falling(grid, stated))


def z_step_of(grid: FrameGrid, stated: StatedMetadata) -> float | None:
    """Return the Z step that is stated, else that of the first file or of most stacks, um."""
    known = stated.calibration.z_step_um or grid.first.file.info.z_step_um
    if known is not None or grid.sizes[2] == 1:
        return known
    heights = [abs(height) for height in map(_height_um, _stacks(grid)) if height]
    return round(statistics.median(heights) / (grid.sizes[2] - 1), 6) or None if heights else None


def _falling(grid: FrameGrid, stated: StatedMetadata) -> list[bool]:
    """Return of each stack whether it is from top to bottom.

    Stage Z that moves less than half the height of a stack tells nothing: it rests while another
    drive moves. A stack that tells nothing is like all others that do; if none does, as the files
    tell otherwise.
    """
    least = (z_step_of(grid, stated) or 0.0) * (grid.sizes[2] - 1) / 2
    heights = [_height_um(stack) for stack in _stacks(grid)]
    told = [None if h is None or abs(h) <= least else h < 0 for h in heights]
    known = {falls for falls in told if falls is not None} or {grid.first.file.info.z_falls}
    usual = known == {True}
    return [usual if falls is None else falls for falls in told]


def _stacks(grid: FrameGrid) -> Iterator[Sequence[tuple[SourcePlane | None, ...]]]:
    """Yield the frames of each stack."""
    count = grid.sizes[2]
    return (grid.frames[start : start + count] for start in range(0, len(grid.frames), count))


def _height_um(stack: Sequence[Frame]) -> float | None:
    """Return how much higher the last plane of a stack is than the first, um.

    Where planes are missing it is worked out from those that tell stage Z. None where less than two
    do, or where it does not go one way.
    """
    known = [(n, z) for n, f in enumerate(stack) if (z := stage_of(f).get("z_um")) is not None]
    steps = [after - before for (_, before), (_, after) in itertools.pairwise(known)]
    if not steps or not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        return None
    (first, low), (last, high) = known[0], known[-1]
    return (high - low) / (last - first) * (len(stack) - 1)


def positions_of(grid: FrameGrid) -> tuple[StagePosition, ...]:
    """Return name and place of each position: those of the first frame at its home plane.

    Where that tells no place, it is that of the first frame that does.
    """
    _, p_count, z_count, _ = grid.sizes
    home = (z_count - 1) // 2
    at: list[list[Frame]] = [[] for _ in range(p_count)]
    for number, frame in enumerate(grid.frames):
        at[number // z_count % p_count].append(frame)
    frames = [(own[home], *own) for own in at]
    names = _names(grid, frames)
    return tuple(
        StagePosition(name=name, **next(filter(None, map(stage_of, own)), {}))
        for name, own in zip(names, frames, strict=True)
    )


def _names(grid: FrameGrid, frames: Sequence[Sequence[Frame]]) -> Sequence[str]:
    """Return the names of positions: words in the names of the files, else what files tell."""
    labels = grid.labels[_POSITIONS]
    told = [next(filter(None, map(_told_name, own)), "") for own in frames]
    names = [
        name if name and (label.isdecimal() or not label) else label
        for label, name in zip(labels, told, strict=True)
    ]
    return names if len(set(names)) == len(set(labels)) else labels


def _told_name(frame: Frame) -> str:
    """Return the name that a frame's files have for their position."""
    told = (plane.file.info.position(plane.index) for plane in frame if plane is not None)
    return next(filter(None, told), "")
