"""Reading ND2 files: those that `Nd2Writer` writes, and genuine ones like them."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, spec
from nd2watch.nd2.attributes import ImageAttributes
from nd2watch.nd2.chunk_file import ChunkFile
from nd2watch.nd2.columns import decode_tags
from nd2watch.nd2.experiment import Experiment, decode_loops
from nd2watch.nd2.frame_codec import FrameCodec
from nd2watch.nd2.frame_meta import OWN_COLUMNS, FrameMetadata
from nd2watch.nd2.mask_codec import decode_mask
from nd2watch.nd2.masks import LAYERS, decode_layers, mask_chunk_name
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.provenance import Provenance
from nd2watch.nd2.pyramid import LEVELS
from nd2watch.nd2.rois import ROIS, decode_rois
from nd2watch.nd2.text_info import TextInfo
from nd2watch.nd2.wells import FRAME_WELLS, PLATE, decode_frame_wells, decode_plate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.columns import RecordedColumn, RecordedValue
    from nd2watch.nd2.masks import MaskLayer
    from nd2watch.nd2.rois import Roi
    from nd2watch.nd2.wells import Well, WellPlate


class Nd2Reader(ChunkFile):
    """Reads an ND2 3.0 file, uncompressed or zlib; a context manager.

    Parameters
    ----------
    path : str or path
        The file.
    places : mapping of str to ChunkPlace, optional
        Where its chunks lie, when its chunk map cannot tell.

    Attributes
    ----------
    attributes : ImageAttributes
        Size and sample format.
    experiment : Experiment
        Loops; empty for a single frame.
    picture : Picture
        Channels, optics, pixel size, start.

    Raises
    ------
    FormatError
        If the file is not a complete ND2 3.0 file, or of a kind that is not read here.
    """

    def __init__(
        self, path: str | os.PathLike[str], places: Mapping[str, ChunkPlace] | None = None
    ) -> None:
        super().__init__(path, places)
        try:
            with self._named():
                self.attributes = ImageAttributes.decode(self._tree(spec.ATTRIBUTES))
                self.experiment = self._read_experiment()
                self.picture = self._read_picture()
        except BaseException:
            self.close()
            raise
        self._codec = FrameCodec(attributes=self.attributes, rgb=self.picture.is_rgb)

    def _read_experiment(self) -> Experiment:
        """Return the loops, none for a single frame."""
        if spec.EXPERIMENT not in self._places:
            return Experiment()
        return Experiment(loops=decode_loops(self._tree(spec.EXPERIMENT)))

    def _read_picture(self) -> Picture:
        """Return the picture, whose channels must have as many components as are stored."""
        picture = Picture.decode(self._tree(spec.PICTURE))
        described, stored = picture.component_count, self.attributes.component_count
        if described != stored:
            raise FormatError(f"channels of {described} components describe {stored} components")
        return picture

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis: loops outermost first (T, P, Z), then C (S for RGB), Y, X."""
        loops = {axis.upper(): size for axis, size in self.experiment.sizes.items()}
        height, width, components = self.attributes.shape
        return {**loops, "S" if self.picture.is_rgb else "C": components, "Y": height, "X": width}

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels in component order."""
        return tuple(channel.name for channel in self.picture.channels)

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel, um; None when the file says that it is not calibrated."""
        return self.picture.pixel_size_um

    @property
    def provenance(self) -> Provenance | None:
        """Where the file comes from; None in files of other programs."""
        if spec.PROVENANCE not in self._places:
            return None
        with self._named():
            provenance = Provenance.decode(self._data(spec.PROVENANCE))
            if spec.SOURCES not in self._places:
                return provenance
            components = self.attributes.component_count
            return provenance.with_list(self._data(spec.SOURCES), len(self._places), components)

    @property
    def text_info(self) -> TextInfo:
        """Texts for people, without the facts that the description begins with."""
        if spec.TEXT_INFO not in self._places:
            return TextInfo()
        with self._named():
            return TextInfo.decode(self._tree(spec.TEXT_INFO))

    @property
    def missing_frames(self) -> tuple[int, ...]:
        """Frames that the loops have and the file has not, or only blank.

        Raises
        ------
        FormatError
            If the file is too small for the frames that it claims.
        """
        with self._named():
            self._check_frame_count()
            stored = self._data(spec.MISSING) if spec.MISSING in self._places else b""
        blank = set(np.frombuffer(stored[: len(stored) // 4 * 4], "<u4").tolist())
        return tuple(
            index
            for index in range(self.attributes.frame_count)
            if index in blank or spec.frame_name(index) not in self._places
        )

    def _check_frame_count(self) -> None:
        """Refuse a damaged number of frames: even of a missing one the time is there."""
        count = self.attributes.frame_count
        name = spec.custom_data_name("AcqTimesCache")
        if name in self._places:
            chunks.find_data(self._file, name, self._places[name])
            size = self._places[name].data_size
        else:
            size = self._file.seek(0, os.SEEK_END)
        if 8 * count > size:
            raise FormatError(f"the file is too small for {count} frames")

    @property
    def has_pyramid(self) -> bool:
        """There are smaller versions of frames."""
        return any(name.startswith(LEVELS) for name in self._places)

    @property
    def frame_times_ms(self) -> npt.NDArray[np.float64]:
        """Time of each frame since the start, ms, shape (frame,)."""
        with self._named():
            data = self._data(spec.custom_data_name("AcqTimesCache"))
            if len(data) != 8 * self.attributes.frame_count:
                raise FormatError(f"{len(data)} bytes are not a time for each frame")
        return np.frombuffer(data, "<f8")

    @property
    def well_plate(self) -> WellPlate | None:
        """The plate; None without."""
        if PLATE not in self._places:
            return None
        with self._named():
            return decode_plate(self._data(PLATE))

    @property
    def frame_wells(self) -> dict[int, Well]:
        """Well of each frame that is in one."""
        plate = self.well_plate
        if plate is None or FRAME_WELLS not in self._places:
            return {}
        with self._named():
            frames = self.attributes.frame_count
            return decode_frame_wells(plate, self._data(FRAME_WELLS), frames)

    @property
    def rois(self) -> tuple[Roi, ...]:
        """Regions of interest: those of all frames first, then by XY position."""
        if ROIS not in self._places:
            return ()
        with self._named():
            return decode_rois(self._data(ROIS), self.attributes)

    @property
    def mask_layers(self) -> tuple[MaskLayer, ...]:
        """Layers of masks in their order."""
        return tuple(self._mask_tags().values())

    def _mask_tags(self) -> dict[str, MaskLayer]:
        """Return the layers of masks by the tag in the names of their chunks."""
        if LAYERS not in self._places:
            return {}
        with self._named():
            return decode_layers(self._data(LAYERS))

    def read_mask(self, layer: str, index: int) -> npt.NDArray[Any] | None:
        """Return the labels of a frame, shape (Y, X), 0 for background; None without a mask.

        Parameters
        ----------
        layer : str
            Name of the layer.
        index : int
            Number of the frame.

        Raises
        ------
        FormatError
            If there is no such layer, or the mask is damaged.
        """
        tags = {found.name: tag for tag, found in self._mask_tags().items()}
        with self._named():
            if layer not in tags:
                raise FormatError(f"there is no mask layer {layer!r} among {sorted(tags)}")
            name = mask_chunk_name(tags[layer], index)
            if name not in self._places:
                return None
            self._check_frame_size(index)
            what = f"mask {layer} of frame {index}"
            return decode_mask(self._data(name), self.attributes.shape[:2], what)

    def recorded_columns(self) -> tuple[RecordedColumn, ...]:
        """Return the columns that were added to those that every file has.

        Raises
        ------
        FormatError
            If their description is damaged.
        """
        own = {key for key, _ in OWN_COLUMNS.values()}
        return tuple(column for key, column in self._tags().items() if key not in own)

    def column_keys(self) -> tuple[str, ...]:
        """Return the key in the chunk's name of every column."""
        return tuple(self._tags())

    def _tags(self) -> dict[str, RecordedColumn]:
        """Return the description of the columns by the key of their chunk."""
        if spec.CUSTOM_TAGS not in self._places:
            return {}
        with self._named():
            return decode_tags(self._data(spec.CUSTOM_TAGS))

    def columns(self) -> dict[str, tuple[RecordedColumn, tuple[RecordedValue, ...]]]:
        """Return the recorded columns with a value for each frame, by the key of their chunk.

        Raises
        ------
        FormatError
            If a column is missing or cut short.
        """
        found = {}
        tags = self._tags()
        with self._named():
            for key, column in tags.items():
                values = column.decode(self._data(spec.custom_data_name(key)))
                if len(values) != self.attributes.frame_count:
                    raise FormatError(f"column {column.name} has {len(values)} values")
                found[key] = (column, values)
        return found

    def frame_metadata(self) -> list[FrameMetadata]:
        """Return what is recorded for each frame.

        Raises
        ------
        FormatError
            If a column or the times are missing or damaged.
        """
        columns = self.columns()
        own = {
            name: columns.pop(key)[1] for name, (key, _) in OWN_COLUMNS.items() if key in columns
        }
        wells = self.frame_wells
        rows = []
        for index, time_ms in enumerate(self.frame_times_ms):
            known = {name: _finite(values[index]) for name, values in own.items()}
            recorded = {c.name: v[index] for c, v in columns.values() if _is_known(v[index])}
            rows.append(
                FrameMetadata(
                    time_ms=float(time_ms),
                    x_um=known.get("x_um"),
                    y_um=known.get("y_um"),
                    z_um=known.get("z_um"),
                    exposure_ms=known.get("exposure_ms"),
                    recorded=recorded,
                    well=wells.get(index),
                )
            )
        return rows

    def read_frame(self, index: int) -> npt.NDArray[Any]:
        """Return one frame, shape (Y, X, component), RGB in this order; zeros when it is missing.

        Raises
        ------
        FormatError
            If the file has no frame of this number, or it is damaged.
        """
        frame = self._empty_frame(index)
        at = 0
        for strip in self.read_strips(index):
            frame[at : at + len(strip)] = strip
            at += len(strip)
        return frame

    def _check_frame_size(self, index: int) -> None:
        """Refuse attributes that claim larger frames than the file has, even for a missing one."""
        if spec.frame_name(index) in self._places:
            self._codec.check_size(self.stored_size(index), f"frame {index}")
            return
        sizes = [p.data_size for name, p in self._places.items() if name.startswith(spec.FRAMES)]
        if sizes:
            self._codec.check_size(max(sizes) - spec.FRAME_TIME.size, "the largest frame")

    def _empty_frame(self, index: int) -> npt.NDArray[Any]:
        """Return zeros for a frame, once it is known that the file can hold it."""
        with self._named():
            self._check_frame_size(index)
            try:
                return np.zeros(self.attributes.shape, self.attributes.dtype)
            except (MemoryError, ValueError) as error:
                size = self.attributes.frame_size
                raise FormatError(f"a frame of {size} bytes does not fit the memory") from error

    def read_strips(self, index: int) -> Iterator[npt.NDArray[Any]]:
        """Yield one frame from top to bottom, shape (row, X, component), about 16 MiB at a time.

        Nothing is yielded when the frame is missing.

        Raises
        ------
        FormatError
            If the file has no frame of this number, or it is damaged.
        """
        with self._named():
            if spec.frame_name(index) in self._places:
                yield from self._codec.strips(self.stored_frame(index), f"frame {index}")
            elif not 0 <= index < self.attributes.frame_count:
                raise FormatError(f"there is no frame {index} among {self.attributes.frame_count}")

    def stored_size(self, index: int) -> int:
        """Return the bytes that a frame takes, without its time."""
        return self._places[spec.frame_name(index)].data_size - spec.FRAME_TIME.size

    def stored_frame(self, index: int) -> Iterator[bytes]:
        """Yield the bytes of a frame as they are stored, without its time, piece by piece."""
        return self._pieces(spec.frame_name(index), spec.FRAME_TIME.size)

    def frame_time_ms(self, index: int) -> float:
        """Return the time that is stored with a frame, ms.

        Raises
        ------
        FormatError
            If the frame is missing or damaged.
        """
        name = spec.frame_name(index)
        with self._named():
            if name not in self._places:
                raise FormatError(f"frame {index} is missing")
            if self._places[name].data_size < spec.FRAME_TIME.size:
                raise FormatError(f"frame {index} has no time")
            self._file.seek(chunks.find_data(self._file, name, self._places[name]))
            time_ms = spec.FRAME_TIME.unpack(self._file.read(spec.FRAME_TIME.size))[0]
            return float(time_ms)


def _is_known(value: RecordedValue) -> bool:
    """Return whether a column has a value: a missing number is NaN, a missing text empty."""
    return value != "" if isinstance(value, str) else not math.isnan(value)


def _finite(value: RecordedValue) -> float | None:
    """Return a number of a column, None when it is missing."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
