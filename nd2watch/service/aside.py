"""Deleting a file, and never one that has taken its name meanwhile.

Between the last look at a file and its deletion, a microscope may rename the next frame into its
place. So the name is taken from the file first: what has a private name now is looked at once
more, then it is deleted, or gets its name back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import Nd2WatchError
from nd2watch.sources import FileKey, list_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PREFIX: Final = ".nd2watch-aside-"
"""Names that begin with a dot are never taken for those of frames."""


def delete_only(path: Path, is_the_file: Callable[[FileKey | None], bool]) -> None:
    """Delete a file if it is the one that is meant, and no other one of its name.

    Parameters
    ----------
    path : Path
        The file.
    is_the_file : callable
        Gets what is found under the name, or None, and returns whether it is the one.

    Raises
    ------
    Nd2WatchError
        If it is another one, which has its name; or the message tells where it is.
    OSError
        If it cannot be deleted.
    """
    aside = path.with_name(_PREFIX + path.name)
    if os.path.lexists(aside):
        raise Nd2WatchError(_left(aside))
    if not is_the_file(FileKey.of_path(path)):
        raise Nd2WatchError("another file has taken its name")
    path.rename(aside)
    if not is_the_file(FileKey.of_path(aside)):
        put_back(aside)
        raise Nd2WatchError("another file has taken its name")
    aside.unlink()


def files_aside(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that an interrupted deletion left under private names.

    Raises
    ------
    OSError
        If the folder cannot be listed; folders below it are passed over then.
    """
    for path in list_files(root, unreadable=lambda _folder, _error: None):
        if path.name.startswith(_PREFIX):
            yield path


def name_before(aside: Path) -> Path:
    """Return the name that a file had before it got a private one."""
    return aside.with_name(aside.name.removeprefix(_PREFIX))


def put_back(aside: Path) -> None:
    """Give a file its name back, unless there is a new file of that name.

    Raises
    ------
    Nd2WatchError
        If there is one; both stay.
    OSError
        If it cannot be renamed.
    """
    try:
        host.publish(aside, name_before(aside))
    except FileExistsError as error:
        raise Nd2WatchError(_left(aside)) from error


def _left(aside: Path) -> str:
    """Return the message for a file that keeps its private name."""
    return (
        f"{aside} was {name_before(aside).name}, until another file took that name; rename it or"
        " move it away"
    )
