"""The folders of a service under test, and what its microscopes have written there."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.chaos.sequences import File, Layout, Sequence

Retention = Literal["keep", "move", "delete"]

_CONFIG: Final = """
[output]
folder = "out"
reserve_mb = {reserve_mb}

[service]
settle_s = 0.3
give_up_s = 2.0
scan_interval_s = 2.0
conversions = 2
state_folder = "state"
log_format = "json"
log_level = "debug"

[retention]
action = "{action}"
after_h = 0
"""
_WATCH: Final = """
[[watch]]
name = "{name}"
folder = "in/{name}"
mode = "{mode}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How a file was when a microscope wrote it last."""

    digest: bytes
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Written:
        """Return how a file is now."""
        digest = hashlib.blake2b(path.read_bytes()).digest()
        return cls(digest=digest, mtime_ns=path.stat().st_mtime_ns)


class Laboratory:
    """Watched folders, and the folders of their service.

    Parameters
    ----------
    folder : Path
        Where all of that is; made when missing.
    layouts : mapping from Layout to str
        What is acquired, each in a watched folder of its own, and how changes are noticed there.
    retention : {"keep", "move", "delete"}
        What becomes of frames that were converted.

    Attributes
    ----------
    locks : dict from str to Lock
        By watch; whoever moves or closes its folders, or writes there, holds it.
    sequences : list of Sequence
        All that were delivered completely.
    """

    def __init__(
        self, folder: Path, layouts: Mapping[Layout, str], retention: Retention = "keep"
    ) -> None:
        self.folder = folder
        self.layouts = tuple(layouts)
        self.retention = retention
        self.config = folder / "config.toml"
        self.output = folder / "out"
        self.state = folder / "state"
        self.put_away = folder / "done"
        self.home = folder / "home"
        self.scratch = folder / "scratch"
        self.elsewhere = folder / "elsewhere"
        self.locks = {layout.name: threading.Lock() for layout in layouts}
        self.sequences: list[Sequence] = []
        self._modes = {layout.name: mode for layout, mode in layouts.items()}
        self._files: dict[tuple[str, str], File] = {}
        self._written: dict[tuple[str, str], Written] = {}
        self._lock = threading.Lock()
        for made in (
            self.output,
            self.home,
            self.scratch,
            self.elsewhere,
            *map(self.root, self.locks),
        ):
            made.mkdir(parents=True)
        self.configure()

    def root(self, watch: str) -> Path:
        """Return a watched folder."""
        return self.folder / "in" / watch

    def configure(self, *, reserve_mb: float = 0) -> None:
        """Write the configuration."""
        text = _CONFIG.format(reserve_mb=reserve_mb, action=self.retention)
        if self.retention == "move":
            text += f'folder = "{self.put_away.name}"\n'
        for layout in self.layouts:
            text += _WATCH.format(name=layout.name, mode=self._modes[layout.name]) + layout.section
        self.config.write_text(text, encoding="utf-8")

    def announce(self, watch: str, files: tuple[File, ...]) -> None:
        """Note the files of frames that are going to be delivered."""
        with self._lock:
            self._files |= {(watch, file.path): file for file in files}

    def note(self, watch: str, path: str) -> None:
        """Note that a file was written."""
        written = Written.of(self.root(watch) / path)
        with self._lock:
            self._written[watch, path] = written

    def forget(self, watch: str, path: str) -> None:
        """Note that a file is taken away."""
        with self._lock:
            self._written.pop((watch, path), None)

    def deliver(self, sequence: Sequence) -> None:
        """Note that all of a sequence is there."""
        with self._lock:
            self.sequences.append(sequence)

    @property
    def written(self) -> dict[tuple[str, str], Written]:
        """All files that were written, by watch and path, and how they were then."""
        with self._lock:
            return dict(self._written)

    def file(self, watch: str, path: str) -> File | None:
        """Return a file of frames; None if it is a sidecar or a copy."""
        with self._lock:
            return self._files.get((watch, path))

    @property
    def expected(self) -> set[str]:
        """Names of the ND2 files that are to be there in the end."""
        with self._lock:
            return {name for sequence in self.sequences for name in sequence.outputs}
