"""Printing to streams that may be closed, full, or of few characters."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def tell(text: str, *, error: bool = False) -> None:
    """Print a message; one that cannot be printed is dropped, as the work counts.

    Parameters
    ----------
    text : str
        The message.
    error : bool, default False
        Print it on standard error.
    """
    with contextlib.suppress(OSError, ValueError):  # as closed streams raise
        _print(text, sys.stderr if error else sys.stdout)


def show(text: str) -> None:
    """Print a result on standard output.

    Raises
    ------
    BrokenPipeError
        If its reader has gone.
    OSError
        If it cannot be printed for another reason, such as a full disk.
    """
    _print(text, sys.stdout)


def give_up_broken_streams() -> None:
    """Let nothing more be written to a stream that fails, so that the interpreter ends in peace."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), stream.fileno())
        except ValueError:  # it is closed, so that nothing is left to be written
            pass


def _print(text: str, stream: TextIO | None) -> None:
    """Print a text, whose characters the stream may not know; nothing where there is none."""
    if stream is None or getattr(stream, "closed", False):
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
