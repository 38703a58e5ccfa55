"""Whether folders lie in others when links are followed, as far as file systems tell in time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nd2watch import host

if TYPE_CHECKING:
    from collections.abc import Iterable


class RealFolders:
    """Tells whether folders lie in others, and waits for no file system that does not answer.

    A share that is dead must not hold up what has nothing to do with it: of a folder there, the
    name alone counts.

    Parameters
    ----------
    folders : iterable of Path
        Absolute paths; there need not be anything.
    patience_s : float
        How long all answers together are waited for, s.
    """

    def __init__(self, folders: Iterable[Path], patience_s: float) -> None:
        answers = {folder: host.ask(folder.resolve) for folder in folders}
        deadline = time.monotonic() + patience_s
        self._places: dict[Path, Path | Exception] = {}
        for folder, answer in answers.items():
            try:
                self._places[folder] = answer.result(max(deadline - time.monotonic(), 0.0))
            except (OSError, RuntimeError) as error:
                self._places[folder] = error

    def is_inside(self, folder: Path, other: Path) -> bool:
        """Return whether a folder is another one or lies in it.

        Raises
        ------
        OSError, RuntimeError
            If that cannot be found out, such as for links that lead to each other.
        """
        places = [self._places[folder], self._places[other]]
        if any(isinstance(place, TimeoutError) for place in places):
            places = [Path(os.path.abspath(path)) for path in (folder, other)]  # noqa: PTH100
        found = []
        for place in places:
            if isinstance(place, Exception):
                raise place
            found.append(place)
        return found[0].is_relative_to(found[1])
