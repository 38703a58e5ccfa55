"""The images of a simulated microscope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Coordinates = tuple[int, int, int, int]
"""Indices t, p, z, c, from 0."""

TOP: Final = {"uint8": 255, "uint16": 4095}
"""Largest sample of each type: cameras fill 8 or 12 bits."""

_GLYPHS: Final = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717",
    "6": "74757", "7": "71122", "8": "75757", "9": "75717",
    "T": "72222", "P": "75744", "Z": "71247", "C": "74447",
}  # fmt: skip
"""Five rows of three dots for each character, a row as an octal digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """What is seen: cells that move with time and blur with defocus.

    Attributes
    ----------
    height, width : int
        Pixels.
    dtype : {"uint8", "uint16"}
        Sample type.
    z : int
        Planes of a stack, which is in focus in its middle.
    seed : int
        Seed of cells and noise.
    """

    height: int = 256
    width: int = 256
    dtype: Literal["uint8", "uint16"] = "uint16"
    z: int = 1
    seed: int = 0

    def pixels(self, coordinates: Coordinates) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return a frame, shape (Y, X), unlike that of other coordinates.

        Its indices stand in the corner, so that a person can see which frame it is.
        """
        t, p, z, c = coordinates
        rng = np.random.default_rng([self.seed, t, p, z, c])
        image = self._cells(t, p, z, c) + rng.normal(0.05, 0.01, (self.height, self.width))
        stamp = _stamp(f"T{t}P{p}Z{z}C{c}", scale=max(min(self.height, self.width) // 96, 1))
        rows = min(stamp.shape[0], self.height)
        columns = min(stamp.shape[1], self.width)
        image[:rows, :columns] = np.maximum(image[:rows, :columns], stamp[:rows, :columns])
        return (image.clip(0, 1) * TOP[self.dtype]).astype(self.dtype)

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


def _stamp(text: str, scale: int) -> npt.NDArray[np.float64]:
    """Return `text` in white on black, in glyphs of 3 x 5 dots."""
    rows = ["".join(f"{int(_GLYPHS[char][row]):03b}0" for char in text) for row in range(5)]
    dots = np.array([[float(dot) for dot in row] for row in rows])
    return np.kron(np.pad(dots, 1), np.ones((scale, scale)))
