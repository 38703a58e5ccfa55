"""What is known of a frame file before its pixels are read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """Identity of a file's content as far as the file system tells.

    Attributes
    ----------
    size : int
        Bytes.
    mtime_ns, ctime_ns : int
        Last change of content and of the entry, ns. Compared for equality only: clocks of file
        servers differ.
    inode, device : int
        Which file it is.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    def same_content(self, other: FileKey) -> bool:
        """Return whether the content is the same as far as size and change time tell."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    @classmethod
    def of_status(cls, status: os.stat_result) -> FileKey:
        """Return the key in a result of `os.stat`."""
        return cls(
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
            device=status.st_dev,
        )

    @classmethod
    def of_path(cls, path: Path) -> FileKey | None:
        """Return the key of a regular file, None when there is none; links are not followed."""
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - no pathlib twin raises less
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls.of_status(status) if stat.S_ISREG(status.st_mode) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What the header of a frame file says.

    Attributes
    ----------
    height, width : int
        Pixels.
    dtype : numpy.dtype
        Sample type, native byte order: boolean, integer or real.
    rgb : bool
        The frame has red, green and blue samples, shape (Y, X, 3); else one sample, shape (Y, X).
    acquired : datetime, optional
        When the frame was taken, with its time zone.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    stage_um : tuple of float, optional
        Stage position (X, Y, Z), um; Z may be unknown.
    tail_is_zero : bool
        The end of the pixel data is all zero, as in a file that is not filled yet.
    """

    height: int
    width: int
    dtype: np.dtype[np.generic]
    rgb: bool = False
    acquired: datetime | None = None
    pixel_size_um: float | None = None
    stage_um: tuple[float, float, float | None] | None = None
    tail_is_zero: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels: (Y, X), or (Y, X, 3) for RGB."""
        return (self.height, self.width, 3) if self.rgb else (self.height, self.width)

    @property
    def format_text(self) -> str:
        """Size and dtype for messages, like ``512 x 512 uint16``."""
        return f"{self.width} x {self.height} {'RGB ' * self.rgb}{self.dtype}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """A frame file that was found usable.

    Attributes
    ----------
    path : Path
        Where it lies.
    key : FileKey
        Its identity when its header was read.
    info : SourceInfo
        What its header says.
    """

    path: Path
    key: FileKey
    info: SourceInfo
