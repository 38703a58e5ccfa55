"""Checks of what programs state, which may be anything."""

from __future__ import annotations

import operator

from nd2watch.errors import FormatError


def whole(value: object, name: str) -> int:
    """Return a whole number.

    Parameters
    ----------
    value : object
        The number, of Python or numpy.
    name : str
        What it is, for the message.

    Raises
    ------
    FormatError
        If it is none.
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise FormatError(f"{name} is {value!r}; it must be a whole number") from error
