"""Writing chunks one after the other to an open file."""

from __future__ import annotations

import os
import tempfile
import zlib
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, lite_variant, spec
from nd2watch.nd2.chunks import ChunkPlace
from nd2watch.nd2.provenance import ChunkDigest, content_digest
from nd2watch.nd2.tiles import FrameTiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    from nd2watch.nd2.frame_codec import FrameCodec
    from nd2watch.nd2.lite_variant import Item

_PIECE: Final = 1 << 22


class ChunkWriter:
    """Appends chunks to a file and keeps their places for the chunk map.

    Parameters
    ----------
    file : BinaryIO
        Open for writing, at a chunk boundary.
    places : mapping, optional
        Chunks that the file has already.
    spread : int, default 0
        Least bytes from frame 0 to frame 1.

    Attributes
    ----------
    places : dict of str to ChunkPlace
        Every chunk by its name; one written again is entered anew.
    is_broken : bool
        Writing failed such that the state of the file is not known.
    """

    def __init__(
        self, file: BinaryIO, places: Mapping[str, ChunkPlace] | None = None, spread: int = 0
    ) -> None:
        self.file = file
        self._spread = spread
        self._start = file.tell()
        self._before = dict(places or {})
        self.places = dict(self._before)
        self._digests: dict[str, ChunkDigest] = {}
        self.is_broken = False

    @property
    def has_begun(self) -> bool:
        """Something was written."""
        return self.file.tell() != self._start

    def restart(self) -> None:
        """Take back everything that was written."""
        self._cut(self._start)
        self.places = dict(self._before)

    def signature(self) -> None:
        """Write the chunk that every file begins with."""
        self.file.write(chunks.encode_signature())

    def tree(self, name: str, root: str, tree: dict[str, Item]) -> None:
        """Write a metadata chunk in the lite variant encoding."""
        self.metadata(name, lite_variant.encode(root, tree))

    def tree_again(self, name: str, root: str, tree: dict[str, Item]) -> None:
        """Write a metadata chunk over the one of that name, which has the same size.

        Raises
        ------
        FormatError
            If its size differs.
        """
        data = lite_variant.encode(root, tree)
        place = self.places[name]
        if len(data) != place.data_size:
            raise FormatError(f"chunk {name} has {place.data_size} bytes, not {len(data)}")
        end = self.file.tell()
        self.file.seek(place.offset)
        self.file.write(chunks.encode_metadata(name, data))
        self._note_digest(name, data)
        self.file.seek(end)

    def metadata(self, name: str, data: bytes) -> None:
        """Write a metadata chunk.

        Raises
        ------
        FormatError
            If the name is not ASCII that ends in its only ``!``.
        """
        chunks.check_name(name)
        self.places[name] = ChunkPlace(offset=self.file.tell(), data_size=len(data))
        self._note_digest(name, data)
        self.file.write(chunks.encode_metadata(name, data))

    def _note_digest(self, name: str, data: bytes) -> None:
        """Keep the digest of a metadata chunk."""
        offset = self.places[name].offset
        self._digests[name] = ChunkDigest(name=name, offset=offset, digest=content_digest(data))

    @property
    def digests(self) -> tuple[ChunkDigest, ...]:
        """Digests of the metadata chunks that were written, in the order of their names."""
        return tuple(self._digests[name] for name in sorted(self._digests.keys() & self.places))

    def begin_metadata(self, name: str, size: int) -> None:
        """Write what precedes the `size` bytes of a metadata chunk."""
        self.places[name] = ChunkPlace(offset=self.file.tell(), data_size=size)
        self.file.write(chunks.encode_metadata_header(name, size))

    def read_back(self, name: str, skip: int = 0) -> Iterator[bytes]:
        """Yield the data of a chunk that is written, without the first `skip` bytes, in pieces.

        The file is at its end, for writing, whenever a piece is handed over.
        """
        place = self.places[name]
        start = chunks.find_data(self.file, name, place)
        stop = start + place.data_size
        start += skip
        while start < stop:
            self.file.seek(start)
            piece = self.file.read(min(_PIECE, stop - start))
            start += len(piece)
            self.file.seek(0, os.SEEK_END)
            yield piece

    def frame(self, index: int, time_ms: float, data: bytes | npt.NDArray[np.uint8]) -> None:
        """Write a frame.

        Parameters
        ----------
        index : int
            Number of the frame.
        time_ms : float
            Time since the start of the acquisition, ms.
        data : bytes or array of uint8
            Its rows, or the zlib stream of them.
        """
        size = len(data) if isinstance(data, bytes) else data.nbytes
        with self._whole(index):
            self.begin_frame(index, time_ms, size)
            self.file.write(data if isinstance(data, bytes) else data.data)
            self._end_frame(index)

    def frame_copied(self, index: int, time_ms: float, size: int, data: Iterable[bytes]) -> None:
        """Write a frame whose `size` stored bytes come in pieces."""
        self.begin_frame(index, time_ms, size)
        for piece in data:
            self.file.write(piece)
        self._end_frame(index)

    def frame_blank(self, index: int, time_ms: float, codec: FrameCodec) -> None:
        """Write a frame of zeros, which takes no room on the disk where it need not."""
        level = codec.attributes.zlib_level
        if level is None:
            with self.frame_by_tiles(index, time_ms, codec):
                pass
        else:
            with tempfile.TemporaryFile() as rows:
                rows.truncate(codec.attributes.frame_size)
                self.frame_compressed(index, time_ms, rows, level)

    def frame_skipped(self, index: int, time_ms: float, codec: FrameCodec) -> None:
        """Write a blank frame, and beside it what tells `recover` that it is missing.

        That is never between frames 0 and 1, see `FrameCodec.spread`.
        """
        name, mark = spec.skipped_name(index), index.to_bytes(4, "little")
        if index != 1:
            self.metadata(name, mark)
        self.frame_blank(index, time_ms, codec)
        if index == 1:
            self.metadata(name, mark)

    def begin_frame(self, index: int, time_ms: float, size: int) -> None:
        """Write what precedes the `size` bytes of a frame."""
        name = spec.frame_name(index)
        data_size = spec.FRAME_TIME.size + size
        self.places[name] = ChunkPlace(offset=self.file.tell(), data_size=data_size)
        self.file.write(chunks.encode_header(name, spec.FRAME_NAME_SIZE, data_size))
        self.file.write(spec.FRAME_TIME.pack(time_ms))

    @contextmanager
    def frame_by_tiles(self, index: int, time_ms: float, codec: FrameCodec) -> Iterator[FrameTiles]:
        """Reserve a frame, which is complete when the block ends and not there when it fails."""
        with self._whole(index) as start:
            with closing(FrameTiles(self.file, start + spec.ALIGNMENT, codec)) as tiles:
                yield tiles
            self._close_frame(index, time_ms, start, tiles.end)

    def frame_compressed(self, index: int, time_ms: float, rows: BinaryIO, level: int) -> None:
        """Write a frame whose rows come from a file, as a zlib stream."""
        with self._whole(index) as start:
            self.file.seek(start + spec.ALIGNMENT)
            deflater = zlib.compressobj(level)
            while piece := rows.read(_PIECE):
                self.file.write(deflater.compress(piece))
            self.file.write(deflater.flush())
            self._close_frame(index, time_ms, start, self.file.tell())

    @contextmanager
    def _whole(self, index: int) -> Iterator[int]:
        """Give the start of a frame; take back what is there of it when the block fails."""
        start = self.file.tell()
        try:
            yield start
        except BaseException:
            self.places.pop(spec.frame_name(index), None)
            self._cut(start)
            raise

    def _cut(self, end: int) -> None:
        """Take back what was written behind `end`."""
        try:
            self.file.seek(end)
            self.file.truncate()
        except OSError:  # the disk is still full, say: what precedes is not all there
            self.is_broken = True

    def flush(self) -> None:
        """Hand everything that was written to the operating system."""
        try:
            self.file.flush()
        except OSError:
            self.is_broken = True
            raise

    def _close_frame(self, index: int, time_ms: float, start: int, end: int) -> None:
        """Write the header of a frame whose data are there; without it the frame is not."""
        self.file.seek(start)
        self.begin_frame(index, time_ms, end - start - spec.ALIGNMENT)
        self.file.seek(end)
        self._end_frame(index)

    def _end_frame(self, index: int) -> None:
        """Fill up with zeros to where the next chunk begins."""
        start = self.places[spec.frame_name(index)].offset
        position = self.file.tell()
        end = max(position, start + self._spread) if index == 0 else position
        self.file.write(bytes(spec.aligned(end) - position))

    def map(self) -> None:
        """Write the chunk map, which completes the file."""
        self.file.write(chunks.encode_map(self.places, self.file.tell()))
