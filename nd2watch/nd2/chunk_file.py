"""The chunks of an ND2 file that is open for reading."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from nd2watch.errors import FormatError
from nd2watch.nd2 import chunks, lite_variant

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.lite_variant import Plain

_PIECE: Final = 1 << 22


class ChunkFile:
    """Reads chunks by their name; a context manager.

    Parameters
    ----------
    path : str or path
        The file.
    places : mapping of str to ChunkPlace, optional
        Where its chunks lie, when its chunk map cannot tell.

    Attributes
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is not a complete ND2 3.0 file.
    """

    def __init__(
        self, path: str | os.PathLike[str], places: Mapping[str, ChunkPlace] | None = None
    ) -> None:
        self.path = Path(path)
        self._file = self.path.open("rb")
        try:
            with self._named():
                self._places = chunks.read_map(self._file) if places is None else dict(places)
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

    @property
    def chunks(self) -> dict[str, ChunkPlace]:
        """Every chunk that the file lists, by name."""
        return dict(self._places)

    def read_chunk(self, name: str) -> bytes:
        """Return the data of a chunk.

        Raises
        ------
        FormatError
            If the file has no chunk of this name, or it is damaged.
        """
        with self._named():
            return self._data(name)

    def _data(self, name: str) -> bytes:
        """Return the data of a chunk."""
        return chunks.read_data(self._file, name, self._place(name))

    def _place(self, name: str) -> ChunkPlace:
        """Return where a chunk lies."""
        if name not in self._places:
            raise FormatError(f"chunk {name} is missing")
        return self._places[name]

    def _tree(self, name: str) -> Plain:
        """Return the tree of a metadata chunk."""
        return lite_variant.decode(self._data(name))[1]

    def _pieces(self, name: str, skip: int) -> Iterator[bytes]:
        """Yield the data of a chunk, without the first `skip` bytes, piece by piece."""
        place = self._place(name)
        start = chunks.find_data(self._file, name, place)
        end = start + place.data_size
        start += skip
        while start < end:
            self._file.seek(start)  # another chunk may be read meanwhile
            piece = self._file.read(min(_PIECE, end - start))
            if not piece:
                raise FormatError(f"the file ends inside chunk {name}")
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
