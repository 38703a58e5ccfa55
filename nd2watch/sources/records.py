"""Records that files hold beside their pixels: a damaged one costs only what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from nd2watch.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

Known = TypeVar("Known")


def unless_damaged(read: Callable[[], Known], otherwise: Known) -> Known:
    """Return what a record tells, or a substitute when it is damaged.

    Parameters
    ----------
    read : callable
        Reads the record; it may raise anything.
    otherwise : object
        The substitute.

    Raises
    ------
    SourceError
        If `read` raises that.
    OSError
        If the disk fails.
    """
    try:
        return read()
    except SourceError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        return otherwise
    except Exception:  # libraries raise many kinds, and none of them may cost the pixels
        return otherwise
