"""What the pixels of a TIFF page are, and decoding no more of it than one plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from nd2watch.errors import FrameUnreadable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

RGB_SAMPLES: Final = 3

_KINDS: Final = "?buif"
_JPEG: Final = (6, 7, 34892, 33007)
_ALPHA: Final = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
_PLAIN: Final = (
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.LINEAR_RAW,
    tifffile.PHOTOMETRIC.RGB,
)
"""How the samples of a pixel may be meant, where they are channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFormat:
    """What the pixels of a page are.

    Attributes
    ----------
    height, width : int
        Pixels.
    dtype : numpy.dtype
        Sample type, native byte order.
    rgb : bool
        It has red, green and blue samples.
    depth : int
        Planes one behind another.
    samples : int
        Samples of a pixel that are planes of their own; 1 for RGB.
    bits : int, optional
        Bits of a sample, where they are fewer than those of the type.
    """

    height: int
    width: int
    dtype: np.dtype[np.generic]
    rgb: bool
    depth: int
    samples: int
    bits: int | None

    def __str__(self) -> str:
        planes = self.depth * self.samples
        several = f"{planes} x " * (planes > 1)
        return f"{several}{self.width} x {self.height} {'RGB ' * self.rgb}{self.dtype}"


def format_of(path: Path, page: tifffile.TiffPage, *, colored: bool) -> PageFormat:
    """Return what the pixels of a page are.

    Parameters
    ----------
    path : Path
        The file's name.
    page : tifffile.TiffPage
        The page.
    colored : bool
        Three samples of a pixel may be its colours.

    Raises
    ------
    FrameUnreadable
        If they cannot be planes of real numbers or RGB.
    """
    dtype = page.dtype
    if dtype is None or dtype.kind not in _KINDS or 0 in page.shape:
        raise FrameUnreadable(
            f"{_text(path, page)}; planes are of integers or real numbers, or RGB", path
        )
    samples = page.samplesperpixel - has_alpha(page)
    rgb = samples == RGB_SAMPLES and colored and _is_rgb(page)
    if samples > 1 and not rgb and page.photometric not in _PLAIN:
        kind = getattr(page.photometric, "name", page.photometric)
        raise FrameUnreadable(
            f"{_text(path, page)} whose samples are {kind}; save it as red, green and blue", path
        )
    bits = page.bitspersample if isinstance(page.bitspersample, int) else None
    packed = dtype.kind == "u" and bits is not None and bits < 8 * dtype.itemsize
    return PageFormat(
        height=page.imagelength,
        width=page.imagewidth,
        dtype=np.dtype(dtype),
        rgb=rgb,
        depth=page.imagedepth,
        samples=1 if rgb else samples,
        bits=bits if packed else None,
    )


def _is_rgb(page: tifffile.TiffPage) -> bool:
    """Return whether the samples of a pixel are red, green and blue, or are decoded to these."""
    decoded = page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression in _JPEG
    return decoded or page.photometric == tifffile.PHOTOMETRIC.RGB


def _text(path: Path, page: tifffile.TiffPage) -> str:
    """Return the beginning of a message about what a page holds."""
    return f"{path} holds {' x '.join(map(str, page.shape))} {page.dtype}"


def has_alpha(page: tifffile.TiffPage) -> bool:
    """Return whether the last sample of a pixel is its opacity."""
    extra = page.extrasamples
    return page.samplesperpixel > 1 and len(extra) > 0 and extra[-1] in _ALPHA


def refuse_transparent(path: Path, alpha: npt.NDArray[Any]) -> None:
    """Refuse an image that is not opaque everywhere.

    Raises
    ------
    FrameUnreadable
        If it is not.
    """
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    if (alpha != opaque).any():
        raise FrameUnreadable(
            f"{path} is transparent in places; flatten it, or save it without opacity", path
        )


def segment_counts(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Return how many strips or tiles a page has: by separate samples, in depth, in a plane."""
    separate, depth, height, width, _ = page.shaped
    if not page.is_tiled:
        return separate, depth, math.ceil(height / max(page.rowsperstrip, 1))
    plane = math.ceil(width / page.tilewidth) * math.ceil(height / page.tilelength)
    return separate, math.ceil(depth / page.tiledepth), plane


def segment_bytes(page: tifffile.TiffPage) -> int:
    """Return the bytes that a strip or tile of a page takes when it is decoded."""
    if page.dtype is None:
        return 0
    samples = 1 if page.shaped[0] > 1 else page.samplesperpixel
    width, rows, depth = page.imagewidth, min(page.rowsperstrip, page.imagelength), 1
    if page.is_tiled:
        width, rows, depth = page.tilewidth, page.tilelength, page.tiledepth
    return width * rows * depth * samples * page.dtype.itemsize


def read_slab(
    page: tifffile.TiffPage | tifffile.TiffFrame,
    keyframe: tifffile.TiffPage,
    sample: int,
    depth: int,
) -> npt.NDArray[Any]:
    """Return what a page stores together for one separate sample at one depth.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        The page.
    keyframe : tifffile.TiffPage
        A page that is read alike.
    sample, depth : int
        Which of them.

    Returns
    -------
    array, shape (Y, X, samples that are interleaved)
    """
    file, dtype, shape = page.parent.filehandle, keyframe.dtype, keyframe.shaped[2:]
    if keyframe.shaped[:2] == (1, 1):
        slab: npt.NDArray[Any] = page.asarray(squeeze=False)[0, 0]
        return slab
    if keyframe.is_final and dtype is not None:
        count = math.prod(shape)
        skipped = (sample * keyframe.imagedepth + depth) * count * dtype.itemsize
        stored = dtype.newbyteorder(page.parent.byteorder)
        return file.read_array(stored, count, page.dataoffsets[0] + skipped).reshape(shape)
    _, layers, count = segment_counts(keyframe)
    layer = depth // keyframe.tiledepth if keyframe.is_tiled else depth
    slab = np.zeros(shape, dtype)
    first = (sample * layers + layer) * count
    for index in range(first, first + count):
        file.seek(page.dataoffsets[index])
        data = file.read(page.databytecounts[index]) or None
        piece, (_, front, top, left, _), size = keyframe.decode(
            data, index, jpegtables=page.jpegtables
        )
        into = slab[top : top + size[1], left : left + size[2]]
        height, width = into.shape[:2]
        into[:] = keyframe.nodata if piece is None else piece[depth - front, :height, :width]
    return slab
