"""CZI files of Zeiss microscopes, whose directory is read through czifile."""

from __future__ import annotations

import struct
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import czifile
import numpy as np

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import ChannelInfo, PlaneInfo, SourceInfo
from nd2watch.sources.czi.blocks import Block, arrange
from nd2watch.sources.czi.metadata import Document, Scene, Tags, read_document, read_tags
from nd2watch.sources.czi.pixels import COMPRESSIONS, PLAIN, decode_tile
from nd2watch.sources.czi.segments import Segments, in_parts
from nd2watch.sources.declared import check_declared
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from nd2watch.sources.czi.segments import SubblockParts

    Stage = tuple[float, float, float | None]

_TAIL: Final = 4096
_LATEST_S: Final = 30000.0
"""Time stamps that begin later are days since 1900, which other writers than ZEN store."""


class CziSource:
    """An open CZI file.

    Dimension T is axis ``t``, scenes are axis ``p``, Z and C are the axes of their names; one
    further dimension is pages. The tiles of a plane are put together; only the full resolution is
    read.

    Parameters
    ----------
    path : Path
        Its name.
    file : BinaryIO
        The open file.

    Attributes
    ----------
    info : SourceInfo
        What its directory and its metadata say.

    Raises
    ------
    FrameIncomplete
        If it is still being written, or cut short.
    FrameUnreadable
        If it is no CZI file, or of a kind that cannot be converted.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._segments = Segments(path, file)
        file.seek(0)
        self._czi: Any = czifile.CziFile(_Nameless(file))
        position = self._czi.header.directory_position
        if position <= 0:
            raise FrameIncomplete(f"{path} has no directory of its images yet", path)
        self._segments.check_directory(position)
        entries = (_block(path, entry) for entry in self._czi.subblock_directory)
        self._grid = arrange(path, tuple(block for block in entries if block is not None))
        self._check_sizes(path)

    def _check_sizes(self, path: Path) -> None:
        """Refuse planes of an absurd size, and a file that ends before its last tile does."""
        grid = self._grid
        samples = grid.height * grid.width * (3 if grid.rgb else 1)
        check_declared(path, samples * grid.dtype.itemsize, self._segments.size)
        tiles = (tile for tiles in grid.planes for tile in tiles)
        self._last = max(tiles, key=lambda tile: tile.position)
        self._parts(self._last)

    @cached_property
    def info(self) -> SourceInfo:
        """What the file tells, which is found out when it is asked for."""
        grid = self._grid
        document = unless_damaged(self._document, Document())
        scenes = [document.scenes.get(scene, Scene()) for scene in grid.points.get("S", (0,))]
        known = dict(enumerate(document.channels))
        channels = [known.get(channel, ChannelInfo()) for channel in grid.points.get("C", (0,))]
        return SourceInfo(
            height=grid.height,
            width=grid.width,
            dtype=grid.dtype,
            rgb=grid.rgb,
            axes=grid.axes,
            channels=tuple(channels) if known else (),
            positions=tuple(s.name for s in scenes) if any(s.name for s in scenes) else (),
            optics=document.optics,
            pixel_size_um=document.pixel_size_um,
            z_step_um=document.z_step_um,
            period_ms=document.period_ms,
            started=document.started,
            planes=tuple(self._planes(document)),
            tail_is_zero=unless_damaged(self._tail_is_zero, False),
        )

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        grid = self._grid
        tiles = grid.planes[plane]
        if len(tiles) == 1 and (tiles[0].height, tiles[0].width) == (grid.height, grid.width):
            return self._decoded(tiles[0])
        pixels = np.zeros(_shape(grid.height, grid.width, rgb=grid.rgb), grid.dtype)
        for tile in tiles:
            left, top = grid.corners[tile.point.get("S", 0)]
            x, y = tile.left - left, tile.top - top
            pixels[y : y + tile.height, x : x + tile.width] = self._decoded(tile)
        return pixels

    def close(self) -> None:
        """Release the parsed file."""
        self._czi.close()

    def _parts(self, tile: Block) -> SubblockParts:
        """Return where the parts of a tile are in the file."""
        return self._segments.subblock(tile.position, tile.entry_size)

    def _decoded(self, tile: Block) -> npt.NDArray[Any]:
        """Return the pixels of a tile."""
        parts = self._parts(tile)
        data = self._segments.read(parts.data_at, parts.data_size)
        shape = _shape(tile.height, tile.width, rgb=self._grid.rgb)
        return decode_tile(data, tile.compression, shape, self._grid.dtype)

    def _tail_is_zero(self) -> bool:
        """Return whether the end of the last tile in the file is all zero."""
        parts = self._parts(self._last)
        size = min(parts.data_size, _TAIL)
        end = self._segments.read(parts.data_at + parts.data_size - size, size)
        return self._last.compression == PLAIN and not any(end)

    def _document(self) -> Document:
        """Return what the XML of the file tells."""
        position = self._czi.header.metadata_position
        return read_document(self._segments.content(position, b"ZISRAWMETADATA"))

    def _planes(self, document: Document) -> Iterator[PlaneInfo]:
        """Yield what is told of each plane."""
        planes = self._grid.planes
        tags = [unless_damaged(partial(self._tags, tiles), Tags()) for tiles in planes]
        nothing: Mapping[int, float] = {}
        times_ms = unless_damaged(self._times_ms, nothing)
        # A height that is the same through all stacks is not that of each plane.
        heights = {told.z_um for told in tags}
        height_is_fixed = len(heights) == 1 and len(self._grid.points.get("Z", ())) > 1
        for tiles, told in zip(planes, tags, strict=True):
            point = tiles[0].point
            time_ms = times_ms.get(point.get("T", 0))
            if told.acquired and document.started:
                time_ms = (told.acquired - document.started) / timedelta(milliseconds=1)
            scene = document.scenes.get(point.get("S", 0), Scene())
            z_um = None if height_is_fixed else told.z_um
            yield PlaneInfo(
                acquired=told.acquired,
                time_ms=time_ms,
                stage_um=_stage_um(told, z_um, scene, is_mosaic=len(tiles) > 1),
            )

    def _tags(self, tiles: Sequence[Block]) -> Tags:
        """Return what the XML of a plane's lowest tile tells."""
        parts = self._parts(tiles[0])
        stored = self._segments.read(parts.xml_at, parts.xml_size)
        return read_tags(stored) if stored else Tags()

    def _times_ms(self) -> Mapping[int, float]:
        """Return the time of each point on dimension T, where the time stamps tell it."""
        position = self._czi.header.attachment_directory_position
        if position <= 0:
            return {}
        self._segments.check(position, b"ZISRAWATTDIR")
        found = (e.file_position for e in self._czi.attachment_directory if e.name == "TimeStamps")
        stored = self._segments.content(next(found), b"ZISRAWATTACH")
        _, count = struct.unpack_from("<ii", stored)
        times_s = [finite(time) for time in np.frombuffer(stored, "<f8", count, 8).tolist()]
        points = range(max(self._grid.points.get("T", (0,))) + 1)
        return {
            point: time_s * 1e3
            for point, time_s in zip(points, times_s, strict=True)
            if time_s is not None and times_s[0] is not None and times_s[0] < _LATEST_S
        }


