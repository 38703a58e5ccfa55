"""A file being written, with what writes to it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final

from nd2watch.errors import ConversionError
from nd2watch.nd2.chunk_spool import ChunkSpool
from nd2watch.nd2.chunk_writer import ChunkWriter
from nd2watch.nd2.compressor import FrameCompressor
from nd2watch.nd2.tiles import FrameTiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.frame_codec import FrameCodec
    from nd2watch.pending import GrowingFile, PendingFile


_PART: Final = 1 << 29
"""Bytes after which a file is synced: of a huge one, the rest takes no longer than any part."""


class OpenFile(ExitStack):
    """Holds the file, the threads that compress, and the chunks that wait for the frames."""

    def __init__(
        self,
        target: PendingFile | GrowingFile,
        places: Mapping[str, ChunkPlace],
        codec: FrameCodec,
        threads: int | None,
    ) -> None:
        super().__init__()
        self.target = target
        self.enter_context(target)
        self._synced = target.file.tell()
        self.waiting = self.enter_context(ChunkSpool())
        self.chunks = ChunkWriter(target.file, places, codec.spread)
        level = codec.attributes.zlib_level
        self.compressor = None if level is None else FrameCompressor(level, threads)
        if self.compressor is not None:
            self.callback(self.compressor.close)

    def check(self, path: Path) -> None:
        """Refuse to go on when it is not known what the file holds.

        Raises
        ------
        ConversionError
            Names `path`, that the file is to have.
        """
        if self.chunks.is_broken:
            raise ConversionError(
                f"{path} cannot be gone on with, as writing to it failed; begin anew"
            )

    def sync_in_parts(self) -> None:
        """Put what was written on the disk if it is much, lest the end wait for all of it at once.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        written = self.target.file.tell()
        if written - self._synced >= _PART:
            self.target.sync()
            self._synced = written

    @contextmanager
    def frame_by_tiles(self, index: int, time_ms: float, codec: FrameCodec) -> Iterator[FrameTiles]:
        """Take the tiles of a frame, compressed when the block ends if it is to be."""
        level = codec.attributes.zlib_level
        if level is None:
            with self.chunks.frame_by_tiles(index, time_ms, codec) as tiles:
                yield tiles
            return
        self.write_compressed(all_of_them=True)
        with tempfile.TemporaryFile(dir=self.target.path.parent) as scratch:
            with closing(FrameTiles(scratch, 0, codec)) as tiles:
                yield tiles
            scratch.seek(0)
            self.chunks.frame_compressed(index, time_ms, scratch, level)

    def write_compressed(self, *, all_of_them: bool = False) -> None:
        """Write the frames that are compressed and whose turn it is."""
        if self.compressor is not None:
            for frame in self.compressor.finished(all_of_them=all_of_them):
                self.chunks.frame(*frame)
