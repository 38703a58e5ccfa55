"""Second files for one place of a sequence."""

from __future__ import annotations

import filecmp
from typing import TYPE_CHECKING

from nd2watch.experiment import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.experiment import Coordinate
    from nd2watch.service.collection import Collection


def note_double(
    collection: Collection,
    coordinate: Coordinate,
    path: Path,
    present: Path,
    tell: Callable[..., None],
) -> None:
    """Report a second file for one place; with other content it blocks the sequence.

    Parameters
    ----------
    collection : Collection
        The sequence.
    coordinate : Coordinate
        The place.
    path, present : Path
        The second file, and the one that has the place.
    tell : callable
        Logs level, event and path, with further fields.
    """
    place = describe(coordinate)
    if filecmp.cmp(path, present, shallow=False):
        collection.copies[path] = coordinate
        tell("warning", "frame_doubled", path, same_as=present, coordinate=place)
        return
    collection.rivals[path] = coordinate
    tell(
        "error",
        "frame_conflict",
        path,
        other=present,
        coordinate=place,
        reason="both files claim this place; the sequence waits until one is removed",
    )
