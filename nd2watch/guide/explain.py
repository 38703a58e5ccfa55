"""What a name tells by a layout, or where it ceases to be one that the layout reads."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from nd2watch.errors import LayoutError
from nd2watch.experiment import AXES, WELL_FIELD
from nd2watch.experiment.pattern import path_parts
from nd2watch.guide.examples import likeness
from nd2watch.guide.expression import share_told
from nd2watch.guide.stops import stop_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.experiment import FrameName, NamePattern
    from nd2watch.experiment.pattern import NameForm
    from nd2watch.guide.known import NamedLayout
    from nd2watch.guide.stops import Stop

Role = Literal["frame", "sidecar", "marker", "ignored", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file is by one layout.

    Attributes
    ----------
    layout : str
        Name of the layout.
    is_general : bool
        It fits names of many programs, or makes nothing of this one.
    role : {"frame", "sidecar", "marker", "ignored", "refused"}
        "ignored": it is passed over by a key of the layout; "refused": its name is read, but tells
        what cannot be.
    path : str
        What was read, from the watched folder.
    form : str
        The form of its name; empty for one that has none.
    fields : dict from str to str
        All that the name tells.
    sequence : dict from str to str
        What tells its sequence from others.
    place : dict from {"t", "p", "z", "c"} to str
        Its place there, on the axes that its name has.
    well : str
        Its well; empty without one.
    channel : str
        Name of its channel where that is told besides its label; else empty.
    output : str
        Name of the ND2 file below the output folder, for a watch; empty where the start of the
        acquisition is part of it.
    reason : str
        By which pattern it is ignored, or why it is refused.
    """

    layout: str
    is_general: bool
    role: Role
    path: str
    form: str
    fields: dict[str, str]
    sequence: dict[str, str]
    place: dict[str, str]
    well: str
    channel: str
    output: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The layout that comes nearest to a name which it does not read.

    Attributes
    ----------
    layout : str
        Its name.
    is_general : bool
        It fits names of many programs.
    stop : Stop
        Where the name ceases to fit.
    examples : tuple of str
        Names that fit.
    nearness : float
        Share of the name that fits and is no free text, and its likeness to the examples,
        together, less some of the share that remains.
    """

    layout: str
    is_general: bool
    stop: Stop
    examples: tuple[str, ...]
    nearness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one name.

    Attributes
    ----------
    name : str
        The name as it was given.
    readings : tuple of Reading
        By each layout that reads it; those of programs come first, of general ones those that find
        most in it.
    nearest : Nearest, optional
        The nearest layout when there is none of a program.
    """

    name: str
    readings: tuple[Reading, ...]
    nearest: Nearest | None


_NO_FRAME: Final = ("ignored", "refused")
_NEAR: Final = 0.7
_COST_OF_REST: Final = 0.3
"""Nearness of a layout that comes near, and what a name loses of it of which nothing fits."""


def explain(name: Path, known: Sequence[NamedLayout], folder: Path | None = None) -> Explanation:
    """Return what a file is by some layouts.

    Of layouts of watches only those count in whose folders it lies, if it lies in any of them.

    Parameters
    ----------
    name : Path
        Its path, which need not exist.
    known : sequence of NamedLayout
        The layouts.
    folder : Path, optional
        The watched folder, where the layouts do not tell it.
    """
    known = [each for each in known if _below(name, each.root) is not None] or known
    readings = [found for each in known if (found := _first(name, each, folder)) is not None]
    readings.sort(key=_rank)
    if len(known) > 1:  # that others pass it over as well is no news
        readings = [r for r in readings if r.role != "ignored" or r.form] or readings
    is_read = any(not reading.is_general for reading in readings)
    return Explanation(
        name=str(name),
        readings=tuple(readings),
        nearest=None if is_read else nearest(name, known, folder),
    )


def _rank(reading: Reading) -> tuple[bool, bool, int]:
    """Return what readings are sorted by."""
    found = len(reading.fields.keys() - reading.sequence.keys()) if reading.is_general else 0
    return reading.is_general, reading.role in _NO_FRAME, -found


def nearest(name: Path, known: Sequence[NamedLayout], folder: Path | None = None) -> Nearest | None:
    """Return the layout that comes nearest to a name; None where of several none comes near.

    A name comes near to a layout of which it has some fixed text or index, by what it has of these,
    by its likeness to examples, and by how little of it remains.
    """
    found: list[Nearest] = []
    for each in known:
        path = next(paths_of(name, each.root or folder))
        if not each.layout.matches(path):
            found += filter(None, (_near(path, each, form) for form in each.layout.pattern.forms))
    if len(known) > 1:
        found = [near for near in found if near.stop.told and near.nearness >= _NEAR]
    return max(found, key=lambda near: (near.nearness, not near.is_general), default=None)


