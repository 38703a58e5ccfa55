"""Following the sidecars and markers of one watched folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nd2watch.errors import SourceError
from nd2watch.experiment import Companions
from nd2watch.sources import path_below

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.service.known_files import KnownFiles
    from nd2watch.service.settings import Watch
    from nd2watch.service.stability import SettlingFiles
    from nd2watch.sources import FileKey


class CompanionIntake:
    """Takes in the files that are no frames but tell of them; for one thread.

    Parameters
    ----------
    watch : Watch
        Folder, layout and names.
    settling : SettlingFiles
        Files that are waited for; sidecars are among them.
    known : KnownFiles
        Files that were taken in, to which these are added.
    patience_s : float
        A sidecar that cannot be understood is waited for so long, as it may be written just now, s.
    tell : callable
        Logs level, event and path, with a reason.

    Attributes
    ----------
    companions : Companions
        What is known of them.
    """

    def __init__(
        self,
        watch: Watch,
        settling: SettlingFiles,
        known: KnownFiles,
        patience_s: float,
        tell: Callable[..., None],
    ) -> None:
        self.companions = Companions(
            root=watch.root, sidecars=watch.sidecars, marker=watch.completion.marker
        )
        self._layout = watch.layout
        self._settling = settling
        self._known = known
        self._patience_s = patience_s
        self._tell = tell

    def takes(self, path: Path | str) -> bool:
        """Return whether a file is a sidecar or marker; what has a frame's name is a frame.

        Names of sidecars may be those of other files, too, which are to be ignored.
        """
        name = os.fspath(path).rpartition(os.sep)[2]
        if not self.companions.is_one(name):
            return False
        below = path_below(self.companions.root, path)
        if self.companions.is_sidecar(name) and self._layout.is_ignored(below):
            return False
        return not self._layout.matches(below)

    def notice(self, path: Path, key: FileKey | None) -> None:
        """Look at a file that is new, changed, or gone: then it has no identity."""
        if key is None:
            self.companions.lost(path)
            self._settling.forget(path)
            self._known.forget(path)
            return
        self.companions.found(path)
        if self.companions.is_sidecar(path.name):
            self._settling.observe(path, key)
        else:
            self._known[path] = key

    def read(self, path: Path, key: FileKey) -> None:
        """Read a settled sidecar; one that cannot be understood is read again when it changes."""
        try:
            found = self.companions.read(path)
        except OSError as error:
            level = "warning" if self._settling.postpone(path)[0] == 1 else "debug"
            self._tell(level, "sidecar_not_read", path, reason=str(error))
            return
        except SourceError as error:
            tries, quiet_s = self._settling.postpone(path)
            if tries == 1:
                self._tell("warning", "sidecar_not_read", path, reason=str(error))
            if quiet_s < self._patience_s:
                return
        else:
            if found != key:
                self._settling.observe(path, found)
                return
        self._settling.forget(path)
        self._known[path] = key
