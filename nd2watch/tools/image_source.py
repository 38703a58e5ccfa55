"""A file of planes as limnd2 presents it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import FrameMissing
from nd2watch.nd2 import stored_dtype
from nd2watch.sources import PAGES, FrameFile, open_frame, read_frame
from nd2watch.tools.attributes import ImageAttributes
from nd2watch.tools.dimensions import DIMENSIONS

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

_UNKNOWN: Final = "unknown"
_LEAST_BITS: Final = {1: 1, 2: 9}
"""Fewest significant bits that can be stored, by the bytes of a sample."""


class LimImageSource:
    """A file of planes; its header is read when it is opened, pixels by `read`.

    Parameters
    ----------
    frame : FrameFile
        The file, found usable. `LimImageSource.open` opens one by its name.

    Attributes
    ----------
    filename : Path
        Where it lies.
    frame : FrameFile
        What its header says.
    """

    def __init__(self, frame: FrameFile) -> None:
        self.filename = frame.path
        self.frame = frame

    @staticmethod
    def open(filename: str | os.PathLike[str]) -> LimImageSource:
        """Open a file of any format that can be read.

        Raises
        ------
        FrameMissing
            If there is no such file; it is a FileNotFoundError too.
        SourceError
            If it is damaged, or holds something else than planes of numbers or of RGB.
        """
        path = Path(filename)
        if not path.exists():
            raise FrameMissing(f"{path} is not there", path)
        return LimImageSource(open_frame(path.resolve() if path.is_symlink() else path))

    @property
    def is_rgb(self) -> bool:
        """Planes have red, green and blue samples."""
        return self.frame.info.rgb

    def nd2_attributes(self, sequence_count: int = 1) -> ImageAttributes:
        """Return the attributes of an ND2 file for planes like those of this file.

        Parameters
        ----------
        sequence_count : int, default 1
            Frames in the ND2 file.
        """
        info = self.frame.info
        dtype = stored_dtype(info.dtype)
        bits = 8 * dtype.itemsize
        if dtype.kind == "u" and info.bits_significant is not None:
            bits = min(max(info.bits_significant, _LEAST_BITS[dtype.itemsize]), bits)
        return ImageAttributes(
            width=info.width,
            height=info.height,
            component_count=3 if info.rgb else info.sizes.get("c", 1),
            bits_in_memory=8 * dtype.itemsize,
            bits_significant=bits,
            frame_count=sequence_count,
        )

    def get_file_dimensions(self) -> dict[str, int]:
        """Return the points on each axis of which the file has several, outermost first.

        The keys are "timeloop", "multipoint", "zstack", "channel", and "unknown" for pages of
        which nothing says what they are.
        """
        return {
            _UNKNOWN if axis == PAGES else DIMENSIONS[axis]: size
            for axis, size in self.frame.info.axes
        }

    def read(self, plane: int = 0) -> npt.NDArray[Any]:
        """Return the pixels of a plane, shape (Y, X), or (Y, X, 3) as red, green, blue.

        Parameters
        ----------
        plane : int, default 0
            Number of the plane, row-major over the axes of the file.

        Raises
        ------
        SourceError
            If it cannot be decoded, or the file changed.
        IndexError
            If there is no such plane.
        """
        if not 0 <= plane < self.frame.info.plane_count:
            raise IndexError(f"{self.filename} has no plane {plane}")
        return read_frame(self.frame, plane)
