"""A simulated microscope that writes frames as acquisition programs do."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from nd2watch.errors import LayoutError
from nd2watch.experiment import compile_pattern
from nd2watch.sources import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt

DEFAULT_PATTERN: Final = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"

Coordinates = tuple[int, int, int, int]
"""Indices t, p, z, c, from 0."""

_GLYPHS: Final = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717",
    "6": "74757", "7": "71122", "8": "75757", "9": "75717",
    "T": "72222", "P": "75744", "Z": "71247", "C": "74447",
}  # fmt: skip
"""Five rows of three dots for each character, a row as an octal digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What is acquired.

    Attributes
    ----------
    t, p, z : int
        Time points, positions, planes.
    channels : tuple of str
        Channel names, as they stand in file names.
    height, width : int
        Pixels.
    dtype : {"uint8", "uint16"}
        Sample type.
    pattern : str
        Pattern of the file names, see `compile_pattern`.
    fields : mapping from str to str
        Text of fields that are no axis.
    first_index : int
        Index of the first time point, position and plane in the names.
    seed : int
        Seed of the noise.

    Raises
    ------
    LayoutError
        If the pattern does not tell all frames apart, or lacks a field's text.
    """

    t: int = 1
    p: int = 1
    z: int = 1
    channels: tuple[str, ...] = ("DAPI",)
    height: int = 256
    width: int = 256
    dtype: Literal["uint8", "uint16"] = "uint16"
    pattern: str = DEFAULT_PATTERN
    fields: Mapping[str, str] = field(default_factory=dict)
    first_index: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))
        names = {self.name(coordinates) for coordinates in self.coordinates()}
        if len(names) < self.frame_count:
            raise LayoutError(
                f"{self.frame_count} frames get only {len(names)} names by {self.pattern!r};"
                " it needs a field for each axis"
            )

    @property
    def frame_count(self) -> int:
        """Files that are written."""
        return self.t * self.p * self.z * len(self.channels)

    def coordinates(self) -> list[Coordinates]:
        """Return all indices in the order of acquisition."""
        sizes = (self.t, self.p, self.z, len(self.channels))
        return list(itertools.product(*map(range, sizes)))  # type: ignore[arg-type]

    def name(self, coordinates: Coordinates) -> str:
        """Return the relative path of a frame."""
        *indices, c = coordinates
        axes = {
            axis: str(index + self.first_index) for axis, index in zip("tpz", indices, strict=True)
        }
        return compile_pattern(self.pattern).render({**self.fields, **axes, "c": self.channels[c]})

    def pixels(self, coordinates: Coordinates) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return a frame, shape (Y, X): cells that move with time and blur with defocus.

        Its indices stand in the corner, so that a person can see which frame it is.
        """
        t, p, z, c = coordinates
        rng = np.random.default_rng([self.seed, t, p, z, c])
        image = self._cells(t, p, z, c) + rng.normal(0.05, 0.01, (self.height, self.width))
        stamp = _stamp(f"T{t}P{p}Z{z}C{c}", scale=max(min(self.height, self.width) // 96, 1))
        rows = min(stamp.shape[0], self.height)
        columns = min(stamp.shape[1], self.width)
        image[:rows, :columns] = np.maximum(image[:rows, :columns], stamp[:rows, :columns])
        top = 255 if self.dtype == "uint8" else 4095
        return (image.clip(0, 1) * top).astype(self.dtype)

    def _cells(self, t: int, p: int, z: int, c: int) -> npt.NDArray[np.float64]:
        """Return round cells, in places that depend on position and channel."""
        places = np.random.default_rng([self.seed, p, c]).random((6, 4))
        defocus = abs(z - (self.z - 1) / 2)
        y = np.arange(self.height)[:, np.newaxis]
        x = np.arange(self.width)[np.newaxis, :]
        image = np.zeros((self.height, self.width))
        for row, column, drift, size in places:
            radius = (0.02 + 0.05 * size) * min(self.height, self.width) * (1 + 0.25 * defocus)
            center_y = (row + 0.03 * t * drift) % 1 * self.height
            center_x = (column + 0.02 * t) % 1 * self.width
            squared = ((y - center_y) ** 2 + (x - center_x) ** 2) / (2 * radius**2)
            image += 0.8 * np.exp(-squared) / (1 + 0.5 * defocus)
        return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the files are written.

    Attributes
    ----------
    in_place : bool
        Grow files under their final names; else write to a temporary name and rename.
    pieces : int
        Flushes by which a file grows.
    frames_per_s : float
        Files a second; 0 for as fast as possible.
    shuffle : int
        Places by which a file may come too late; 0 for the order of acquisition.
    compression : {"none", "zlib", "lzw"}
        Compression of the TIFF files.
    """

    in_place: bool = True
    pieces: int = 4
    frames_per_s: float = 20.0
    shuffle: int = 0
    compression: Literal["none", "zlib", "lzw"] = "none"


def simulate(
    folder: Path,
    acquisition: Acquisition,
    manner: Manner,
    *,
    progress: Callable[[int, int], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[Coordinates, Path]:
    """Write an acquisition's frames into a folder.

    Parameters
    ----------
    folder : Path
        Where to; made when missing.
    acquisition : Acquisition
        What to write.
    manner : Manner
        How to write it.
    progress : callable, optional
        Called with files written and all files.
    sleep : callable
        Waits for a number of seconds.

    Returns
    -------
    dict from Coordinates to Path
        The files written.
    """
    order = random.Random(acquisition.seed)  # noqa: S311 - a reproducible order, no secret
    places = {
        c: i + order.uniform(0, manner.shuffle) for i, c in enumerate(acquisition.coordinates())
    }
    pause = 1 / manner.frames_per_s / manner.pieces if manner.frames_per_s > 0 else 0.0
    written: dict[Coordinates, Path] = {}
    for coordinates in sorted(places, key=places.__getitem__):
        path = folder / acquisition.name(coordinates)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encode_frame(acquisition.pixels(coordinates), manner.compression)
        _write_slowly(path, data, manner, lambda: sleep(pause))
        written[coordinates] = path
        if progress is not None:
            progress(len(written), len(places))
    return written


def _write_slowly(path: Path, data: bytes, manner: Manner, wait: Callable[[], None]) -> None:
    """Write a file piece by piece, flushing each."""
    target = path if manner.in_place else path.with_name(f"{path.name}.tmp")
    size = -(-len(data) // manner.pieces)
    with target.open("wb") as file:
        for start in range(0, len(data), size):
            file.write(data[start : start + size])
            file.flush()
            wait()
    if target != path:
        target.replace(path)


def _stamp(text: str, scale: int) -> npt.NDArray[np.float64]:
    """Return `text` in white on black, in glyphs of 3 x 5 dots."""
    rows = ["".join(f"{int(_GLYPHS[char][row]):03b}0" for char in text) for row in range(5)]
    dots = np.array([[float(dot) for dot in row] for row in rows])
    return np.kron(np.pad(dots, 1), np.ones((scale, scale)))
