"""Reading ND2 files: those that `Nd2Writer` writes, and genuine ones like them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, lite_variant, spec
from nd2watch.nd2.attributes import ImageAttributes
from nd2watch.nd2.columns import decode_tags
from nd2watch.nd2.experiment import Experiment, decode_loops
from nd2watch.nd2.frame_codec import FrameCodec
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.provenance import Provenance
from nd2watch.nd2.text_info import TextInfo

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy.typing as npt

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.columns import RecordedColumn, RecordedValue
    from nd2watch.nd2.lite_variant import Plain

_PIECE: Final = 1 << 22


class Nd2Reader:
    """Reads an ND2 3.0 file, uncompressed or zlib; a context manager.

    Parameters
    ----------
    path : str or path
        The file.

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

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = self.path.open("rb")
        try:
            with self._named():
                self._places = chunks.read_map(self._file)
                self.attributes = ImageAttributes.decode(self._tree(spec.ATTRIBUTES))
                self.experiment = Experiment(loops=self._loops())
                self.picture = Picture.decode(self._tree(spec.PICTURE))
                self._check_values()
        except BaseException:
            self._file.close()
            raise
        self._codec = FrameCodec(attributes=self.attributes, rgb=self.picture.is_rgb)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file in errors."""
        try:
            yield
        except FormatError as error:
            raise FormatError(f"{self.path}: {error}") from error

    def _loops(self) -> tuple[Any, ...]:
        """Return the loops, none for a single frame."""
        return decode_loops(self._tree(spec.EXPERIMENT)) if spec.EXPERIMENT in self._places else ()

    def _check_values(self) -> None:
        """Refuse values that contradict each other."""
        described, stored = self.picture.component_count, self.attributes.component_count
        if described != stored:
            raise FormatError(f"channels of {described} components describe {stored} components")

    def _tree(self, name: str) -> Plain:
        """Return the tree of a metadata chunk."""
        return lite_variant.decode(self._data(name))[1]

    def _data(self, name: str) -> bytes:
        """Return the data of a chunk."""
        if name not in self._places:
            raise FormatError(f"chunk {name} is missing")
        return chunks.read_data(self._file, name, self._places[name])

    @property
    def chunks(self) -> dict[str, ChunkPlace]:
        """Every chunk that the file lists, by name."""
        return dict(self._places)

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
            return Provenance.decode(self._data(spec.PROVENANCE))

    @property
    def text_info(self) -> TextInfo:
        """Texts for people, without the facts that the description begins with."""
        if spec.TEXT_INFO not in self._places:
            return TextInfo()
        with self._named():
            return TextInfo.decode(self._tree(spec.TEXT_INFO))

    @property
    def missing_frames(self) -> tuple[int, ...]:
        """Frames that the loops have and the file has not."""
        return tuple(
            index
            for index in range(self.attributes.frame_count)
            if spec.frame_name(index) not in self._places
        )

    @property
    def frame_times_ms(self) -> npt.NDArray[np.float64]:
        """Time of each frame since the start, ms, shape (frame,)."""
        with self._named():
            data = self._data(spec.custom_data_name("AcqTimesCache"))
            if len(data) != 8 * self.attributes.frame_count:
                raise FormatError(f"{len(data)} bytes are not a time for each frame")
        return np.frombuffer(data, "<f8")

    def columns(self) -> dict[str, tuple[RecordedColumn, tuple[RecordedValue, ...]]]:
        """Return the recorded columns with a value for each frame, by the key of their chunk.

        Raises
        ------
        FormatError
            If a column is missing or cut short.
        """
        if spec.CUSTOM_TAGS not in self._places:
            return {}
        with self._named():
            found = {}
            for key, column in decode_tags(self._data(spec.CUSTOM_TAGS)).items():
                values = column.decode(self._data(spec.custom_data_name(key)))
                if len(values) != self.attributes.frame_count:
                    raise FormatError(f"column {column.name} has {len(values)} values")
                found[key] = (column, values)
        return found

    def read_frame(self, index: int) -> npt.NDArray[Any]:
        """Return one frame, shape (Y, X, component), RGB in this order; zeros when it is missing.

        Raises
        ------
        FormatError
            If the file has no frame of this number, or it is damaged.
        """
        frame = np.zeros(self.attributes.shape, self.attributes.dtype)
        at = 0
        for strip in self.read_strips(index):
            frame[at : at + len(strip)] = strip
            at += len(strip)
        return frame

    def read_strips(self, index: int) -> Iterator[npt.NDArray[Any]]:
        """Yield one frame from top to bottom, shape (row, X, component), about 16 MiB at a time.

        Nothing is yielded when the frame is missing.

        Raises
        ------
        FormatError
            If the file has no frame of this number, or it is damaged.
        """
        with self._named():
            if not 0 <= index < self.attributes.frame_count:
                raise FormatError(f"there is no frame {index} among {self.attributes.frame_count}")
            name = spec.frame_name(index)
            if name in self._places:
                stored = self._pieces(name, self._places[name])
                yield from self._codec.strips(stored, f"frame {index}")

    def _pieces(self, name: str, place: ChunkPlace) -> Iterator[bytes]:
        """Yield the data of a frame, without its time."""
        start = chunks.find_data(self._file, name, place) + spec.FRAME_TIME.size
        end = start - spec.FRAME_TIME.size + place.data_size
        while start < end:
            self._file.seek(start)  # another frame may be read meanwhile
            piece = self._file.read(min(_PIECE, end - start))
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Nd2Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
