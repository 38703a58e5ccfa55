"""Waiting until files have stopped changing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from nd2watch.clock import Clock
    from nd2watch.sources import FileKey

_LONGEST_WAIT_S: Final = 60.0


@dataclass(slots=True)
class _Group:
    """Files that belong together."""

    name: Hashable
    count: int = 0


@dataclass(slots=True)
class _Waiting:
    """One file that is not settled."""

    key: FileKey
    first_seen: float
    quiet_since: float
    due: float
    wait: float
    group: _Group
    tries: int = 0


class SettlingFiles:
    """Files that have changed, until they were quiet for long enough.

    A file is due when two looks at it, at least the settling time apart, found the same identity.
    Files are kept by the text of their path: there may be a hundred thousand of them.

    Parameters
    ----------
    settle_s : float
        Quiet time, s.
    clock : Clock
        Read when the result of a look is noted, so that a slow look does not shorten the quiet
        time.
    """

    def __init__(self, settle_s: float, clock: Clock) -> None:
        self._settle_s = settle_s
        self._clock = clock
        self._files: dict[str, _Waiting] = {}
        self._groups: dict[Hashable, _Group] = {}

    def __len__(self) -> int:
        return len(self._files)

    def has(self, path: Path | str) -> bool:
        """Return whether a file is waited for."""
        return os.fspath(path) in self._files

    def has_any_of(self, group: Hashable) -> bool:
        """Return whether files of a group are waited for."""
        return group in self._groups

    def observe(self, path: Path | str, key: FileKey, group: Hashable = None) -> None:
        """Note how a file looks; a difference to the last look starts its quiet time anew.

        The group is that of the first look.
        """
        now, name = self._clock.monotonic(), os.fspath(path)
        known = self._files.get(name)
        if known is None:
            its_group = self._groups.setdefault(group, _Group(group))
            its_group.count += 1
        elif known.key == key:
            return
        else:
            its_group = known.group
        self._files[name] = _Waiting(
            key=key,
            first_seen=now if known is None else known.first_seen,
            quiet_since=now,
            due=now + self._settle_s,
            wait=self._settle_s,
            group=its_group,
        )

    def age(self, path: Path) -> float:
        """Return for how long a file has been waited for, s."""
        return self._clock.monotonic() - self._files[os.fspath(path)].first_seen

    def forget(self, path: Path | str) -> None:
        """Drop a file."""
        file = self._files.pop(os.fspath(path), None)
        if file is not None:
            file.group.count -= 1
            if not file.group.count:
                del self._groups[file.group.name]

    def due(self) -> Iterator[tuple[Path, FileKey]]:
        """Yield the files that are to be looked at now, with their last known identity.

        Those that are forgotten meanwhile are left out.
        """
        now = self._clock.monotonic()
        for name in [name for name, file in self._files.items() if file.due <= now]:
            if (file := self._files.get(name)) is not None:
                yield Path(name), file.key

    def next_due(self) -> float | None:
        """Return when the next file is due, None without files."""
        return min((file.due for file in self._files.values()), default=None)

    def postpone(self, path: Path, factor: float = 2.0) -> tuple[int, float]:
        """Look at an unfinished file again after a wait that is `factor` times as long.

        Returns
        -------
        tries : int
            How often it was postponed since it last changed.
        quiet_s : float
            How long it has not changed, s.
        """
        now = self._clock.monotonic()
        file = self._files[os.fspath(path)]
        file.tries += 1
        file.wait = min(file.wait * factor, max(_LONGEST_WAIT_S, self._settle_s))
        file.due = now + file.wait
        return file.tries, now - file.quiet_since
