"""TIFF files, as the simulated microscope writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import tifffile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    return encode_pages([pixels], compression=compression)


def encode_pages(
    pages: Iterable[npt.NDArray[np.generic]],
    descriptions: Sequence[str] = (),
    compression: Literal["none", "zlib", "lzw"] = "none",
    *,
    software: str = "",
) -> bytes:
    """Return a TIFF file of several pages.

    Parameters
    ----------
    pages : iterable of array, shape (Y, X)
        The planes.
    descriptions : sequence of str
        ImageDescription of each page, in UTF-8; none where it is empty or there are fewer.
    compression : {"none", "zlib", "lzw"}
        Compression of the pixel data.
    software : str
        Name of the program that writes it; that of the library when empty.
    """
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for number, pixels in enumerate(pages):
            text = descriptions[number] if number < len(descriptions) else ""
            file.write(
                pixels,
                photometric="minisblack",
                description=text.encode() or None,
                software=software or None,
                metadata=None,
                contiguous=False,
                compression=None if compression == "none" else compression,
            )
    return buffer.getvalue()
