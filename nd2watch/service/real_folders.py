"""Whether folders lie in others when links are followed, as far as file systems tell in time."""

from __future__ import annotations

import concurrent.futures
import os
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
        self._answers = {folder: host.ask(folder.resolve) for folder in folders}
        concurrent.futures.wait(self._answers.values(), patience_s)

    def is_inside(self, folder: Path, other: Path) -> bool:
        """Return whether a folder is another one or lies in it.

        Raises
        ------
        OSError, RuntimeError
            If that cannot be found out, such as for links that lead to each other.
        """
        pair = (folder, other)
        try:
            inner, outer = (self._answers[each].result(0) for each in pair)
        except TimeoutError:
            inner, outer = (Path(os.path.abspath(each)) for each in pair)  # noqa: PTH100
        return inner.is_relative_to(outer)
