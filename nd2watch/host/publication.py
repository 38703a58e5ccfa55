"""Giving finished files their names, in such a way that no other file is ever replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

from nd2watch.host.files import link, sync_folder
from nd2watch.host.locking import create_locked, open_locked

if TYPE_CHECKING:
    from pathlib import Path

# Errors by which a file system says that it has no hard links.
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def publish(temporary: Path, final: Path, *, replace: bool = False) -> None:
    """Give a finished file its final name in the same folder, in one step.

    Parameters
    ----------
    temporary, final : Path
        Present and wanted path, both in one folder.
    replace : bool, default False
        Replace an existing `final`.

    Raises
    ------
    FileExistsError
        If `final` exists and `replace` is False; `temporary` is left as it is.
    """
    if replace:
        temporary.replace(final)
    elif sys.platform == "win32":
        temporary.rename(final)  # refuses an existing target on Windows
    else:
        try:
            link(temporary, final)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            _publish_by_claim(temporary, final)
        else:
            temporary.unlink()
    with contextlib.suppress(OSError):  # the file has its name: nothing after that may fail
        sync_folder(final.parent)


def _publish_by_claim(temporary: Path, final: Path) -> None:
    """Create the final name, which only one of two writers can, and replace that empty file."""
    claim = create_locked(final)
    try:
        temporary.replace(final)
    except OSError:
        final.unlink()
        raise
    finally:
        os.close(claim)


def remove_claim(final: Path) -> bool:
    """Delete the empty file that `publish` left if it was killed where there are no hard links.

    Returns
    -------
    bool
        True when there was one, and no living process holds it.
    """
    with contextlib.suppress(OSError):
        if not _is_empty_file(final.lstat()):
            return False
        descriptor = open_locked(final)
        try:
            held = os.fstat(descriptor)
            if _is_empty_file(held) and os.path.samestat(held, final.lstat()):
                final.unlink()
                return True
        finally:
            os.close(descriptor)
    return False


def _is_empty_file(status: os.stat_result) -> bool:
    """Return whether something is a file without content."""
    return stat.S_ISREG(status.st_mode) and status.st_size == 0
