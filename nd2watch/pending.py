"""A file that appears under its final name only when it is finished."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from nd2watch import host
from nd2watch.errors import ConversionError, OutputExists

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = re.compile(r"\.nd2watch-[0-9a-f]{16}\.tmp")


class PendingFile:
    """A new file under a hidden temporary name in the folder of its final name.

    Use it as a context manager: leaving the block without `publish` removes the file.

    Parameters
    ----------
    final : Path
        Name that the finished file gets. Its folder is made when missing.
    replace : bool, default False
        Replace an existing file of that name when publishing.
    keep : bool, default False
        Leave the file, unless it is empty, when the block is left without `publish`, under a name
        that people see.

    Attributes
    ----------
    path : Path
        The temporary name, of the form ``.nd2watch-<16 hex digits>.tmp``, or the final name with
        ``.unfinished`` appended when it is kept.
    file : BinaryIO
        The open file, readable and writable.

    Raises
    ------
    OutputExists
        If `final` exists and `replace` is False, or an unfinished file is there.
    """

    def __init__(self, final: Path, *, replace: bool = False, keep: bool = False) -> None:
        self.final = final
        self._replace = replace
        self._keep = keep
        if not replace and os.path.lexists(final):
            raise OutputExists(_exists(final))
        if final.is_dir():
            raise OutputExists(f"{final} is a folder; name a file in it")
        host.make_folder(final.parent)
        temporary = f"{final.name}.unfinished" if keep else f".nd2watch-{secrets.token_hex(8)}.tmp"
        self.path = final.parent / temporary
        try:
            descriptor = host.create_locked(self.path)
        except FileExistsError as error:
            raise OutputExists(_unfinished(self.path)) from error
        self.file = os.fdopen(descriptor, "w+b", buffering=1 << 20)

    def sync(self) -> None:
        """Write everything buffered to the disk."""
        self.file.flush()
        host.sync_file(self.file.fileno())

    def publish(self) -> None:
        """Give the file, which `sync` has put on the disk, its final name.

        Raises
        ------
        OutputExists
            If the name was taken meanwhile; the temporary file stays for `__exit__` to remove.
        """
        self.file.close()
        try:
            host.publish(self.path, self.final, replace=self._replace)
        except FileExistsError as error:
            raise OutputExists(_exists(self.final)) from error

    def __enter__(self) -> PendingFile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.file.close()
        finally:
            if not self._keep or _is_empty(self.path):
                self.path.unlink(missing_ok=True)


class GrowingFile:
    """A finished file that is added to, and stays as it was unless that succeeds.

    Use it as a context manager: leaving the block without `publish` cuts off what was added.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    file : BinaryIO
        The open file, at its end.

    Raises
    ------
    ConversionError
        If another program is adding to the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = host.open_locked(path.resolve())
        except BlockingIOError as error:
            raise ConversionError(f"{path} is being written by another program") from error
        self.file = os.fdopen(self._descriptor, "r+b", buffering=1 << 20, closefd=False)
        self._size: int | None = self.file.seek(0, os.SEEK_END)

    def sync(self) -> None:
        """Write everything buffered to the disk."""
        self.file.flush()
        host.sync_file(self.file.fileno())

    def publish(self) -> None:
        """Keep what was added."""
        self._size = None

    def __enter__(self) -> GrowingFile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.file.close()  # on a full disk it fails to write the rest
        finally:
            try:
                if self._size is not None and os.fstat(self._descriptor).st_size > self._size:
                    os.ftruncate(self._descriptor, self._size)
            finally:
                os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Return whether another program is writing `path`, as far as the system can tell."""
    try:
        os.close(host.open_locked(path))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def remove_orphans(folder: Path, *, below: bool = True) -> list[Path]:
    """Delete temporary files that no living process holds, and return them.

    Parameters
    ----------
    folder : Path
        Where they are.
    below : bool, default True
        Also in all folders below it.
    """
    search = folder.rglob if below else folder.glob
    candidates = [path for path in search(".nd2watch-*.tmp") if _NAME.fullmatch(path.name)]
    return [path for path in candidates if host.remove_unlocked(path)]


def _exists(final: Path) -> str:
    """Return the message for an output that is already there."""
    return (
        f"{final} exists already; move it away, choose another name, or allow to replace it"
        " (-f, replace=True)"
    )


def _unfinished(path: Path) -> str:
    """Return the message for an unfinished file that is already there."""
    if is_held(path):
        return f"{path} is being written by another program"
    return (
        f"{path} is there from an interrupted run; save its frames by `nd2watch recover`, then"
        " remove it"
    )


def _is_empty(path: Path) -> bool:
    """Return whether a file is there and empty."""
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
