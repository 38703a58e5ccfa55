"""Reading back what `Nd2Writer` writes, to verify a file."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, lite_variant, spec
from nd2watch.nd2.attributes import ImageAttributes
from nd2watch.nd2.experiment import Experiment, decode_loops
from nd2watch.nd2.lite_variant import get
from nd2watch.nd2.provenance import Provenance

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy.typing as npt

    from nd2watch.nd2.lite_variant import Plain


class Nd2Reader:
    """Reads an uncompressed ND2 3.0 file; a context manager.

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
    channel_names : tuple of str
        In component order.
    pixel_size_um : float or None
        Edge of a pixel, um; None when the file says that it is not calibrated.

    Raises
    ------
    FormatError
        If the file is not a complete ND2 3.0 file of the kind that `Nd2Writer` writes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = self.path.open("rb")
        try:
            with self._named():
                self._places = chunks.read_map(self._file)
                self._read_metadata()
        except BaseException:
            self._file.close()
            raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file in errors."""
        try:
            yield
        except FormatError as error:
            raise FormatError(f"{self.path}: {error}") from error

    def _read_metadata(self) -> None:
        """Read everything but the frames."""
        self.attributes = ImageAttributes.decode(self._tree(spec.ATTRIBUTES))
        loops = decode_loops(self._tree(spec.EXPERIMENT)) if spec.EXPERIMENT in self._places else ()
        self.experiment = Experiment(loops=loops)
        picture = self._tree(spec.PICTURE)
        planes = get(get(picture, "sPicturePlanes", dict), "sPlaneNew", dict)
        self.channel_names = tuple(
            get(get(planes, f"a{index}", dict), "sDescription", str) for index in range(len(planes))
        )
        size = get(picture, "dCalibration", float)
        self.pixel_size_um = size if get(picture, "bCalibrated", bool) else None

    def _tree(self, name: str) -> Plain:
        """Return the tree of a metadata chunk."""
        return lite_variant.decode(self._data(name))[1]

    def _data(self, name: str) -> bytes:
        """Return the data of a chunk."""
        if name not in self._places:
            raise FormatError(f"chunk {name} is missing")
        return chunks.read_data(self._file, name, self._places[name])

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis: loops outermost first (T, P, Z), then C, Y, X."""
        loops = {axis.upper(): size for axis, size in self.experiment.sizes.items()}
        height, width, components = self.attributes.shape
        return {**loops, "C": components, "Y": height, "X": width}

    @property
    def provenance(self) -> Provenance | None:
        """Where the file comes from; None in files of other programs."""
        if spec.PROVENANCE not in self._places:
            return None
        with self._named():
            return Provenance.decode(self._data(spec.PROVENANCE))

    @property
    def frame_times_ms(self) -> npt.NDArray[np.float64]:
        """Time of each frame since the start, ms, shape (frame,)."""
        with self._named():
            data = self._data(spec.custom_data_name("AcqTimesCache"))
            if len(data) != 8 * self.attributes.frame_count:
                raise FormatError(f"{len(data)} bytes are not a time for each frame")
        return np.frombuffer(data, "<f8")

    def read_frame(self, index: int) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return one frame, shape (Y, X, component).

        Raises
        ------
        FormatError
            If the frame is missing or of a wrong size.
        """
        with self._named():
            data = self._data(spec.frame_name(index))
            expected = spec.FRAME_TIME.size + self.attributes.frame_size
            if len(data) != expected:
                raise FormatError(f"frame {index} has {len(data)} bytes, not {expected}")
        rows = np.frombuffer(data, np.uint8, offset=spec.FRAME_TIME.size)
        rows = rows.reshape(self.attributes.height, self.attributes.row_stride)
        samples = np.ascontiguousarray(rows[:, : self.attributes.row_size])
        return samples.view(self.attributes.dtype).reshape(self.attributes.shape)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Nd2Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
