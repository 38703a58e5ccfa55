"""The faults of a configuration, each with the key that it is at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError

Location = tuple[int | str, ...]
"""Keys, and numbers in lists, that lead to a value."""

_FORM: Final = re.compile(r"constrained-\w+|(list|dict|union)\[.*\]|ChannelConfig|\[key\]")
"""What a location has besides keys: which of several forms of a value a fault is of."""

_TEXTS: Final = {
    "extra_forbidden": "there is no such key",
    "model_type": "Input should be a table",
    "dict_type": "Input should be a table",
}


def fault_lines(error: ValidationError, passed_over: Collection[Location] = ()) -> list[str]:
    """Return a line for each fault, like ``watch[0].axes.t: Input should be ...``.

    Where a value may have several forms, the faults of the form that it comes nearest to count.

    Parameters
    ----------
    error : ValidationError
        The faults.
    passed_over : collection of tuple
        Locations of whole sections of which something worse is known.
    """
    faults: dict[Location, list[str]] = {}
    choices: set[Location] = set()
    for fault in error.errors():
        location = fault["loc"]
        if location in passed_over:
            continue
        plain = tuple(part for part in location if isinstance(part, int) or not _FORM.match(part))
        if plain != location:
            choices.add(plain)
        text = _TEXTS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        faults.setdefault(plain, []).append(text)
    return [
        f"{key_of(location)}: {', or '.join(dict.fromkeys(texts))}"
        for location, texts in faults.items()
        if location not in choices or not _has_nearer(location, faults)
    ]


def key_of(location: Location) -> str:
    """Return the place of a fault as a key path, like ``watch[0].axes.t``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"


def _has_nearer(location: Location, faults: Collection[Location]) -> bool:
    """Return whether there is a fault inside the value at a location."""
    depth = len(location)
    return any(len(other) > depth and other[:depth] == location for other in faults)
