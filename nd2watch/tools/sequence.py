"""Converting files that are given in their order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.convert import convert
from nd2watch.nd2 import Experiment, ImageAttributes, Picture
from nd2watch.tools.dimensions import LOOP_AXIS_OF
from nd2watch.tools.image_source import LimImageSource
from nd2watch.tools.ordered import InputError, Rows, plan_in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    Item = str | os.PathLike[str] | LimImageSource

_LETTERS: Final = {name[0]: axis for name, axis in LOOP_AXIS_OF.items()}


def convert_sequence_to_nd2(
    input_data: Sequence[Item] | Sequence[Sequence[Item]],
    output_path: str | os.PathLike[str],
    attributes: ImageAttributes | None = None,
    experiment: Experiment | str | None = None,
    metadata: Picture | None = None,
    *,
    replace: bool = False,
) -> Path:
    """Convert files, given in their order, to one ND2 file.

    Files of several planes give all of them: axes that they have stay, points on the axis of the
    sequence follow those of the file before. Pixel size, times, stage positions, channels and
    optics that the files tell are taken over where they are not given.

    Parameters
    ----------
    input_data : list of items, or list of lists of items
        Each item is a file's path or a `LimImageSource`. In a flat list each is a frame; else each
        inner list holds the channels of one frame. Frames are in the order time, then position,
        then Z.
    output_path : str or path
        Name of the ND2 file.
    attributes : ImageAttributes, optional
        Computed from the files when left out.
    experiment : Experiment or {"timeloop", "multipoint", "zstack", "t", "m", "z"}, optional
        Loops, or the one that the sequence is of; multipoint with a position a frame when left
        out. `ExperimentFactory` makes loops.
    metadata : Picture, optional
        Channels, optics, pixel size. `MetadataFactory` makes it.
    replace : bool, default False
        Replace an existing file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If there is no item, frames differ in their number of channels, size or dtype, RGB is with
        channels, or attributes, loops or metadata contradict the files.
    OutputExists
        If the output exists and is not to be replaced.
    Nd2WatchError
        If a file cannot be used, or the written file does not equal its sources.
    """
    _check_kind(attributes, ImageAttributes, "attributes", "ImageAttributes.create(...)")
    _check_kind(metadata, Picture, "metadata", "MetadataFactory(...).createMetadata()")
    rows = Rows.of(_rows(input_data))
    axis, loops = _sequence_of(experiment)
    output = Path(output_path)
    plan = plan_in_order(rows, axis=axis, experiment=loops, attributes=attributes, picture=metadata)
    return convert(plan, output, replace=replace).output


def _sequence_of(experiment: Experiment | str | None) -> tuple[str | None, Experiment | None]:
    """Return the axis of the sequence, or the loops, if one of them is given."""
    if experiment is None:
        return None, None
    if not isinstance(experiment, str):
        made = "a word, or ExperimentFactory(...).createExperiment()"
        _check_kind(experiment, Experiment, "experiment", made)
        return None, experiment
    axis = (LOOP_AXIS_OF | _LETTERS).get(experiment)
    if axis is None:
        raise InputError(
            f"{experiment!r} is no experiment; it is timeloop, multipoint or zstack, or the loops"
            " that an ExperimentFactory makes"
        )
    return axis, None


def _check_kind(value: object, kind: type, what: str, made: str) -> None:
    """Refuse an argument of another kind, such as a factory instead of what it makes."""
    if value is not None and not isinstance(value, kind):
        raise InputError(f"{what} is {type(value).__name__}; it must be {made}")


def _rows(
    input_data: Sequence[Item] | Sequence[Sequence[Item]],
) -> list[list[LimImageSource]]:
    """Return the sources of each frame."""
    if isinstance(input_data, str | os.PathLike | LimImageSource) or not hasattr(
        input_data, "__iter__"
    ):
        raise InputError(f"{input_data!r} is no list of files")
    items = list(input_data)
    nested = [number for number, item in enumerate(items, 1) if isinstance(item, list | tuple)]
    if nested and len(nested) < len(items):
        odd = next(number for number in range(1, len(items) + 1) if number not in nested)
        raise InputError(f"item {odd} is no list of channels, but item {nested[0]} is")
    return [
        [
            _source(entry, f"item {number}, channel {channel}" if nested else f"item {number}")
            for channel, entry in enumerate(item if isinstance(item, list | tuple) else [item], 1)
        ]
        for number, item in enumerate(items, 1)
    ]


def _source(item: object, where: str) -> LimImageSource:
    """Return the source that an item is or names."""
    if isinstance(item, LimImageSource):
        return item
    if isinstance(item, str | os.PathLike):
        return LimImageSource.open(item)
    raise InputError(f"{where} is {item!r}; it must be a path or a LimImageSource")
