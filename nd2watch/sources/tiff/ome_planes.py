"""Which planes of an OME document lie in which pages of one file of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final, TypeAlias

from nd2watch.errors import FrameUnreadable
from nd2watch.sources.tiff.planes import Grid, grid_of_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

NONE: Final = 1 << 40
"""A number that nothing has."""

_ORDER: Final = "XYCZT"
_DIGITS: Final = 10
_MOST_CHANNELS: Final = 1 << 16
_MOST_IN_ALL: Final = 1 << 20
_ACCESSORIES: Final = ("label", "label image", "macro", "macro image", "thumbnail", "overview")
_THIS_FILE: Final = ("", "")

Place: TypeAlias = tuple[int, int, int]
"""Place of a plane in an image: T, Z and channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of a document, as far as it is in this file.

    Attributes
    ----------
    element, pixels : xml.etree.ElementTree.Element
        Its element, and that of its pixels.
    samples : tuple of int
        Samples of a pixel, for each channel.
    pages : dict from Place to int
        Number of the page in which each plane lies.
    """

    element: Element
    pixels: Element
    samples: tuple[int, ...]
    pages: dict[Place, int]

    @property
    def channel_numbers(self) -> list[int]:
        """Numbers of the channels that are in this file."""
        return sorted({channel for _, _, channel in self.pages})

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many points of T, Z and channels there are in this file."""
        return tuple(len(set(points)) for points in zip(*self.pages, strict=True))


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Yield the children of an element of one name, in whichever namespace."""
    for child in element if element is not None else ():
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            yield child


def child(element: Element | None, name: str) -> Element | None:
    """Return the first child of an element of one name, None when there is none."""
    return next(children(element, name), None)


def whole(element: Element, name: str, otherwise: int) -> int:
    """Return an attribute that is a whole number, `NONE` for another, `otherwise` without it."""
    text = element.get(name)
    if text is None:
        return otherwise
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else NONE


def images_of(root: Element, name: str, page_count: int) -> tuple[Image, ...]:
    """Return the images of a document of which planes are in a file.

    Parameters
    ----------
    root : xml.etree.ElementTree.Element
        The document.
    name : str
        Name of the file, without folder.
    page_count : int
        Its pages.

    Raises
    ------
    ValueError
        If they have more channels together than can be.
    """
    blocks = [
        (element, pixels, list(children(pixels, "TiffData")))
        for element in children(root, "Image")
        if (pixels := child(element, "Pixels")) is not None
        and element.get("Name", "").lower() not in _ACCESSORIES
    ]
    ours = _names_of_file(root, name, (data for *_, every in blocks for data in every))
    images = []
    left = page_count  # a page holds one plane, however many are listed
    channels_left = _MOST_IN_ALL
    for element, pixels, every in blocks:
        samples = _samples(pixels)
        channels_left -= len(samples)
        if channels_left < 0:
            raise ValueError("the images have more channels than can be")
        channels = channel_numbers(samples, {whole(data, "FirstC", 0) for data in every})
        listed = chain.from_iterable(
            _places(pixels, channels, data, page_count) for data in every if _file_of(data) in ours
        )
        pages: dict[Place, int] = {}
        for place, page in islice(listed, left):
            left -= 1
            pages.setdefault(place, page)
        if pages:
            images.append(Image(element=element, pixels=pixels, samples=samples, pages=pages))
    return tuple(images)


def channel_numbers(samples: tuple[int, ...], used: set[int]) -> dict[int, int]:
    """Return the number of the channel that each number in a document stands for.

    Planes are numbered by channels, or by the first of their samples where these are several.

    Parameters
    ----------
    samples : tuple of int
        Samples of a pixel, for each channel.
    used : set of int
        The numbers that are used.
    """
    numbers = range(len(samples))
    if all(number in numbers for number in used):
        return dict(zip(numbers, numbers, strict=True))
    return dict(zip(accumulate(samples, initial=0), numbers, strict=False))


def grid_of_images(path: Path, images: tuple[Image, ...]) -> Grid | None:
    """Return the pages of images along their axes, images as positions; None when some lack.

    Parameters
    ----------
    path : Path
        The file's name.
    images : tuple of Image
        The images.

    Raises
    ------
    FrameUnreadable
        If they have not all the same sizes.
    """
    stacks = sum(len({t for t, _, _ in image.pages}) for image in images)
    every = [_filled(image, is_sure=stacks > 1) for image in images]
    sizes = list(dict.fromkeys(image.sizes for image in images))
    kinds = {single for _, single in every}
    if len(sizes) > 1 or len(kinds) > 1:
        shapes = ", ".join(f"t={t} z={z} c={c}" for t, z, c in sizes)
        raise FrameUnreadable(
            f"{path} holds images of different shapes: {shapes}; save each of them in a file of"
            " its own",
            path,
        )
    places: list[tuple[int, ...]] = []
    pages: list[int] = []
    for number, (filled, _) in enumerate(every):
        ranks = [
            {value: rank for rank, value in enumerate(sorted(set(points)))}
            for points in zip(*filled, strict=True)
        ]
        for place, page in filled.items():
            places.append((number, *(r[p] for r, p in zip(ranks, place, strict=True))))
            pages.append(page)
    grid = grid_of_places(("p", "t", "z", "c"), places, pages)
    return None if grid is None else replace(grid, single=kinds.pop())


def _filled(image: Image, *, is_sure: bool) -> tuple[dict[Place, int], tuple[int, ...]]:
    """Return the pages of an image with single planes of channels at all points of Z.

    Also the numbers of these channels among those that are there. Unless there are several of them,
    a plane at the first point of Z may also be all that there is of a stack that was broken off.
    """
    heights: dict[int, set[int]] = {channel: set() for channel in image.channel_numbers}
    for _, z, channel in image.pages:
        heights[channel].add(z)
    stack = set().union(*heights.values())
    least = math.inf if is_sure else min(stack)
    single = [c for c, zs in heights.items() if len(zs) == 1 < len(stack) and zs != {least}]
    if not single or len(single) == len(heights) or set(image.samples) != {1}:
        return image.pages, ()
    filled = dict(image.pages)
    for (t, _, channel), page in image.pages.items():
        if channel in single:
            filled.update({(t, z, channel): page for z in stack})
    return filled, tuple(n for n, channel in enumerate(heights) if channel in single)


def _samples(pixels: Element) -> tuple[int, ...]:
    """Return the samples of a pixel for each channel, of which some may not be described."""
    size = whole(pixels, "SizeC", 1)
    samples = [max(1, whole(each, "SamplesPerPixel", 1)) for each in children(pixels, "Channel")]
    if sum(samples) == size:
        return tuple(samples)
    common = Counter(samples).most_common(1)[0][0] if samples else 1
    return (common,) * max(len(samples), min(size // common, _MOST_CHANNELS), 1)


def _file_of(data: Element) -> tuple[str, str]:
    """Return identifier and name of the file that some planes are in, empty for this one."""
    uuid = child(data, "UUID")
    if uuid is None:
        return _THIS_FILE
    return (uuid.text or "").strip(), uuid.get("FileName", "")


def _names_of_file(root: Element, name: str, every: Iterable[Element]) -> set[tuple[str, str]]:
    """Return under which identifiers and names the planes of this file are listed.

    By its name, else by its identifier, as it may have another name now; else the only one listed.
    """
    listed = {_file_of(data) for data in every}
    own = root.get("UUID", "").strip()
    ours = {each for each in listed if PureWindowsPath(each[1]).name.lower() == name.lower()}
    ours = ours or {each for each in listed if own and each[0] == own}
    ours |= listed & {_THIS_FILE}
    return ours or (listed if len(listed) == 1 else set())


def _places(
    pixels: Element, channels: dict[int, int], data: Element, page_count: int
) -> Iterator[tuple[Place, int]]:
    """Yield place and page of each of the planes that follow one another in some pages."""
    order = pixels.get("DimensionOrder", _ORDER)[2:]
    if sorted(order) != sorted(_ORDER[2:]):
        order = _ORDER[2:]
    sizes = {axis: max(1, whole(pixels, f"Size{axis}", 1)) for axis in "TZ"} | {"C": len(channels)}
    first = {axis: whole(data, f"First{axis}", 0) for axis in "TZC"}
    first["C"] = channels.get(first["C"], len(channels))
    if any(first[axis] >= sizes[axis] for axis in order):
        return
    steps = {order[0]: 1, order[1]: sizes[order[0]], order[2]: sizes[order[0]] * sizes[order[1]]}
    begin = sum(first[axis] * steps[axis] for axis in order)
    end = steps[order[2]] * sizes[order[2]]
    page = whole(data, "IFD", 0)
    alone = page_count if data.get("IFD") is None else 1
    count = whole(data, "PlaneCount", whole(data, "NumPlanes", alone))
    for skipped in range(min(count, page_count - page, end - begin)):
        t, z, c = ((begin + skipped) // steps[axis] % sizes[axis] for axis in "TZC")
        yield (t, z, c), page + skipped
