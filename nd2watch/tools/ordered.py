"""Files in a given order, and the plan for converting them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.convert import ConversionPlan, StatedMetadata, plan_frames
from nd2watch.errors import LayoutError
from nd2watch.experiment import Calibration, FrameGrid, join_files
from nd2watch.nd2 import StagePosition, TimeLoop, XYPosLoop
from nd2watch.sources import PAGES, ChannelInfo, FrameFile
from nd2watch.tools.experiment_factory import OpenZStackLoop
from nd2watch.tools.metadata_factory import StatedPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.experiment import Coordinate
    from nd2watch.nd2 import Experiment, ImageAttributes, Picture
    from nd2watch.tools.image_source import LimImageSource

_LOOPS: Final = "tpz"
_LAYOUT: Final = "files in the order in which they were given"


class InputError(LayoutError):
    """The files that are given, or what is said of them, contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The files of each frame, or run of frames.

    Attributes
    ----------
    files : tuple of tuple of FrameFile
        One file a channel, or of several channels.

    Raises
    ------
    InputError
        If there is none, or rows differ in their number of files.
    """

    files: tuple[tuple[FrameFile, ...], ...]

    def __post_init__(self) -> None:
        if not self.files:
            raise InputError("there are no files to convert")
        count = len(self.files[0])
        for number, row in enumerate(self.files, 1):
            if not row:
                raise InputError(f"frame {number} has no files")
            if len(row) != count:
                raise InputError(
                    f"frame {number} has {len(row)} channels ({row[0].path}, ...), frame 1 has"
                    f" {count}"
                )

    @classmethod
    def of(cls, sources: Sequence[Sequence[LimImageSource]]) -> Rows:
        """Return the rows of sources."""
        return cls(files=tuple(tuple(source.frame for source in row) for row in sources))

    @property
    def channel_count(self) -> int:
        """Files of a row."""
        return len(self.files[0])

    @property
    def title(self) -> str:
        """What the rows are, for messages."""
        first = self.files[0][0].path.name
        count = len(self.files) * self.channel_count
        return first if count == 1 else f"{first} and {count - 1} more"

    def notes_on_pages(self) -> tuple[str, ...]:
        """Return a note where pages of unknown meaning are taken for positions."""
        pages = (file.info.sizes.get(PAGES) for row in self.files for file in row)
        count = next(filter(None, pages), None)
        return () if count is None else (f"{count} pages are taken for positions",)

    def with_pages_on(self, sizes: dict[str, int]) -> Rows:
        """Return the rows with pages of unknown meaning on the loops that they fit.

        Parameters
        ----------
        sizes : dict
            Points on t, p and z.

        Raises
        ------
        InputError
            If it is not clear which loops these are.
        """
        return Rows(
            files=tuple(tuple(_with_known_pages(file, sizes) for file in row) for row in self.files)
        )

    def sizes(self) -> dict[str, int]:
        """Return the points on t, p, z and pages that every file has of its own.

        Raises
        ------
        InputError
            If files differ in them.
        """
        first = self.files[0][0]
        found = _loops_of(first)
        for file in itertools.chain(*self.files):
            if _loops_of(file) != found:
                raise InputError(
                    f"{file.path} holds {file.info.axes_text or 'one plane'}, {first.path}"
                    f" {first.info.axes_text or 'one plane'}; with loops given, all files are alike"
                )
        return found


def plan_in_order(
    rows: Rows,
    *,
    axis: str | None = None,
    experiment: Experiment | None = None,
    attributes: ImageAttributes | None = None,
    picture: Picture | None = None,
) -> ConversionPlan:
    """Return the plan for files in their order.

    Parameters
    ----------
    rows : Rows
        The files.
    axis : {"t", "p", "z"}, optional
        Axis of the sequence, and of pages of which nothing says what they are; positions, which is
        noted of pages, when left out.
    experiment : Experiment, optional
        Loops; the files are distributed on them.
    attributes : ImageAttributes, optional
        What the file is expected to be.
    picture : Picture, optional
        Channels, optics, pixel size, start.

    Raises
    ------
    LayoutError
        If anything contradicts the files.
    """
    grid = _grid(rows, axis or "p") if experiment is None else _grid_of_loops(rows, experiment)
    stated = StatedMetadata(
        experiment=experiment,
        open_axes=_open_axes(experiment),
        notes=rows.notes_on_pages() if experiment is None and axis is None else (),
    )
    if picture is not None:
        _check_colors(grid, picture)
        stated = dataclasses.replace(
            stated,
            calibration=Calibration(pixel_size_um=picture.pixel_size_um),
            channels=() if isinstance(picture, StatedPicture) else picture.channels,
            channel_infos=_channel_infos(picture, grid)
            if isinstance(picture, StatedPicture)
            else (),
            optics=picture.optics,
            started=picture.started,
        )
    plan = plan_frames(grid, stated, title=rows.title, layout=_LAYOUT)
    return plan if attributes is None else _with_attributes(plan, attributes)


def _with_known_pages(file: FrameFile, sizes: dict[str, int]) -> FrameFile:
    """Return a file with its pages of unknown meaning on the loops that they fit."""
    own = file.info.sizes
    if PAGES not in own:
        return file
    rest = {axis: size // own.get(axis, 1) for axis, size in sizes.items()}
    known = _axes_of_pages(own[PAGES], {a: 1 if a in own else n for a, n in rest.items()})
    if known is None:
        loops = " x ".join(f"{axis}={size}" for axis, size in sizes.items() if size > 1)
        raise InputError(
            f"{file.path} holds {own[PAGES]} pages, and nothing says which of the loops ({loops})"
            " they are; give a file a frame, or loops of which one has as many points"
        )
    axes: list[tuple[str, int]] = []
    for axis, size in file.info.axes:
        axes += known if axis == PAGES else [(axis, size)]
    return dataclasses.replace(file, info=dataclasses.replace(file.info, axes=tuple(axes)))


def _loops_of(file: FrameFile) -> dict[str, int]:
    """Return the points of a file on all axes but that of channels."""
    return {axis: size for axis, size in file.info.axes if axis != "c"}


def _grid(rows: Rows, axis: str) -> FrameGrid:
    """Return the planes of files that follow each other on an axis."""
    places = [{axis: number} for number in range(len(rows.files))]
    labels = {axis: len(rows.files)}
    return _join(rows, places, labels, pages=axis)


def _grid_of_loops(rows: Rows, experiment: Experiment) -> FrameGrid:
    """Return the planes of files that are distributed on loops.

    What the files do not have of a loop themselves is the order of the files: time, then position,
    then Z.
    """
    sizes = {axis: experiment.sizes.get(axis, 1) for axis in _LOOPS}
    rows = rows.with_pages_on(sizes)
    inner = rows.sizes()
    outer = {}
    for axis in _LOOPS:
        outer[axis], rest = divmod(sizes[axis], inner.get(axis, 1))
        if rest or not outer[axis]:
            raise InputError(
                f"the loops have {axis}={sizes[axis]}, each file has {axis}={inner[axis]}"
            )
    if math.prod(outer.values()) != len(rows.files):
        text = " x ".join(f"{axis}={count}" for axis, count in experiment.sizes.items()) or "none"
        per_row = math.prod(inner.values())
        raise InputError(
            f"the loops ({text}) make {experiment.frame_count} frames, the files give"
            f" {len(rows.files) * per_row}"
        )
    points = itertools.product(*(range(outer[axis]) for axis in _LOOPS))
    places = [dict(zip(_LOOPS, point, strict=True)) for point in points]
    return _join(rows, places, outer, pages=None)


def _axes_of_pages(pages: int, sizes: dict[str, int]) -> tuple[tuple[str, int], ...] | None:
    """Return the loops that pages make: all inner ones from some loop on, else just one loop.

    None if there are no such loops, or two single ones.
    """
    for start in reversed(range(len(_LOOPS))):
        axes = tuple((axis, sizes[axis]) for axis in _LOOPS[start:])
        if math.prod(size for _, size in axes) == pages:
            return axes
    single = [(axis, size) for axis, size in sizes.items() if size == pages]
    return (single[0],) if len(single) == 1 else None


def _join(
    rows: Rows, places: Sequence[dict[str, int]], sizes: dict[str, int], *, pages: str | None
) -> FrameGrid:
    """Return the planes of files whose rows have places on the axes t, p, z."""
    labels = [_numbers(sizes.get(axis, 1)) for axis in _LOOPS]
    channels = _numbers(rows.channel_count)
    files: dict[Coordinate, FrameFile] = {}
    for place, row in zip(places, rows.files, strict=True):
        t, p, z = (names[place.get(axis, 0)] for axis, names in zip(_LOOPS, labels, strict=True))
        files |= {(t, p, z, c): file for c, file in zip(channels, row, strict=True)}
    return join_files(files, [*labels, channels], pages=pages, joined=(*_LOOPS, "c"))


def _numbers(count: int) -> list[str]:
    """Return the names of points: their numbers, and no name for a single one."""
    return [""] if count == 1 else [str(number + 1) for number in range(count)]


def _channel_infos(picture: StatedPicture, grid: FrameGrid) -> tuple[ChannelInfo, ...]:
    """Return what is stated of each channel; without planes it is the same of all."""
    if picture.channel_infos:
        return picture.channel_infos
    usual = picture.channels[0]
    common = ChannelInfo(
        pinhole_um=usual.pinhole_um, camera=usual.camera, microscope=usual.microscope
    )
    return (common,) * grid.sizes[-1]


def _open_axes(experiment: Experiment | None) -> frozenset[str]:
    """Return the loops of which just the number of points is stated."""
    if experiment is None:
        return frozenset()
    return frozenset(
        loop.axis
        for loop in experiment.loops
        if isinstance(loop, OpenZStackLoop)
        or (isinstance(loop, TimeLoop) and not loop.period_ms)
        or (isinstance(loop, XYPosLoop) and set(loop.positions) == {StagePosition()})
    )


def _check_colors(grid: FrameGrid, picture: Picture) -> None:
    """Refuse an RGB channel for files that are not RGB."""
    file = grid.first.file
    if picture.is_rgb and not file.info.rgb:
        raise InputError(
            f"the metadata are of an RGB image, {file.path} is {file.info.format_text}"
        )


def _with_attributes(plan: ConversionPlan, attributes: ImageAttributes) -> ConversionPlan:
    """Return a plan with the bits and the compression that attributes give."""
    found = plan.attributes
    names = ("width", "height", "component_count", "bits_in_memory", "frame_count")
    wrong = [
        f"{name} is {getattr(attributes, name)}, by the files {getattr(found, name)}"
        for name in names
        if getattr(attributes, name) != getattr(found, name)
    ]
    if wrong:
        raise InputError(f"the attributes contradict the files: {'; '.join(wrong)}")
    stated = dataclasses.replace(
        found,
        bits_significant=attributes.bits_significant,
        zlib_level=attributes.zlib_level,
    )
    return dataclasses.replace(plan, attributes=stated)
