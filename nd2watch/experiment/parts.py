"""The files that a sequence becomes: one, or several where channels differ in their Z planes."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.axes import AXES
from nd2watch.experiment.completeness import planes_of
from nd2watch.experiment.grid import FrameGrid, check_rgb, join_files
from nd2watch.experiment.told import completed
from nd2watch.sources import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nd2watch.experiment.axes import Coordinate
    from nd2watch.experiment.sequence import ImageSequence
    from nd2watch.sources import FrameFile, SourcePlane

    Files = Mapping[Coordinate, FrameFile]

_T: Final = AXES.index("t")
_Z: Final = AXES.index("z")
_C: Final = AXES.index("c")

_RAGGED: Final = (
    'ragged_z = "replicate" repeats single planes, "separate" makes a file of its own for them'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencePart:
    """The planes of one file.

    Attributes
    ----------
    channels : tuple of str
        Labels of its channels, in order.
    points : tuple of int, optional
        Numbers of its channels among those of a file that holds others, too.
    grid : FrameGrid
        Its planes.
    is_main : bool
        It has the most Z planes, and the name of the sequence.
    notes : tuple of str
        What was done that is not plain from the files, for people.
    """

    channels: tuple[str, ...]
    grid: FrameGrid
    points: tuple[int, ...] | None = None
    is_main: bool = True
    notes: tuple[str, ...] = ()


def parts_of(sequence: ImageSequence, *, allow_missing: bool = False) -> tuple[SequencePart, ...]:
    """Return the files that a sequence becomes, the main one first.

    Parameters
    ----------
    sequence : ImageSequence
        The sequence.
    allow_missing : bool, default False
        Leave the places of missing files empty, but for time points after the last that is there.

    Raises
    ------
    LayoutError
        If frames are missing and may not, planes in the files have no place, or channels differ
        in their Z planes and that is not provided for.
    FrameMismatch
        If files of one part differ in size or dtype.
    """
    if not allow_missing and not sequence.is_complete:
        raise LayoutError(f"sequence {sequence.title} is not complete")
    labels = _labels(sequence)
    files = {
        place: completed(sequence, place, sequence.frames[place])
        for place in _ordered(sequence.frames, labels)
    }
    groups = _groups(sequence, files, labels)
    parts = [_part(sequence, files, labels, channels) for channels in groups]
    if single := _single_inside(files):
        return _split(sequence, parts, single)
    parts.sort(key=lambda part: -part.grid.sizes[_Z])
    main = parts[0]
    if len(parts) > 1 and sequence.layout.ragged_z == "refuse":
        raise LayoutError(_refusal(sequence, parts))
    if len(parts) > 1 and sequence.layout.ragged_z == "replicate":
        return (_replicated(sequence, parts, labels[_C]),)
    others = [dataclasses.replace(part, is_main=False) for part in parts[1:]]
    notes = _projection_notes(sequence)
    return (dataclasses.replace(main, notes=(*main.notes, *notes)), *others)


def _labels(sequence: ImageSequence) -> tuple[tuple[str, ...], ...]:
    """Return the labels of each axis, without time points after the last that is there."""
    labels = sequence.labels()
    there = {place[_T] for place in sequence.frames}
    last = max((n for n, label in enumerate(labels[_T]) if label in there), default=0)
    return (labels[_T][: last + 1], *labels[1:])


def _ordered(places: Iterable[Coordinate], labels: Sequence[Sequence[str]]) -> list[Coordinate]:
    """Return places in the order of their labels, whatever the order of arrival."""
    ranks = [{label: rank for rank, label in enumerate(names)} for names in labels]

    def rank_of(place: Coordinate) -> list[int]:
        return [rank.get(label, -1) for rank, label in zip(ranks, place, strict=True)]

    return sorted(places, key=rank_of)


def _groups(
    sequence: ImageSequence, files: Files, labels: Sequence[Sequence[str]]
) -> list[tuple[str, ...]]:
    """Return the channels that have the same Z planes together."""
    inside: dict[str, int] = {}
    for place, file in files.items():
        inside[place[_C]] = max(inside.get(place[_C], 1), _z_inside(file, sequence.layout.pages))
    usual = max(inside.values(), default=1)
    groups: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for channel in labels[_C]:
        kind = (_planes_of(sequence, channel, labels[_Z]), inside.get(channel, usual))
        groups.setdefault(kind, []).append(channel)
    return [tuple(channels) for channels in groups.values()]


def _planes_of(sequence: ImageSequence, channel: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels on Z of a channel, also where there is one and its names leave Z out."""
    return tuple(labels) if len(labels) == 1 else planes_of(sequence, channel, labels)


def _z_inside(file: FrameFile, pages: str | None) -> int:
    """Return how many Z planes a file has inside."""
    sizes = file.info.sizes
    return sizes.get(PAGES, 1) if pages == "z" and PAGES in sizes else sizes.get("z", 1)


