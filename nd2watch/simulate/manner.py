"""How a simulated microscope writes its files: slowly, in pieces, out of order."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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

    def arrival(self, count: int, seed: int) -> list[int]:
        """Return the places of `count` frames in the order of acquisition, as they arrive."""
        order = random.Random(seed)  # noqa: S311 - a reproducible order, no secret # nosec B311
        places = [place + order.uniform(0, self.shuffle) for place in range(count)]
        return sorted(range(count), key=places.__getitem__)

    def write(self, path: Path, data: bytes, sleep: Callable[[float], None]) -> None:
        """Write a file piece by piece, flushing each; its folder is made when missing."""
        pause = 1 / self.frames_per_s / self.pieces if self.frames_per_s > 0 else 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path if self.in_place else path.with_name(f"{path.name}.tmp")
        size = max(-(-len(data) // self.pieces), 1)
        with target.open("wb") as file:
            for start in range(0, len(data), size):
                file.write(data[start : start + size])
                file.flush()
                sleep(pause)
        if target != path:
            target.replace(path)
