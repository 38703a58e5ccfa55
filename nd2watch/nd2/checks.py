"""Checks that several values share."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    from types import UnionType


def check_count(count: int, what: str) -> None:
    """Refuse an empty loop."""
    if count < 1:
        raise FormatError(f"a loop of {count} {what}; it needs at least one")


def check_finite(value: object, *names: str) -> None:
    """Refuse attributes of `value`, named by `names`, that no reader can show; None may stay."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not (_is_real(number) and math.isfinite(number)):
            raise FormatError(f"{name} is {number!r}; it must be a finite number")


def check_positive(value: object, what: str, *names: str) -> None:
    """Refuse attributes of `value`, named by `names`, that are not above 0; None may stay."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not (_is_real(number) and 0 < number < math.inf):
            raise FormatError(f"{name} of {what} is {number!r}; it must be above 0")


def _is_real(number: object) -> bool:
    """Return whether something is a number, of Python or numpy."""
    return isinstance(number, (int, float, np.integer, np.floating))


def check_kind(value: object, name: str, kind: type | UnionType) -> None:
    """Refuse an attribute of `value` that is not of `kind`."""
    found = getattr(value, name)
    if not isinstance(found, kind):
        raise FormatError(f"{name} is {found!r}; it must be {getattr(kind, '__name__', kind)}")


def make_whole(value: object, *names: str) -> None:
    """Turn attributes of the frozen `value`, named by `names`, into int; refuse fractions.

    Integers of numpy would overflow when sizes are computed from them.
    """
    for name in names:
        number = getattr(value, name)
        if number is not None:
            try:
                object.__setattr__(value, name, operator.index(number))
            except TypeError as error:
                raise FormatError(f"{name} is {number!r}; it must be a whole number") from error


def make_tuple(value: object, name: str, kind: type | UnionType) -> None:
    """Turn an attribute of the frozen `value` into a tuple of `kind`; refuse other items."""
    try:
        items = tuple(getattr(value, name))
    except TypeError as error:
        raise FormatError(f"{name} is {getattr(value, name)!r}; it must be a sequence") from error
    for item in items:
        if not isinstance(item, kind):
            raise FormatError(f"{name} holds {item!r}, which does not belong there")
    object.__setattr__(value, name, items)
