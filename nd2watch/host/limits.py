"""How much of the system a process may use."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import resource

INOTIFY_LIMITS: Final = Path("/proc/sys/fs/inotify")
"""Where Linux tells how much can be watched."""

_OPEN_FILES_WANTED = 8192
_OPEN_FILES_AT_LEAST = 256  # what every system allows


def open_files_allowed() -> int:
    """Return how many files may be open at once, after asking the system for more of them."""
    if sys.platform == "win32":
        return _OPEN_FILES_AT_LEAST
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = (
            _OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_WANTED)
        )
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    except (OSError, ValueError):
        return _OPEN_FILES_AT_LEAST
    return _OPEN_FILES_WANTED if soft == resource.RLIM_INFINITY else soft


def machine_memory() -> int | None:
    """Return the memory of this machine, bytes; None where the system does not tell, as Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def limit_memory(size: int) -> None:
    """Limit the address space of this process, bytes, where the system can (not on Windows)."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError, ValueError):  # a stricter limit is there, or none can be
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


def watch_limit_hint(error: OSError, root: Path) -> str:
    """Return what to do when the system's limit stands against watching a folder, else nothing."""
    limits = {
        errno.ENOSPC: (
            "max_user_watches",
            "one is taken for each folder, of which there are {folders} here",
        ),
        errno.EMFILE: ("max_user_instances", "one is taken for each watch, and by other programs"),
    }
    if sys.platform != "linux" or error.errno not in limits:
        return ""
    name, use = limits[error.errno]
    try:
        limit = (INOTIFY_LIMITS / name).read_text(encoding="ascii").strip()
    except OSError:
        limit = "not known"
    if error.errno == errno.ENOSPC:
        use = use.format(folders=sum(1 for _ in os.walk(root)))
    return f"; raise the kernel setting fs.inotify.{name}, which is {limit}: {use}"
