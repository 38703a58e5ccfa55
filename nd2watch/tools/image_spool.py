"""Images that wait until it is known what file they are for."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


class ImageSpool:
    """Keeps images in a temporary file without a name, until it is closed.

    Parameters
    ----------
    folder : Path
        Where the file lies; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close
        self._kept: dict[int, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}

    @property
    def numbers(self) -> set[int]:
        """The numbers of the images that are kept."""
        return set(self._kept)

    def put(self, number: int, image: npt.NDArray[Any]) -> None:
        """Keep an image; one of the same number, type and shape is overwritten."""
        start, *form = self._kept.get(number, (0, None, None))
        if form != [image.dtype, image.shape]:
            start = self._file.seek(0, 2)
        self._file.seek(start)
        self._file.write(np.ascontiguousarray(image).data)
        self._kept[number] = start, image.dtype, image.shape

    def get(self, number: int) -> npt.NDArray[Any]:
        """Return the image of a number."""
        start, dtype, shape = self._kept[number]
        image = np.empty(shape, dtype)
        self._file.seek(start)
        self._file.readinto(image.data)
        return image

    def close(self) -> None:
        """Drop the images."""
        self._file.close()
