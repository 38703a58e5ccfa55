"""The pages of an open TIFF file, all of which are there, and reading one plane of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.declared import check_declared
from nd2watch.sources.tiff.directories import NO_COMPRESSION, Directories
from nd2watch.sources.tiff.pixels import (
    RGB_SAMPLES,
    PageFormat,
    format_of,
    has_alpha,
    read_slab,
    refuse_transparent,
    segment_bytes,
    segment_counts,
)
from nd2watch.sources.tiff.planes import Grid, grid_of_sizes
from nd2watch.sources.tiff.segments import check_segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

_TAIL: Final = 4096
_MOST_IMAGES: Final = 1 << 16
_SMALLEST_IMAGE: Final = 64
"""Bytes of an image on an average, where there are more."""


class Pages:
    """The pages of an open TIFF file.

    Parameters
    ----------
    path : Path
        The file's name.
    file : BinaryIO
        The open file.
    size : int
        Its size, bytes.

    Attributes
    ----------
    path : Path
        The file's name.
    tiff : tifffile.TiffFile
        The file as tifffile parses it.
    first : tifffile.TiffPage
        The first page.
    images : array of int64
        Numbers of the pages that are images of their own: neither reduced ones nor masks.

    Raises
    ------
    FrameIncomplete
        If not all of its pages are there.
    FrameUnreadable
        If their chain is a circle.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path = path
        self._size = size
        self._directories = Directories(path, file, size)
        if not len(self):
            raise FrameIncomplete(f"{path} holds no image yet", path)
        self.tiff = tifffile.TiffFile(
            file,
            name=path.name,
            offset=0,
            size=size,
            is_lsm=False if len(self) == 1 else None,  # it looks for a second page
            _multifile=False,
        )
        self.first = self.tiff.pages.first
        self._keyframes: dict[int, tifffile.TiffPage] = {}
        self._formats: dict[int, PageFormat] = {}
        self._unrolled = False
        self._found: tuple[int, tifffile.TiffPage | tifffile.TiffFrame] | None = None
        self._kept: tuple[tuple[int, int], npt.NDArray[Any]] | None = None
        self.images = np.arange(len(self))
        lesser = [layout.lesser for layout in self._directories.layouts]
        if any(lesser) and not all(lesser):
            self.images = np.flatnonzero(~np.array(lesser)[self._kinds])

    def __len__(self) -> int:
        return len(self._directories.offsets)

    @property
    def offsets(self) -> npt.NDArray[np.uint64]:
        """Where the directory of each page lies in the file."""
        return np.frombuffer(self._directories.offsets, np.uint64)

    @property
    def _kinds(self) -> npt.NDArray[np.uint64]:
        """Number of the layout of each page."""
        return np.frombuffer(self._directories.kinds, np.uint64)

    def text(self, number: int, code: int) -> str:
        """Return the text of a tag of a page, empty when it has no such tag."""
        data = self._directories.value(number, code).split(b"\0", 1)[0]
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")

    def format(self, number: int) -> PageFormat:
        """Return the format of a page, or of an image where they are unrolled."""
        kind = self._kind(number)
        if kind not in self._formats:
            colored = not self.first.is_lsm  # it calls any three channels colours
            self._formats[kind] = format_of(self.path, self._keyframe(kind), colored=colored)
        return self._formats[kind]

    def formats(self, numbers: npt.NDArray[np.integer[Any]]) -> tuple[PageFormat, ...]:
        """Return the different formats of some pages, first come first."""
        if self._unrolled:
            return (self.format(0),)
        if len(numbers) == 1:
            return (self.format(int(numbers[0])),)
        _, places = np.unique(self._kinds[numbers], return_index=True)
        return tuple(dict.fromkeys(self.format(int(numbers[at])) for at in np.sort(places)))

    def unrolled(self, axes: Sequence[tuple[str, int]]) -> Grid | None:
        """Return the grid of images that lie one after another in the data of the first page.

        They are taken for pages from then on. None when the sizes of the axes are none.

        Parameters
        ----------
        axes : sequence of (str, int)
            Names and sizes, outermost first.

        Raises
        ------
        FrameIncomplete
            If the file ends before they do.
        FrameUnreadable
            If they cannot lie there.
        """
        count = math.prod(size for _, size in axes)
        if any(size < 1 for _, size in axes):
            return None
        page = self._keyframe(0)
        if not page.is_final:
            raise FrameUnreadable(
                f"{self.path} announces {count} images in a page that is stored in pieces;"
                " save it anew with the program that wrote it",
                self.path,
            )
        self._refuse_end(page.dataoffsets[0] + count * page.nbytes)
        if count > max(_MOST_IMAGES, self._size // _SMALLEST_IMAGE):
            raise FrameUnreadable(
                f"{self.path} announces {count} images of {page.nbytes} bytes, more than can be",
                self.path,
            )
        self._unrolled = True
        return grid_of_sizes(axes, np.arange(count))

    def find(self, number: int) -> tifffile.TiffPage | tifffile.TiffFrame:
        """Return a page that can be read; what tifffile logs of its tags is no matter then."""
        if self._found is None or self._found[0] != number:
            page = self._find(number)
            check_segments(self.path, page, self._keyframe(self._kind(number)))
            self._found = (number, page)
        return self._found[1]

    def read(self, number: int, part: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane.

        Parameters
        ----------
        number : int
            Number of the page, or of the image where they are unrolled.
        part : int
            Number of the plane in it: by depth, then by sample.

        Returns
        -------
        array, shape (Y, X), or (Y, X, 3) for RGB

        Raises
        ------
        FrameUnreadable
            If it is transparent. The library raises much else for damaged data.
        """
        kind, form = self._kind(number), self.format(number)
        keyframe = self._keyframe(kind)
        depth, sample = divmod(part, form.samples)
        if keyframe.shaped[0] == 1:
            slab = self._interleaved(number, depth)
            if sample == form.samples - 1:  # the last one: many other files may be read next
                self._kept = None
            alpha = slab[:, :, -1]
            pixels = slab[:, :, :RGB_SAMPLES] if form.rgb else slab[:, :, sample]
        else:
            page = self.find(number)
            planes = range(RGB_SAMPLES) if form.rgb else (sample,)
            slabs = [read_slab(page, keyframe, plane, depth) for plane in planes]
            alpha = slabs[0]
            if has_alpha(keyframe):
                alpha = read_slab(page, keyframe, keyframe.samplesperpixel - 1, depth)
            pixels = np.concatenate(slabs, axis=2) if form.rgb else slabs[0][:, :, 0]
        if has_alpha(keyframe):
            refuse_transparent(self.path, alpha)
        return np.ascontiguousarray(pixels)

    def tail_is_zero(self, number: int) -> bool:
        """Return whether the end of the uncompressed data of a page is all zero."""
        keyframe = self._keyframe(self._kind(number))
        if keyframe.compression != NO_COMPRESSION:
            return False
        if not self._unrolled:
            return not any(self._directories.last_bytes(number, _TAIL))
        length = min(_TAIL, keyframe.nbytes)
        end = self.find(number).dataoffsets[0] + keyframe.nbytes
        self.tiff.filehandle.seek(end - length)
        return not any(self.tiff.filehandle.read(length))

    def close(self) -> None:
        """Release the parsed file."""
        self.tiff.close()

    def _interleaved(self, number: int, depth: int) -> npt.NDArray[Any]:
        """Return all samples at a depth; they are kept while they are read one by one."""
        if self._kept is not None and self._kept[0] == (number, depth):
            return self._kept[1]
        slab = read_slab(self.find(number), self._keyframe(self._kind(number)), 0, depth)
        several = self.format(number).samples > 1
        self._kept = ((number, depth), slab) if several else None
        return slab

    def _kind(self, number: int) -> int:
        """Return the number of the layout of a page."""
        return 0 if self._unrolled else self._directories.kinds[number]

    def _keyframe(self, kind: int) -> tifffile.TiffPage:
        """Return the first page of a layout whose pages are all found to be there."""
        if kind not in self._keyframes:
            number = self._directories.layouts[kind].first
            page = self.first if number == 0 else self._parse(number)
            self._check(page, kind)
            self._keyframes[kind] = page
        return self._keyframes[kind]

    def _parse(self, number: int) -> tifffile.TiffPage:
        """Return a page with all its tags."""
        self.tiff.filehandle.seek(self._directories.offsets[number])
        page = tifffile.TiffPage(self.tiff, number)
        self._refuse_lost_tags(page)
        return page

    def _find(self, number: int) -> tifffile.TiffPage | tifffile.TiffFrame:
        """Return a page that can be read."""
        kind = self._kind(number)
        keyframe, layout = self._keyframe(kind), self._directories.layouts[kind]
        if self._unrolled:
            start = keyframe.dataoffsets[0] + number * keyframe.nbytes
            return tifffile.TiffFrame(
                self.tiff,
                number,
                keyframe=keyframe,
                dataoffsets=(start,),
                databytecounts=(keyframe.nbytes,),
            )
        if self._is_mended(keyframe):
            return self.tiff.pages[number]
        if number == layout.first:
            return keyframe
        if layout.segments != len(keyframe.dataoffsets):
            return self._parse(number)
        offset = self._directories.offsets[number]
        return tifffile.TiffFrame(self.tiff, number, offset=offset, keyframe=keyframe)

    def _is_mended(self, page: tifffile.TiffPage) -> bool:
        """Return whether tifffile keeps pages whose offsets and sizes it has corrected."""
        return self.tiff.is_lsm and (page.compression != NO_COMPRESSION or self._size >= 1 << 32)

    def _check(self, page: tifffile.TiffPage, kind: int) -> None:
        """Refuse a layout that is not read whole, or whose pages cannot all be in the file."""
        layout = self._directories.layouts[kind]
        self._refuse_lost_tags(page)
        if not layout.sized and page.compression != NO_COMPRESSION and not self._is_mended(page):
            raise self._damage(f"page {layout.first} does not tell the size of its pixel data")
        if page.dtype is None or 0 in page.shape:
            return  # it is refused for what it holds
        listed = min(len(page.dataoffsets), len(page.databytecounts))
        if listed < math.prod(segment_counts(page)):
            raise self._damage(f"page {layout.first} lists only {listed} pieces of its pixel data")
        if page.is_contiguous:
            self._refuse_end(self._directories.latest[kind] + page.nbytes)
        stored = min(self._size, sum(page.databytecounts))
        check_declared(self.path, max(page.nbytes, segment_bytes(page)), stored)

    def _refuse_lost_tags(self, page: tifffile.TiffPage) -> None:
        """Refuse a page of which tags that say how it is stored were not read."""
        if not self._directories.layout(page.index).codes.issubset(page.tags.keys()):
            raise self._damage(f"tags of page {page.index} cannot be read")

    def _refuse_end(self, end: int) -> None:
        """Refuse a file that ends before its pixel data do."""
        if end > self._size:
            raise FrameIncomplete(
                f"{self.path} has {self._size} bytes, its pixel data end at {end}", self.path
            )

    def _damage(self, what: str) -> FrameIncomplete:
        """Return the error for a file whose structure is broken."""
        return FrameIncomplete(f"{self.path} is damaged or cut short: {what}", self.path)
