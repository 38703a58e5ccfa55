"""Second files for one place of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nd2watch.experiment import describe
from nd2watch.service.content import same_content

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.experiment import Coordinate
    from nd2watch.service.collection import Collection
    from nd2watch.service.stability import SettlingFiles
    from nd2watch.sources import FrameFile


class Doubles:
    """Takes notice of second files for one place.

    Parameters
    ----------
    settling : SettlingFiles, optional
        Files that are looked at again; without it, none is.
    tell : callable
        Logs level, event and path, with further fields.
    """

    def __init__(self, settling: SettlingFiles | None, tell: Callable[..., None]) -> None:
        self._settling = settling
        self._tell = tell

    def note(
        self, collection: Collection, coordinate: Coordinate, frame: FrameFile, present: Path
    ) -> None:
        """Report a second file; with other content, or unknown, it blocks the sequence.

        Parameters
        ----------
        collection : Collection
            The sequence.
        coordinate : Coordinate
            The place.
        frame : FrameFile
            The second file.
        present : Path
            The one that has the place.
        """
        path, place = frame.path, describe(coordinate)
        try:
            is_copy = same_content(path, present)
        except OSError as error:
            collection.rivals[path] = coordinate
            if self._settling is not None:
                self._settling.observe(path, frame.key, collection.sequence.key)
            reason = f"it cannot be compared with {present} now: {error}"
            self._tell("warning", "frame_not_ready", path, coordinate=place, reason=reason)
            return
        if is_copy:
            collection.rivals.pop(path, None)
            collection.copies[path] = coordinate
            self._tell("warning", "frame_doubled", path, same_as=present, coordinate=place)
            return
        collection.rivals[path] = coordinate
        taken = collection.state == "queued"
        what = "is being converted without it" if taken else "waits until one is removed"
        self._tell(
            "error",
            "frame_conflict",
            path,
            sequence=collection.sequence.title,
            other=present,
            coordinate=place,
            reason=f"both files claim this place; the sequence {what}",
        )