def _part(
    sequence: ImageSequence,
    files: Files,
    labels: Sequence[Sequence[str]],
    channels: tuple[str, ...],
) -> SequencePart:
    """Return the planes of some channels."""
    planes = _planes_of(sequence, channels[0], labels[_Z])
    is_single = len(planes) == 1 < len(labels[_Z])
    alone = {channel for channel in channels if is_single or sequence.is_flat(channel)}
    own: dict[Coordinate, FrameFile] = {}
    for (t, p, z, c), file in files.items():
        if c not in channels or (c not in alone and z not in planes):
            continue
        place = (t, p, planes[0] if c in alone else z, c)
        if place in own:
            raise LayoutError(
                f"{file.path} and {own[place].path} are both the single plane of channel {c!r};"
                " state how many planes it has"
            )
        own[place] = file
    layout = sequence.layout
    ordered = (labels[_T], labels[1], planes, channels)
    grid = join_files(own, ordered, pages=layout.pages, joined=layout.joined)
    return SequencePart(channels=channels, grid=grid)


def _single_inside(files: Files) -> tuple[int, ...]:
    """Return which channels inside files have one plane beside stacks.

    Raises
    ------
    LayoutError
        If files differ in that.
    """
    kinds: dict[tuple[int, ...], FrameFile] = {}
    for file in files.values():
        kinds.setdefault(file.info.single_planes, file)
    if len(kinds) > 1:
        names = " and ".join(str(file.path) for file in list(kinds.values())[:2])
        raise LayoutError(f"{names} differ in which channels have a single plane")
    return next(iter(kinds), ())


def _split(
    sequence: ImageSequence, parts: Sequence[SequencePart], single: tuple[int, ...]
) -> tuple[SequencePart, ...]:
    """Return what becomes of files that hold single planes of some channels beside stacks."""
    whole, ragged_z = parts[0], sequence.layout.ragged_z
    names, count = whole.grid.labels[_C], whole.grid.sizes[_Z]
    if ragged_z == "refuse" or len(parts) > 1 or len(whole.channels) > 1:
        shown = ", ".join(repr(names[number]) for number in single)
        raise LayoutError(
            f"channel {shown} of sequence {sequence.title} has one plane, others have {count};"
            f" {_RAGGED}"
        )
    if ragged_z == "replicate":
        return (whole,)
    stacked = tuple(number for number in range(len(names)) if number not in single)
    main = dataclasses.replace(whole, grid=whole.grid.with_channels(stacked), points=stacked)
    flat = whole.grid.with_channels(single).at_bottom()
    return main, dataclasses.replace(whole, grid=flat, points=single, is_main=False)


def _replicated(
    sequence: ImageSequence, parts: Sequence[SequencePart], order: Sequence[str]
) -> SequencePart:
    """Return one part in which single planes are repeated on all planes of the others."""
    main, *others = parts
    count = main.grid.sizes[_Z]
    columns = [_by_channel(main.grid)]
    notes = list(_projection_notes(sequence))
    for part in others:
        t, p, z, _ = part.grid.sizes
        if z != 1 or (t, p) != main.grid.sizes[:2]:
            raise LayoutError(_refusal(sequence, parts))
        columns.append(_by_channel(part.grid, count))
        names = ", ".join(map(repr, part.channels))
        notes.append(f"channel {names} has one plane, which is repeated on each of {count}")
    found = [label for part in parts for label in part.channels]
    names_of = [name for part in parts for name in part.grid.labels[_C]]
    ranks = sorted(range(len(found)), key=lambda number: order.index(found[number]))
    frames = zip(*itertools.chain.from_iterable(columns), strict=True)
    merged = FrameGrid(labels=(*main.grid.labels[:_C], tuple(names_of)), frames=tuple(frames))
    check_rgb(merged)
    return SequencePart(
        channels=tuple(found[number] for number in ranks),
        grid=merged.with_channels(ranks),
        notes=tuple(notes),
    )


def _by_channel(grid: FrameGrid, repeat: int = 1) -> list[list[SourcePlane | None]]:
    """Return the planes of each channel by frame, each one repeated so often."""
    return [
        [_copy(plane) if repeat > 1 else plane for plane in column for _ in range(repeat)]
        for column in zip(*grid.frames, strict=True)
    ]


def _copy(plane: SourcePlane | None) -> SourcePlane | None:
    """Return a plane as it stands for others."""
    return None if plane is None else dataclasses.replace(plane, is_repeated=True)


def _refusal(sequence: ImageSequence, parts: Sequence[SequencePart]) -> str:
    """Return why channels of different planes cannot be put together."""
    shown = "; ".join(f"{', '.join(part.channels)}: {part.grid.sizes[_Z]}" for part in parts)
    return f"channels of sequence {sequence.title} differ in their Z planes ({shown}); {_RAGGED}"


def _projection_notes(sequence: ImageSequence) -> tuple[str, ...]:
    """Return a note on frames that are neither planes of a stack nor a channel's single plane."""
    if not sequence.has_projections:
        return ()
    return ("frames without a plane in their name, of channels that have stacks, are left out",)
