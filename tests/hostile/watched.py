"""Watched folders full of hostile files, with a good sequence in each."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from nd2watch.config import built_in_presets
from nd2watch.service.control_client import ask
from nd2watch.simulate import Manner, plan_run, write_run
from tests.hostile.seeds import small_run
from tests.presets.programs import PROGRAMS
from tests.processes import children_of, memory_kib
from tests.sources.tiff_files import pixels, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.hostile.corpus import HostileFile
    from tests.presets.programs import Tells

SERIES: Final = 32
"""Frames of a sequence in the first folder: as many as there are damaged files of a kind."""

_PAUSE_S: Final = 1.0
QUICK: Final = Manner(frames_per_s=0, pieces=1)
_OF_SINGLE: Final = 32
_BESIDE: Final = re.compile("-000$|-all-numbers-9")
"""Places of sidecars that have frames beside."""

_VARIANT: Final = re.compile(r"crafted-inside-.*-\d+\.tif")
_HEAD: Final = """
[output]
folder = "out"

[service]
settle_s = 0.3
give_up_s = 1.0
scan_interval_s = 5
stalled_s = 8
conversions = 2
state_folder = "state"
log_format = "json"
"""
_SERIES: Final = r"""
[[watch]]
name = "series"
folder = "in/series"
regex = '(?P<kind>.+)-(?P<t>\d{{3}})(?:\.ome)?\.\w+'
pages = "z"
axes = {{ t = {count} }}
output = "series/{{kind}}"

[[watch]]
name = "single"
folder = "in/single"
regex = '(?P<name>.+)(?P<c>\.\w+)'
pages = "z"
axes = {{ c = 1 }}
output = "single/{{name}}"
"""
_PRESET: Final = """
[[watch]]
name = "{preset}"
folder = "in/sidecars/{preset}"
preset = "{preset}"
complete = {{ quiet_s = 3.0 }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file as it is: kind, identity, times, and content where it has one."""

    mode: int
    inode: int
    size: int
    mtime_ns: int
    digest: str


def listing(root: Path, *left_out: str) -> dict[bytes, Entry]:
    """Return all that is below a folder, but for some of its folders; no link is followed."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        if folder == os.fsencode(root):
            folders[:] = [each for each in folders if os.fsdecode(each) not in left_out]
        for name in (*folders, *files):
            path = folder + os.sep.encode() + name
            status = os.lstat(path)
            found[path] = Entry(
                mode=status.st_mode,
                inode=status.st_ino,
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                digest=_digest(path) if stat.S_ISREG(status.st_mode) else "",
            )
    return found


def _digest(path: bytes) -> str:
    """Return a digest of a file, an empty one for a file that cannot be read."""
    try:
        with Path(os.fsdecode(path)).open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except PermissionError:
        return ""


def lay_out(root: Path, corpus: Path, files: list[HostileFile]) -> list[str]:
    """Lay the corpus out below ``in``, write the configuration, and return the good outputs."""
    for number, file in enumerate(files):
        if file.kind:
            place = root / "in" / PurePosixPath(*file.path.parts[:3])
            if _BESIDE.search(place.name):
                _write_run(place, file.path.parts[1])
            _link(corpus / file.path, root / "in" / file.path)
            continue
        is_crafted = file.path.name.startswith("crafted-")
        if not is_crafted:
            _link(corpus / file.path, root / "in" / "series" / file.path.name)
        if is_crafted or number % _OF_SINGLE == 0:
            if _VARIANT.fullmatch(file.path.name):  # each takes a conversion
                continue
            _link(corpus / file.path, root / "in" / "single" / file.path.name)
    for number in range(SERIES):
        write(root / "in" / "series" / f"good-{number:03}.tif", pixels(8, 8, seed=number))
    write(root / "in" / "single" / "good.tif", pixels(8, 8))
    presets = sorted({file.path.parts[1] for file in files if file.kind})
    outputs = ["series/good.nd2", "single/good.nd2"]
    text = _HEAD + _SERIES.format(count=SERIES)
    for preset in presets:
        told = _write_run(root / "in" / "sidecars" / preset / "good", preset).output
        text += _PRESET.format(preset=preset)
        if "{folder}" not in told:  # or the same run in another folder would be in the way
            text += 'output = "{folder}"\n'
            told = f"{{folder}}_{told}"
        outputs.append(told.format(folder="good", well="B02"))
    (root / "config.toml").write_text(text)
    return outputs


def _write_run(folder: Path, preset: str) -> Tells:
    """Write a run of a program, and return what its files tell."""
    form, tells = next((form, tells) for (name, form), tells in PROGRAMS.items() if name == preset)
    write_run(folder, plan_run(built_in_presets()[preset], small_run(form, tells)), QUICK)
    return tells


def _link(source: Path, target: Path) -> None:
    """Put a file into a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    os.link(source, target)


class Status:
    """How a service is, which is not asked so often that it does nothing else.

    Parameters
    ----------
    root : Path
        Folder of its configuration.

    Attributes
    ----------
    told : mapping
        What it told last.
    """

    def __init__(self, root: Path) -> None:
        self.told: Mapping[str, Any] = {"watches": ()}
        self._folder = root / "state"
        self._due = 0.0

    def is_at_rest(self, closed: int = 0) -> bool:
        """Return whether it has looked at all files but closed ones, and has nothing to do.

        Of each sequence that is not converted it has said what that lacks.
        """
        now = time.monotonic()
        if now < self._due:
            return False
        self.told = ask(self._folder, "status")
        self._due = now + _PAUSE_S
        return bool(self.told["watches"]) and all(
            watch["scanned_s_ago"] is not None
            and watch["settling"] <= closed
            and not watch["converting"]
            and not watch["sequences"].get("collecting")
            and watch["files"].get("frame_not_ready", 0) <= closed
            for watch in self.told["watches"]
        )

    def __str__(self) -> str:
        watches = self.told["watches"]
        left = sum(watch["settling"] for watch in watches)
        converting = [each["output"] for watch in watches for each in watch["converting"]]
        return f"{left} files settling, converting {converting}"


def peaks_kib(process: int) -> dict[int, int]:
    """Return the most memory that a process and each of its children had so far, KiB."""
    processes = (process, *children_of(process))
    return {each: peak for each in processes if (peak := memory_kib(each, "VmHWM"))}
