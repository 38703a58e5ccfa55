"""Deciding what an ND2 file will hold, from planes in their places; nothing is written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.convert.optical import channels_of, differing_names, optics_of
from nd2watch.convert.places import (
    falls,
    positions_of,
    stage_of,
    stage_on,
    with_places,
    z_step_of,
)
from nd2watch.convert.timing import Timing, timing_of
from nd2watch.errors import FrameMismatch, LayoutError, SequenceIncomplete
from nd2watch.experiment import AXES
from nd2watch.nd2 import (
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Picture,
    RecordedColumn,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
    measured,
    stored_dtype,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.convert.stated import StatedMetadata
    from nd2watch.experiment import FrameGrid, ImageSequence
    from nd2watch.nd2 import Channel, Loop, WellPlate
    from nd2watch.sources import FrameFile, SourcePlane

    Frame = Sequence[SourcePlane | None]

_MISSING: Final = RecordedColumn(name="Missing Planes", kind="text")
"""Names of the channels that a frame lacks; a frame that lacks all of them is missing itself."""

_LONGEST_CELL: Final = 255
_LEAST_BITS: Final = {1: 1, 2: 9}
"""Fewest significant bits by the bytes of a sample, see `ImageAttributes`."""

_LISTED: Final = 20
_FRAME_RECORD_BYTES: Final = 8192
_FILE_RECORD_BYTES: Final = 1 << 20
"""What a file has beside its pixels at most: of each frame, and in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionPlan:
    """Everything that is needed to write one ND2 file.

    Attributes
    ----------
    title : str
        The sequence's name for messages.
    sources : tuple of tuple of SourcePlane or None
        For each frame in file order, one plane a channel; None where it is missing.
    attributes : ImageAttributes
        Size and sample format.
    experiment : Experiment
        Loops, of more than one value each.
    picture : Picture
        Channels and calibration.
    frames : tuple of FrameMetadata
        Time and stage position of each frame.
    sources_digest : str
        Digest over path, size and change time of the sources in their order.
    layout : str
        How the names of the sources were read.
    assumptions : tuple of str
        What neither the layout nor the files say, and what was taken instead.
    recorded : tuple of RecordedColumn
        Columns for which frames have a value.
    well_plate : WellPlate, optional
        Plate that the frames' wells are on.
    """

    title: str
    sources: tuple[tuple[SourcePlane | None, ...], ...]
    attributes: ImageAttributes
    experiment: Experiment
    picture: Picture
    frames: tuple[FrameMetadata, ...]
    sources_digest: str
    layout: str = ""
    assumptions: tuple[str, ...] = ()
    recorded: tuple[RecordedColumn, ...] = ()
    well_plate: WellPlate | None = None

    @property
    def byte_count(self) -> int:
        """Bytes that the file will have, near enough."""
        frame = self.attributes.frame_size + _FRAME_RECORD_BYTES
        return len(self.sources) * frame + _FILE_RECORD_BYTES

    @property
    def files(self) -> tuple[FrameFile, ...]:
        """The files that planes are taken from, each once."""
        planes = (plane for frame in self.sources for plane in frame if plane is not None)
        return tuple({plane.file.path: plane.file for plane in planes}.values())


def plan_frames(
    grid: FrameGrid, stated: StatedMetadata, *, title: str, layout: str
) -> ConversionPlan:
    """Return the plan for planes in their places.

    Metadata are those that the user states, else those that the sources tell. Time stamps are the
    acquisition times that the files carry, if all do, in whatever order they were taken; else
    multiples of the period; else each time point has the earliest modification time of its files.
    What is known from nowhere is noted as assumed.

    Parameters
    ----------
    grid : FrameGrid
        The planes.
    stated : StatedMetadata
        What the user states.
    title : str
        The sequence's name for messages.
    layout : str
        How the names of the sources were read, for people.

    Raises
    ------
    LayoutError
        If the stated loops make another number of frames, or the stated channels are more or
        fewer than there are.
    FormatError
        If ND2 cannot store the sequence.
    """
    timing = timing_of(grid, stated)
    channels = channels_of(grid, stated)
    info = grid.first.file.info
    columns, frames = _frame_metadata(grid, stated, timing, channels)
    return ConversionPlan(
        title=title,
        sources=grid.frames,
        attributes=ImageAttributes(
            width=info.width,
            height=info.height,
            component_count=3 if info.rgb else len(channels),
            bits_in_memory=stored_dtype(info.dtype).itemsize * 8,
            bits_significant=_significant_bits(grid),
            frame_count=len(grid.frames),
        ),
        experiment=_experiment(grid, stated, timing),
        picture=Picture(
            channels=channels,
            optics=optics_of(grid, stated),
            pixel_size_um=stated.calibration.pixel_size_um or info.pixel_size_um,
            started=timing.started,
        ),
        frames=frames,
        sources_digest=_digest(grid),
        layout=layout,
        assumptions=(*stated.notes, *_assumptions(grid, stated, timing)),
        recorded=columns,
        well_plate=stated.well_plate,
    )


