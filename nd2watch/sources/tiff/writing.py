"""TIFF files of one plane, as the simulated microscope writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import tifffile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def encode_frame(
    pixels: npt.NDArray[np.generic], compression: Literal["none", "zlib", "lzw"] = "none"
) -> bytes:
    """Return a TIFF file that holds one plane.

    Parameters
    ----------
    pixels : array, shape (Y, X)
        The plane.
    compression : {"none", "zlib", "lzw"}
        Compression of the pixel data.
    """
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="minisblack",
        metadata=None,
        compression=None if compression == "none" else compression,
    )
    return buffer.getvalue()
