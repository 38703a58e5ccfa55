"""TIFF files that tests write, and reading all of their planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from nd2watch.sources import PlaneReader, SourceInfo, SourcePlane, open_frame

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def pixels(*shape: int, dtype: str = "uint16", seed: int = 0) -> npt.NDArray[Any]:
    """Return random numbers."""
    numbers = np.random.default_rng(seed).integers(0, 60000, shape)
    return (numbers / 60000 if dtype.startswith("f") else numbers).astype(dtype)


def write(path: Path, data: npt.NDArray[Any], **options: Any) -> Path:
    """Write a TIFF file of one sample a pixel unless something else is asked for."""
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})
    return path


def read_planes(path: Path) -> tuple[SourceInfo, npt.NDArray[Any]]:
    """Return what a file tells, and its planes by their axes."""
    frame = open_frame(path)
    with PlaneReader() as reader:
        planes = [
            reader.read(SourcePlane(file=frame, index=index))
            for index in range(frame.info.plane_count)
        ]
    sizes = [size for _, size in frame.info.axes]
    return frame.info, np.stack(planes).reshape(*sizes, *frame.info.shape)
