"""The comparison of a file's frames with the sources that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.convert.pixels import read_components
from nd2watch.convert.verify import pixel_digest
from nd2watch.errors import FormatError, FrameUnreadable, SourceError
from nd2watch.sources import FileKey, PlaneReader, SourcePlane, open_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from nd2watch.nd2 import Nd2Reader
    from nd2watch.nd2.provenance import FrameSources, Provenance, SourceRecord
    from nd2watch.sources import FrameFile


_REMEMBERED: Final = 2048


class SourceComparison:
    """Compares frames with their recorded sources, converted again.

    Parameters
    ----------
    reader : Nd2Reader
        The open file.
    provenance : Provenance
        What it records of its sources.
    folder : Path, optional
        Where they are now, or what the folder of theirs is in; the recorded one when omitted.
    need_all : bool, default True
        Sources that are not there are problems; else they are passed over.

    Attributes
    ----------
    obstacles : tuple of str
        Why nothing can be compared; empty when there is no reason.
    equal_count : int
        Frames so far whose sources have the pixels that were converted.
    """

    def __init__(
        self,
        reader: Nd2Reader,
        provenance: Provenance,
        folder: Path | None,
        *,
        need_all: bool = True,
    ) -> None:
        self._reader = reader
        self._frames = provenance.frames
        recorded = Path(provenance.folder)
        self._folder = recorded if folder is None else self._moved_folder(recorded, folder)
        self._retimed: list[Path] = []
        self._pixels = PlaneReader()
        self._opened: dict[Path, FrameFile] = {}
        self._need_all = need_all
        self.obstacles = tuple(self._find_obstacles()) if need_all else ()
        self.equal_count = 0

    def _moved_folder(self, recorded: Path, folder: Path) -> Path:
        """Return the sources' folder, which is the one given, or lies below it as before."""
        first = self._sources()[0].name
        parts = recorded.parts
        places = [folder, *(folder.joinpath(*parts[-n:]) for n in range(1, len(parts)))]
        return next((place for place in places if (place / first).exists()), folder)

    def _sources(self) -> list[SourceRecord]:
        """Return the recorded sources of all frames."""
        return [source for frame in self._frames for source in frame.sources if source is not None]

    def _find_obstacles(self) -> Iterator[str]:
        """Yield one reason where it would be that of every source."""
        sources = self._sources()
        if not self._folder.is_dir():
            yield (
                f"the folder of its sources, {self._folder}, is not there;"
                " name the one where they are by --sources FOLDER"
            )
        elif not any((self._folder / source.name).exists() for source in sources):
            yield f"none of its {len(sources)} sources is in {self._folder}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual of the sources compared so far."""
        if not self._retimed:
            return ()
        count, first = len(self._retimed), self._retimed[0]
        what = "a source has" if count == 1 else f"{count} sources have"
        return (f"{what} another time of change than at the conversion, such as {first}",)

    def compare(self, index: int) -> list[str]:
        """Return what is wrong with the sources of a frame."""
        if self.obstacles or index >= len(self._frames):
            return []
        frame = self._frames[index]
        try:
            there = [source for source in frame.sources if source is not None]
            if problems := [p for source in there if (p := self._check_status(source))]:
                return problems
            if not all((self._folder / source.name).exists() for source in there):
                return []  # those are passed over
            planes = [None if s is None else self._plane(s) for s in frame.sources]
            pixels = read_components(planes, self._reader.attributes, self._pixels)
        except (SourceError, FormatError, OSError) as error:
            return [f"sources of frame {index}: {error}"]
        if pixel_digest(pixels).hex() != frame.digest:
            return self._name_differing(index, frame, pixels)
        self.equal_count += 1
        return []

    def _plane(self, source: SourceRecord) -> SourcePlane:
        """Return a source's plane; files of several planes are remembered for a while."""
        path = self._folder / source.name
        file = self._opened.get(path) or open_frame(path, by_page=source.by_page)
        if file.info.plane_count > 1 and path not in self._opened:
            if len(self._opened) >= _REMEMBERED:
                self._opened.clear()
            self._opened[path] = file
        if source.plane >= file.info.plane_count:
            raise FrameUnreadable(f"{path} has no plane {source.plane} (any more)", path)
        return SourcePlane(file=file, index=source.plane)

    def close(self) -> None:
        """Close the sources."""
        self._pixels.close()

    def _check_status(self, source: SourceRecord) -> str:
        """Return what the file system tells against a source; nothing when it is unchanged."""
        path = self._folder / source.name
        key = FileKey.of_path(path)
        if key is None:
            return f"source {path} is missing" if self._need_all else ""
        if key.size != source.size:
            return f"source {path} has {key.size} bytes; it had {source.size} at the conversion"
        if key.mtime_ns != source.mtime_ns:
            self._retimed.append(path)
        return ""

    def _name_differing(
        self, index: int, frame: FrameSources, pixels: npt.NDArray[Any]
    ) -> list[str]:
        """Return a line for each source whose pixels are others than those in the file."""
        try:
            stored = self._reader.read_frame(index)
        except (FormatError, OSError):  # which is told of as well
            return [f"the sources of frame {index} have other pixels than it was made from"]
        count = len(frame.sources)
        return [
            f"source {self._folder / source.name} has other pixels than frame {index}"
            for number, source in enumerate(frame.sources)
            if source is not None
            and pixel_digest(stored[:, :, number::count])
            != pixel_digest(pixels[:, :, number::count])
        ] or [f"the sources of frame {index} have other pixels than it was made from"]
