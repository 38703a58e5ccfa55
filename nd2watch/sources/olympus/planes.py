"""The planes of an Olympus image, which the names of its TIFF files tell."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FrameUnreadable, SourceError
from nd2watch.sources.base import PAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_AXES: Final = {"T": "t", "Z": "z", "C": "c"}
_NAME: Final = re.compile(r"(.*_)((?:[A-Z]\d{1,6})+)\.tif", re.IGNORECASE)
_POINT: Final = re.compile(r"([A-Z])(\d+)")

Place = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFiles:
    """The files of an image.

    Attributes
    ----------
    names : tuple of str
        Names of the files, one for each plane, in the order of the axes.
    axes : tuple of (str, int)
        Axes of the planes and their sizes, as in `SourceInfo`.
    points : mapping from str to tuple of int
        Points on each axis, by its letter: T, Z, C or another.
    """

    names: tuple[str, ...]
    axes: tuple[tuple[str, int], ...]
    points: Mapping[str, tuple[int, ...]]


def arrange(
    path: Path,
    names: Collection[str],
    planned: Mapping[str, int],
    missing: type[SourceError],
) -> PlaneFiles:
    """Return the planes among files, whose names are like ``s_C001Z002T003.tif``.

    Images of another kind, such as that on which a line was drawn, have other names.

    Parameters
    ----------
    path : Path
        The image, for messages.
    names : collection of str
        Names of all files.
    planned : mapping from str to int
        How many points an axis is to have at least, by its letter.
    missing : type of SourceError
        What to raise when planes are missing.

    Raises
    ------
    FrameUnreadable
        If there is none, or there are axes that cannot be converted.
    SourceError
        If planes are missing.
    """
    groups: dict[str, dict[Place, str]] = {}
    for name in sorted(names):
        match = _NAME.fullmatch(name)
        if match is not None:
            found = _POINT.findall(match[2].upper())
            place = tuple(sorted((letter, int(number)) for letter, number in found))
            groups.setdefault(match[1], {})[place] = name
    files = max(groups.values(), key=len, default={})
    if not files:
        raise missing(f"{path} has no planes; its TIFF files are not there", path)
    places = [dict(place) for place in files]
    letters = sorted({letter for place in places for letter in place})
    points = {
        letter: tuple(sorted({place.get(letter, 0) for place in places})) for letter in letters
    }
    order = _order(path, {letter: len(points[letter]) for letter in letters})
    count = math.prod(max(len(points[letter]), planned.get(letter, 1)) for letter in letters)
    if len(files) != count:
        raise missing(
            f"{path} has {len(files)} of its {count} planes; if acquisition was stopped, export"
            " what is there as TIFF files",
            path,
        )
    by_place = {tuple(dict(place).get(a, 0) for a in order): name for place, name in files.items()}
    return PlaneFiles(
        names=tuple(by_place[place] for place in sorted(by_place)),
        axes=tuple((_AXES.get(letter, PAGES), len(points[letter])) for letter in order),
        points=points,
    )


def _order(path: Path, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the axes of several points, outermost first."""
    several = {letter: size for letter, size in sizes.items() if size > 1}
    others = tuple(letter for letter in several if letter not in _AXES)
    if len(others) > 1:
        what = ", ".join(f"{letter}={several[letter]}" for letter in others)
        raise FrameUnreadable(
            f"{path} has several axes for which ND2 has no loop ({what}); export parts of it in"
            " FluoView that have one of them",
            path,
        )
    return tuple(letter for letter in ("T", *others, "Z", "C") if letter in several)
