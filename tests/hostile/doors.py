"""Taking files through the doors of the package: ``python -m tests.hostile.doors FOLDER``.

Each line of the output is a file and what came of it, as JSON; the last one tells how much memory
the process took at most. A file that takes longer than the deadline ends the process with a
traceback, and is the one after the last that was told of.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final

from nd2watch.config import built_in_presets
from nd2watch.errors import LayoutError, SourceError
from nd2watch.log import set_up_logging
from nd2watch.sidecars import read_sidecar
from nd2watch.sources import PlaneReader, SourcePlane, open_frame
from tests.processes import memory_kib

DEADLINE_S: Final = 60.0
_ADDRESSES: Final = 4 << 30
"""Bytes of addresses that the process may have: what would fill the memory fails, and is seen."""


def through_the_doors(path: Path, kind: str = "") -> dict[str, Any]:
    """Return what comes of a file: a frame, or a sidecar of some kind."""
    begun = time.perf_counter()
    try:
        outcome = _of_sidecar(path, kind) if kind else _of_frame(path)
        reason = ""
    except (SourceError, LayoutError, OSError) as error:
        outcome, reason = type(error).__name__, str(error)
        if causes_itself(error):
            outcome = "CAUSED BY ITSELF"
    except Exception as error:  # what must not be
        faulthandler.dump_traceback()
        outcome, reason = "UNEXPECTED", repr(error)
    took_s = time.perf_counter() - begun
    return {"path": str(path), "outcome": outcome, "reason": reason, "took_s": round(took_s, 3)}


def causes_itself(error: BaseException) -> bool:
    """Return whether the causes of an error never end: who follows them does not, either."""
    seen, cause = set(), error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        cause = cause.__cause__
    return cause is not None


def _of_frame(path: Path) -> str:
    """Open a frame and read some of its planes."""
    frame = open_frame(path)
    json.dumps([channel.name for channel in frame.info.channels])
    count = frame.info.plane_count
    with PlaneReader() as reader:
        for index in sorted({0, count // 2, count - 1}):
            pixels = reader.read(SourcePlane(file=frame, index=index))
            assert pixels.shape == frame.info.shape
    return "read"


def _of_sidecar(path: Path, kind: str) -> str:
    """Read a sidecar."""
    sidecar, _ = read_sidecar(path, kind)
    for name in (*sidecar.frames, *sidecar.files):
        assert not name.startswith("/"), name
        assert ".." not in name.split("/"), name
    return "told"


def kind_of(path: Path, folder: Path) -> str:
    """Return the kind of a sidecar in a corpus; empty for a frame."""
    parts = path.relative_to(folder).parts
    if parts[0] != "sidecars":
        return ""
    preset = built_in_presets()[parts[1]]
    return preset.sidecar.kind if preset.sidecar is not None else ""


def peak_kib() -> int:
    """Return the most memory that this process had, KiB; `resource` counts that of its parent."""
    return memory_kib("self", "VmHWM")


def main(folder: Path) -> None:
    """Take all files below a folder through the doors."""
    set_up_logging("json")
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    before, references = peak_kib(), sys.getrefcount(None)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            faulthandler.dump_traceback_later(DEADLINE_S, exit=True)
            print(json.dumps(through_the_doors(path, kind_of(path, folder))), flush=True)
    faulthandler.cancel_dump_traceback_later()
    lost = references - sys.getrefcount(None)
    print(json.dumps({"before_kib": before, "peak_kib": peak_kib(), "lost_references": lost}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