def _near(path: PurePosixPath, known: NamedLayout, form: NameForm) -> Nearest | None:
    """Return how near a path comes to a form of a layout; None if it has too few folders."""
    stop = stop_of(form, path_parts(path))
    if stop is None:
        return None
    examples = known.examples.get(form.name, ())
    rest = 1 - stop.at / max(len(stop.text), 1)
    return Nearest(
        layout=known.name,
        is_general=known.is_general,
        stop=stop,
        examples=examples,
        nearness=stop.share + likeness(path, examples) - _COST_OF_REST * rest,
    )


def paths_of(name: Path, folder: Path | None) -> Iterator[PurePosixPath]:
    """Yield the paths from the watched folder that a name may stand for, the likeliest first.

    One below the folder is taken from there, others as they stand; of absolute ones elsewhere the
    folders in front may be more than what lies below the watched folder.
    """
    below = _below(name, folder)
    if below is not None:
        yield below
        return
    parts = name.relative_to(name.anchor).parts
    yield PurePosixPath(*parts)
    if name.is_absolute():
        for start in range(1, len(parts)):
            yield PurePosixPath(*parts[start:])


def _below(name: Path, folder: Path | None) -> PurePosixPath | None:
    """Return the path of a file from a folder, None if it does not lie below it."""
    if folder is None:
        return None
    for place in (os.path.abspath, os.path.realpath):
        path, root = Path(place(name)), Path(place(folder))
        if path.is_relative_to(root) and path != root:
            return PurePosixPath(path.relative_to(root).as_posix())
    return None


def read_name(path: PurePosixPath, known: NamedLayout) -> Reading | None:
    """Return what a file is by a layout, None when its name tells nothing.

    Files are judged as by the service: what has the name of a sidecar or marker, and not also that
    of a frame, is one; then ignored ones are passed over.

    Parameters
    ----------
    path : PurePosixPath
        Its path from the watched folder.
    known : NamedLayout
        The layout.
    """
    layout = known.layout
    companions = known.companions(Path())
    if not layout.matches(path):
        if companions.is_sidecar(path.name):
            return _reading(known, path, "sidecar")
        if companions.is_marker(path.name):
            return _reading(known, path, "marker")
    form, told, refusal = None, None, ""
    try:
        form = _form_of(layout.pattern, path)
        told = layout.parse(path) if form is not None else None
    except (LayoutError, ValueError) as error:
        refusal = str(error)
    if layout.is_ignored(path):
        return _reading(known, path, "ignored", form, told, reason=_ignored_by(known, path))
    if refusal:
        return _reading(known, path, "refused", form, reason=refusal)
    return None if told is None else _reading(known, path, "frame", form, told)


def _first(name: Path, known: NamedLayout, folder: Path | None) -> Reading | None:
    """Return what a file is by a layout, of all paths that its name may stand for."""
    readings = (read_name(path, known) for path in paths_of(name, known.root or folder))
    return next((reading for reading in readings if reading is not None), None)


def _form_of(pattern: NamePattern, path: PurePosixPath) -> NameForm | None:
    """Return the form of a name, None if it has none."""
    parts = path_parts(path)
    return next((form for form in pattern.forms if form.match(parts) is not None), None)


def _reading(
    known: NamedLayout,
    path: PurePosixPath,
    role: Role,
    form: NameForm | None = None,
    told: FrameName | None = None,
    reason: str = "",
) -> Reading:
    """Return what a file is by a layout."""
    fields = dict(told.fields) if told is not None else {}
    places = zip(AXES, told.coordinate, strict=True) if told is not None else ()
    return Reading(
        layout=known.name,
        is_general=known.is_general or _makes_nothing(form, path),
        role=role,
        path=path.as_posix(),
        form=form.name if form is not None else "",
        fields=fields,
        sequence=dict(told.sequence) if told is not None else {},
        place={axis: label for axis, label in places if label},
        well=fields.get(WELL_FIELD, ""),
        channel=fields.get(known.layout.channel_name or "", ""),
        output=_output(known, told) if told is not None else "",
        reason=reason,
    )


def _makes_nothing(form: NameForm | None, path: PurePosixPath) -> bool:
    """Return whether a form takes a name as a whole for free text."""
    fields = form.match(path_parts(path)) if form is not None else None
    return form is not None and fields is not None and not share_told(form, fields, path)


def _output(known: NamedLayout, told: FrameName) -> str:
    """Return the name of the ND2 file that a watch makes, as far as a frame's name tells it."""
    if known.root is None or "date" in known.output_name.fields:
        return ""
    return known.output_name.path(told.sequence, known.name).as_posix()


def _ignored_by(known: NamedLayout, path: PurePosixPath) -> str:
    """Return the pattern by which a file is ignored."""
    for pattern in known.layout.ignore:
        texts = (path.as_posix(), f"/{path.as_posix()}") if "/" in pattern else (path.name,)
        if any(fnmatch.fnmatchcase(text.lower(), pattern.lower()) for text in texts):
            return pattern
    return ""
