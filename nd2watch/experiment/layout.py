"""The layout of a folder of frames: how names give sequences and coordinates."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.errors import FrameIncomplete, LayoutError
from nd2watch.experiment.axes import AXES, AXIS_NAMES, AxisSize, Coordinate, plain_label
from nd2watch.experiment.grid import check_axes
from nd2watch.experiment.pattern import FOLDER_FIELD, NamePattern, posix_text
from nd2watch.experiment.time_labels import TimeLabels
from nd2watch.experiment.wells import WELL_FIELD
from nd2watch.sources import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePath

    from nd2watch.experiment.site_grid import SiteGrid
    from nd2watch.experiment.wells import WellNames
    from nd2watch.nd2 import Channel, WellPlate
    from nd2watch.sources import FrameFile

TEMPORARY_NAMES: Final = (".*", "~*", "*~", "*.tmp", "*.part", "*.partial", "*.crdownload")
"""Names of files that programs write before they rename them."""

FilePer = Literal["plate", "well", "site"]
RaggedZ = Literal["refuse", "replicate", "separate"]

SequenceKey = tuple[tuple[str, str], ...]
"""Names and texts of the fields that tell one sequence from the next."""


class LayoutFaults(LayoutError):
    """Parts of a layout do not fit its pattern.

    Attributes
    ----------
    faults : tuple of tuple of str
        Each part, by the name that it has in configurations, and what is wrong with it.
    """

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(text for _, text in faults))
        self.faults = faults


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
    fields : mapping from str to str
        All fields of the name, and the well in the usual form.
    """

    sequence: SequenceKey
    coordinate: Coordinate
    fields: Mapping[str, str] = field(default_factory=dict)


