"""The sequence that the numbered files of a folder make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.convert import ConversionPlan, StatedMetadata, plan_frames
from nd2watch.convert.places import bottom_to_top
from nd2watch.errors import LayoutError, SequenceIncomplete, SourceError
from nd2watch.experiment import AXES, FrameGrid, describe, join_files, natural_key
from nd2watch.sources import FrameFile, list_files, open_frame
from nd2watch.tools.plate import plate_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nd2watch.experiment import Coordinate
    from nd2watch.nd2 import Well, WellPlate
    from nd2watch.tools.options import SequenceOptions

_LISTED: Final = 50
_JOINT: Final = "_"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSequence:
    """The planes that the files of a folder hold, in their places.

    Attributes
    ----------
    options : SequenceOptions
        What was asked for.
    grid : FrameGrid
        The planes.
    file_count : int
        Files that match.
    passed_over : int
        Files with the right ending that do not match.
    plate : WellPlate or None
        The plate that positions are on.
    wells : tuple of Well
        Well of each position; empty without a plate.
    """

    options: SequenceOptions
    grid: FrameGrid
    file_count: int
    passed_over: int
    plate: WellPlate | None
    wells: tuple[Well, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The missing planes, each like ``t=3 c=DAPI``."""
        return tuple(describe(coordinate) for coordinate in self.grid.missing)

    def plan(self, *, allow_missing: bool | None = None) -> ConversionPlan:
        """Return the plan for converting the sequence.

        Parameters
        ----------
        allow_missing : bool, optional
            Planes may be missing; as the options say when left out.

        Raises
        ------
        SequenceIncomplete
            If planes are missing and may not.
        LayoutError, FormatError
            If what is stated contradicts the files.
        """
        if allow_missing is None:
            allow_missing = self.options.allow_missing
        missing = self.missing
        if missing and not allow_missing:
            shown = "; ".join(missing[:_LISTED]) + ("; ..." if len(missing) > _LISTED else "")
            raise SequenceIncomplete(
                f"{self.options.folder} lacks {len(missing)} of"
                f" {len(missing) + sum(1 for _ in self.grid.planes)} planes: {shown};"
                " --allow_missing_files writes black ones in their place"
            )
        return plan_frames(
            self.grid,
            self._stated(),
            title=str(self.options.folder),
            layout=self.options.pattern.source,
        )

    def _stated(self) -> StatedMetadata:
        """Return what the user states."""
        options = self.options
        notes = []
        if self.plate is not None and not options.plate.is_stated:
            notes.append(f"positions are taken for wells of a {self.plate.name}")
        return StatedMetadata(
            calibration=options.calibration,
            channel_info=options.channels,
            pinhole_um=options.pinhole_um,
            optics=options.optics,
            well_plate=self.plate,
            wells=self.wells,
            notes=tuple(notes),
        )


def collect_numbered(options: SequenceOptions) -> FolderSequence:
    """Return the sequence that files form by the numbers in their names.

    Raises
    ------
    LayoutError
        If no file matches, or axes of names and of files cannot be put together.
    SourceError
        If a file cannot be used, or two files claim one place; every such file is named.
    OSError
        If the folder cannot be listed.
    """
    files, passed_over = _matching(options)
    if not files:
        raise LayoutError(
            f"no file in {options.folder} that ends with {' or '.join(options.suffixes)} matches"
            f" {options.pattern.source!r}; {passed_over} files do not"
        )
    labels = [sorted({place[n] for place in files}, key=_order) for n in range(len(AXES))]
    named = {_coordinate(place): file for place, file in files.items()}
    grid = bottom_to_top(
        join_files(
            named,
            [list(map(_label, axis)) for axis in labels],
            pages=options.pages,
            joined=AXES if options.flatten else (),
        )
    )
    plate, wells = _wells(grid, files, options)
    return FolderSequence(
        options=options,
        grid=_in_stated_order(grid, options),
        file_count=len(files),
        passed_over=passed_over,
        plate=plate,
        wells=wells,
    )


_Labels = tuple[str, ...]
_Place = tuple[_Labels, _Labels, _Labels, _Labels]


