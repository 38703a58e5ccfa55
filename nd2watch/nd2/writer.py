"""Writing an ND2 file frame by frame, in constant memory."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.content import FileContent
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.growth import plan_growth
from nd2watch.nd2.mask_codec import encode_mask
from nd2watch.nd2.open_file import OpenFile
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.text_info import TextInfo
from nd2watch.pending import PendingFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    import numpy.typing as npt

    from nd2watch.nd2.attributes import ImageAttributes
    from nd2watch.nd2.columns import RecordedColumn
    from nd2watch.nd2.frame_meta import FrameMetadata
    from nd2watch.nd2.growth import Growth
    from nd2watch.nd2.masks import MaskLayer
    from nd2watch.nd2.provenance import Provenance
    from nd2watch.nd2.rois import Roi
    from nd2watch.nd2.tiles import FrameTiles
    from nd2watch.nd2.wells import WellPlate


class Nd2Writer:
    """Writes one ND2 file; a context manager.

    Frames go to a temporary file in the folder of `path`. Leaving the block normally completes
    the file, flushes it to disk, and gives it its name; leaving it by an exception removes it.
    What a killed program leaves behind can be recovered, see `nd2watch.nd2.recover`. An instance
    is for one thread and writes once.

    Parameters
    ----------
    path : str or path
        Name of the finished file.
    attributes : ImageAttributes
        Size and sample format of the frames.
    experiment : Experiment, optional
        Loops; their product must be the number of frames. Default: none, for a single frame.
    picture : Picture, optional
        Channels, optics and calibration; together the channels have the components that the
        attributes say. Default: "Channel 1", ...
    text_info : TextInfo, optional
        Description and other texts.
    recorded : sequence of RecordedColumn, optional
        Columns for which each frame's metadata have a value.
    well_plate : WellPlate, optional
        Plate on which the wells in the frames' metadata are.
    rois : sequence of Roi, optional
        Regions of interest.
    mask_layers : sequence of MaskLayer, optional
        Layers for which `write_mask` takes label images.
    pyramid : bool, default False
        Write smaller versions of frames over 1024 pixels, for viewers that use them.
    provenance : Provenance, optional
        Where the file comes from.
    custom_chunks : mapping of str to bytes, optional
        Further chunks by their full name, written after the frames.
    threads : int, optional
        Threads that compress frames; as many as there are processors when omitted.
    check : callable, optional
        Called with the path of the completed, synced temporary file just before it gets its
        name; when it raises, the file is removed and never seen.
    replace : bool, default False
        Replace an existing `path`.
    keep_unfinished : bool, default False
        Write to `path` with ``.unfinished`` appended, and leave that file when the block is left
        by an exception, so that its frames can be recovered. For frames that are nowhere else.

    Attributes
    ----------
    size : int
        Bytes of the completed file; 0 before.

    Raises
    ------
    FormatError
        If the loops, channels and attributes contradict each other, or a custom chunk has a name
        that it cannot have; nothing is written then.
    OutputExists
        On entering the context, if `path` exists and `replace` is False.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        attributes: ImageAttributes,
        *,
        experiment: Experiment | None = None,
        picture: Picture | None = None,
        text_info: TextInfo | None = None,
        recorded: Iterable[RecordedColumn] = (),
        well_plate: WellPlate | None = None,
        rois: Iterable[Roi] = (),
        mask_layers: Iterable[MaskLayer] = (),
        pyramid: bool = False,
        provenance: Provenance | None = None,
        custom_chunks: Mapping[str, bytes] | None = None,
        threads: int | None = None,
        check: Callable[[Path], None] | None = None,
        replace: bool = False,
        keep_unfinished: bool = False,
    ) -> None:
        if threads is not None and threads < 1:
            raise FormatError(f"{threads} threads cannot compress; at least one is needed")
        self.attributes = attributes
        self._content = FileContent(
            attributes=attributes,
            experiment=experiment or Experiment(),
            picture=picture or Picture.numbered(attributes.component_count),
            text_info=text_info or TextInfo(),
            recorded=tuple(recorded),
            well_plate=well_plate,
            rois=tuple(rois),
            mask_layers=tuple(mask_layers),
            pyramid=pyramid,
            provenance=provenance,
            custom_chunks=dict(custom_chunks or {}),
        )
        self._content.text_info.check_optics(self._content.picture)
        self._codec = self._content.codec
        self._frames = self._content.new_table()
        self._threads = threads
        self._check = check
        self._path = Path(path)
        self._replace = replace
        self._keep = keep_unfinished
        self._growth: Growth | None = None
        self._open: OpenFile | None = None
        self._is_used = False
        self._in_frame = False
        self.size = 0

    @classmethod
    def append(
        cls, path: str | os.PathLike[str], time_points: int, *, threads: int | None = None
    ) -> Nd2Writer:
        """Return a writer that adds time points to a finished file.

        What is there stays in place; new frames, metadata and a new chunk map follow after it.
        Leaving the block by an exception restores the file; after a killed program `recover`
        saves the old frames and those that were added. Mask layers take further masks.

        Parameters
        ----------
        path : str or path
            A file of nd2watch; its outermost loop is over time.
        time_points : int
            How many are added.
        threads : int, optional
            Threads that compress frames, where the file is compressed.

        Raises
        ------
        FormatError
            If the file is of a kind that is not read here, or its outermost loop is another; on
            entering the context, if it was written to meanwhile.
        ConversionError
            On entering the context, if another program is adding to the file.
        """
        growth = plan_growth(Path(path), time_points)
        content = growth.content
        writer = cls(
            path,
            content.attributes,
            experiment=content.experiment,
            picture=content.picture,
            threads=threads,
        )
        writer._content, writer._frames, writer._growth = content, growth.table, growth
        return writer

    def set_provenance(self, provenance: Provenance) -> None:
        """Say where the file comes from, at any time before the block ends.

        Parameters
        ----------
        provenance : Provenance
            In place of what was said before: digests of frames are known only when these are
            written.
        """
        self._content = dataclasses.replace(self._content, provenance=provenance)

    def write_frame(self, pixels: npt.ArrayLike, metadata: FrameMetadata | None = None) -> None:
        """Write the next frame, in row-major order of the loops.

        Parameters
        ----------
        pixels : array, shape (Y, X, component), or (Y, X) for one component
            Samples as the attributes say, of any byte order and memory layout; RGB in this order.
            Of another type when each value can be stored exactly, see `nd2watch.nd2.samples`.
        metadata : FrameMetadata, optional
            Time, stage position and so on. Default: when the time loop plans it, and at least
            one millisecond after the frame before.

        Raises
        ------
        ConversionError
            If writing to the file failed before.
        FormatError
            If the shape differs from the attributes, a value cannot be stored exactly, or all
            frames are written already.
        """
        index = self._next_index()
        samples = self._codec.checked(pixels, self.attributes.shape[:2], f"frame {index}")
        rows = self._codec.encode_rows(samples)
        with self._begun(metadata) as (file, known):
            if file.compressor is None:
                file.chunks.frame(index, known.time_ms, rows)
            else:
                shared = np.may_share_memory(rows, np.asarray(pixels))
                file.compressor.put(index, known.time_ms, rows.copy() if shared else rows)
                file.write_compressed()

    def skip_frame(self, metadata: FrameMetadata | None = None) -> None:
        """Leave the next frame blank, as it is missing; later frames keep their place.

        Its zeros take no room on the disk where the file system can leave them out. The text
        information and `Nd2Reader.missing_frames` tell it from a black frame.

        Parameters
        ----------
        metadata : FrameMetadata, optional
            What is known of it. Default: as for `write_frame`.

        Raises
        ------
        FormatError
            If all frames are written already.
        """
        index = self._next_index()
        with self._begun(metadata, missing=True) as (file, known):
            file.write_compressed(all_of_them=True)
            file.chunks.frame_skipped(index, known.time_ms, self._codec)

    @contextmanager
    def tiles(self, metadata: FrameMetadata | None = None) -> Iterator[FrameTiles]:
        """Write the next frame by tiles, in any order, without holding it in memory.

        Parameters
        ----------
        metadata : FrameMetadata, optional
            As for `write_frame`.

        Yields
        ------
        FrameTiles
            Its `write` takes the tiles. The frame is complete when the block ends; it is not
            there, and can be begun again, when the block is left by an exception.

        Raises
        ------
        FormatError
            If all frames are written already.
        """
        index = self._next_index()
        with (
            self._begun(metadata) as (file, known),
            file.frame_by_tiles(index, known.time_ms, self._codec) as tiles,
        ):
            yield tiles

    def write_mask(self, layer: str, index: int, labels: npt.ArrayLike) -> None:
        """Write the mask of a frame, before or after the frame itself.

        Parameters
        ----------
        layer : str
            Name of one of the mask layers.
        index : int
            Number of the frame.
        labels : array of integers, shape (Y, X)
            Label of the object that each pixel belongs to, 0 for background; at most 65535.

        Raises
        ------
        FormatError
            If there is no such layer or frame, or the labels cannot be stored.
        """
        name = self._content.mask_name(layer, index)
        data = encode_mask(labels, self.attributes.shape[:2], f"mask {layer} of frame {index}")
        self._opened.waiting.put(name, data)

    def _next_index(self) -> int:
        """Return the number of the next frame."""
        if len(self._frames) >= self.attributes.frame_count:
            raise FormatError(f"all {self.attributes.frame_count} frames are written already")
        return len(self._frames)

    @contextmanager
    def _begun(
        self, metadata: FrameMetadata | None, *, missing: bool = False
    ) -> Iterator[tuple[OpenFile, FrameMetadata]]:
        """Give the open file for writing the next frame; record it when the block ends."""
        if self._in_frame:
            raise FormatError(f"frame {self._next_index()} is written by tiles; leave its block")
        self._next_index()
        file = self._opened
        file.check(self._path)
        known = metadata or self._content.default_metadata(self._frames)
        self._frames.check(known)
        is_first = not file.chunks.has_begun
        self._in_frame = True
        try:
            if is_first and self._growth is None:
                self._content.write_head(file.chunks, known)
            elif is_first:
                self._content.write_extent(file.chunks)
            yield file, known
            file.sync_in_parts()
            if self._keep or self._growth is not None:
                file.chunks.flush()  # what is finished outlives this program
        except BaseException:
            if is_first:  # the head tells time and place of a frame that is not there
                file.chunks.restart()
            raise
        finally:
            self._in_frame = False
        self._frames.append(known, missing=missing, given=metadata is not None)

    @property
    def _opened(self) -> OpenFile:
        """The open file."""
        if self._open is None:
            raise FormatError(f"{self._path} is not open; use the writer in a with statement")
        return self._open

    def __enter__(self) -> Nd2Writer:
        if self._is_used:
            raise FormatError(f"a writer writes once; make a new one to write {self._path} again")
        self._is_used = True
        if self._growth is None:
            new = PendingFile(self._path, replace=self._replace, keep=self._keep)
            self._open = OpenFile(new, {}, self._codec, self._threads)
        else:
            grown = self._growth.open()
            self._open = OpenFile(grown, self._growth.kept, self._codec, self._threads)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open is not None:
            file, self._open = self._open, None
            with file:
                if kind is None:
                    self._finish(file)
                elif self._keep:
                    with suppress(Exception):  # what ended the block is to be seen
                        self._keep_metadata(file)

    def _keep_metadata(self, file: OpenFile) -> None:
        """Write what is known of the frames that are there, for them to be recovered."""
        file.write_compressed(all_of_them=True)
        if len(self._frames) > 0 and not file.chunks.is_broken:
            self._content.write_tail(file.chunks, self._frames, file.waiting)

    def _finish(self, file: OpenFile) -> None:
        """Complete, check and publish the file."""
        file.check(self._path)
        file.write_compressed(all_of_them=True)
        written = len(self._frames)
        if written < self.attributes.frame_count:
            raise FormatError(
                f"{written} of {self.attributes.frame_count} frames were written to {self._path}"
            )
        content = self._content.measured(self._frames)
        content.rewrite_experiment(file.chunks)
        content.write_tail(file.chunks, self._frames, file.waiting)
        if self._growth is not None:  # no map may be on the disk before what it lists
            file.target.sync()
        file.chunks.map()
        self.size = file.target.file.tell()
        file.target.sync()
        if self._check is not None:
            self._check(file.target.path)
        file.target.publish()