_Named = tuple[str, tuple[str, ...], tuple[str, ...]]
"""An axis, the fields of its label, and the labels that are listed for it."""


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
    axis_fields : mapping from axis to tuple of str
        Fields that together are the label of an axis, outermost first, where that is not the
        field of its own name.
    absent : mapping from axis to str
        Label of the names that leave an axis out.
    first : mapping from axis to int
        First index of an axis, where names always begin with it.
    sequence_fields : tuple of str, optional
        Fields that tell one sequence from the next, besides `file_per`; the folder and every field
        that is no part of an axis when omitted.
    file_per : {"plate", "well", "site"}
        What becomes one file: all wells and sites, those of a well, or each site.
    ignore : tuple of str
        Shell patterns of file names, or with ``/`` of paths, that are passed over.
    calibration : Calibration
        Physical sizes.
    pages : {"t", "p", "z", "c"}, optional
        Axis of the planes in files that do not say what they are.
    joined : tuple of str
        Axes on which the points in one file follow those of the file before.
    wells : WellNames, optional
        How names tell the well.
    plate : WellPlate, optional
        The plate, where it is stated.
    channel_name : str, optional
        Field that is the name of the channel.
    times : TimeLabels
        How time labels tell times.
    site_grid : SiteGrid, optional
        Places of sites by their numbers.
    planes : mapping from str to int
        Z planes of the channels that have fewer than others, by label.
    ragged_z : {"refuse", "replicate", "separate"}
        What becomes of such channels: one plane is repeated, or they get a file of their own.

    Raises
    ------
    LayoutError
        If a size or a field has no counterpart in the pattern.
    """

    pattern: NamePattern
    sizes: Mapping[str, AxisSize] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    axis_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)
    sequence_fields: tuple[str, ...] | None = None
    file_per: FilePer = "plate"
    ignore: tuple[str, ...] = TEMPORARY_NAMES
    calibration: Calibration = field(default_factory=Calibration)
    pages: str | None = None
    joined: tuple[str, ...] = ()
    wells: WellNames | None = None
    plate: WellPlate | None = None
    channel_name: str | None = None
    times: TimeLabels = field(default_factory=TimeLabels)
    site_grid: SiteGrid | None = None
    planes: Mapping[str, int] = field(default_factory=dict)
    ragged_z: RaggedZ = "refuse"
    _ignored: tuple[re.Pattern[str], re.Pattern[str]] = field(init=False, repr=False, compare=False)
    _key_fields: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _axes: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _label_fields: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)
    _named: tuple[_Named, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("sizes", "axis_fields", "absent", "first", "planes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        names, paths = (
            _any_of(pattern for pattern in self.ignore if ("/" in pattern) is of_path)
            for of_path in (False, True)
        )
        object.__setattr__(self, "_ignored", (names, paths))
        _check_axes(self)
        object.__setattr__(self, "_key_fields", self._find_key_fields())
        labels = tuple(
            tuple(f for f in self.all_fields_of(axis) if f not in self._key_fields) for axis in AXES
        )
        object.__setattr__(self, "_label_fields", labels)
        listed = [
            size.labels if (size := self.sizes.get(axis)) is not None else () for axis in AXES
        ]
        object.__setattr__(self, "_named", tuple(zip(AXES, labels, listed, strict=True)))
        object.__setattr__(self, "_axes", tuple(a for a, f in zip(AXES, labels, strict=True) if f))
        if faults := tuple(_faults(self)):
            raise LayoutFaults(faults)

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes that names tell within a sequence."""
        return self._axes

    @property
    def known_fields(self) -> frozenset[str]:
        """Fields that names have, and those that follow from them."""
        derived = {FOLDER_FIELD} | ({WELL_FIELD} if self.wells is not None else set())
        return frozenset(derived | set(self.pattern.fields))

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that tell one sequence from the next."""
        return self._key_fields

    def fields_of(self, axis: str) -> tuple[str, ...]:
        """Return the fields that are the label of an axis, outermost first."""
        return self._label_fields[AXES.index(axis)]

    def all_fields_of(self, axis: str) -> tuple[str, ...]:
        """Return the fields of an axis, also those that tell sequences apart instead."""
        named = self.axis_fields.get(axis)
        if named is not None:
            return named
        return (axis,) if axis in self.pattern.fields else ()

    def _find_key_fields(self) -> tuple[str, ...]:
        """Return the fields that tell one sequence from the next."""
        places = self.all_fields_of("p")
        own = self.sequence_fields
        if own is None:
            inside = {f for axis in AXES for f in self.all_fields_of(axis)} | {
                *AXES,
                self.channel_name,
            }
            inside |= set(self.wells.fields) if self.wells is not None else set()
            own = (FOLDER_FIELD, *(name for name in self.pattern.fields if name not in inside))
        split = {"plate": (), "well": (WELL_FIELD,), "site": places}[self.file_per]
        return tuple(dict.fromkeys((*own, *split)))

    @property
    def unsized_axes(self) -> tuple[str, ...]:
        """Axes of the pattern whose size is not given."""
        return tuple(axis for axis in self.axes if axis not in self.sizes)

    def is_ignored(self, relative: PurePath | str) -> bool:
        """Return whether a file is passed over, by its path below the watched folder."""
        names, paths = self._ignored
        path = posix_text(relative)
        if names.match(path.rpartition("/")[2]) is not None:
            return True
        return paths.match(path) is not None or paths.match(f"/{path}") is not None

    def matches(self, relative: PurePath | str) -> bool:
        """Return whether the path of a file below the watched folder is that of a frame."""
        try:
            return not self.is_ignored(relative) and self.pattern.match(relative) is not None
        except LayoutError:  # it takes too long to find out
            return False

    def parse(self, relative: PurePath | str) -> FrameName:
        """Return what the path of a file below the watched folder says.

        Parameters
        ----------
        relative : path or str
            Path relative to the watched folder; a text has ``/`` between its parts.

        Raises
        ------
        LayoutError
            If the path does not match the pattern, names a label that the axis does not have, or a
            well that cannot be.
        """
        fields = self.pattern.match(relative)
        if fields is None:
            raise LayoutError(f"{relative} does not match the pattern {self.pattern.source!r}")
        if self.wells is not None and (well := self.wells.name(fields)) is not None:
            fields[WELL_FIELD] = well
        t, p, z, c = [
            self._label(axis, names, listed, fields, relative) if names else ""
            for axis, names, listed in self._named
        ]
        return FrameName(
            sequence=tuple([(name, fields.get(name, "")) for name in self._key_fields]),
            coordinate=(t, p, z, c),
            fields=fields,
        )

    @property
    def page_count(self) -> int | None:
        """How many pages each file is to hold, None when that is not given."""
        inside = self.pages is not None and self.pages not in self.axes
        size = self.sizes.get(str(self.pages)) if inside else None
        return None if size is None else size.count

    def check(self, file: FrameFile, place: Coordinate) -> None:
        """Refuse a file whose planes have no place in a sequence.

        Parameters
        ----------
        file : FrameFile
            The file.
        place : Coordinate
            What its name tells; planes may be on the axes that it leaves out.

        Raises
        ------
        LayoutError
            If it has several, and their axis is unknown or in the name, or it has too many.
        FrameIncomplete
            If it has too few of the pages whose number is given.
        """
        named = [axis for axis, label in zip(AXES, place, strict=True) if label]
        check_axes(file, named, pages=self.pages, joined=self.joined)
        expected, found = self.page_count, file.info.sizes.get(PAGES, 1)
        if expected is not None and found < expected:
            raise FrameIncomplete(f"{file.path} holds {found} of {expected} pages", file.path)
        if expected is not None and found > expected:
            raise LayoutError(f"{file.path} holds {found} pages, the layout says {expected}")

    def _label(
        self,
        axis: str,
        names: Sequence[str],
        listed: Sequence[str],
        fields: Mapping[str, str],
        relative: PurePath | str,
    ) -> str:
        """Return the label in a name, refusing a word where the layout lists others."""
        if len(names) == 1:
            label = plain_label(fields.get(names[0], ""))
        else:
            label = "_".join([plain_label(fields[name]) for name in names if fields.get(name)])
        label = label or self.absent.get(axis, "")
        if listed and label and label not in listed and not label.isdecimal():
            raise LayoutError(
                f"{relative} names the {AXIS_NAMES[axis]} {label!r}; the layout lists"
                f" {', '.join(listed)}"
            )
        return label


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return the expression for texts that one of the shell patterns matches."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or "(?!)", re.IGNORECASE)


def _check_axes(layout: Layout) -> None:
    """Refuse axes that there are not."""
    named = (*layout.joined, *layout.sizes, *layout.axis_fields, *layout.absent, *layout.first)
    for axis in (*named, *([layout.pages] if layout.pages is not None else [])):
        if axis not in AXES:
            raise LayoutError(f"{axis!r} is no axis; axes are t, p, z and c")


def _faults(layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield what names some fields that names of files do not have, and why that is wrong."""
    known, source = layout.known_fields, layout.pattern.source
    of_well = layout.wells.fields if layout.wells is not None else ()
    of_channel = (layout.channel_name,) if layout.channel_name is not None else ()
    named = {axis: ("fields", f"of axis {axis}", f) for axis, f in layout.axis_fields.items()}
    named |= {"well": ("well", "of the well", of_well)}
    named |= {"channel": ("channel_name", "of the channel's name", of_channel)}
    for part, what, names in named.values():
        for name in sorted(set(names) - known):
            yield part, f"the field {name!r} {what} is not in the pattern {source!r}"
    choices = known - set(AXES) if layout.file_per == "plate" else known
    for name in layout.key_fields:
        if name == WELL_FIELD and layout.file_per == "well" and name not in known:
            yield "file_per", "names tell no well; name its fields in [well]"
        elif name not in choices:
            shown = ", ".join(sorted(choices))
            yield (
                "sequence",
                f"the sequence field {name!r} is not in the pattern {source!r}; it has {shown}",
            )
    if not any(layout.all_fields_of(axis) for axis in AXES):
        yield (
            "pattern",
            f"the pattern {source!r} names none of the axes t, p, z, c; write {{t}} where"
            " the time index stands, or (?P<t>[0-9]+) in a regular expression",
        )
    yield from _size_faults(layout)


def _size_faults(layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with sizes of axes that names do not have."""
    for axis, size in layout.sizes.items():
        if axis not in (*layout.axes, layout.pages) and size.count != 1:
            why = f"the pattern {layout.pattern.source!r} has no field {{{axis}}}"
            if layout.all_fields_of(axis):
                why = "each of them is a sequence of its own"
            yield (
                "axes",
                f"axis {axis} is to have {size.count} {AXIS_NAMES[axis]}s, but {why}",
            )