def _matching(options: SequenceOptions) -> tuple[dict[_Place, FrameFile], int]:
    """Return the files by the labels of their names on each axis, and how many do not match."""
    files: dict[_Place, FrameFile] = {}
    faults: list[str] = []
    passed_over = 0
    for path in _named_alike(options):
        name = path.relative_to(options.folder).as_posix()
        labels = options.pattern.match(name if options.pattern.spans_folders else path.name)
        if labels is None:
            passed_over += 1
            continue
        t, p, z, c = (labels.get(axis, ()) for axis in AXES)
        place = (t, p, z, c)
        if place in files:
            where = describe(_coordinate(place)) or "the only frame"
            faults.append(f"{path} and {files[place].path} are both {where}")
            continue
        try:
            files[place] = open_frame(path)
        except SourceError as error:
            faults.append(str(error))
    if faults:
        raise SourceError("; ".join(faults))
    return files, passed_over


def _named_alike(options: SequenceOptions) -> Iterator[Path]:
    """Yield the files whose names have the right ending, in order."""
    if not options.folder.is_dir():
        raise LayoutError(f"{options.folder} is no folder")
    deep = options.pattern.spans_folders
    for path in sorted(list_files(options.folder)):
        is_near = path.parent == options.folder
        is_output = path == options.output
        if (deep or is_near) and not is_output and path.name.lower().endswith(options.suffixes):
            yield path


def _order(labels: _Labels) -> tuple[tuple[tuple[int, float, str], ...], ...]:
    """Return a sorting key: numbers, also with fractions, by value, others with their numbers."""
    return tuple(_order_of(label) for label in labels)


def _order_of(label: str) -> tuple[tuple[int, float, str], ...]:
    """Return the sorting key of one label."""
    if _NUMBER.fullmatch(label):
        return ((0, float(label), label),)
    return tuple((kind, float(number), text) for kind, number, text in natural_key(label))


def _label(labels: _Labels) -> str:
    """Return the labels of several groups as one."""
    return _JOINT.join(labels)


def _coordinate(place: _Place) -> Coordinate:
    """Return the place of a file as one label on each axis."""
    t, p, z, c = map(_label, place)
    return (t, p, z, c)


def _wells(
    grid: FrameGrid, files: dict[_Place, FrameFile], options: SequenceOptions
) -> tuple[WellPlate | None, tuple[Well, ...]]:
    """Return the plate and the well of each position, if the names of positions are wells."""
    labels_of = {file.path: place[1] for place, file in files.items()}
    _, p_count, z_count, _ = grid.sizes
    positions: dict[int, tuple[str, ...]] = {}
    for number, frame in enumerate(grid.frames):
        plane = next((plane for plane in frame if plane is not None), None)
        if plane is not None:
            positions.setdefault(number // z_count % p_count, labels_of[plane.file.path])
    return plate_of([positions[number] for number in range(p_count)], options.plate)


def _in_stated_order(grid: FrameGrid, options: SequenceOptions) -> FrameGrid:
    """Return a grid whose channels are in the order in which they are stated, others behind."""
    stated = list(options.channels)
    names = grid.labels[AXES.index("c")]
    found = [_stated_name(grid, number, stated) for number in range(len(names))]
    if unknown := [name for name in stated if name not in found]:
        known = ", ".join(_names(grid)) or "none, as there is one channel without a name"
        raise LayoutError(
            f"--channel-setting names {', '.join(map(repr, unknown))}; the channels are {known}"
        )
    order = sorted(
        range(len(names)),
        key=lambda number: stated.index(found[number]) if found[number] else len(stated),
    )
    return grid.with_channels(order)


def _stated_name(grid: FrameGrid, number: int, stated: list[str]) -> str:
    """Return the name by which a channel is stated, empty when it is not."""
    label = grid.labels[AXES.index("c")][number]
    plane = next((frame[number] for frame in grid.frames if frame[number] is not None), None)
    name = plane.channel.name if plane is not None else ""
    return next((known for known in (label, name) if known and known in stated), "")


def _names(grid: FrameGrid) -> Iterable[str]:
    """Return the names that channels have in the names of files, or in the files."""
    return (label for label in grid.labels[AXES.index("c")] if label)
