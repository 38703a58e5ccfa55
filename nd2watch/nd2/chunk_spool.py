"""Chunks that wait for the frames to be complete."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nd2watch.nd2.chunk_writer import ChunkWriter

_IN_MEMORY: Final = 1 << 24


class ChunkSpool:
    """Keeps chunks aside, in memory or in a temporary file; a context manager.

    Bio-Formats takes the distance of the first frames for their size, and passes over what lies
    between frames.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed on exit
        self._sizes: dict[str, tuple[int, int]] = {}

    def put(self, name: str, data: bytes) -> None:
        """Keep a chunk; of two with the same name the last counts."""
        self._sizes[name] = (self._file.seek(0, 2), len(data))
        self._file.write(data)

    def write_to(self, writer: ChunkWriter) -> None:
        """Write the chunks."""
        for name, (start, size) in self._sizes.items():
            self._file.seek(start)
            writer.metadata(name, self._file.read(size))

    def __enter__(self) -> ChunkSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
