"""Finding the sequence that a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from nd2watch.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

Thing = TypeVar("Thing")

_SHOWN: Final = 5


def meant_by(text: str, named: Iterable[tuple[str, str, Thing]]) -> Thing:
    """Return the one thing whose handle is, or begins with, what a person gave.

    Parameters
    ----------
    text : str
        What was given.
    named : iterable of (str, str, thing)
        Handle and title of each thing.

    Raises
    ------
    ServiceError
        If there is none, or several.
    """
    wanted = text.strip().lower()
    fitting = [each for each in named if wanted and each[0].startswith(wanted)]
    if not fitting:
        raise ServiceError(f"there is no sequence {text!r}; `nd2watch list` shows all")
    if len(fitting) > 1:
        shown = ", ".join(f"{handle} ({title})" for handle, title, _ in fitting[:_SHOWN])
        more = f" and {len(fitting) - _SHOWN} more" * (len(fitting) > _SHOWN)
        raise ServiceError(f"{text!r} may be any of {len(fitting)} sequences: {shown}{more}")
    return fitting[0][2]
