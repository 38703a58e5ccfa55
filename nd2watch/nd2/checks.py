"""Checks that several values share."""

from __future__ import annotations

import math

from nd2watch.errors import FormatError


def check_count(count: int, what: str) -> None:
    """Refuse an empty loop."""
    if count < 1:
        raise FormatError(f"a loop of {count} {what}; it needs at least one")


def check_finite(value: object, *names: str) -> None:
    """Refuse attributes of `value`, named by `names`, that no reader can show; None may stay."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not math.isfinite(number):
            raise FormatError(f"{name} is {number}; it must be a finite number")
