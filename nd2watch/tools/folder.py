"""The sequence that the numbered files of a folder make."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from nd2watch.convert import ConversionPlan, StatedMetadata, plan_frames
from nd2watch.convert.places import bottom_to_top
from nd2watch.errors import AxisUnclear, LayoutError, SequenceIncomplete
from nd2watch.experiment import AXES, FrameGrid, join_files
from nd2watch.tools.label_notes import notes_on_labels
from nd2watch.tools.numbered_files import SPARSE, find_numbered, links_note, listed, name_of
from nd2watch.tools.plate import plate_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nd2watch.nd2 import Well, WellPlate
    from nd2watch.sources import ChannelInfo
    from nd2watch.tools.numbered_files import Labels, NumberedFiles
    from nd2watch.tools.options import SequenceOptions

_MOST_LISTED: Final = 10_000
_POSITIONS: Final = AXES.index("p")
_CHANNELS: Final = AXES.index("c")
_NO_NAME: Final = "there is one channel, without a name; leave the original name empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSequence:
    """The planes that the files of a folder hold, in their places.

    Attributes
    ----------
    options : SequenceOptions
        What was asked for.
    grid : FrameGrid
        The planes.
    missing : tuple of str
        The first 10 000 of the missing files, each like ``t=3 c=DAPI``.
    missing_count : int
        All missing files.
    file_count : int
        Files that match.
    passed_over : int
        Files with the right ending that do not match, and links.
    notes : tuple of str
        What people may want to look at.
    channels : mapping from str to ChannelInfo
        What is stated of channels, by the names that they have.
    plate : WellPlate or None
        The plate that positions are on.
    wells : tuple of Well
        Well of each position; empty without a plate.
    """

    options: SequenceOptions
    grid: FrameGrid
    missing: tuple[str, ...]
    missing_count: int
    file_count: int
    passed_over: int
    notes: tuple[str, ...]
    channels: Mapping[str, ChannelInfo]
    plate: WellPlate | None
    wells: tuple[Well, ...]

    def plan(self) -> ConversionPlan:
        """Return the plan for converting the sequence; missing files are black.

        Raises
        ------
        LayoutError, FormatError
            If what is stated contradicts the files.
        """
        return plan_frames(
            self.grid,
            self._stated(),
            title=str(self.options.folder),
            layout=self.options.pattern.source,
        )

    def _stated(self) -> StatedMetadata:
        """Return what the user states."""
        options = self.options
        notes = [*self.notes]
        if self.plate is not None and not options.plate.is_stated:
            notes.append(f"positions are taken for wells of a {self.plate.name}")
        return StatedMetadata(
            calibration=options.calibration,
            channel_info=self.channels,
            pinhole_um=options.pinhole_um,
            optics=options.optics,
            well_plate=self.plate,
            wells=self.wells,
            notes=tuple(notes),
        )


def collect_numbered(options: SequenceOptions, *, allow_missing: bool) -> FolderSequence:
    """Return the sequence that files form by the numbers in their names.

    Parameters
    ----------
    options : SequenceOptions
        What was asked for.
    allow_missing : bool
        Files may be missing.

    Raises
    ------
    SequenceIncomplete
        If files are missing and may not.
    LayoutError
        If no file matches, axes of names and of files cannot be put together, a channel is stated
        that is not there, positions are not in wells of the stated plate, or the output has the
        name of a source.
    SourceError
        If files cannot be used, or two claim one place; they are listed.
    OSError
        If the folder cannot be listed.
    """
    found = find_numbered(options)
    _check_missing(found, options.folder, allow_missing=allow_missing)
    joined = AXES if options.flatten else ()
    try:
        grid = join_files(found.by_name, found.names, pages=options.pages, joined=joined)
    except AxisUnclear as error:
        how = "--extra-dimension names it, --flatten_duplicates allows it"
        raise AxisUnclear(f"{error} ({how})") from error
    grid = bottom_to_top(grid, StatedMetadata(calibration=options.calibration))
    channels = _stated_channels(grid, options)
    plate, wells = plate_of(
        _positions(grid, found), options.plate, columns_first=options.pattern.has_grid
    )
    return FolderSequence(
        options=options,
        grid=_in_stated_order(grid, list(channels)),
        missing=tuple(islice(found.missing, _MOST_LISTED)),
        missing_count=found.missing_count,
        file_count=len(found.files),
        passed_over=found.passed_over + found.links,
        notes=tuple(_notes(found, options)),
        channels=channels,
        plate=plate,
        wells=wells,
    )


def _check_missing(found: NumberedFiles, folder: Path, *, allow_missing: bool) -> None:
    """Refuse files that are missing and may not, and so many that the groups must be wrong."""
    if found.missing_count and not allow_missing:
        missing = tuple(islice(found.missing, _MOST_LISTED))
        raise SequenceIncomplete(
            f"{folder} lacks {found.missing_count} of {found.place_count} files:"
            f" {listed(missing, found.missing_count)};"
            " --allow_missing_files writes black planes in their place"
        )
    if found.place_count > SPARSE * len(found.files):
        sizes = (f"{axis}={len(names)}" for axis, names in zip(AXES, found.labels, strict=True))
        shown = " ".join(size for size in sizes if not size.endswith("=1"))
        raise LayoutError(
            f"{len(found.files)} files cannot fill {shown}; are these the right groups?"
        )


def _notes(found: NumberedFiles, options: SequenceOptions) -> Iterator[str]:
    """Yield what people may want to look at in the folder."""
    if found.links:
        yield links_note(found.links)
    yield from notes_on_labels(found.labels, options.pattern.groups)


def _positions(grid: FrameGrid, found: NumberedFiles) -> list[Labels]:
    """Return the labels of each position: those in the names of the files, else in the files."""
    labels, names = found.labels[_POSITIONS], grid.labels[_POSITIONS]
    if labels == [()]:
        return [(name,) for name in names]
    labels_of = {file.path: place[_POSITIONS] for place, file in found.files.items()}
    z_count = grid.sizes[AXES.index("z")]
    positions: dict[int, Labels] = {}
    for number, frame in enumerate(grid.frames):
        plane = next((plane for plane in frame if plane is not None), None)
        if plane is not None:
            positions[number // z_count % len(names)] = labels_of[plane.file.path]
    by_name = {name_of(own): own for own in labels}
    for number, name in enumerate(names):
        if number not in positions:  # all files are missing; those that are there have several
            positions[number] = by_name.get(name) or by_name[name.rpartition(" ")[0]]
    return [positions[number] for number in range(len(names))]


def _stated_channels(grid: FrameGrid, options: SequenceOptions) -> dict[str, ChannelInfo]:
    """Return what is stated of channels, by their names; each must be there, and be stated once."""
    labels = grid.labels[_CHANNELS]
    told = [_told_name(grid, number) for number in range(len(labels))]
    only = labels[0] if len(labels) == 1 else None  # which needs no name
    there = {only, *filter(None, (*labels, *told))}
    if unknown := [name for name in options.channels if (name or only or "") not in there]:
        known = ", ".join(map(_known_as, labels, told)) if any((*labels, *told)) else ""
        raise LayoutError(
            f"--channel-setting names {', '.join(map(repr, unknown))};"
            f" {f'the channels are {known}' if known else _NO_NAME}"
        )
    names = []
    for label, own in zip(labels, told, strict=True):
        stated = [name for name in options.channels if (name or only) in (label, own)]
        if len(stated) > 1:
            both = " and ".join(map(repr, sorted(stated)))
            raise LayoutError(f"--channel-setting {both} are one channel; state it once")
        new = options.channels[stated[0]].name if stated else ""
        names.append(new or label or own)
    for channel in options.channels.values():
        if channel.name and names.count(channel.name) > 1:
            raise LayoutError(
                f"--channel-setting: two channels would be named {channel.name!r}; give another new"
                " name"
            )
    return {name or only or "": channel for name, channel in options.channels.items()}


def _known_as(label: str, told: str) -> str:
    """Return the names that a channel has in the names of the files, and in the files."""
    return f"{label} (in the files {told})" if label and told not in ("", label) else label or told


def _in_stated_order(grid: FrameGrid, stated: list[str]) -> FrameGrid:
    """Return a grid whose channels are in the order in which they are stated, if all are."""
    ranks = []
    for number, label in enumerate(grid.labels[_CHANNELS]):
        own = {label, _told_name(grid, number)}
        ranks += [rank for rank, name in enumerate(stated) if name in own][:1]
    if len(ranks) < grid.sizes[_CHANNELS]:
        return grid
    return grid.with_channels(sorted(range(len(ranks)), key=ranks.__getitem__))


def _told_name(grid: FrameGrid, number: int) -> str:
    """Return the name that a channel has in the first of its files."""
    plane = next((frame[number] for frame in grid.frames if frame[number] is not None), None)
    return "" if plane is None else plane.channel.name
