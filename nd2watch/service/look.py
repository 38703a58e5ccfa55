"""How far a look at all files of a folder went."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nd2watch.experiment import FOLDER_FIELD
from nd2watch.sources import path_below

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nd2watch.service.collection import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The last look at all files of a folder.

    Attributes
    ----------
    begun : float
        When it began, monotonic seconds.
    unlisted : tuple of str
        Folders that could not be listed, by their paths below the watched one.
    """

    begun: float = -math.inf
    unlisted: tuple[str, ...] = ()

    @classmethod
    def of(cls, begun: float, root: Path, closed: Iterable[Path]) -> Look:
        """Return a look that could not list some folders, below a root or that itself."""
        below = ("" if folder == root else path_below(root, folder) for folder in sorted(closed))
        return cls(begun=begun, unlisted=tuple(below))

    def blind_spot(self, collection: Collection) -> str | None:
        """Return a folder that may hold frames of a sequence, and could not be listed."""
        return next((folder for folder in self.unlisted if _may_hold(folder, collection)), None)


def _may_hold(folder: str, collection: Collection) -> bool:
    """Return whether frames of a sequence may lie in or below a folder, by its relative path."""
    sequence = collection.sequence
    found = dict(sequence.key).get(FOLDER_FIELD)
    if found is None:
        return True
    here, own = (text.split("/") if text else [] for text in (folder, found))
    if here == own[: len(here)]:
        return True
    deep, forms = len(here) - len(own), sequence.layout.pattern.forms
    return here[: len(own)] == own and any(f.depth is None or deep < f.depth for f in forms)
