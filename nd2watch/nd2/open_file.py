"""A file being written, with what writes to it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from nd2watch.nd2.chunk_spool import ChunkSpool
from nd2watch.nd2.chunk_writer import ChunkWriter
from nd2watch.nd2.compressor import FrameCompressor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.frame_codec import FrameCodec
    from nd2watch.pending import GrowingFile, PendingFile


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
        self.waiting = self.enter_context(ChunkSpool())
        self.chunks = ChunkWriter(target.file, places, codec.spread)
        level = codec.attributes.zlib_level
        self.compressor = None if level is None else FrameCompressor(level, threads)
        if self.compressor is not None:
            self.callback(self.compressor.close)

    def write_compressed(self, *, all_of_them: bool = False) -> None:
        """Write the frames that are compressed and whose turn it is."""
        if self.compressor is not None:
            for frame in self.compressor.finished(all_of_them=all_of_them):
                self.chunks.frame(*frame)
