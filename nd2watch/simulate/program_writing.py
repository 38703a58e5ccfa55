"""Writing a simulated run as its program does: frames, and sidecars while it goes on."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from nd2watch.sources import encode_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.simulate.manner import Manner
    from nd2watch.simulate.program_run import ProgramRun
    from nd2watch.simulate.run import RunFrame

_SIDECAR_TIMES: Final = 20
"""How often sidecars are brought up to date in a long run."""


def write_run(
    folder: Path,
    acquired: ProgramRun,
    manner: Manner,
    *,
    progress: Callable[[int, int], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write the frames and sidecars of a run into a folder.

    A file of several pages is written when its last plane is taken.

    Parameters
    ----------
    folder : Path
        Where to; made when missing.
    acquired : ProgramRun
        What to write.
    manner : Manner
        How to write it.
    progress : callable, optional
        Called with files written and all files.
    sleep : callable
        Waits for a number of seconds.
    """
    frames = acquired.run.frames
    files: defaultdict[str, list[RunFrame]] = defaultdict(list)
    for frame in frames:
        files[frame.path].append(frame)
    awaited = {path: len(pages) for path, pages in files.items()}
    sidecars = _Sidecars(folder=folder, acquired=acquired, manner=manner)
    sidecars.write(0)
    written = 0
    for done, place in enumerate(manner.arrival(len(frames), acquired.specimen.seed), start=1):
        path = frames[place].path
        awaited[path] -= 1
        if not awaited[path]:
            manner.write(folder / path, _encoded(acquired, files[path], manner), sleep)
            written += 1
            if progress is not None:
                progress(written, len(files))
        if done % max(len(frames) // _SIDECAR_TIMES, 1) == 0:
            sidecars.write(done)
    sidecars.write(len(frames), finished=True)


def _encoded(acquired: ProgramRun, pages: list[RunFrame], manner: Manner) -> bytes:
    """Return the file of some planes."""
    return encode_pages(
        map(acquired.pixels, pages),
        [acquired.description(frame) for frame in pages],
        manner.compression,
        software=acquired.software,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sidecars:
    """The sidecars of a run in a folder."""

    folder: Path
    acquired: ProgramRun
    manner: Manner
    _written: dict[str, bytes] = field(default_factory=dict)

    def write(self, done: int, *, finished: bool = False) -> None:
        """Write those that have changed after `done` planes."""
        at_once = replace(self.manner, pieces=1)
        for name, data in self.acquired.sidecars(done, finished=finished).items():
            if self._written.get(name) != data:
                at_once.write(self.folder / name, data, lambda _: None)
                self._written[name] = data
