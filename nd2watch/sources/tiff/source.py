"""TIFF files of one plane or many, read through tifffile."""

from __future__ import annotations

import logging
import os
import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.files import check_start
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.imagej import read_imagej
from nd2watch.sources.tiff.info import info_of
from nd2watch.sources.tiff.lsm import read_lsm
from nd2watch.sources.tiff.metaseries import read_metaseries
from nd2watch.sources.tiff.micromanager import read_micromanager
from nd2watch.sources.tiff.ome import read_ome
from nd2watch.sources.tiff.pages import Pages
from nd2watch.sources.tiff.planes import Grid, Planes, grid_of_pages, planes_of
from nd2watch.sources.tiff.scanimage import read_scanimage
from nd2watch.sources.tiff.series import main_images_grid, series_grid
from nd2watch.sources.tiff.stk import read_stk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from nd2watch.sources.base import SourceInfo
    from nd2watch.sources.tiff.known import Flavour

SMALLEST_TIFF: Final = 8 + 2 + 12 + 4
"""Bytes of a header and a directory of one entry."""

_MAGIC: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LOGGER: Final = logging.getLogger("tifffile")
_FLAVOURS: Final = (
    read_lsm,
    read_micromanager,
    read_ome,
    read_scanimage,
    read_imagej,
    read_stk,
    read_metaseries,
)
"""Whose metadata are looked for; what the first ones tell is not taken from later ones."""


class TiffSource:
    """An open TIFF file.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.
    by_page : bool, default False
        Planes are its pages in their order, whatever its metadata say of axes.

    Raises
    ------
    FrameIncomplete
        If not all of its pages are there.
    FrameUnreadable
        If it is no TIFF file, or holds something else than planes of one format.
    """

    def __init__(self, path: Path, file: BinaryIO, *, by_page: bool = False) -> None:
        size = os.fstat(file.fileno()).st_size
        check_start(path, file, "TIFF", *_MAGIC)
        if size < SMALLEST_TIFF:
            raise FrameIncomplete(f"{path} has only {size} bytes; it is not written yet", path)
        self._complaints = _Complaints()
        with self._complaints:
            self._pages = Pages(path, file, size)
            self._flavours = tuple(_flavours(self._pages))
            self._planes = _planes(self._pages, self._flavours, by_page=by_page)

    @cached_property
    def info(self) -> SourceInfo:
        """What its header says."""
        with self._complaints:
            return info_of(self._pages, self._planes, self._flavours)

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        number, part = int(self._planes.pages[plane]), int(self._planes.parts[plane])
        with self._complaints as errors:
            self._pages.find(number)
            errors.clear()
            pixels = self._pages.read(number, part)
        if errors:
            raise ValueError(errors[0])
        return pixels

    def close(self) -> None:
        """Release the parsed file."""
        self._pages.close()


def _flavours(pages: Pages) -> Iterator[Flavour]:
    """Yield the metadata of each kind that are there and can be read."""
    for read in _FLAVOURS:
        flavour = unless_damaged(partial(read, pages), None)
        if flavour is not None:
            yield flavour


def _planes(pages: Pages, flavours: tuple[Flavour, ...], *, by_page: bool) -> Planes:
    """Return the planes, in the order that the first metadata tell which do, or by page."""
    grid = grid_of_pages(pages.images) if by_page else _grid(pages, flavours)
    formats = pages.formats(grid.pages.reshape(-1))
    if (
        len(formats) > 1
        and not by_page
        and (main := unless_damaged(partial(main_images_grid, pages), None))
    ):
        grid, formats = main, pages.formats(main.pages.reshape(-1))
    if len(formats) > 1:
        raise FrameUnreadable(
            f"{pages.path} holds images of different shapes: {', '.join(map(str, formats))};"
            " save each of them in a file of its own",
            pages.path,
        )
    return planes_of(pages.path, grid, formats[0])


def _grid(pages: Pages, flavours: tuple[Flavour, ...]) -> Grid:
    """Return the pages in the order of their axes, as far as these are told."""
    for flavour in flavours:
        grid = unless_damaged(flavour.grid, None)
        if grid is not None:
            return grid
    return unless_damaged(partial(series_grid, pages), None) or grid_of_pages(pages.images)


class _Complaints:
    """Takes what tifffile logs on this thread: it often logs an error instead of raising it."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._thread = 0

    def _take(self, record: logging.LogRecord) -> bool:
        """Return whether a record is left to others."""
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.ERROR:
            self._errors.append(record.getMessage())
        return False

    def __enter__(self) -> list[str]:
        self._errors = []
        self._thread = threading.get_ident()
        _LOGGER.addFilter(self._take)
        return self._errors

    def __exit__(self, *_: object) -> None:
        _LOGGER.removeFilter(self._take)
