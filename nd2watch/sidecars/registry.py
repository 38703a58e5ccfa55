"""The kinds of sidecars, and reading one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.text import LARGEST
from nd2watch.sources.files import key_of, opened

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.sidecars.base import Sidecar
    from nd2watch.sources import FileKey

KINDS: Final = {
    "imagexpress": "imagexpress",
    "metamorph": "metamorph",
    "micro-manager": "micromanager",
    "operetta": "operetta",
    "prairie": "prairie",
    "thorimage": "thorimage",
    "yokogawa": "yokogawa",
}
"""Module below ``nd2watch.sidecars`` of each kind; its function ``read`` gets path and bytes."""

TELLING_PAGES: Final = frozenset({"prairie"})
"""Kinds that tell the pages of files, of programs whose files tell them wrongly themselves."""


def read_sidecar(path: Path, kind: str) -> tuple[Sidecar, FileKey]:
    """Read a sidecar, also one that is still being written.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        One of `KINDS`.

    Returns
    -------
    sidecar : Sidecar
        What it tells so far.
    key : FileKey
        Identity of the file when it was read.

    Raises
    ------
    SidecarError
        If it cannot be understood, or not yet.
    OSError
        If it cannot be opened, or the disk fails.
    """
    with opened(path) as file:
        key = key_of(file)
        if key.size > LARGEST:
            raise SidecarError(f"{path} is larger than {LARGEST} bytes; it is not read", path)
        data = file.read(LARGEST)
    module = importlib.import_module(f"nd2watch.sidecars.{KINDS[kind]}")
    try:
        sidecar: Sidecar = module.read(path, data)
    except SidecarError:
        raise
    except Exception as error:  # damaged records make parsers raise many kinds
        raise SidecarError(
            f"{path} cannot be understood: {type(error).__name__}: {error}", path
        ) from error
    return sidecar, key
