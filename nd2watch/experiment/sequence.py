"""A sequence of frames as it is collected: what it has, what it lacks."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.errors import LayoutError
from nd2watch.experiment import completeness
from nd2watch.experiment.axes import AXES, ordered_labels
from nd2watch.experiment.parts import parts_of
from nd2watch.experiment.plan_labels import (
    counts_on,
    expected_labels,
    planned_planes,
    planned_positions,
    planned_size,
)
from nd2watch.experiment.seen_labels import SeenLabels
from nd2watch.experiment.told import layout_told, relative_path
from nd2watch.sidecars import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nd2watch.experiment.axes import Coordinate
    from nd2watch.experiment.grid import FrameGrid
    from nd2watch.experiment.layout import Layout, SequenceKey
    from nd2watch.sources import FrameFile

_P: Final = AXES.index("p")
_Z: Final = AXES.index("z")
_C: Final = AXES.index("c")
_TOLD: Final = ("p", "c")
"""Axes whose points are described by fields of names: wells, sites, channels."""


class ImageSequence:
    """The frames of one sequence, by coordinate.

    Parameters
    ----------
    layout : Layout
        Gives the expected axis sizes.
    key : SequenceKey
        Fields that tell this sequence from others.

    Attributes
    ----------
    frames : dict from Coordinate to FrameFile
        The usable frames so far.
    told : Sidecar
        What its sidecars tell, with paths from the watched folder.
    root : Path, optional
        The watched folder.
    """

    def __init__(self, layout: Layout, key: SequenceKey) -> None:
        self.layout = layout
        self.key = key
        self.frames: dict[Coordinate, FrameFile] = {}
        self.told = Sidecar()
        self.root: Path | None = None
        self._listed: frozenset[Coordinate] | None = None
        self._listed_labels: tuple[frozenset[str], ...] = (frozenset(),) * len(AXES)
        self._places: dict[str, Coordinate] = {}
        self._labels = tuple(SeenLabels(layout.first.get(axis)) for axis in AXES)
        self._flat = SeenLabels()
        self._stacks = 0
        self._formats: dict[str, dict[str, FrameFile]] = {}
        self._fields: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = {}

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def title(self) -> str:
        """The key's texts for messages."""
        return " ".join(text for _, text in self.key if text) or "(all)"

    def tell(self, told: Sidecar, root: Path | None) -> None:
        """Take what sidecars tell of the sequence instead of what they told before.

        Parameters
        ----------
        told : Sidecar
            What they tell together, with paths from the watched folder.
        root : Path
            The watched folder.
        """
        self.told = told
        self.root = root
        files = told.files if told.is_closed else ()
        places = frozenset(place for file in files if (place := self.place_of(file)) is not None)
        self._listed = places or None
        self._listed_labels = tuple(
            frozenset(place[number] for place in self._listed or ()) for number in range(len(AXES))
        )

    def with_told(self, told: Sidecar, root: Path) -> ImageSequence:
        """Return the sequence with what sidecars tell; frames get other places if these say so.

        Raises
        ------
        LayoutError
            If that puts two frames in one place.
        """
        self.tell(told, root)
        layout = layout_told(self.layout, told)
        return self if layout is self.layout else self.laid_out(layout)

    def laid_out(self, layout: Layout) -> ImageSequence:
        """Return the same frames in the places that another layout gives their names.

        Raises
        ------
        LayoutError
            If that puts two frames in one place, or in another sequence.
        """
        other = ImageSequence(layout, self.key)
        other.tell(self.told, self.root)
        for frame in self.frames.values():
            name = layout.parse(relative_path(self, frame))
            rival = other.add(name.coordinate, frame, name.fields)
            if rival is not None or name.sequence != self.key:
                raise LayoutError(f"{frame.path} has no place of its own by what its sidecar tells")
        return other

    def place_of(self, file: str) -> Coordinate | None:
        """Return the place of a file by its path, None if it is no frame of this sequence."""
        path = PurePosixPath(file)
        try:
            name = self.layout.parse(path)
        except LayoutError:  # a list may have files of other kinds
            return None
        is_own = name.sequence == self.key and not self.layout.is_ignored(path)
        return name.coordinate if is_own else None

    @property
    def listed(self) -> frozenset[Coordinate] | None:
        """Places of all frames, if finished sidecars list them: those of all positions do."""
        return None if self.lacks_lists else self._listed

    @property
    def lacks_lists(self) -> bool:
        """Whether positions have lists of their own, and some of them are not finished yet."""
        if not self.told.is_of_position or self._listed is None:
            return False
        listed, seen = self._listed_labels[_P], self._labels[_P].keys()
        return not seen <= listed or len(listed) < planned_positions(self, listed)

    @property
    def lacks_positions(self) -> int:
        """How many positions there are to be of which nothing was seen, by sidecars of others."""
        seen = self._labels[_P].keys()
        return max(planned_positions(self, seen) - len(seen), 0) if self.told.is_of_position else 0

    def add(
        self,
        coordinate: Coordinate,
        frame: FrameFile,
        fields: Mapping[str, str] | None = None,
    ) -> FrameFile | None:
        """Put a frame in its place.

        Parameters
        ----------
        coordinate : Coordinate
            The place.
        frame : FrameFile
            The frame.
        fields : mapping from str to str, optional
            What its name tells.

        Returns
        -------
        FrameFile or None
            Another file that already has the place; it stays, and `frame` is not taken.
        """
        present = self.frames.get(coordinate)
        if present is not None and present.path != frame.path:
            return present
        self.discard(frame.path)
        alike = self._formats.setdefault(frame.info.format_text, {})
        other = next(iter(alike.values()), None)
        if other is not None and other.info == frame.info:  # most tell the same: keep that once
            frame = replace(frame, info=other.info)
        name = os.fspath(frame.path)
        self.frames[coordinate] = alike[name] = frame
        self._stacks += frame.info.plane_count > 1
        self._places[name] = coordinate
        for axis, counter, label in zip(AXES, self._labels, coordinate, strict=True):
            counter.note(label)
            known = self._fields.get((axis, label))
            if axis in _TOLD and (known is None or name < known[0]):  # whatever came first
                self._fields[axis, label] = (name, fields or {})
        if not coordinate[_Z]:
            self._flat.note(coordinate[_C])
        return None

    def discard(self, path: Path) -> Coordinate | None:
        """Take a file out; return where it was, None when it was not there."""
        name = os.fspath(path)
        coordinate = self._places.pop(name, None)
        if coordinate is None:
            return None
        frame = self.frames.pop(coordinate)
        self._stacks -= frame.info.plane_count > 1
        alike = self._formats[frame.info.format_text]
        del alike[name]
        if not alike:
            del self._formats[frame.info.format_text]
        for axis, counter, label in zip(AXES, self._labels, coordinate, strict=True):
            if not counter.drop(label):
                self._fields.pop((axis, label), None)
        if not coordinate[_Z]:
            self._flat.drop(coordinate[_C])
        return coordinate

    def fields(self, axis: Literal["p", "c"], label: str) -> Mapping[str, str]:
        """Return what the name of a frame tells that has a label on an axis."""
        known = self._fields.get((axis, label))
        return {} if known is None else known[1]

    def seen(self, axis: str) -> int:
        """Return how many points of an axis were seen, 1 for an axis that names do not have."""
        counter = self._labels[AXES.index(axis)]
        without = axis == "z" and "" in counter and len(counter) > 1
        return max(len(counter) - without, 1)

    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Return the ordered labels of each axis (t, p, z, c) that are known so far.

        Those that a finished sidecar lists are known, and those that a counter has left out. An
        axis that the names do not have has one empty label; so has no other axis, where names of
        some channels leave Z out.
        """
        found = []
        for axis, counter, listed in zip(AXES, self._labels, self._listed_labels, strict=True):
            counted = counter.counted if counts_on(self, axis) else ()
            known = counter.keys() | listed | set(counted) or {""}
            expected = expected_labels(self, axis, known)
            if self.listed is not None and axis not in self.layout.sizes:  # what was really taken
                expected = [label for label in expected if label in known]
            if axis == "z" and max(len(known), len(expected)) > 1:
                known.discard("")
            found.append(ordered_labels(known, expected))
        return tuple(found)

    def sizes(self) -> tuple[int, ...]:
        """Return how many labels each axis (t, p, z, c) is expected to have."""
        if self.listed is not None:
            return tuple(map(len, self.labels()))
        return tuple(map(self._size, AXES))

    def _size(self, axis: str) -> int:
        """Return how many labels an axis is expected to have, where no list tells that."""
        planned, seen = planned_size(self, axis) or 1, self._labels[AXES.index(axis)]
        if axis in self.layout.sizes and axis in self.layout.axes:
            return planned
        return max(planned, self.seen(axis), seen.passed if counts_on(self, axis) else 0)

    def planes(self, channel: str) -> int:
        """Return how many files the Z planes of a channel are, by its label."""
        full = self._size("z") if self.listed is None else len(self.labels()[_Z])
        stated = planned_planes(self, channel)
        if stated is not None and "z" in self.layout.axes:
            return min(stated, full)
        return 1 if self.is_flat(channel) else full

    def is_flat(self, channel: str) -> bool:
        """Return whether no name of a channel, of which there are some, tells Z."""
        if (listed := self.listed) is not None:
            own = [place[_Z] for place in listed if place[_C] == channel]
            return bool(own) and not any(own)
        return self._flat[channel] == self._labels[_C][channel] > 0

    @property
    def channel_labels(self) -> tuple[str, ...]:
        """Labels of the channels that were seen, in no order."""
        return tuple(self._labels[_C])

    @property
    def is_stacked_inside(self) -> bool:
        """Whether names tell no Z, so that its planes are in the files."""
        return self._labels[_Z].keys() <= {""}

    @property
    def holds_stacks(self) -> bool:
        """Whether one of the files has several planes."""
        return self._stacks > 0

    @property
    def has_projections(self) -> bool:
        """Whether channels with Z in their names have frames without it, too."""
        counts = self._labels[_C]
        return any(self._flat[channel] < counts[channel] for channel in self._flat)

    @property
    def expected(self) -> int:
        """Frames of the whole sequence."""
        return completeness.expected_count(self)

    @property
    def is_sized(self) -> bool:
        """Whether it is known how many frames there will be."""
        axes = self.layout.axes
        return self.listed is not None or all(planned_size(self, axis) for axis in axes)

    @property
    def is_ahead(self) -> bool:
        """Whether unfinished sidecars tell of single frames, but not of all that are there."""
        return completeness.is_ahead(self)

    @property
    def is_complete(self) -> bool:
        """Whether every coordinate has its frame."""
        return completeness.is_complete(self) and not self.surplus()

    def surplus(self) -> str:
        """Return what contradicts the layout's axis sizes; empty when nothing does."""
        for axis, counter in zip(AXES, self._labels, strict=True):
            size = self.layout.sizes.get(axis)
            if size is None or axis not in self.layout.axes:
                continue
            if self.seen(axis) > size.count:
                return (
                    f"axis {axis} has {len(counter)} values ({_shown(counter)}),"
                    f" the layout says {size.count}"
                )
            listed = counter.keys() & set(size.labels)
            if listed and len(listed) < len(counter):
                return f"axis {axis} mixes listed names and numbers ({_shown(counter)})"
        return ""

    def missing(self) -> list[str]:
        """Return a line for each missing frame, or for axis values of which nothing was seen."""
        return completeness.missing_lines(self)

    def trimmed(self) -> ImageSequence | None:
        """Return the time points before the first that lacks something; None without any."""
        return completeness.trimmed(self)

    def mismatched(self) -> list[FrameFile]:
        """Return the frames whose size or dtype differs from that of most others.

        Without a majority nothing is known to be wrong until the sequence is complete; then all
        frames of the lesser or equal kinds are returned.
        """
        groups = sorted(self._formats.values(), key=len, reverse=True)
        if len(groups) < 2:
            return []
        if len(groups[0]) == len(groups[1]):
            return list(self.frames.values()) if self.is_complete else []
        return [frame for group in groups[1:] for frame in group.values()]

    def rare_frames(self, most: int) -> list[FrameFile]:
        """Return the frames of formats that at most `most` frames have, if others are usual."""
        groups = sorted(self._formats.values(), key=len, reverse=True)
        rare = [group for group in groups[1:] if len(group) <= most and len(group) < len(groups[0])]
        return [frame for group in rare for frame in group.values()]

    def usual_format(self) -> str:
        """Return size and dtype of most frames."""
        return max(self._formats, key=lambda name: len(self._formats[name]))

    def grid(self, *, allow_missing: bool = False) -> FrameGrid:
        """Return the planes of the sequence in their places.

        Parameters
        ----------
        allow_missing : bool, default False
            Leave the places of missing files empty.

        Raises
        ------
        LayoutError
            If frames are missing and may not, planes in the files have no place, or channels
            differ in their Z planes and get files of their own.
        FrameMismatch
            If files differ in size or dtype.
        """
        parts = parts_of(self, allow_missing=allow_missing)
        if len(parts) > 1:
            raise LayoutError(f"sequence {self.title} is {len(parts)} files, by their Z planes")
        return parts[0].grid


def _shown(labels: Iterable[str]) -> str:
    """Return the first labels for a message."""
    ordered = ordered_labels(labels)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "")
