"""The layout of a folder of frames: how names give sequences and coordinates."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameIncomplete, LayoutError
from nd2watch.experiment.axes import AXES, AXIS_NAMES, AxisSize, Coordinate, plain_label
from nd2watch.experiment.grid import check_axes
from nd2watch.experiment.pattern import FOLDER_FIELD, NamePattern
from nd2watch.sources import PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from nd2watch.nd2 import Channel
    from nd2watch.sources import FrameFile

TEMPORARY_NAMES: Final = (".*", "~*", "*~", "*.tmp", "*.part", "*.partial", "*.crdownload")
"""Names of files that programs write before they rename them."""

SequenceKey = tuple[tuple[str, str], ...]
"""Names and texts of the fields that tell one sequence from the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Physical sizes that the user states; None where the files or defaults decide.

    Attributes
    ----------
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    z_step_um : float, optional
        Distance of Z planes, um.
    period_ms : float, optional
        Time from one time point to the next, ms.
    """

    pixel_size_um: float | None = None
    z_step_um: float | None = None
    period_ms: float | None = None

    def __post_init__(self) -> None:
        for name in ("pixel_size_um", "z_step_um", "period_ms"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise LayoutError(f"{name} is {value}; it must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameName:
    """What a file's name says.

    Attributes
    ----------
    sequence : SequenceKey
        Which sequence it belongs to.
    coordinate : Coordinate
        Its place in that sequence.
    """

    sequence: SequenceKey
    coordinate: Coordinate


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the files of a folder form sequences.

    Attributes
    ----------
    pattern : NamePattern
        Pattern of frame names.
    sizes : mapping from axis to AxisSize
        Expected sizes; an axis that is not listed has as many labels as are found. That of `pages`
        is the number of pages in each file.
    channels : tuple of Channel
        Channels in order; empty to name them after their labels.
    sequence_fields : tuple of str, optional
        Fields that tell one sequence from the next; the folder and every field that is no axis
        when omitted.
    ignore : tuple of str
        Shell patterns of file names that are passed over.
    calibration : Calibration
        Physical sizes.
    pages : {"t", "p", "z", "c"}, optional
        Axis of the planes in files that do not say what they are.
    joined : tuple of str
        Axes on which the points in one file follow those of the file before.

    Raises
    ------
    LayoutError
        If a size or a sequence field has no counterpart in the pattern.
    """

    pattern: NamePattern
    sizes: Mapping[str, AxisSize] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    sequence_fields: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = TEMPORARY_NAMES
    calibration: Calibration = field(default_factory=Calibration)
    pages: str | None = None
    joined: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", MappingProxyType(dict(self.sizes)))
        for axis in (*self.joined, *([self.pages] if self.pages is not None else [])):
            if axis not in AXES:
                raise LayoutError(f"{axis!r} is no axis; axes are t, p, z and c")
        for axis, size in self.sizes.items():
            if axis not in AXES:
                raise LayoutError(f"{axis!r} is no axis; axes are t, p, z and c")
            if axis not in (*self.pattern.fields, self.pages) and size.count != 1:
                raise LayoutError(
                    f"axis {axis} is to have {size.count} {AXIS_NAMES[axis]}s, but the pattern"
                    f" {self.pattern.source!r} has no field {{{axis}}}"
                )
        known = {FOLDER_FIELD, *self.pattern.fields} - set(AXES)
        for name in self.sequence_fields or ():
            if name not in known:
                raise LayoutError(
                    f"the sequence field {name!r} is not in the pattern"
                    f" {self.pattern.source!r}; it has {', '.join(sorted(known))}"
                )

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that tell one sequence from the next."""
        if self.sequence_fields is not None:
            return self.sequence_fields
        return (FOLDER_FIELD, *(n for n in self.pattern.fields if n not in AXES))

    @property
    def unsized_axes(self) -> tuple[str, ...]:
        """Axes of the pattern whose size is not given."""
        return tuple(a for a in AXES if a in self.pattern.fields and a not in self.sizes)

    def is_ignored(self, name: str) -> bool:
        """Return whether a file of this name is passed over."""
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.ignore)

    def parse(self, relative: PurePath) -> FrameName:
        """Return what the path of a file below the watched folder says.

        Parameters
        ----------
        relative : path
            Path relative to the watched folder.

        Raises
        ------
        LayoutError
            If the path does not match the pattern, or names a label that the axis does not have.
        """
        fields = self.pattern.match(relative)
        if fields is None:
            raise LayoutError(f"{relative} does not match the pattern {self.pattern.source!r}")
        t, p, z, c = (self._label(axis, fields.get(axis, ""), relative) for axis in AXES)
        return FrameName(
            sequence=tuple((name, fields.get(name, "")) for name in self.key_fields),
            coordinate=(t, p, z, c),
        )

    @property
    def page_count(self) -> int | None:
        """How many pages each file is to hold, None when that is not given."""
        inside = self.pages is not None and self.pages not in self.pattern.fields
        size = self.sizes.get(str(self.pages)) if inside else None
        return None if size is None else size.count

    def check(self, file: FrameFile) -> None:
        """Refuse a file whose planes have no place in a sequence.

        Raises
        ------
        LayoutError
            If it has several, and their axis is unknown or in the pattern, or it has too many.
        FrameIncomplete
            If it has too few of the pages whose number is given.
        """
        placed = [axis for axis in AXES if axis in self.pattern.fields]
        check_axes(file, placed, pages=self.pages, joined=self.joined)
        expected, found = self.page_count, file.info.sizes.get(PAGES, 1)
        if expected is not None and found < expected:
            raise FrameIncomplete(f"{file.path} holds {found} of {expected} pages", file.path)
        if expected is not None and found > expected:
            raise LayoutError(f"{file.path} holds {found} pages, the layout says {expected}")

    def _label(self, axis: str, text: str, relative: PurePath) -> str:
        """Return the label in a name, refusing a word where the layout lists others."""
        label = plain_label(text)
        size = self.sizes.get(axis)
        listed = size.labels if size is not None else ()
        if label and listed and label not in listed and not label.isdecimal():
            raise LayoutError(
                f"{relative} names the {AXIS_NAMES[axis]} {label!r}; the layout lists"
                f" {', '.join(listed)}"
            )
        return label
