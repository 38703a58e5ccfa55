"""The types of the command line's arguments."""

from __future__ import annotations

from argparse import ArgumentTypeError

from nd2watch.experiment import AXES


def words(text: str) -> tuple[str, ...]:
    """Return the words between commas."""
    return tuple(word.strip() for word in text.split(","))


def pair(text: str) -> tuple[str, str]:
    """Return the two sides of an equals sign."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} has no '='")
    return name, value


def axis(text: str) -> tuple[str, int]:
    """Return axis and size."""
    name, size = pair(text)
    if name not in AXES:
        raise ArgumentTypeError(f"{name!r} is no axis; axes are {', '.join(AXES)}")
    return name, count(size)


def count(text: str) -> int:
    """Return a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """Return width and height."""
    width, by, height = text.partition("x")
    if not by:
        raise ArgumentTypeError(f"{text!r} is not like 512x512")
    return count(width), count(height)
