"""Files that were to be frames of a sequence, and could not be used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nd2watch.sources import path_below

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.experiment import Coordinate, SequenceKey
    from nd2watch.service.known_files import KnownFiles
    from nd2watch.service.settings import Watch
    from nd2watch.service.stability import SettlingFiles
    from nd2watch.sources import FileKey


class Refusals:
    """The refused files of one folder, by the sequence that their names tell; for one thread.

    A sequence that ends while one of them has its place to itself is not whole.

    Parameters
    ----------
    watch : Watch
        Folder and layout.
    settling : SettlingFiles
        Files that are waited for; refused ones are not.
    known : KnownFiles
        Files that were looked at, to which these are added.
    tell : callable
        Logs level, event and path, with a reason.

    Attributes
    ----------
    count : int
        How many there were.
    """

    def __init__(
        self,
        watch: Watch,
        settling: SettlingFiles,
        known: KnownFiles,
        tell: Callable[..., None],
    ) -> None:
        self.count = 0
        self._watch = watch
        self._settling = settling
        self._known = known
        self._tell = tell
        self._keys: dict[str, SequenceKey] = {}
        self._places: dict[SequenceKey, dict[str, Coordinate]] = {}

    def refuse(self, path: Path, key: FileKey, reason: str) -> None:
        """Report a file that cannot be used and leave it alone until it changes."""
        self._settling.forget(path)
        self._known[path] = key
        self.count += 1
        name, file = self._watch.layout.parse(path_below(self._watch.root, path)), os.fspath(path)
        self.discard(file)
        self._keys[file] = name.sequence
        self._places.setdefault(name.sequence, {})[file] = name.coordinate
        self._tell("error", "frame_refused", path, reason=reason)

    def discard(self, path: str) -> None:
        """Note that a file has changed, gone, or was taken in."""
        if (key := self._keys.pop(path, None)) is not None:
            del self._places[key][path]
            if not self._places[key]:
                del self._places[key]

    def of(self, key: SequenceKey) -> dict[str, Coordinate]:
        """Return the refused files of a sequence, and the places that their names tell."""
        return dict(self._places.get(key, ()))
