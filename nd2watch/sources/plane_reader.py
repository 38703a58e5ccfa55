"""Reading planes of many files, each of which must still be the file that was seen."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch import host
from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceChanged
from nd2watch.sources.base import SourcePlane
from nd2watch.sources.files import key_of, open_regular
from nd2watch.sources.registry import open_source, taken_as_damage

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from nd2watch.sources.base import FrameFile, OpenSource

_MOST_HELD: Final = 2048


class PlaneReader:
    """Reads planes; a context manager, for one thread.

    Files of several planes stay open, as finding a plane in them takes time. Frames often take a
    plane of one file after the other, of as many as there are positions and channels.

    Parameters
    ----------
    share : int, default 1
        How many readers there are at once, among which the files that may be open are divided.
    """

    def __init__(self, share: int = 1) -> None:
        self._most_held = max(1, min(_MOST_HELD, host.open_files_allowed() // 2 // share))
        self._held: OrderedDict[Path, tuple[BinaryIO, OpenSource]] = OrderedDict()

    def read(self, plane: SourcePlane) -> npt.NDArray[Any]:
        """Return the pixels of a plane, shape (Y, X), or (Y, X, 3) for RGB.

        Raises
        ------
        SourceChanged
            If the file is not the one that `open_frame` saw, or changed while it was read.
        FrameUnreadable
            If its pixels cannot be decoded.
        OSError
            If the disk fails.
        """
        frame = plane.file
        file, source = self._open(frame)
        try:
            with taken_as_damage(frame.path, FrameUnreadable):
                pixels = source.read(plane.index)
            if key_of(file) != frame.key:
                raise _changed(frame.path)
        finally:
            if frame.info.plane_count == 1:
                self._close(frame.path)
        if pixels.shape != frame.info.shape or pixels.dtype != frame.info.dtype:
            raise FrameUnreadable(
                f"{plane} decodes to {pixels.shape} {pixels.dtype}, not to"
                f" {frame.info.format_text}",
                frame.path,
            )
        return np.asarray(pixels)

    def _open(self, frame: FrameFile) -> tuple[BinaryIO, OpenSource]:
        """Return the open file, which is the one that was seen."""
        path = frame.path
        held = self._held.get(path)
        if held is not None:
            self._held.move_to_end(path)
            return held
        try:
            file = open_regular(path)
        except FrameIncomplete as error:
            raise SourceChanged(f"{error} (it was whole before)", path) from error
        try:
            if key_of(file) != frame.key:
                raise _changed(path)
            source = open_source(path, file, FrameUnreadable, by_page=frame.by_page)
        except FrameIncomplete as error:
            file.close()
            raise SourceChanged(f"{error} (it was whole before)", path) from error
        except BaseException:
            file.close()
            raise
        self._held[path] = (file, source)
        if len(self._held) > self._most_held:
            self._close(next(iter(self._held)))
        return file, source

    def _close(self, path: Path) -> None:
        """Close a file."""
        file, source = self._held.pop(path)
        try:
            source.close()
        finally:
            file.close()

    def close(self) -> None:
        """Close all files."""
        while self._held:
            self._close(next(iter(self._held)))

    def __enter__(self) -> PlaneReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_frame(frame: FrameFile, plane: int = 0) -> npt.NDArray[Any]:
    """Return the pixels of one plane of a file, as `PlaneReader` does."""
    with PlaneReader() as reader:
        return reader.read(SourcePlane(file=frame, index=plane))


def _changed(path: Path) -> SourceChanged:
    """Return the error for a file that is another now."""
    return SourceChanged(f"{path} changed while it was converted; it is read again", path)
