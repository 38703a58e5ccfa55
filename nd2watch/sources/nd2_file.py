"""ND2 files as sources of planes: to be put in another order, or one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError, FrameIncomplete, FrameUnreadable
from nd2watch.nd2 import FrameMetadata, Modality, TimeLoop, XYPosLoop, ZStackLoop
from nd2watch.nd2.chunk_file import ChunkFile
from nd2watch.nd2.spec import CHUNK_MAGIC
from nd2watch.nd2.tolerant_reader import TolerantReader
from nd2watch.sources.base import PAGES, ChannelInfo, OpticsInfo, PlaneInfo, SourceInfo
from nd2watch.sources.declared import check_declared
from nd2watch.sources.files import check_not_replaced, check_start, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from nd2watch.nd2 import Channel, Experiment, Nd2Reader, Optics, Picture
    from nd2watch.sources.values import Stage

_START: Final = CHUNK_MAGIC.to_bytes(4, "little")
_ADVICE: Final = "save it anew in NIS-Elements if it is an older one"


class Nd2Source:
    """An open ND2 file.

    Of damaged loops its frames are pages; of damaged picture metadata its channels are numbered.

    The loops are axes in their nesting, outermost first; channels are the innermost axis. A file
    of a colour camera has planes of RGB. Frames are in file order, also in a stack that falls from
    top to bottom. Channels of a frame that was decoded are kept until they are read.

    Parameters
    ----------
    path : Path
        Its name; it is opened once more by it.
    file : BinaryIO
        The open file.

    Attributes
    ----------
    info : SourceInfo
        What its metadata say.

    Raises
    ------
    FrameIncomplete
        If its end, where the list of its chunks is, is not there.
    FrameUnreadable
        If it is no ND2 file of a kind that is read here, or frames are missing.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        check_start(path, file, "version 3 ND2", _START, advice=_ADVICE)
        self._reader = _open_reader(path)
        try:
            check_not_replaced(path, file)
            check_declared(path, self._reader.attributes.frame_size, key_of(file).size)
            self.info = _read_info(path, self._reader)
        except BaseException:
            self._reader.close()
            raise
        self._channels = 1 if self.info.rgb else len(self.info.channels)
        self._decoded: dict[int, npt.NDArray[Any]] = {}

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        if plane not in self._decoded:
            self._decoded = dict(self._planes_of(plane // self._channels))
        return self._decoded.pop(plane)

    def _planes_of(self, index: int) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield the planes of a frame with their numbers."""
        frame = self._reader.read_frame(index).astype(self.info.dtype, copy=False)
        for channel in range(self._channels):
            samples = frame if self.info.rgb else frame[:, :, channel]
            yield index * self._channels + channel, np.ascontiguousarray(samples)

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()


def _open_reader(path: Path) -> Nd2Reader:
    """Return the reader; a file without the list of chunks that ends it is not complete yet."""
    try:
        with ChunkFile(path) as file:
            places = file.chunks
    except FormatError as error:
        raise FrameIncomplete(str(error), path) from error
    try:
        return TolerantReader(path, places)
    except FormatError as error:
        raise FrameUnreadable(f"{error}; the file cannot be read", path) from error


def _read_info(path: Path, reader: Nd2Reader) -> SourceInfo:
    """Return what the metadata say."""
    attributes, picture = reader.attributes, reader.picture
    optics = _optics(picture)
    channels = tuple(_channel(channel, optics) for channel in picture.channels)
    loops = _loops(path, reader)
    _refuse_missing_frames(path, reader)
    stack = reader.experiment.z_stack
    return SourceInfo(
        height=attributes.height,
        width=attributes.width,
        dtype=attributes.dtype.newbyteorder("="),
        rgb=picture.is_rgb,
        axes=(*loops, ("c", len(channels))),
        channels=channels,
        positions=_positions(reader)[: dict(loops).get("p")],
        optics=_optics_info(optics),
        pixel_size_um=picture.pixel_size_um,
        z_step_um=stack.step_um if stack else None,
        z_falls=stack is not None and not stack.bottom_to_top,
        period_ms=_period_ms(reader),
        started=picture.started,
        planes=tuple(plane for plane in _frames(reader) for _ in channels),
        bits_significant=None if attributes.is_float else attributes.bits_significant,
    )


def _loops(path: Path, reader: Nd2Reader) -> tuple[tuple[str, int], ...]:
    """Return the axes of the loops; the outermost is shorter where acquisition was stopped."""
    frames = reader.attributes.frame_count
    if not reader.experiment.loops:
        return ((PAGES, frames),)
    (axis, planned), *inner = reader.experiment.sizes.items()
    count, rest = divmod(frames, math.prod(size for _, size in inner))
    if rest or count > planned:
        sizes = " x ".join(f"{axis}={n}" for axis, n in reader.experiment.sizes.items())
        raise FrameUnreadable(
            f"{path} has {frames} frames, which do not fill its loops {sizes}; cut it to whole"
            " points of its outermost loop in NIS-Elements",
            path,
        )
    return ((axis, count), *inner)


def _refuse_missing_frames(path: Path, reader: Nd2Reader) -> None:
    """Refuse a file in which frames are missing: they would become black ones."""
    try:
        missing = len(reader.missing_frames)
    except FormatError as error:
        raise FrameUnreadable(f"{error}; the file cannot be read", path) from error
    if missing:
        raise FrameUnreadable(
            f"{path} lacks {missing} of its {reader.attributes.frame_count} frames, which would"
            " become black ones; cut it in NIS-Elements to points that are whole, or convert the"
            " files that it was made from",
            path,
        )


def _channel(channel: Channel, usual: Optics) -> ChannelInfo:
    """Return what the file tells of a channel, and its optics where they are not the usual ones."""
    own = channel.optics if channel.optics != usual else None
    return ChannelInfo(
        name=channel.name,
        color=channel.color,
        excitation_nm=channel.excitation_nm,
        emission_nm=channel.emission_nm,
        exposure_ms=channel.exposure_ms,
        modality=tuple(str(flag.name).lower() for flag in Modality if flag in channel.modality),
        pinhole_um=channel.pinhole_um,
        camera=channel.camera,
        optics=None if own is None else _optics_info(own),
        microscope=channel.microscope,
    )


def _optics(picture: Picture) -> Optics:
    """Return the optics that all channels have, or of the picture."""
    optics, *others = {channel.optics or picture.optics for channel in picture.channels}
    return picture.optics if others else optics


def _optics_info(optics: Optics) -> OpticsInfo:
    """Return optics as a file tells them."""
    return OpticsInfo(**dataclasses.asdict(optics))


def _positions(reader: Nd2Reader) -> tuple[str, ...]:
    """Return the names of the positions, none where none has one."""
    for loop in reader.experiment.loops:
        if isinstance(loop, XYPosLoop):
            names = tuple(position.name for position in loop.positions)
            return names if any(names) else ()
    return ()


def _period_ms(reader: Nd2Reader) -> float | None:
    """Return the time between equidistant time points, as intended, else as measured."""
    for loop in reader.experiment.loops:
        if isinstance(loop, TimeLoop):
            return loop.period_ms or loop.period_mean_ms
    return None


def _frames(reader: Nd2Reader) -> Iterator[PlaneInfo]:
    """Yield what is recorded for each frame, nothing when the records are damaged."""
    for index, row in enumerate(_recorded(reader)):
        yield PlaneInfo(
            time_ms=row.time_ms,
            stage_um=_recorded_stage_um(row) or _planned_stage_um(reader.experiment, index),
            exposure_ms=row.exposure_ms,
        )


def _recorded(reader: Nd2Reader) -> list[FrameMetadata]:
    """Return what is recorded for each frame: the times alone when other columns are damaged."""
    with contextlib.suppress(FormatError):
        return reader.frame_metadata()
    with contextlib.suppress(FormatError):
        return [FrameMetadata(time_ms=time_ms) for time_ms in reader.frame_times_ms.tolist()]
    return []


def _recorded_stage_um(row: FrameMetadata) -> Stage | None:
    """Return the stage position that is recorded for a frame."""
    if row.x_um is None or row.y_um is None:
        return None
    return row.x_um, row.y_um, row.z_um


def _planned_stage_um(experiment: Experiment, index: int) -> Stage | None:
    """Return the stage position that the loops give a frame; where all are 0, none is known."""
    place, height_um, with_z = None, 0.0, False
    for loop, point in experiment.place_of(index):
        if isinstance(loop, XYPosLoop) and any(p.x_um or p.y_um for p in loop.positions):
            place = loop.positions[point]
            with_z = any(p.z_um for p in loop.positions)
        elif isinstance(loop, ZStackLoop):
            height_um = loop.height_um(point)
    if place is None:
        return None
    return place.x_um, place.y_um, place.z_um + height_um if with_z else None
