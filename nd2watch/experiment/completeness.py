"""What a sequence lacks, exactly."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Final

from nd2watch.experiment.axes import AXES, AXIS_NAMES, natural_key
from nd2watch.experiment.plan_labels import expected_labels, planned_planes
from nd2watch.experiment.told import relative_path
from nd2watch.sources import PAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from nd2watch.experiment.axes import Coordinate
    from nd2watch.experiment.sequence import ImageSequence
    from nd2watch.sources import FrameFile

MOST_MISSING: Final = 10_000
_INSIDE: Final = ("t", "z", "c")


def expected_count(sequence: ImageSequence) -> int:
    """Return how many frames the whole sequence has."""
    if sequence.listed is not None:
        return len(sequence.listed)
    t, p, z, c = sequence.sizes()
    if z == 1:
        return t * p * c
    seen = set(sequence.channel_labels)
    expected = expected_labels(sequence, "c", seen)
    expected = expected or [*sequence.layout.planes, *sequence.told.planes]
    unseen = [channel for channel in dict.fromkeys(expected) if channel not in seen]
    known = [*seen, *unseen[: max(c - len(seen), 0)]]
    return t * p * (sum(map(sequence.planes, known)) + z * max(c - len(known), 0))


def is_complete(sequence: ImageSequence) -> bool:
    """Return whether every place that is expected has its frame, of all of its planes."""
    if len(sequence) < expected_count(sequence) or sequence.lacks_positions:
        return False
    if _lacking_pages(sequence):
        return False
    if sequence.listed is not None:
        return all(place in sequence.frames for place in sequence.listed)
    if is_ragged(sequence):
        return not missing_lines(sequence)
    return not _short_files(sequence)


def is_ragged(sequence: ImageSequence) -> bool:
    """Return whether frames are no plain grid: channels differ in Z, or have projections too."""
    full = sequence.sizes()[AXES.index("z")]
    if full == 1:
        return False
    return sequence.has_projections or any(
        sequence.planes(channel) != full for channel in sequence.channel_labels
    )


def is_ahead(sequence: ImageSequence) -> bool:
    """Return whether unfinished sidecars tell of single frames, but not of all that are there."""
    told = sequence.told
    known: Collection[str] = told.frames if told.is_closed is False else ()
    if sequence.lacks_lists:
        known = frozenset(told.files)
    return bool(known) and any(
        relative_path(sequence, frame) not in known for frame in sequence.frames.values()
    )


def missing_lines(sequence: ImageSequence) -> list[str]:
    """Return a line for each missing frame, or for axis values of which nothing was seen.

    Of very many the first are returned: runs that go on until they are stopped plan millions.
    """
    short = _lacking_pages(sequence) + _short_files(sequence)
    if sequence.listed is not None:
        absent = [place for place in sequence.listed if place not in sequence.frames]
        return [describe(place) for place in sorted(absent, key=_in_order)] + short
    labels = sequence.labels()
    unseen = _unseen(sequence, labels)
    if count := sequence.lacks_positions:  # files with several planes may hold positions, too
        unseen["p"] = (count, count + sequence.seen("p"))
    lines = [f"{count} of {size} values of {axis}" for axis, (count, size) in unseen.items()]
    places = _missing(sequence, labels)
    lines += [describe(place) for place in itertools.islice(places, MOST_MISSING)]
    more = ["and more"] if next(places, None) is not None else []
    return lines + more + short


def trimmed(sequence: ImageSequence) -> ImageSequence | None:
    """Return the time points before the first that lacks something; None without any."""
    labels, told = sequence.labels(), sequence.told
    there = {place[0] for place in sequence.frames}
    begun = list(itertools.takewhile(there.__contains__, labels[0]))
    absent = {place[0] for place in _absent(sequence, (begun, *labels[1:]))}
    kept = set(itertools.takewhile(lambda label: label not in absent, begun))
    lacks_more = (
        _lacking_pages(sequence)
        or _short_files(sequence)
        or _unseen(sequence, labels).keys() - {"t"}
    )
    if not kept or lacks_more or "t" not in sequence.layout.axes:
        return None
    sizes = {axis: size for axis, size in sequence.layout.sizes.items() if axis != "t"}
    shorter = type(sequence)(dataclasses.replace(sequence.layout, sizes=sizes), sequence.key)
    planned = {axis: size for axis, size in told.sizes.items() if axis != "t"}
    files = told.files if sequence.listed is not None else ()
    listed = tuple(f for f in files if (place := sequence.place_of(f)) and place[0] in kept)
    shorter.tell(dataclasses.replace(told, sizes=planned, files=listed), sequence.root)
    for place, frame in sequence.frames.items():
        if place[0] in kept:
            fields = {**sequence.fields("c", place[3]), **sequence.fields("p", place[1])}
            shorter.add(place, frame, fields)
    return shorter


def describe(coordinate: Coordinate) -> str:
    """Return a coordinate for messages, like ``t=3 p=1 c=DAPI``."""
    return " ".join(
        f"{axis}={label}" for axis, label in zip(AXES, coordinate, strict=True) if label
    )


def _in_order(place: Coordinate) -> list[object]:
    """Return a sorting key for places."""
    return [natural_key(label) for label in place]


def _absent(sequence: ImageSequence, labels: Sequence[Sequence[str]]) -> Iterator[Coordinate]:
    """Yield the places that lack their frame."""
    if sequence.listed is not None:
        return (place for place in sequence.listed if place not in sequence.frames)
    return _missing(sequence, labels)


def _unseen(sequence: ImageSequence, labels: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Return for axes with unknown labels how many these are, and of how many."""
    found = {}
    for axis, known, size in zip(AXES, labels, sequence.sizes(), strict=True):
        count = 0 if axis == "z" and tuple(known) == ("",) and size > 1 else len(known)
        if count < size:
            found[axis] = (size - count, size)
    return found