class _Nameless:
    """An open file without its name, a number that czifile would take for a path."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def _shape(height: int, width: int, *, rgb: bool) -> tuple[int, ...]:
    """Return the shape of pixels."""
    return (height, width, 3) if rgb else (height, width)


def _block(path: Path, entry: Any) -> Block | None:
    """Return the block that an entry of the directory describes, None if it is of a pyramid."""
    extents = _extents(entry)
    (left, width, stored_width), (top, height, stored_height) = extents["X"], extents["Y"]
    if (width, height) != (stored_width, stored_height):
        return None
    if width <= 0 or height <= 0:
        raise ValueError(f"a tile is to have {width} x {height} pixels")
    if entry.file_part:
        raise in_parts(path)
    point = {letter: start for letter, (start, _, _) in extents.items() if letter not in "XYM"}
    lines = ", ".join(letter for letter in point if extents[letter][1] > 1)
    if lines:
        raise FrameUnreadable(
            f"{path} has images along {lines}, as line scans are; only planes of X and Y can be"
            " converted",
            path,
        )
    compression = int(getattr(entry.compression, "value", entry.compression))
    if compression not in COMPRESSIONS:
        raise FrameUnreadable(
            f"{path} is compressed in a way that cannot be read here (number {compression}); save"
            " it without compression in ZEN",
            path,
        )
    pixel_type = entry.pixel_type
    return Block(
        point=point,
        left=left,
        top=top,
        width=width,
        height=height,
        tile=extents["M"][0] if "M" in extents else 0,
        pixel_type=str(getattr(pixel_type, "name", pixel_type)).lower(),
        compression=compression,
        position=entry.file_position,
        entry_size=entry.storage_size,
    )


def _extents(entry: Any) -> dict[str, tuple[int, int, int]]:
    """Return start, size and stored size of an entry on each dimension.

    czifile before 2026, the last for Python 3.11, lists the dimensions; later versions have S and
    M apart, and the samples of a pixel as last dimension.
    """
    if hasattr(entry, "dimension_entries"):
        return {d.dimension: (d.start, d.size, d.stored_size) for d in entry.dimension_entries}
    columns = list(zip(entry.start, entry.shape, entry.stored_shape, strict=True))
    extents = dict(zip(entry.dims[:-1], columns[:-1], strict=True))
    apart = (("S", entry.scene_index), ("M", entry.mosaic_index))
    return extents | {letter: (start, 1, 1) for letter, start in apart if start >= 0}


def _stage_um(told: Tags, z_um: float | None, scene: Scene, *, is_mosaic: bool) -> Stage | None:
    """Return the stage position of a plane: that of its only tile, else its scene's centre."""
    if told.x_um is not None and told.y_um is not None and not is_mosaic:
        return told.x_um, told.y_um, z_um
    return None if scene.center_um is None else (*scene.center_um, z_um)
