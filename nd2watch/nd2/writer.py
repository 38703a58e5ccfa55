"""Writing an ND2 file frame by frame, in constant memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, lite_variant, spec
from nd2watch.nd2.chunks import ChunkPlace
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.frame_meta import FrameMetadata, FrameTable
from nd2watch.nd2.picture import Channel, Picture
from nd2watch.nd2.text_info import TextInfo
from nd2watch.pending import PendingFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes
    from nd2watch.nd2.lite_variant import Item
    from nd2watch.nd2.provenance import Provenance


class Nd2Writer:
    """Writes one ND2 file; a context manager.

    Frames go to a temporary file in the folder of `path`. Leaving the block normally completes
    the file, flushes it to disk, and gives it its name; leaving it by an exception removes it.
    An instance is for one thread and one file.

    Parameters
    ----------
    path : str or path
        Name of the finished file.
    attributes : ImageAttributes
        Size and sample format of the frames.
    experiment : Experiment, optional
        Loops; their product must be the number of frames. Default: none, for a single frame.
    picture : Picture, optional
        Channels and calibration; one channel for each component. Default: "Channel 1", ...
    text_info : TextInfo, optional
        Description.
    provenance : Provenance, optional
        Where the file comes from.
    custom_chunks : mapping of str to bytes, optional
        Further chunks by their full name, written after the frames.
    check : callable, optional
        Called with the path of the completed, synced temporary file just before it gets its
        name; when it raises, the file is removed and never seen.
    replace : bool, default False
        Replace an existing `path`.

    Attributes
    ----------
    size : int
        Bytes of the completed file; 0 before.

    Raises
    ------
    FormatError
        If the loops, channels and attributes contradict each other; nothing is written then.
    OutputExists
        On entering the context, if `path` exists and `replace` is False.

    Examples
    --------
    >>> with Nd2Writer("stack.nd2", attributes, experiment=experiment) as writer:
    ...     for index, plane in enumerate(planes):
    ...         writer.write_frame(plane, FrameMetadata(time_ms=100.0 * index))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        attributes: ImageAttributes,
        *,
        experiment: Experiment | None = None,
        picture: Picture | None = None,
        text_info: TextInfo | None = None,
        provenance: Provenance | None = None,
        custom_chunks: Mapping[str, bytes] | None = None,
        check: Callable[[Path], None] | None = None,
        replace: bool = False,
    ) -> None:
        self.attributes = attributes
        self.experiment = experiment or Experiment()
        self.picture = picture or _default_picture(attributes.component_count)
        self._text_info = text_info or TextInfo()
        self._provenance = provenance
        self._custom_chunks = dict(custom_chunks or {})
        self._check = check
        self._validate()
        self._path = Path(path)
        self._replace = replace
        self._pending: PendingFile | None = None
        self.size = 0
        self._places: dict[str, ChunkPlace] = {}
        self._frames = FrameTable()

    def _validate(self) -> None:
        """Refuse values that contradict each other."""
        frames, product = self.attributes.frame_count, self.experiment.frame_count
        if frames != product:
            sizes = " x ".join(f"{axis}={n}" for axis, n in self.experiment.sizes.items())
            raise FormatError(
                f"the loops ({sizes or 'none'}) make {product} frames, the attributes say {frames}"
            )
        channels = len(self.picture.channels)
        if channels != self.attributes.component_count:
            raise FormatError(
                f"{channels} channels cannot describe {self.attributes.component_count} components"
            )

    def write_frame(self, pixels: npt.ArrayLike, metadata: FrameMetadata | None = None) -> None:
        """Write the next frame, in row-major order of the loops.

        Parameters
        ----------
        pixels : array, shape (Y, X, component), or (Y, X) for one component
            uint8 or uint16 as the attributes say, of any byte order and memory layout.
        metadata : FrameMetadata, optional
            Time and stage position. Default: one millisecond after the frame before.

        Raises
        ------
        FormatError
            If shape or dtype differ from the attributes, or all frames are written already.
        """
        index = len(self._frames)
        frame = self._checked(pixels, index)
        metadata = metadata or FrameMetadata(time_ms=float(index))
        if index == 0:
            self._write_head(metadata)
        data_size = spec.FRAME_TIME.size + self.attributes.frame_size
        name = spec.frame_name(index)
        self._places[name] = ChunkPlace(offset=self._file.tell(), data_size=data_size)
        self._file.write(chunks.encode_header(name, spec.FRAME_NAME_SIZE, data_size))
        self._file.write(spec.FRAME_TIME.pack(metadata.time_ms))
        self._file.write(_with_padded_rows(frame, self.attributes).data)
        self._align()
        self._frames.append(metadata)

    def _checked(self, pixels: npt.ArrayLike, index: int) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return one frame as a contiguous (Y, X, component) array of the stored dtype."""
        frame = np.asarray(pixels)
        if frame.ndim == 2:
            frame = frame[:, :, np.newaxis]
        if index >= self.attributes.frame_count:
            raise FormatError(f"all {index} frames are written already")
        if frame.dtype.newbyteorder("<") != self.attributes.dtype.newbyteorder("<"):
            raise FormatError(f"frame {index} is {frame.dtype}, not {self.attributes.dtype}")
        if frame.shape != self.attributes.shape:
            raise FormatError(
                f"frame {index} has shape {frame.shape}, not {self.attributes.shape}"
                " (Y, X, component)"
            )
        return np.ascontiguousarray(frame, dtype=self.attributes.dtype)

    def _write_head(self, first: FrameMetadata) -> None:
        """Write what precedes the frames: signature, loops, picture, calibration."""
        self._file.write(chunks.encode_signature())
        if self.experiment.loops:
            self._write_tree(spec.EXPERIMENT, "SLxExperiment", self.experiment.encode())
        if self.picture.pixel_size_um is not None:  # readers do not look at its bValid
            tree = self.picture.encode_calibration()
            self._write_tree(spec.CALIBRATION, "SLxCalibration", tree)
        self._write_tree(
            spec.PICTURE, "SLxPictureMetadata", self.picture.encode(first, self._home_z(first))
        )

    def _home_z(self, first: FrameMetadata) -> float:
        """Return the Z of the home plane, given that of the first; 0 when unknown."""
        stack = self.experiment.z_stack
        if first.z_um is None:
            return 0.0
        return first.z_um + (stack.home_index * stack.step_um if stack else 0.0)

    def _write_tail(self) -> None:
        """Write what follows the frames; text stays behind them, or Bio-Formats loses frames."""
        self._write_tree(
            spec.TEXT_INFO,
            "SLxImageTextInfo",
            self._text_info.encode(self.experiment, self.picture),
        )
        for name, data in self._frames.chunks():
            self._write_metadata(name, data)
        if self._provenance is not None:
            self._write_metadata(spec.PROVENANCE, self._provenance.encode())
        for name, data in self._custom_chunks.items():
            self._write_metadata(name, data)
        self._write_tree(spec.ATTRIBUTES, "SLxImageAttributes", self.attributes.encode())
        self._file.write(chunks.encode_map(self._places, self._file.tell()))

    def _write_tree(self, chunk: str, root: str, tree: dict[str, Item]) -> None:
        """Write a metadata chunk in the lite variant encoding."""
        self._write_metadata(chunk, lite_variant.encode(root, tree))

    def _write_metadata(self, name: str, data: bytes) -> None:
        """Write a metadata chunk and enter it in the map."""
        self._places[name] = ChunkPlace(offset=self._file.tell(), data_size=len(data))
        self._file.write(chunks.encode_metadata(name, data))

    def _align(self) -> None:
        """Fill up to the next boundary with zeros."""
        position = self._file.tell()
        self._file.write(bytes(spec.aligned(position) - position))

    @property
    def _file(self) -> BinaryIO:
        if self._pending is None:
            raise FormatError(f"{self._path} is not open; use the writer in a with statement")
        return self._pending.file

    def __enter__(self) -> Nd2Writer:
        self._pending = PendingFile(self._path, replace=self._replace)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pending is not None:
            with self._pending as pending:
                if kind is None:
                    self._finish(pending)

    def _finish(self, pending: PendingFile) -> None:
        """Complete, check and publish the file."""
        written = len(self._frames)
        if written < self.attributes.frame_count:
            raise FormatError(
                f"{written} of {self.attributes.frame_count} frames were written to {self._path}"
            )
        self._write_tail()
        self.size = self._file.tell()
        pending.sync()
        if self._check is not None:
            self._check(pending.path)
        pending.publish()


def _default_picture(component_count: int) -> Picture:
    """Return numbered channels."""
    return Picture(channels=tuple(Channel(name=f"Channel {n + 1}") for n in range(component_count)))


def _with_padded_rows(
    frame: npt.NDArray[np.uint8 | np.uint16], attributes: ImageAttributes
) -> npt.NDArray[np.uint8]:
    """Return the bytes of a frame, shape (Y, stride), each row padded with zeros."""
    rows = frame.reshape(attributes.height, -1).view(np.uint8)
    if attributes.row_stride == attributes.row_size:
        return rows
    padded = np.zeros((attributes.height, attributes.row_stride), np.uint8)
    padded[:, : attributes.row_size] = rows
    return padded
