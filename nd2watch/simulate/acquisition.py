"""A simulated microscope that writes frames as acquisition programs do."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.errors import LayoutError
from nd2watch.experiment import compile_pattern
from nd2watch.simulate.specimen import Coordinates, Specimen
from nd2watch.sources import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from nd2watch.simulate.manner import Manner

DEFAULT_PATTERN: Final = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"


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
        """Return a frame, shape (Y, X), which is unlike every other."""
        specimen = Specimen(
            height=self.height, width=self.width, dtype=self.dtype, z=self.z, seed=self.seed
        )
        return specimen.pixels(coordinates)


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
    coordinates = acquisition.coordinates()
    written: dict[Coordinates, Path] = {}
    for place in manner.arrival(len(coordinates), acquisition.seed):
        path = folder / acquisition.name(coordinates[place])
        pixels = acquisition.pixels(coordinates[place])
        manner.write(path, encode_frame(pixels, manner.compression), sleep)
        written[coordinates[place]] = path
        if progress is not None:
            progress(len(written), len(coordinates))
    return written
