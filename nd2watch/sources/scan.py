"""Listing the files below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def list_files(root: Path) -> Iterator[Path]:
    """Yield every regular file below `root`; links are neither followed nor listed.

    A folder that cannot be read or vanishes meanwhile does not stop the listing of the others;
    only `root` itself must be readable.

    Raises
    ------
    OSError
        If `root` cannot be listed.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(folder / entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        yield Path(entry.path)
        except OSError:
            if folder == root:
                raise
