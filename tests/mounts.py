"""Small file systems of their own, in memory."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def mount(folder: Path, size: int) -> None:
    """Mount a file system of so many bytes."""
    options = f"size={size},mode=755"
    command = ["mount", "-t", "tmpfs", "-o", options, "nd2watch-test", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Unmount it, even if somebody uses it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """Have a file system of so many bytes at a folder, which is made."""
    folder.mkdir()
    mount(folder, size)
    try:
        yield folder
    finally:
        unmount(folder)


@cache
def can_mount() -> bool:
    """Return whether this process may mount file systems."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            mount(Path(folder), 1 << 20)
        except (OSError, subprocess.CalledProcessError):
            return False
        unmount(Path(folder))
    return True


def fill(folder: Path) -> Path:
    """Leave no room on the file system of a folder, and return the file that takes it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 12)):
            pass
    return filler