def check_whole(sequence: ImageSequence, *, allow_missing: bool = False) -> None:
    """Refuse a sequence that lacks frames, has too many, or mixes formats.

    Raises
    ------
    SequenceIncomplete
        If frames are missing and may not; the message lists them.
    FrameMismatch
        If frames differ in size or dtype; the message lists the odd ones.
    LayoutError
        If there are more labels than the layout says.
    """
    if surplus := sequence.surplus():
        raise LayoutError(f"sequence {sequence.title}: {surplus}")
    if not allow_missing and not sequence.is_complete:
        missing = sequence.missing()
        shown = "; ".join(missing[:_LISTED]) + ("; ..." if len(missing) > _LISTED else "")
        raise SequenceIncomplete(
            f"sequence {sequence.title} has {len(sequence)} of {sequence.expected} frames;"
            f" missing: {shown}"
        )
    if odd := sequence.mismatched():
        shown = "; ".join(f"{frame.path} is {frame.info.format_text}" for frame in odd[:_LISTED])
        usual = f"most frames are {sequence.usual_format()}, but "
        raise FrameMismatch(
            f"sequence {sequence.title} mixes formats; {usual * (len(odd) < len(sequence))}{shown}"
        )


def _experiment(grid: FrameGrid, stated: StatedMetadata, timing: Timing) -> Experiment:
    """Return the stated loops, completed, else those of the axes that have several points."""
    found = _loops(grid, stated, timing)
    loops = tuple(loop for axis, loop in found.items() if grid.sizes[AXES.index(axis)] > 1)
    if stated.experiment is not None:
        _check_count(stated.experiment, grid)
        own = stated.experiment.loops
        loops = tuple(found[loop.axis] if loop.axis in stated.open_axes else loop for loop in own)
    return measured(Experiment(loops=loops), timing.times_ms)


def _loops(grid: FrameGrid, stated: StatedMetadata, timing: Timing) -> dict[str, Loop]:
    """Return the loop that the sources tell for each axis."""
    t_count, _, z_count, _ = grid.sizes
    return {
        "t": TimeLoop(count=t_count, period_ms=timing.period_ms or 0.0)
        if timing.period_ms or timing.are_alike
        else TimeLoop.measured(timing.starts_ms),
        "p": XYPosLoop(positions=positions_of(grid)),
        "z": ZStackLoop(
            count=z_count,
            step_um=z_step_of(grid, stated) or 1.0,
            bottom_to_top=not falls(grid, stated),
        ),
    }


def _check_count(experiment: Experiment, grid: FrameGrid) -> None:
    """Refuse stated loops that make another number of frames."""
    if experiment.frame_count != len(grid.frames):
        sizes = " x ".join(f"{axis}={count}" for axis, count in experiment.sizes.items())
        raise LayoutError(
            f"the loops ({sizes or 'none'}) make {experiment.frame_count} frames, the files give"
            f" {len(grid.frames)}"
        )


def _frame_metadata(
    grid: FrameGrid, stated: StatedMetadata, timing: Timing, channels: Sequence[Channel]
) -> tuple[tuple[RecordedColumn, ...], tuple[FrameMetadata, ...]]:
    """Return the recorded columns, and what is known of each frame."""
    _, p_count, z_count, _ = grid.sizes
    is_patchy = any(_lacks_some(frame) for frame in grid.frames)
    exposed = _exposures_differ(grid)
    loops = with_places(stated.experiment)
    frames = []
    for index, (frame, time_ms) in enumerate(zip(grid.frames, timing.times_ms, strict=True)):
        position = index // z_count % p_count
        stage = stage_of(frame)
        if loops is not None:
            stage = stage_on(loops, index, stage)
        frames.append(
            FrameMetadata(
                time_ms=time_ms,
                **stage,
                exposure_ms=_exposure_ms(frame) if exposed else None,
                recorded={_MISSING.name: _missing(frame, channels)} if is_patchy else {},
                well=stated.wells[position] if stated.wells else None,
            )
        )
    return ((_MISSING,) if is_patchy else ()), tuple(frames)


