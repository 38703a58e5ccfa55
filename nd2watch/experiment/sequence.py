"""A sequence of frames as it is collected: what it has, what it lacks."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING

from nd2watch.errors import LayoutError
from nd2watch.experiment.axes import AXES, ordered_labels
from nd2watch.experiment.grid import join_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nd2watch.experiment.axes import Coordinate
    from nd2watch.experiment.grid import FrameGrid
    from nd2watch.experiment.layout import Layout, SequenceKey
    from nd2watch.sources import FrameFile


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
    """

    def __init__(self, layout: Layout, key: SequenceKey) -> None:
        self.layout = layout
        self.key = key
        self.frames: dict[Coordinate, FrameFile] = {}
        self._places: dict[Path, Coordinate] = {}
        self._labels = tuple(Counter[str]() for _ in AXES)
        self._formats: dict[str, dict[Path, FrameFile]] = {}

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def title(self) -> str:
        """The key's texts for messages."""
        return " ".join(text for _, text in self.key if text) or "(all)"

    def add(self, coordinate: Coordinate, frame: FrameFile) -> FrameFile | None:
        """Put a frame in its place.

        Returns
        -------
        FrameFile or None
            Another file that already has the place; it stays, and `frame` is not taken.
        """
        present = self.frames.get(coordinate)
        if present is not None and present.path != frame.path:
            return present
        self.discard(frame.path)
        self.frames[coordinate] = frame
        self._places[frame.path] = coordinate
        self._formats.setdefault(frame.info.format_text, {})[frame.path] = frame
        for counter, label in zip(self._labels, coordinate, strict=True):
            counter[label] += 1
        return None

    def discard(self, path: Path) -> Coordinate | None:
        """Take a file out; return where it was, None when it was not there."""
        coordinate = self._places.pop(path, None)
        if coordinate is None:
            return None
        frame = self.frames.pop(coordinate)
        alike = self._formats[frame.info.format_text]
        del alike[path]
        if not alike:
            del self._formats[frame.info.format_text]
        for counter, label in zip(self._labels, coordinate, strict=True):
            counter[label] -= 1
            if not counter[label]:
                del counter[label]
        return coordinate

    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Return the ordered labels of each axis (t, p, z, c) that are known so far.

        An axis that the names do not have has one empty label.
        """
        return tuple(
            ordered_labels(counter or ("",), self.layout.sizes.get(axis))
            for axis, counter in zip(AXES, self._labels, strict=True)
        )

    def sizes(self) -> tuple[int, ...]:
        """Return how many labels each axis (t, p, z, c) is expected to have."""
        inside = () if self.layout.page_count is None else (self.layout.pages,)
        return tuple(
            self.layout.sizes[axis].count
            if axis in self.layout.sizes and axis not in inside
            else max(len(counter), 1)
            for axis, counter in zip(AXES, self._labels, strict=True)
        )

    @property
    def expected(self) -> int:
        """Frames of the whole sequence."""
        return math.prod(self.sizes())

    @property
    def is_complete(self) -> bool:
        """Whether every coordinate has its frame."""
        return len(self.frames) >= self.expected and not self.surplus()

    def surplus(self) -> str:
        """Return what contradicts the layout's axis sizes; empty when nothing does."""
        for axis, counter in zip(AXES, self._labels, strict=True):
            size = self.layout.sizes.get(axis)
            if size is None or axis not in self.layout.pattern.fields:
                continue
            if len(counter) > size.count:
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
        labels = self.labels()
        lines = [
            f"{size - len(known)} of {size} values of {axis}"
            for axis, known, size in zip(AXES, labels, self.sizes(), strict=True)
            if len(known) < size
        ]
        for t, p, z, c in itertools.product(*labels):
            if (t, p, z, c) not in self.frames:
                lines.append(describe((t, p, z, c)))
        return lines

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
            If frames are missing and may not, or planes in the files have no place.
        FrameMismatch
            If files differ in size or dtype.
        """
        if not allow_missing and not self.is_complete:
            raise LayoutError(f"sequence {self.title} is not complete")
        return join_files(
            self.frames, self.labels(), pages=self.layout.pages, joined=self.layout.joined
        )


def _shown(labels: Iterable[str]) -> str:
    """Return the first labels for a message."""
    ordered = ordered_labels(labels, None)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "")


def describe(coordinate: Coordinate) -> str:
    """Return a coordinate for messages, like ``t=3 p=1 c=DAPI``."""
    return " ".join(
        f"{axis}={label}" for axis, label in zip(AXES, coordinate, strict=True) if label
    )
