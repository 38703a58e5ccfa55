"""Listing the files below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PARTS: Final = ".oif.files"
"""Ending of the folder with the planes of an OIF file beside it, which is read as a whole."""


def path_below(root: Path, path: Path | str) -> str:
    """Return the path of a file from a folder above it, with ``/`` between its parts.

    It makes no objects, as it is asked for each of many files.

    Raises
    ------
    ValueError
        If the file does not lie below the folder.
    """
    start, text = os.fspath(root).rstrip(os.sep) + os.sep, os.fspath(path)
    if not text.startswith(start):
        raise ValueError(f"{text} is not below {root}")
    below = text[len(start) :]
    return below if os.sep == "/" else below.replace(os.sep, "/")


def list_files(
    root: Path,
    unreadable: Callable[[Path, OSError], None] | None = None,
    link: Callable[[Path], None] | None = None,
) -> Iterator[Path]:
    """Yield every regular file below `root`, but the parts of OIF files; see `list_entries`."""
    for entry in list_entries(root, unreadable, link):
        yield Path(entry.path)


def list_entries(
    root: Path,
    unreadable: Callable[[Path, OSError], None] | None = None,
    link: Callable[[Path], None] | None = None,
) -> Iterator[os.DirEntry[str]]:
    """Yield the entry of every regular file below `root`, but the parts of OIF files.

    Links are neither followed nor listed.

    Parameters
    ----------
    root : Path
        The folder; it must be readable.
    unreadable : callable, optional
        Called with each folder below `root` that cannot be listed, and why; else that is an error.
        A folder that has vanished meanwhile is no matter.
    link : callable, optional
        Called with each link to a folder or file, and with nothing that is behind it.

    Raises
    ------
    OSError
        If a folder cannot be listed.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.lower().endswith(_PARTS):
                            waiting.append(folder / entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry
                    elif link is not None and entry.is_symlink():
                        link(folder / entry.name)
        except OSError as error:
            if folder != root and isinstance(error, FileNotFoundError):
                continue
            if folder == root or unreadable is None:
                raise
            unreadable(folder, error)
