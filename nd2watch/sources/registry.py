"""The formats of frame files, and opening a file by its format.

A format is a class of the kind `OpenSource`, constructed from the path and the open file. Its
module is loaded when the first file of the format is met. A file whose name has no known ending
is taken for a TIFF file.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources.base import FrameFile
from nd2watch.sources.files import key_of, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from nd2watch.sources.base import OpenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of frame files.

    Attributes
    ----------
    title : str
        Its name for people.
    suffixes : tuple of str
        Endings of file names, in lower case.
    module, source : str
        Where its class is, below ``nd2watch.sources``.
    extra : str
        Extra of this package that installs the library which reads it; empty when it is there.
    has_pages : bool
        Files have pages in an order of their own, and its class can read them by that.
    """

    title: str
    suffixes: tuple[str, ...]
    module: str
    source: str
    extra: str = ""
    has_pages: bool = False


TIFF: Final = Format(
    title="TIFF",
    suffixes=(".tif", ".tiff", ".btf", ".tf8", ".tf2", ".stk", ".lsm"),
    module="tiff",
    source="TiffSource",
    has_pages=True,
)
FORMATS: Final = (
    TIFF,
    Format(title="PNG", suffixes=(".png",), module="raster", source="PngSource"),
    Format(title="JPEG", suffixes=(".jpg", ".jpeg"), module="raster", source="JpegSource"),
    Format(title="ND2", suffixes=(".nd2",), module="nd2_file", source="Nd2Source"),
    Format(title="CZI", suffixes=(".czi",), module="czi", source="CziSource", extra="czi"),
    Format(
        title="Olympus FluoView",
        suffixes=(".oif", ".oib"),
        module="olympus",
        source="OlympusSource",
        extra="olympus",
    ),
    Format(title="NumPy", suffixes=(".npy",), module="npy", source="NpySource"),
)
SUFFIXES: Final = tuple(suffix for known in FORMATS for suffix in known.suffixes)
"""Endings of the names of all files that can be read."""


def format_of(path: Path) -> Format:
    """Return the format of a file by its name."""
    suffix = path.suffix.lower()
    return next((known for known in FORMATS if suffix in known.suffixes), TIFF)


def open_source(
    path: Path,
    file: BinaryIO,
    damage: type[SourceError] = FrameIncomplete,
    *,
    by_page: bool = False,
) -> OpenSource:
    """Return the source for an open file.

    Parameters
    ----------
    path : Path
        The file's name.
    file : BinaryIO
        The file, open at its start; it stays open.
    damage : type of SourceError
        What to raise for a file that is damaged or cut short.
    by_page : bool, default False
        Planes are the pages of the file in their order, whatever it says of its axes; of formats
        that have pages.

    Raises
    ------
    FrameUnreadable
        If it is none of the format, holds what cannot be converted, or a library is missing.
    SourceError
        If it is damaged.
    OSError
        If the disk fails.
    """
    known = format_of(path)
    with taken_as_damage(path, damage):
        try:
            module = importlib.import_module(f"nd2watch.sources.{known.module}")
            options = {"by_page": True} if by_page and known.has_pages else {}
            source: OpenSource = getattr(module, known.source)(path, file, **options)
        except ImportError as error:
            raise FrameUnreadable(
                f"{path} is a {known.title} file, for which {error.name or error} is missing;"
                f" install it by: pip install nd2watch[{known.extra}]",
                path,
            ) from error
    return source


@contextmanager
def taken_as_damage(path: Path, damage: type[SourceError]) -> Iterator[None]:
    """Raise `damage` for the errors of libraries, unless they tell more themselves.

    Libraries raise many kinds: struct.error, ValueError, codec errors, MemoryError, ...
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # it is of the disk
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise damage(f"{path} is damaged or cut short: {what}", path) from error


def open_frame(path: Path, *, by_page: bool = False) -> FrameFile:
    """Read the header of a frame file and check that all of its pixel data can be there.

    No pixels are decoded.

    Parameters
    ----------
    path : Path
        The file.
    by_page : bool, default False
        See `open_source`.

    Raises
    ------
    FrameIncomplete
        If the file is missing, cut short, or looks as if it is still being written.
    FrameUnreadable
        If it is no image of a known format, or one that holds something else than planes of
        real numbers, or of RGB.
    OSError
        If the file cannot be opened, or the disk fails.
    """
    with opened(path) as file:
        key = key_of(file)
        source = open_source(path, file, by_page=by_page)
        try:
            with taken_as_damage(path, FrameIncomplete):
                info = source.info
        finally:
            source.close()
    is_by_page = by_page and format_of(path).has_pages and info.plane_count > 1
    return FrameFile(path=path, key=key, info=info, by_page=is_by_page)
