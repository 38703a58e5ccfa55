"""Deciding what an ND2 file will hold, from a complete sequence; nothing is written."""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameMismatch, LayoutError, SequenceIncomplete
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Modality,
    Picture,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
    display_color,
    stored_dtype,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.experiment import ImageSequence
    from nd2watch.nd2 import Loop
    from nd2watch.sources import FrameFile, SourceInfo

_TIME_STEP_MS: Final = 0.001
"""Frames of which only a common time is known are told apart by this much."""

_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionPlan:
    """Everything that is needed to write one ND2 file.

    Attributes
    ----------
    title : str
        The sequence's name for messages.
    sources : tuple of tuple of FrameFile
        For each frame in file order, one source a component.
    attributes : ImageAttributes
        Size and sample format.
    experiment : Experiment
        Loops, of more than one value each.
    picture : Picture
        Channels and calibration.
    frames : tuple of FrameMetadata
        Time and stage position of each frame.
    sources_digest : str
        Digest over name, size and change time of the sources in their order.
    layout : str
        How the names of the sources were read.
    assumptions : tuple of str
        What neither the layout nor the files say, and what was taken instead.
    """

    title: str
    sources: tuple[tuple[FrameFile, ...], ...]
    attributes: ImageAttributes
    experiment: Experiment
    picture: Picture
    frames: tuple[FrameMetadata, ...]
    sources_digest: str
    layout: str = ""
    assumptions: tuple[str, ...] = ()


def plan_conversion(sequence: ImageSequence) -> ConversionPlan:
    """Return the plan for a complete sequence.

    Time stamps are the acquisition times that the files carry, if all do, in whatever order they
    were taken; else multiples of the configured period; else each time point has the earliest
    modification time of its files. Stage positions come from the files; a stack that was acquired
    from top to bottom is stored from bottom to top, as readers expect. Pixel size and Z step that
    the layout states have precedence over what the files say.

    Raises
    ------
    SequenceIncomplete
        If frames are missing; the message lists them.
    FrameMismatch
        If frames differ in size or dtype; the message lists the odd ones.
    LayoutError
        If there are more labels than the layout says.
    FormatError
        If ND2 cannot store the sequence.
    """
    _check_whole(sequence)
    t_count, p_count, z_count, c_count = sequence.sizes()
    grid = _bottom_to_top(tuple(tuple(channels) for channels in sequence.grid()), z_count)
    info = grid[0][0].info
    acquired = _acquired(grid)
    starts, times = _times(sequence, grid, t_count, acquired)
    frames = tuple(
        _frame_metadata(time, channels) for time, channels in zip(times, grid, strict=True)
    )
    positions = _positions(sequence, grid, p_count, z_count)
    loops: list[Loop] = []
    if t_count > 1:
        period = sequence.layout.calibration.period_ms
        loops.append(TimeLoop.measured(starts, period_ms=period))
    if p_count > 1:
        loops.append(XYPosLoop(positions=positions))
    if z_count > 1:
        loops.append(ZStackLoop(count=z_count, step_um=_z_step(sequence, grid, z_count) or 1.0))
    return ConversionPlan(
        title=sequence.title,
        sources=grid,
        attributes=ImageAttributes(
            width=info.width,
            height=info.height,
            component_count=3 * c_count if info.rgb else c_count,
            bits_in_memory=stored_dtype(info.dtype).itemsize * 8,
            frame_count=len(grid),
        ),
        experiment=Experiment(loops=tuple(loops)),
        picture=Picture(
            channels=_channels(sequence, info),
            pixel_size_um=sequence.layout.calibration.pixel_size_um or info.pixel_size_um,
            started=_started(grid, acquired),
        ),
        frames=frames,
        sources_digest=_digest(grid),
        layout=sequence.layout.pattern.source,
        assumptions=tuple(_assumptions(sequence, grid, timed=bool(acquired))),
    )


def _check_whole(sequence: ImageSequence) -> None:
    """Refuse a sequence that lacks frames, has too many, or mixes formats."""
    if surplus := sequence.surplus():
        raise LayoutError(f"sequence {sequence.title}: {surplus}")
    if not sequence.is_complete:
        missing = sequence.missing()
        shown = "; ".join(missing[:_LISTED]) + ("; ..." if len(missing) > _LISTED else "")
        raise SequenceIncomplete(
            f"sequence {sequence.title} has {len(sequence)} of {sequence.expected} frames;"
            f" missing: {shown}"
        )
    if odd := sequence.mismatched():
        shown = "; ".join(f"{frame.path} is {frame.info.format_text}" for frame in odd[:_LISTED])
        raise FrameMismatch(
            f"sequence {sequence.title} mixes formats; most frames are"
            f" {sequence.usual_format()}, but {shown}"
        )


def _bottom_to_top(
    grid: tuple[tuple[FrameFile, ...], ...], z_count: int
) -> tuple[tuple[FrameFile, ...], ...]:
    """Return the frames with the planes of each stack turned round where stage Z falls."""
    stacks = (grid[start : start + z_count] for start in range(0, len(grid), z_count))
    return tuple(
        frame for stack in stacks for frame in (reversed(stack) if _height_um(stack) < 0 else stack)
    )


def _height_um(stack: Sequence[Sequence[FrameFile]]) -> float:
    """Return how much higher the last plane of a stack is than the first, um; 0 when unknown."""
    first, last = (_stage(channels).get("z_um") for channels in (stack[0], stack[-1]))
    return 0.0 if first is None or last is None else last - first


