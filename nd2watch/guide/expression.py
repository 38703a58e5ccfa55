"""Regular expressions in pieces: their elements, and what of a name is free text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from nd2watch.experiment.pattern import NameForm

_ATOM: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""One character as an expression has it: escaped, of a set, or by itself."""

_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[+?]?")
_GROUP: Final = re.compile(r"\(\?P<(\w+)>")
_ANY_TEXTS: Final = ("\N{SNOWMAN}\N{SNOWMAN}", "\N{SNOWMAN}q\N{SNOWMAN}")
"""What only groups take in that take any text."""

_INNERMOST: Final = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)")
_FLAGGED: Final = re.compile(r"\(\?[a-z]+:((?:[^()\\]|\\.)*)\)")
_FLAGS: Final = re.compile(r"\(\?[a-z]+\)\s*")
_ESCAPED: Final = re.compile(r"\\([^\w\s])")
_SHOWN: Final = 60


@cache
def cuts(source: str) -> tuple[int, ...]:
    """Return where an expression may be cut between two elements, from 0 to its end."""
    found, place, depth = [0], 0, 0
    while atom := _ATOM.match(source, place):
        depth += {"(": 1, ")": -1}.get(atom[0], 0)
        place = atom.end()
        if depth == 0:
            if quantifier := _QUANTIFIER.match(source, place):
                place = quantifier.end()
            found.append(place)
    return tuple(found)


@cache
def free_groups(source: str) -> frozenset[str]:
    """Return the groups of an expression that take in any text."""
    return frozenset(name for name, inner in _groups(source) if _is_free(inner))


def share_told(form: NameForm, fields: dict[str, str], path: PurePosixPath) -> float:
    """Return the share of a name that is no free text, without its ending, 0 to 1."""
    free = sum(len(fields[name]) for name in free_groups(form.regex.source) & fields.keys())
    text = path.name if form.depth == 1 else path.as_posix()
    ending = len(path.suffix)
    return min(max((len(text) - ending - free) / max(len(path.stem), 1), 0.0), 1.0)


def readable(source: str) -> str:
    """Return a piece of an expression, shortened and with its fields in braces, for people."""
    text = _FLAGS.sub("", source)
    before = ""
    while text != before:
        before, text = text, _FLAGGED.sub(r"\1", _INNERMOST.sub(r"{\1}", text))
    text = "".join(_ESCAPED.sub(r"\1", text).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def field_of(element: str) -> str:
    """Return the name of the field that an element is, empty when it is none."""
    found = _GROUP.match(element)
    return found[1] if found else ""


def inside(element: str) -> str:
    """Return what the group that an element is consists of."""
    found = _GROUP.match(element)
    return _until_closed(element, found.end()) if found else element


def _groups(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each group and what it consists of."""
    for found in _GROUP.finditer(source):
        yield found[1], _until_closed(source, found.end())


def _until_closed(source: str, start: int) -> str:
    """Return an expression up to the bracket that closes what was open at its start."""
    place, depth = start, 0
    while atom := _ATOM.match(source, place):
        depth += {"(": 1, ")": -1}.get(atom[0], 0)
        if depth < 0:
            break
        place = atom.end()
    return source[start:place]


def _is_free(inner: str) -> bool:
    """Return whether a group takes in any text."""
    try:
        expression = BoundedRegex(inner)
        return any(expression.match(text) is not None for text in _ANY_TEXTS)
    except LayoutError:  # it refers to another group, or takes too long
        return False