def _lacks_some(frame: Frame) -> bool:
    """Return whether some planes of a frame are missing, and others are not."""
    return None in frame and any(plane is not None for plane in frame)


def _missing(frame: Frame, channels: Sequence[Channel]) -> str:
    """Return the names of the channels that a frame lacks, shortened to what a column holds."""
    pairs = zip(frame, channels, strict=True)
    names = ", ".join(channel.name for plane, channel in pairs if plane is None)
    return names if len(names) <= _LONGEST_CELL else f"{names[: _LONGEST_CELL - 3]}..."


def _exposures_differ(grid: FrameGrid) -> bool:
    """Return whether exposures of a channel change from frame to frame."""
    seen: dict[int, float] = {}
    for frame in grid.frames:
        for number, plane in enumerate(frame):
            exposure = None if plane is None else plane.info.exposure_ms
            if exposure is not None and seen.setdefault(number, exposure) != exposure:
                return True
    return False


def _exposure_ms(frame: Frame) -> float | None:
    """Return the exposure of a frame's first plane that tells one, ms."""
    exposures = (plane.info.exposure_ms for plane in frame if plane is not None)
    return next((exposure for exposure in exposures if exposure is not None), None)


def _significant_bits(grid: FrameGrid) -> int:
    """Return the bits that all files say their samples have at most; 0 for all of a sample's."""
    dtype = stored_dtype(grid.first.file.info.dtype)
    bits = {plane.file.info.bits_significant for plane in grid.planes}
    known = [count for count in bits if count is not None]
    if dtype.kind != "u" or len(known) < len(bits):
        return 0
    return min(max(*known, _LEAST_BITS[dtype.itemsize]), 8 * dtype.itemsize)


def _assumptions(grid: FrameGrid, stated: StatedMetadata, timing: Timing) -> Iterator[str]:
    """Yield what had to be assumed, and where the files contradict each other."""
    pixel_um = grid.first.file.info.pixel_size_um
    if stated.calibration.pixel_size_um is None:
        if pixel_um is None:
            yield "the pixel size is unknown; the file is not calibrated"
        elif len({plane.file.info.pixel_size_um for plane in grid.planes}) > 1:
            yield f"the files differ in pixel size; {pixel_um:g} um, that of the first, is written"
    own = stated.experiment.sizes.keys() - stated.open_axes if stated.experiment else set()
    _, p_count, z_count, _ = grid.sizes
    if z_count > 1 and "z" not in own:
        step_um = z_step_of(grid, stated)
        steps = {plane.file.info.z_step_um for plane in grid.planes}
        if step_um is None:
            yield "the Z step is unknown; 1 um is written"
        elif stated.calibration.z_step_um is None and len(steps) > 1:
            yield f"the files differ in Z step; {step_um:g} um, that of the first, is written"
    if p_count > 1 and "p" not in own:
        unknown = sum(not stage_of(frame) for frame in grid.frames)
        if unknown:
            what = "stage positions" if unknown == len(grid.frames) else "some stage positions"
            yield f"{what} are unknown; 0 is written"
    if not stated.channels:
        yield from differing_names(grid)
    if timing.assumption:
        yield timing.assumption
    yield from dict.fromkeys(note for plane in grid.planes for note in plane.file.info.notes)
    for name, plane in zip(grid.labels[3], grid.frames[0], strict=True):
        if plane is not None and plane.is_repeated and plane.file.info.single_planes:
            yield f"channel {name!r} has one plane, which is repeated on each of {z_count}"
    if missing := len(grid.missing):
        what = "1 plane is" if missing == 1 else f"{missing} planes are"
        yield f"{what} missing; black is written instead"


def _digest(grid: FrameGrid) -> str:
    """Return a digest of the sources that costs no reading of pixels.

    Their names, sizes and times alone may be those of other files: frames are all of one size, and
    those that are written or copied together may have one time.
    """
    digest = hashlib.sha256()
    for frame in grid.frames:
        for plane in frame:
            if plane is None:
                digest.update(b"missing")
                continue
            file = plane.file
            path = os.fsencode(file.path.absolute())
            entry = (path, file.key.size, file.key.mtime_ns)
            numbered = (*entry, plane.index) if file.info.plane_count > 1 else entry
            digest.update(repr(numbered).encode())
    return digest.hexdigest()