def _assumptions(
    sequence: ImageSequence, grid: Sequence[Sequence[FrameFile]], *, timed: bool
) -> Iterator[str]:
    """Yield what had to be assumed."""
    calibration = sequence.layout.calibration
    t_count, p_count, z_count, _ = sequence.sizes()
    info = grid[0][0].info
    if calibration.pixel_size_um is None and info.pixel_size_um is None:
        yield "the pixel size is unknown; the file is not calibrated"
    if z_count > 1 and _z_step(sequence, grid, z_count) is None:
        yield "the Z step is unknown; 1 um is written"
    if p_count > 1 and info.plane(0).stage_um is None:
        yield "stage positions are unknown; 0 is written"
    if not timed:
        start_only = calibration.period_ms is not None or t_count == 1
        what = "start of the acquisition is" if start_only else "times of the acquisition are"
        yield f"the {what} unknown; modification times of the files are written"


def _times(
    sequence: ImageSequence,
    grid: Sequence[Sequence[FrameFile]],
    t_count: int,
    acquired: Sequence[datetime],
) -> tuple[list[float], list[float]]:
    """Return the start of each time point and the time of each frame, ms."""
    per_point = len(grid) // t_count
    period = sequence.layout.calibration.period_ms
    if acquired:
        first = min(acquired)
        times = [(moment - first) / timedelta(milliseconds=1) for moment in acquired]
    else:
        points = [grid[t * per_point : (t + 1) * per_point] for t in range(t_count)]
        changed = [min(f.key.mtime_ns for cs in point for f in cs) for point in points]
        risen = list(itertools.accumulate(changed, max))  # copied files may be out of order
        times = [
            t * period if period else (risen[t] - risen[0]) / 1e6
            for t in range(t_count)
            for _ in range(per_point)
        ]
    times = _distinct(times)
    starts = [min(times[t * per_point : (t + 1) * per_point]) for t in range(t_count)]
    return starts, times


def _distinct(times: Sequence[float]) -> list[float]:
    """Return times with small steps between equal ones, which do not reach the next time."""
    groups = [(time, len(list(equal))) for time, equal in itertools.groupby(times)]
    distinct: list[float] = []
    for index, (time, count) in enumerate(groups):
        step = _TIME_STEP_MS
        if index + 1 < len(groups) and groups[index + 1][0] > time:
            step = min(step, (groups[index + 1][0] - time) / count)
        distinct += [time + number * step for number in range(count)]
    return distinct


def _acquired(grid: Sequence[Sequence[FrameFile]]) -> list[datetime]:
    """Return when each frame was taken, its earliest channel; nothing unless all files tell."""
    moments = [[frame.info.plane(0).acquired for frame in channels] for channels in grid]
    known = [[moment for moment in times if moment is not None] for times in moments]
    return [min(times) for times in known] if moments == known else []


def _started(grid: Sequence[Sequence[FrameFile]], acquired: Sequence[datetime]) -> datetime:
    """Return when relative time 0 was: the earliest acquisition, else the earliest change."""
    if acquired:
        return min(acquired)
    changed = min(frame.key.mtime_ns for channels in grid for frame in channels)
    return datetime.fromtimestamp(changed // 10**9, UTC).astimezone() + timedelta(
        microseconds=changed // 1000 % 10**6
    )


def _frame_metadata(time_ms: float, channels: Sequence[FrameFile]) -> FrameMetadata:
    """Return time and stage position of a frame."""
    stage = _stage(channels)
    return FrameMetadata(
        time_ms=time_ms, x_um=stage.get("x_um"), y_um=stage.get("y_um"), z_um=stage.get("z_um")
    )


def _stage(channels: Sequence[FrameFile]) -> dict[str, float]:
    """Return the stage position of a frame's first channel, by field of `FrameMetadata`."""
    stage = channels[0].info.plane(0).stage_um or (None, None, None)
    named = zip(("x_um", "y_um", "z_um"), stage, strict=True)
    return {name: value for name, value in named if value is not None}


def _positions(
    sequence: ImageSequence, grid: Sequence[Sequence[FrameFile]], p_count: int, z_count: int
) -> tuple[StagePosition, ...]:
    """Return name and place of each position, at the first time point's home plane."""
    home = (z_count - 1) // 2
    labels = sequence.labels()[1]
    listed = sequence.layout.sizes.get("p")
    names = listed.labels if listed is not None and listed.labels else labels
    return tuple(
        StagePosition(name=names[p], **_stage(grid[p * z_count + home])) for p in range(p_count)
    )


def _z_step(
    sequence: ImageSequence, grid: Sequence[Sequence[FrameFile]], z_count: int
) -> float | None:
    """Return the configured Z step, else that of the first stack, um; None when unknown."""
    if sequence.layout.calibration.z_step_um is not None:
        return sequence.layout.calibration.z_step_um
    return round(abs(_height_um(grid[:z_count])) / (z_count - 1), 6) or None


def _channels(sequence: ImageSequence, info: SourceInfo) -> tuple[Channel, ...]:
    """Return the configured channels, else numbered or labelled ones in different colours."""
    labels = sequence.labels()[3]
    channels = sequence.layout.channels or tuple(
        Channel(name=_channel_name(label), color=display_color(index, len(labels)))
        for index, label in enumerate(labels)
    )
    if info.rgb:
        return tuple(
            replace(channel, component_count=3, modality=Modality.TRANSMITTED_LIGHT)
            for channel in channels
        )
    return channels


def _channel_name(label: str) -> str:
    """Return a readable name for a channel label."""
    return f"Channel {label or 1}" if label.isdecimal() or not label else label


def _digest(grid: Sequence[Sequence[FrameFile]]) -> str:
    """Return a digest of the sources that costs no reading of pixels."""
    digest = hashlib.sha256()
    for channels in grid:
        for frame in channels:
            entry = (os.fsencode(frame.path.name), frame.key.size, frame.key.mtime_ns)
            digest.update(repr(entry).encode())
    return digest.hexdigest()
