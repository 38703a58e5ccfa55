"""What is planned of a sequence: the sizes of its axes, and the labels on them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from nd2watch.experiment.axes import ordered_labels
from nd2watch.experiment.wells import WELL_FIELD

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence, Set

    from nd2watch.experiment.sequence import ImageSequence

_COUNTED: Final = ("t", "z")
"""Axes on which no one leaves out numbers by choice, as XY positions of a plate are."""


def planned_size(sequence: ImageSequence, axis: str) -> int | None:
    """Return how many points an axis of the names is to have, None when nothing tells it.

    It is what the layout says, else what the sidecars tell, which is 1 for axes that names do not
    have.
    """
    layout, told = sequence.layout, sequence.told
    if axis not in layout.axes:
        return 1
    is_inside = axis == "z" and bool(sequence.frames) and sequence.is_stacked_inside
    if axis in layout.sizes and not (is_inside and sequence.holds_stacks):
        return layout.sizes[axis].count
    if is_inside:
        return 1
    if axis in layout.joined and sequence.holds_stacks:  # labels are those of files
        return None
    if axis == "p" and _tell_no_position(sequence):
        return 1
    if axis != "p" or layout.wells is None:
        return told.sizes.get(axis)
    fields = layout.fields_of(axis)
    sites = told.sites if len(fields) > 1 or WELL_FIELD not in fields else 1
    wells = len(told.wells) if WELL_FIELD in fields else 1
    return None if sites is None or not wells else sites * wells


def counts_on(sequence: ImageSequence, axis: str) -> bool:
    """Return whether numbers that labels leave out are missing, as nothing tells the size."""
    layout = sequence.layout
    if axis not in _COUNTED or sequence.listed is not None:
        return False
    is_timed = axis == "t" and layout.times.are_given
    return not is_timed and planned_size(sequence, axis) is None


def _tell_no_position(sequence: ImageSequence) -> bool:
    """Return whether names leave the XY position out, so that others are in other sequences."""
    absent = sequence.layout.absent.get("p")
    if absent is None or sequence.seen("p") > 1:
        return False
    told = sequence.fields("p", absent)
    return bool(told) and not any(told.get(field) for field in sequence.layout.fields_of("p"))


def planned_positions(sequence: ImageSequence, known: Set[str]) -> int:
    """Return how many XY positions sidecars plan; 1 where names do not tell them apart.

    Parameters
    ----------
    sequence : ImageSequence
        The sequence.
    known : set of str
        Labels of positions.
    """
    if known <= {sequence.layout.absent.get("p", "")} or _is_apart(sequence, known):
        return 1
    return planned_size(sequence, "p") or sequence.told.sizes.get("p", 1)


def _is_apart(sequence: ImageSequence, known: Set[str]) -> bool:
    """Return whether a folder is that of one position, although its name is none of a position.

    Its finished list is of that position alone, and the numbers of others are in other folders.
    """
    told, (outer, *inner) = sequence.told, sequence.layout.fields_of("p") or ("",)
    if not (inner and told.is_of_position and told.is_closed and len(known) == 1):
        return False
    return not sequence.fields("p", next(iter(known))).get(outer)


def planned_planes(sequence: ImageSequence, channel: str) -> int | None:
    """Return the Z planes that a channel is to have, by its label; None when nothing tells them.

    Where names have numbers instead of the labels that the layout lists, their order tells which
    channel is which, once all are there.
    """
    planes, size = sequence.layout.planes, sequence.layout.sizes.get("c")
    listed = size.labels if size is not None and planes else ()
    seen = ordered_labels(sequence.channel_labels) if listed else ()
    stated = channel
    if len(seen) == len(listed) and not set(seen) & set(listed):
        stated = dict(zip(seen, listed, strict=True)).get(channel, channel)
    return planes.get(stated, sequence.told.planes.get(channel))


def expected_labels(sequence: ImageSequence, axis: str, seen: Set[str]) -> Sequence[str]:
    """Return the labels that an axis is expected to have, in order; none where that is open."""
    layout, told = sequence.layout, sequence.told
    size = layout.sizes.get(axis)
    if size is not None and size.labels:
        return size.labels
    count = planned_size(sequence, axis)
    if axis == "c" and seen <= told.channels.keys():
        return _channels(sequence, seen, count)
    if count is None or axis not in layout.first or axis not in layout.axes:
        return ()
    first, fields = layout.first[axis], layout.fields_of(axis)
    if len(fields) == 1:
        return [str(number) for number in range(first, first + count)]
    if fields[0] != WELL_FIELD or len(fields) != 2 or not told.wells or not told.sites:
        return ()
    numbers = range(first, first + told.sites)
    return [f"{well}_{number}" for well, number in itertools.product(told.wells, numbers)]


def _channels(sequence: ImageSequence, seen: Collection[str], count: int | None) -> Sequence[str]:
    """Return the labels of channels in the order of a sidecar, which may have several for each."""
    known = list(sequence.told.channels)
    return known if len(known) == count else [label for label in known if label in seen]
