"""The planes of a sequence in their places, from files of one plane or of several."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nd2watch.errors import AxisUnclear, FormatError, FrameMismatch, LayoutError
from nd2watch.experiment.axes import AXES, AXIS_NAMES
from nd2watch.sources import PAGES, SourcePlane

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from nd2watch.experiment.axes import Coordinate
    from nd2watch.sources import FrameFile, SourceInfo

_COMPONENT: Final = AXES.index("c")
_MANY: Final = 10_000_000
_SPARSE: Final = 1000
"""Places for each file from which on a grid is taken for a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGrid:
    """The planes of a sequence by their place.

    Attributes
    ----------
    labels : tuple of tuple of str
        For each axis (t, p, z, c) the names of its points; one empty name where there is no axis.
    frames : tuple of tuple of SourcePlane or None
        For each frame, in row-major order of t, p, z, one plane a channel; None where it is
        missing.
    """

    labels: tuple[tuple[str, ...], ...]
    frames: tuple[tuple[SourcePlane | None, ...], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Points on each axis (t, p, z, c)."""
        return tuple(len(names) for names in self.labels)

    @property
    def planes(self) -> Iterator[SourcePlane]:
        """The planes that are there, by frame and channel."""
        return (plane for frame in self.frames for plane in frame if plane is not None)

    @property
    def first(self) -> SourcePlane:
        """The first plane that is there."""
        return next(self.planes)

    @property
    def missing(self) -> tuple[Coordinate, ...]:
        """Labels on the axes t, p, z, c of each plane that is not there."""
        places = itertools.product(*self.labels)
        planes = itertools.chain.from_iterable(self.frames)
        return tuple(
            (t, p, z, c)
            for (t, p, z, c), plane in zip(places, planes, strict=True)
            if plane is None
        )

    def at_bottom(self) -> FrameGrid:
        """Return the grid of the first Z planes."""
        t, p, z, c = self.labels
        bottom = self.frames[:: len(z)]
        alone = [tuple(p and replace(p, is_repeated=False) for p in frame) for frame in bottom]
        return FrameGrid(labels=(t, p, ("",), c), frames=tuple(alone))

    def with_channels(self, order: Sequence[int]) -> FrameGrid:
        """Return the grid with its channels in another order, given by their numbers."""
        *loops, channels = self.labels
        return FrameGrid(
            labels=(*loops, tuple(channels[number] for number in order)),
            frames=tuple(tuple(frame[number] for number in order) for frame in self.frames),
        )


def join_files(
    files: Mapping[Coordinate, FrameFile],
    labels: Sequence[Sequence[str]],
    *,
    pages: str | None = None,
    joined: Collection[str] = (),
) -> FrameGrid:
    """Return the planes of files in their places.

    The place of a plane is that of its file, refined by its place in the file. Where the files
    have different places on an axis and points of their own on it, the points of one file follow
    those of the file before.

    Parameters
    ----------
    files : mapping from Coordinate to FrameFile
        Files by their labels on the axes t, p, z, c; empty on an axis on which they are not placed.
    labels : sequence of sequences of str
        The labels of each axis in their order.
    pages : {"t", "p", "z", "c"}, optional
        Axis of the planes of files that do not say what they are; without it that is an error.
    joined : collection of str
        Axes on which points in the files may follow those of the file before.

    Raises
    ------
    LayoutError
        If the meaning of planes is unknown, files differ in their number of points, or have points
        on an axis on which they are placed themselves and that is not among `joined`.
    FrameMismatch
        If files differ in size or dtype.
    FormatError
        If RGB frames are in several channels.
    """
    _check_formats(files.values())
    placed = [axis for axis, names in zip(AXES, labels, strict=True) if tuple(names) != ("",)]
    for file in files.values():
        check_axes(file, placed, pages=pages, joined=joined)
    _check_channel_orders(files.values())
    joints = [
        _Joint(axis, names, files, number, pages)
        for number, (axis, names) in enumerate(zip(AXES, labels, strict=True))
    ]
    sizes = [joint.size for joint in joints]
    strides = [math.prod(sizes[number + 1 :]) for number in range(len(sizes))]
    _check_places(sizes, files)
    planes: list[SourcePlane | None] = [None] * math.prod(sizes)
    for coordinate, file in files.items():
        start = sum(
            joint.starts[label] * stride
            for joint, label, stride in zip(joints, coordinate, strides, strict=True)
        )
        for index, offset in enumerate(_offsets(file.info, strides, pages)):
            is_repeated = _is_single(file.info, index)
            planes[start + offset] = SourcePlane(file=file, index=index, is_repeated=is_repeated)
    count = sizes[_COMPONENT]
    grid = FrameGrid(
        labels=tuple(joint.names for joint in joints),
        frames=tuple(
            tuple(planes[start : start + count]) for start in range(0, len(planes), count)
        ),
    )
    check_rgb(grid)
    return grid


class _Joint:
    """One axis: which points each label has, as files have points of their own.

    Attributes
    ----------
    starts : dict from str to int
        First point of each label.
    names : tuple of str
        Name of each point.
    """

    def __init__(
        self,
        axis: str,
        labels: Sequence[str],
        files: Mapping[Coordinate, FrameFile],
        number: int,
        pages: str | None,
    ) -> None:
        self._axis = axis
        self._labels = labels
        self._having: dict[str, FrameFile] = {}
        self._counts: dict[str, int] = {}
        for coordinate, file in files.items():
            label = coordinate[number]
            count = _count(file, axis, pages)
            if self._counts.setdefault(label, count) != count:
                other = self._having[label]
                raise LayoutError(
                    f"{file.path} has {count} {AXIS_NAMES[axis]}s, {other.path} has"
                    f" {self._counts[label]}; they cannot be put together"
                )
            self._having.setdefault(label, file)
        usual = max(self._counts.values())
        lengths = [self._counts.get(label, usual) for label in labels]
        ends = list(itertools.accumulate(lengths))
        self.size = ends[-1]
        self.starts = {
            label: end - length for label, end, length in zip(labels, ends, lengths, strict=True)
        }
        self.names = tuple(self._names(lengths))

    def _names(self, lengths: Sequence[int]) -> Iterator[str]:
        """Yield the name of each point."""
        for label, length in zip(self._labels, lengths, strict=True):
            file = self._having.get(label)
            inner = _inner_names(file.info, self._axis) if file is not None else ()
            for point in range(length):
                name = inner[point] if point < len(inner) else ""
                if name and (not label or (label.isdecimal() and length > 1)):
                    yield name
                elif length == 1 or not label:
                    yield label or ("" if length == 1 else str(point + 1))
                else:
                    yield f"{label} {name or point + 1}"


def check_axes(
    file: FrameFile, placed: Collection[str], *, pages: str | None, joined: Collection[str]
) -> None:
    """Refuse a file whose planes have no place.

    Parameters
    ----------
    file : FrameFile
        The file.
    placed : collection of str
        Axes on which the file itself has a place.
    pages, joined
        As for `join_files`.

    Raises
    ------
    AxisUnclear
        If the meaning of planes is unknown, or they are on one of the `placed` axes that is not
        among `joined`.
    """
    sizes = file.info.sizes
    if PAGES in sizes and pages is None:
        raise AxisUnclear(
            f"{file.path} holds {sizes[PAGES]} pages, and nothing says what they are; name the axis"
            " of pages"
        )
    if PAGES in sizes and pages in sizes:
        raise AxisUnclear(
            f"{file.path} holds {sizes[PAGES]} pages that cannot be {AXIS_NAMES[str(pages)]}s, of"
            f" which it has {sizes[str(pages)]}; name another axis for them"
        )
    for axis, size in sizes.items():
        known = str(pages) if axis == PAGES else axis
        if known in placed and known not in joined:
            raise AxisUnclear(
                f"{file.path} has {size} {AXIS_NAMES[known]}s of its own, and the names of the"
                f" files tell {AXIS_NAMES[known]}s too; leave them out of the names' pattern, or"
                " allow that those of one file follow those of the file before"
            )


def _count(file: FrameFile, axis: str, pages: str | None) -> int:
    """Return how many points of an axis a file has."""
    sizes = file.info.sizes
    return sizes.get(PAGES if axis == pages and PAGES in sizes else axis, 1)


def _offsets(info: SourceInfo, strides: Sequence[int], pages: str | None) -> Iterator[int]:
    """Yield for each plane of a file how far it lies behind the file's first one."""
    if not info.axes:
        return iter((0,))
    steps = []
    for axis, size in info.axes:
        known = pages if axis == PAGES and pages is not None else axis
        stride = strides[AXES.index(known)]
        steps.append(range(0, size * stride, stride))
    return map(sum, itertools.product(*steps))


def _is_single(info: SourceInfo, index: int) -> bool:
    """Return whether a plane of a file is at all points of Z."""
    return bool(info.single_planes) and info.place_of(index).get("c", 0) in info.single_planes


def _inner_names(info: SourceInfo, axis: str) -> tuple[str, ...]:
    """Return the names that a file has for its points on an axis."""
    if axis == "c":
        return tuple(channel.name for channel in info.channels)
    return info.positions if axis == "p" else ()


def _check_formats(files: Collection[FrameFile]) -> None:
    """Refuse files that differ in size or dtype."""
    first = next(iter(files), None)
    if first is None:
        raise LayoutError("there are no frames")
    usual = first.info.format_text
    for file in files:
        if (text := file.info.format_text) != usual:
            raise FrameMismatch(
                f"{file.path} is {text}, {first.path} is {usual}; all frames of a file are alike",
                file.path,
            )


def _check_channel_orders(files: Collection[FrameFile]) -> None:
    """Refuse files that have the same channels in another order, which would be mixed up."""
    firsts: dict[tuple[str, ...], FrameFile] = {}
    for file in files:
        names = _inner_names(file.info, "c")
        first = firsts.setdefault(tuple(sorted(names)), file)
        if (others := _inner_names(first.info, "c")) != names:
            raise LayoutError(
                f"{file.path} has the channels {', '.join(names)}, {first.path} has them as"
                f" {', '.join(others)}; bring them into one order"
            )


def _check_places(sizes: Sequence[int], files: Collection[Coordinate]) -> None:
    """Refuse axes that make so many places that nearly all are empty, as wrong names do."""
    places = math.prod(sizes)
    if places > _MANY and places > _SPARSE * len(files):
        shown = " x ".join(f"{axis}={size}" for axis, size in zip(AXES, sizes, strict=True))
        raise LayoutError(
            f"{len(files)} files cannot fill {shown}; are the fields of their names the right ones?"
        )


def check_rgb(grid: FrameGrid) -> None:
    """Refuse RGB frames in channels.

    Raises
    ------
    FormatError
        If there are several channels, and one of them is RGB.
    """
    channels = grid.sizes[_COMPONENT]
    if channels == 1:
        return
    rgb = next((plane for plane in grid.planes if plane.file.info.rgb), None)
    if rgb is not None:
        raise FormatError(
            f"{rgb.file.path} is RGB, one of {channels} channels; an RGB channel cannot be stored"
            " beside others: convert it to a file of its own, or split its colours into channels"
        )
