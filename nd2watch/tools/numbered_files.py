"""The files of a folder in the places that the numbers in their names give them."""

from __future__ import annotations

import fnmatch
import math
import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError, SourceError
from nd2watch.experiment import AXES, TEMPORARY_NAMES, describe, natural_key
from nd2watch.sources import list_files, open_frame
from nd2watch.tools.numbered_pattern import simple_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from nd2watch.experiment import Coordinate
    from nd2watch.sources import FrameFile
    from nd2watch.tools.options import SequenceOptions

Labels = tuple[str, ...]
"""What the groups of one axis captured in a name."""

Place = tuple[Labels, Labels, Labels, Labels]
"""Labels on the axes t, p, z, c; none on an axis that the pattern does not have."""

_LISTED: Final = 50
SPARSE: Final = 1000
"""Places for each position, or file, from which on a grid is a mistake."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedFiles:
    """Files by the labels in their names.

    Attributes
    ----------
    files : mapping from Place to FrameFile
        The files; at least one.
    labels : tuple of list of Labels
        The labels on each axis (t, p, z, c), in their order.
    passed_over : int
        Files with the right ending that do not match.
    links : int
        Links that are not followed.

    Raises
    ------
    LayoutError
        If labels of several groups of one axis make the same name.
    """

    files: Mapping[Place, FrameFile]
    labels: tuple[list[Labels], ...]
    passed_over: int
    links: int

    def __post_init__(self) -> None:
        for axis, labels in zip(AXES, self.labels, strict=True):
            named: dict[str, Labels] = {}
            for own in labels:
                if (other := named.setdefault(name_of(own), own)) != own:
                    raise LayoutError(
                        f"{' and '.join(other)} make the same name on the axis {axis} as"
                        f" {' and '.join(own)}: {name_of(own)}; let one group capture all of it"
                    )

    @property
    def names(self) -> tuple[list[str], ...]:
        """The name of each point of each axis."""
        return tuple(list(map(name_of, labels)) for labels in self.labels)

    @property
    def by_name(self) -> dict[Coordinate, FrameFile]:
        """The files by the names of their points."""
        return {_coordinate(place): file for place, file in self.files.items()}

    @property
    def missing(self) -> Iterator[str]:
        """The missing files, each like ``t=3 c=DAPI``."""
        places = ((t, p, z, c) for t, p, z, c in product(*self.labels))
        return (describe(_coordinate(place)) for place in places if place not in self.files)

    @property
    def place_count(self) -> int:
        """How many files there would be if none were missing."""
        return math.prod(map(len, self.labels))

    @property
    def missing_count(self) -> int:
        """How many files are missing."""
        return self.place_count - len(self.files)


def find_numbered(options: SequenceOptions) -> NumberedFiles:
    """Return the files of the folder whose names match the pattern.

    Raises
    ------
    LayoutError
        If there is none, positions by X and Y are no grid, labels cannot be told apart, or the
        output has the name of a source.
    SourceError
        If files cannot be used, or two claim one place; they are listed.
    OSError
        If the folder cannot be listed.
    """
    _check_output(options)
    files, passed_over = _matching(options)
    links = _link_count(options)
    if not files:
        raise LayoutError(
            f"no file in {options.folder} that ends with {' or '.join(options.suffixes)} matches"
            f" {options.pattern.source!r}; {passed_over} such files do not match"
            + (f"; {links_note(links)}" if links else "")
            + ("; folders in it are searched only by a / in the pattern" * _has_more(options))
            + ("" if options.pattern.groups else simple_hint(options.pattern.source))
        )
    return NumberedFiles(
        files=files,
        labels=tuple(_labels(number, files, options) for number in range(len(AXES))),
        passed_over=passed_over,
        links=links,
    )


def name_of(labels: Labels) -> str:
    """Return the name of a point, from the labels of one group or of several."""
    return "_".join(labels)


def links_note(count: int) -> str:
    """Return that links are not followed."""
    return f"{count} links are not followed" if count > 1 else f"{count} link is not followed"


def listed(texts: Sequence[str], count: int) -> str:
    """Return the first of texts, and how many more there are of `count` in all."""
    shown = texts[:_LISTED]
    more = [f"and {count - len(shown)} more"] if count > len(shown) else []
    return "; ".join([*shown, *more])


def _matching(options: SequenceOptions) -> tuple[dict[Place, FrameFile], int]:
    """Return the files by their places, and how many do not match."""
    files: dict[Place, FrameFile] = {}
    faults: list[str] = []
    passed_over = 0
    for path in _named_alike(options):
        place = _place(path, options)
        if place is None:
            passed_over += 1
        elif place in files:
            where = describe(_coordinate(place)) or "the only frame"
            faults.append(f"{path} and {files[place].path} are both {where}")
        else:
            try:
                files[place] = open_frame(path)
            except SourceError as error:
                faults.append(str(error))
    if faults:
        raise SourceError(listed(faults, len(faults)))
    return files, passed_over


def _named_alike(options: SequenceOptions) -> list[Path]:
    """Return the files whose names have the right ending, in order; links are no files."""
    folder = options.folder
    if not folder.is_dir():
        raise LayoutError(f"{folder} is no folder")
    near = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    paths = list_files(folder) if options.pattern.spans_folders else near
    return sorted(path for path in paths if _is_source(path.name, options))


def _has_more(options: SequenceOptions) -> bool:
    """Return whether there are folders in the folder that are not searched."""
    is_deep = options.pattern.spans_folders
    return not is_deep and any(path.is_dir() for path in options.folder.iterdir())


def _link_count(options: SequenceOptions) -> int:
    """Return how many links have the right ending, or are to a folder that would be searched."""
    folder, deep = options.folder, options.pattern.spans_folders
    entries = folder.rglob("*") if deep else folder.iterdir()
    return sum(
        path.is_symlink() and (_is_source(path.name, options) or (deep and path.is_dir()))
        for path in entries
    )


def _is_source(name: str, options: SequenceOptions) -> bool:
    """Return whether a name has the right ending, and is none of an unfinished file."""
    is_temporary = any(fnmatch.fnmatch(name, known) for known in TEMPORARY_NAMES)
    return name.lower().endswith(options.suffixes) and not is_temporary


def _place(path: Path, options: SequenceOptions) -> Place | None:
    """Return the place of a file below the folder, None when its name does not match."""
    pattern = options.pattern
    name = path.relative_to(options.folder).as_posix() if pattern.spans_folders else path.name
    found = pattern.match(name)
    if found is None:
        return None
    t, p, z, c = (found.get(axis, ()) for axis in AXES)
    return (t, p, z, c)


def _check_output(options: SequenceOptions) -> None:
    """Refuse an output that would be taken for a source."""
    target = options.output or options.description
    if target is None or not _is_source(target.name, options):
        return
    folder, output = options.folder.resolve(), target.resolve()
    deep = options.pattern.spans_folders
    is_inside = folder in output.parents if deep else folder == output.parent
    if is_inside and _place(options.folder / output.relative_to(folder), options) is not None:
        raise LayoutError(
            f"{target} has the name of a source, as it matches {options.pattern.source!r};"
            " choose another name, or another folder"
        )


def _labels(number: int, places: Iterable[Place], options: SequenceOptions) -> list[Labels]:
    """Return the labels of an axis in their order; X and Y of positions make a whole grid."""
    seen = {place[number] for place in places}
    if AXES[number] == "p" and options.pattern.has_grid:
        sides = [set(side) for side in zip(*seen, strict=True)]
        if math.prod(map(len, sides)) > SPARSE * len(seen):
            raise LayoutError(
                f"{len(seen)} positions make no grid of {' x '.join(str(len(s)) for s in sides)};"
                " give both of their groups by --multipoint, with --flatten_duplicates"
            )
        seen = set(product(*sides))
    return sorted(seen, key=lambda labels: tuple(map(_order, labels)))


def _order(label: str) -> tuple[tuple[int, float, str], ...]:
    """Return a sorting key: numbers, also with fractions, by value, others with their numbers."""
    if _NUMBER.fullmatch(label):
        return ((0, float(label), label),)
    return tuple((kind, float(number), text) for kind, number, text in natural_key(label))


def _coordinate(place: Place) -> Coordinate:
    """Return the names of a place on the axes t, p, z, c."""
    t, p, z, c = map(name_of, place)
    return (t, p, z, c)
