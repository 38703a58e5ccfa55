"""What is known of the files of a folder, at little cost for those that stay as they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nd2watch.sources import FileKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_NEVER: Final = FileKey(size=-1, mtime_ns=0, ctime_ns=0, inode=0, device=0)
"""Identity of no file."""


class KnownFiles:
    """Files that were looked at, with their identity then, and files that are no frames.

    They are kept by the text of their path, so that a scan of a hundred thousand files makes no
    objects for them.
    """

    def __init__(self) -> None:
        self._keys: dict[str, FileKey] = {}
        self._passed_over: set[str] = set()
        self._ignored: set[str] = set()
        self._links: set[str] = set()

    def __setitem__(self, path: Path | str, key: FileKey) -> None:
        self._keys[os.fspath(path)] = key

    def get(self, path: Path | str) -> FileKey | None:
        """Return the identity of a file when it was taken in, None if it was not."""
        return self._keys.get(os.fspath(path))

    def of(self, paths: Iterable[str]) -> dict[str, FileKey]:
        """Return those of some files that are known."""
        return {path: key for path in paths if (key := self._keys.get(path)) is not None}

    def update(self, files: Mapping[str, FileKey]) -> None:
        """Note several files."""
        self._keys.update(files)

    def doubt(self, path: Path | str) -> None:
        """Have a file looked at as if it had changed."""
        self[path] = _NEVER

    def forget(self, path: Path | str) -> FileKey | None:
        """Drop a file, and return its identity if it was known."""
        return self._keys.pop(os.fspath(path), None)

    def pass_over(self, path: str, *, ignored: bool = False) -> bool:
        """Note that a file is no frame, as its name tells, or is to be ignored by its name.

        Returns
        -------
        bool
            Whether that is news.
        """
        known = self._ignored if ignored else self._passed_over
        is_new = path not in known
        known.add(path)
        return is_new

    def is_passed_over(self, path: str) -> bool:
        """Return whether a file is no frame."""
        return path in self._passed_over or path in self._ignored

    def new_links(self, links: Iterable[str]) -> list[str]:
        """Note the links that are there now, and return those that were not at the last look."""
        before, self._links = self._links, set(links)
        return sorted(self._links - before)

    @property
    def ignored(self) -> int:
        """How many files are ignored by their names."""
        return len(self._ignored)

    def wants_a_look(self, entry: os.DirEntry[str]) -> bool:
        """Return whether an entry of a folder is new, or not as it is known.

        Where the system tells no identity by the folder alone, as Windows, all are looked at.
        """
        name = entry.path
        key = self._keys.get(name)
        if key is None:
            return name not in self._passed_over and name not in self._ignored
        try:
            return not key.is_of(entry.stat(follow_symlinks=False))
        except OSError:
            return True

    def gone(self, present: set[str]) -> list[str]:
        """Return the files that were taken in and are not there; drop others that are not."""
        self._passed_over &= present
        self._ignored &= present
        return [name for name in self._keys if name not in present]
