"""Values in sidecars, of which those that cannot be are unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from nd2watch.sources.values import finite, plain_text

_DIGITS: Final = 9
_LONGEST_LABEL: Final = 100
_LETTERS: Final = 26


def whole(value: object) -> int | None:
    """Return a number of things from 0 to 999,999,999, also one of digits; None for all else."""
    if isinstance(value, str):
        is_number = value.isascii() and value.isdecimal() and len(value) <= _DIGITS
        return int(value) if is_number else None
    number = finite(value) if isinstance(value, int | float) else None
    if number is None or not 0 <= number < 10**_DIGITS or number % 1:
        return None
    return int(number)


def text_of(value: object) -> str:
    """Return a text of a JSON document, an empty one for something else."""
    return value if isinstance(value, str) else ""


def list_of(value: object) -> list[Any]:
    """Return a list of a JSON document, an empty one for something else."""
    return value if isinstance(value, list) else []


def label_of(text: str) -> str:
    """Return a label as names are compared by it: one of digits without its padding."""
    is_number = text.isdecimal() and len(text) < _LONGEST_LABEL
    return str(int(text)) if is_number else text


def relative_path(value: object) -> str:
    """Return the path of a file from the folder of a sidecar, with ``/``.

    It is empty where there is none, where it leads elsewhere, and where it cannot be that of a
    file.
    """
    path = value.strip().replace("\\", "/") if isinstance(value, str) else ""
    parts = path.split("/")
    if path.startswith("/") or ":" in path or ".." in parts or plain_text(path) != path:
        return ""
    return "/".join(part for part in parts if part not in ("", "."))


def well_name(row: int | None, column: int | None) -> str:
    """Return the name of the well in a row and a column from 1; empty without them."""
    if not row or not column:
        return ""
    letters = ""
    while row:
        row, letter = divmod(row - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{column:02d}"


def local_moment(text: str, form: str) -> datetime | None:
    """Return a time in the form of `datetime.strptime`, which is local, with its time zone."""
    try:
        return datetime.strptime(text.strip(), form).astimezone()
    except (ValueError, OverflowError, OSError):  # another form, or beyond the calendar
        return None


def moment_since_1970(value: object) -> datetime | None:
    """Return a time in seconds since 1970."""
    seconds = finite(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # such years are beyond the calendar
        return None
