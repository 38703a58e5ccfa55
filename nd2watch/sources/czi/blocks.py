"""The tiles of a CZI file, put in the order of its planes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FrameUnreadable
from nd2watch.sources.base import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_AXES: Final = {"T": "t", "S": "p", "Z": "z", "C": "c"}
_BEFORE, _AFTER = ("T", "S"), ("Z", "C")
_DTYPES: Final[Mapping[str, tuple[str, bool]]] = {
    "gray8": ("uint8", False),
    "gray16": ("uint16", False),
    "gray32": ("int32", False),
    "gray32float": ("float32", False),
    "bgr24": ("uint8", True),
    "bgr48": ("uint16", True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A subblock of a CZI file at full resolution: a tile of one plane.

    Attributes
    ----------
    point : mapping from str to int
        Its point on each dimension, by the letter of the dimension, without X, Y and M.
    left, top, width, height : int
        Its place in the whole image, pixels.
    tile : int
        Its number among the tiles of the plane; where they overlap, a higher one is on top.
    pixel_type : str
        Name of its pixel type, in lower case.
    compression : int
        Number of its compression.
    position : int
        Where its segment begins in the file.
    entry_size : int
        Bytes of its entry in the directory, which is repeated in its segment.
    """

    point: Mapping[str, int]
    left: int
    top: int
    width: int
    height: int
    tile: int
    pixel_type: str
    compression: int
    position: int
    entry_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGrid:
    """The planes of a CZI file.

    Attributes
    ----------
    height, width : int
        Pixels of each plane.
    dtype : numpy.dtype
        Sample type.
    rgb : bool
        Planes have red, green and blue samples.
    axes : tuple of (str, int)
        Axes of the planes and their sizes, as in `SourceInfo`.
    planes : tuple of tuple of Block
        Tiles of each plane, from the lowest to the topmost.
    points : mapping from str to tuple of int
        Points on each dimension, by its letter.
    corners : mapping from int to (int, int)
        Left and top edge of each scene, pixels.
    """

    height: int
    width: int
    dtype: np.dtype[np.generic]
    rgb: bool
    axes: tuple[tuple[str, int], ...]
    planes: tuple[tuple[Block, ...], ...]
    points: Mapping[str, tuple[int, ...]]
    corners: Mapping[int, tuple[int, int]]


def arrange(path: Path, blocks: Sequence[Block]) -> BlockGrid:
    """Return the planes that blocks make.

    Raises
    ------
    FrameUnreadable
        If there is none, planes are missing, the scenes or the pixels of the planes differ, or
        there are dimensions that cannot be converted.
    """
    if not blocks:
        raise FrameUnreadable(f"{path} holds no image at full resolution", path)
    letters = sorted({letter for block in blocks for letter in block.point})
    points = {letter: _sorted(block.point.get(letter, 0) for block in blocks) for letter in letters}
    several = [letter for letter in letters if len(points[letter]) > 1]
    order = _order(path, {letter: len(points[letter]) for letter in several})
    places: dict[tuple[int, ...], list[Block]] = {}
    for block in blocks:
        places.setdefault(tuple(block.point.get(letter, 0) for letter in order), []).append(block)
    count = math.prod(len(points[letter]) for letter in order)
    if len(places) < count:
        sizes = " x ".join(f"{letter}={len(points[letter])}" for letter in order)
        raise FrameUnreadable(
            f"{path} has {len(places)} of its {count} planes ({sizes}), as when acquisition was"
            " stopped; cut it in ZEN to points that are whole (Create Image Subset)",
            path,
        )
    dtype, rgb = _format(path, blocks)
    corners, width, height = _extent(path, blocks)
    return BlockGrid(
        height=height,
        width=width,
        dtype=dtype,
        rgb=rgb,
        axes=tuple((_AXES.get(letter, PAGES), len(points[letter])) for letter in order),
        planes=tuple(tuple(sorted(places[p], key=lambda b: b.tile)) for p in sorted(places)),
        points=points,
        corners=corners,
    )


def _sorted(points: Iterable[int]) -> tuple[int, ...]:
    """Return different points in their order."""
    return tuple(sorted(set(points)))


def _order(path: Path, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the dimensions of several points, outermost first."""
    others = tuple(letter for letter in sizes if letter not in _AXES)
    if len(others) > 1:
        what = ", ".join(f"{letter}={sizes[letter]}" for letter in others)
        raise FrameUnreadable(
            f"{path} has several dimensions for which ND2 has no loop ({what}); split it in ZEN"
            " until one of them is left",
            path,
        )
    return tuple(letter for letter in (*_BEFORE, *others, *_AFTER) if letter in sizes)


def _format(path: Path, blocks: Sequence[Block]) -> tuple[np.dtype[np.generic], bool]:
    """Return the sample type of all blocks, and whether they are RGB."""
    names = sorted({block.pixel_type for block in blocks})
    if len(names) > 1:
        raise FrameUnreadable(
            f"{path} has planes of different pixel types ({', '.join(names)}); split it by channel"
            " in ZEN, and convert each part",
            path,
        )
    if names[0] not in _DTYPES:
        raise FrameUnreadable(
            f"{path} has pixels of type {names[0]}; {', '.join(_DTYPES)} can be converted", path
        )
    dtype, rgb = _DTYPES[names[0]]
    return np.dtype(dtype), rgb


def _extent(path: Path, blocks: Sequence[Block]) -> tuple[Mapping[int, tuple[int, int]], int, int]:
    """Return the corner of each scene, and the width and height that all of them have."""
    scenes: dict[int, list[Block]] = {}
    for block in blocks:
        scenes.setdefault(block.point.get("S", 0), []).append(block)
    corners, sizes = {}, set()
    for scene, tiles in scenes.items():
        left, top = min(tile.left for tile in tiles), min(tile.top for tile in tiles)
        corners[scene] = (left, top)
        sizes.add(
            (
                max(tile.left + tile.width for tile in tiles) - left,
                max(tile.top + tile.height for tile in tiles) - top,
            )
        )
    if len(sizes) > 1:
        what = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise FrameUnreadable(
            f"{path} has scenes of different sizes ({what}); split it by scene in ZEN (Split"
            " Scenes), and convert each part",
            path,
        )
    width, height = sizes.pop()
    return corners, width, height