def _missing(sequence: ImageSequence, labels: Sequence[Sequence[str]]) -> Iterator[Coordinate]:
    """Yield the places of the grid that lack their frame."""
    ts, ps, zs, cs = labels
    planes = {c: planes_of(sequence, c, zs) for c in cs}
    for t, p, z, c in itertools.product(ts, ps, zs, cs):
        if z in planes[c] and (t, p, z, c) not in sequence.frames:
            yield t, p, z, c
    for t, p, c in itertools.product(ts, ps, [c for c in cs if planes[c] == ("",)]):
        if zs != ("",) and (t, p, "", c) not in sequence.frames:
            yield t, p, "", c


def planes_of(sequence: ImageSequence, channel: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels on Z of a channel, of those that the sequence has."""
    if sequence.is_flat(channel):
        return ("",)
    count = sequence.planes(channel)
    if count >= len(labels):
        return tuple(labels)
    own = {place[2] for place in sequence.frames if place[3] == channel}
    ranked = sorted(labels, key=lambda label: label not in own)[:count]
    return tuple(label for label in labels if label in ranked)


def _lacking_pages(sequence: ImageSequence) -> list[str]:
    """Return a line for each file that has fewer pages than a sidecar lists for it."""
    listed = sequence.told.pages
    return [
        f"{describe(place)} has {found} of {count} pages".lstrip()
        for place, frame in (sequence.frames.items() if listed else ())
        if (count := len(listed.get(relative_path(sequence, frame), ())))
        > (found := frame.info.plane_count)
    ]


def _short_files(sequence: ImageSequence) -> list[str]:
    """Return a line for each file that has fewer planes than a sidecar tells, while it is open."""
    told, named = sequence.told, set(sequence.layout.axes)
    inside = [a for a in _INSIDE if a not in named or (a == "z" and sequence.is_stacked_inside)]
    wanted = {axis: told.sizes[axis] for axis in inside if axis in told.sizes}
    if not wanted or told.is_closed or sequence.layout.joined:
        return []
    lines = []
    for place, frame in sequence.frames.items():
        own = wanted if "z" not in wanted else _wanted_of(sequence, place, wanted)
        lines += [
            f"{describe(place)} has {found} of {count} {AXIS_NAMES[axis]}s".lstrip()
            for axis, count in own.items()
            if (found := _inside(frame, axis, sequence.layout.pages)) < count
        ]
    return lines


def _wanted_of(
    sequence: ImageSequence, place: Coordinate, wanted: Mapping[str, int]
) -> Mapping[str, int]:
    """Return the planes that the file of a place is to have on each axis."""
    planes = planned_planes(sequence, place[3])
    return wanted if planes is None else {**wanted, "z": min(planes, wanted["z"])}


def _inside(frame: FrameFile, axis: str, pages: str | None) -> int:
    """Return how many points of an axis a file has inside."""
    sizes = frame.info.sizes
    return sizes.get(PAGES, 1) if axis == pages and PAGES in sizes else sizes.get(axis, 1)
