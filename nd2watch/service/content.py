"""Comparing files by their content alone."""

from __future__ import annotations

import filecmp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def same_content(path: Path, other: Path) -> bool:
    """Return whether two regular files hold the same bytes.

    Raises
    ------
    OSError
        If one of them cannot be read.
    """
    filecmp.clear_cache()  # it takes files for unchanged that have the same size and time
    return filecmp.cmp(path, other, shallow=False)
