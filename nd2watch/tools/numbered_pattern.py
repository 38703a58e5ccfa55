"""Patterns of file names whose capture groups are told by their number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment import plain_label
from nd2watch.sources import FORMATS, SUFFIXES
from nd2watch.tools.dimensions import AXIS_OF

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SIMPLE: Final = re.compile(r"\\(.)|(\*)|(\?+)|(.)", re.DOTALL)
_ANY_RUN: Final = "([^/]+?)"
_BEFORE_ENDING: Final = r"(?=(?:\.ome)?\.[^./]+$)"
_SUFFIX: Final = re.compile(r"\.([A-Za-z0-9]+)\$?$")
_PART: Final = re.compile(
    r"""
      \\.                                     # an escaped character
    | \[\^?\]?(?:\\.|[^\]\\])*\]              # a set of characters
    | \(\?\#[^)]*\)                           # a comment
    | (?P<capturing>\((?!\?)|\(\?P<)          # the start of a group that captures
    | (?P<other>\(\?\([^)]*\)|\()             # of another one, such as a condition
    | (?P<end>\))
    """,
    re.DOTALL | re.VERBOSE,
)
"""What tells where the groups of a regular expression are."""

MULTIPOINT_X, MULTIPOINT_Y = "multipoint_x", "multipoint_y"
_AXIS_OF: Final = AXIS_OF | {MULTIPOINT_X: "p", MULTIPOINT_Y: "p"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPattern:
    """A regular expression, each group of which is a dimension.

    Attributes
    ----------
    source : str
        The pattern as it was given.
    regex : re.Pattern
        What is searched for in a file's name, with composed characters; in its path below the
        folder when it has a ``/``.
    groups : tuple of str
        Dimension of each group, in their order.
    """

    source: str
    regex: re.Pattern[str]
    groups: tuple[str, ...]

    @property
    def spans_folders(self) -> bool:
        """Names are searched with the folders in which they are."""
        return "/" in self.source

    @property
    def has_grid(self) -> bool:
        """Positions are told by X and Y."""
        return MULTIPOINT_X in self.groups

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of names, in lower case: those of the format that the pattern ends with."""
        alike = (known.suffixes for known in FORMATS if self._ending.lower() in known.suffixes)
        return next(alike, SUFFIXES)

    @property
    def _ending(self) -> str:
        """The ending of names, such as ``.tif``, that the pattern ends with; empty if unclear."""
        found = _SUFFIX.search(self.source)
        return found[0].removesuffix("$") if found else ""

    def match(self, name: str) -> dict[str, tuple[str, ...]] | None:
        """Return the labels that a name has on each axis, None when it does not match.

        The labels are in the order of the groups, but for those for multipoint X and Y, which come
        first.
        """
        found = next(filter(None, map(self.regex.search, self._spellings(composed(name)))), None)
        if found is None:
            return None
        labels: dict[str, list[str]] = {}
        for dimension, text in sorted(
            zip(self.groups, found.groups(default=""), strict=True), key=_grid_first
        ):
            labels.setdefault(_AXIS_OF[dimension], []).append(plain_label(text))
        return {axis: tuple(texts) for axis, texts in labels.items()}

    def _spellings(self, name: str) -> Iterator[str]:
        """Yield a name, also with its ending in lower case, and as the pattern has that."""
        stem, dot, ending = name.rpartition(".")
        yield name
        yield f"{stem}{dot}{ending.lower()}"
        if {f".{ending.lower()}", self._ending.lower()} <= {*self.suffixes}:
            yield f"{stem}{self._ending}"


def composed(text: str) -> str:
    """Return a text with composed characters, as which names may come from some systems only."""
    return unicodedata.normalize("NFC", text)


def simple_hint(source: str) -> str:
    """Return what to do if a regular expression seems to be a simple pattern, else nothing."""
    is_likely = "(" not in source and any(sign in source for sign in "*?")
    return "; give --simple_regexp if * and ? stand for any characters" * is_likely


def compile_numbered(
    source: str,
    numbers: Mapping[str, Sequence[int]],
    *,
    simple: bool = False,
    flatten: bool = False,
) -> NumberedPattern:
    r"""Return a compiled pattern.

    Parameters
    ----------
    source : str
        A regular expression with capture groups; or, if `simple`, text in which ``*`` stands for
        any run of characters and ``???`` for exactly as many, each a group, and ``\x`` for the
        character x itself.
    numbers : mapping from str to sequence of int
        For each dimension the numbers of its groups, from 1.
    simple : bool, default False
        `source` is no regular expression.
    flatten : bool, default False
        Several groups may be of one dimension; together they make one axis.

    Raises
    ------
    LayoutError
        If the pattern is malformed, a group has no dimension or two, a number is that of no group,
        or a dimension has several groups that may not be put together.
    """
    source = composed(source)
    spans = list(_simple_spans(source) if simple else _group_spans(source))
    try:
        regex = re.compile(_translated(source) if simple else source)
    except (re.error, OverflowError, RecursionError) as error:
        hint = "" if simple else simple_hint(source)
        raise LayoutError(f"malformed pattern {source!r}: {error}{hint}") from error
    if regex.flags & re.VERBOSE:  # comments may hold anything
        spans = []
    owners: dict[int, str] = {}
    for dimension, listed in numbers.items():
        for number in listed:
            if not 1 <= number <= regex.groups:
                raise LayoutError(
                    f"--{dimension} {number}: there is no such group; {_groups(source, spans)}"
                    + simple_hint(source) * (not simple)
                )
            if number in owners:
                raise LayoutError(
                    f"{_shown(source, spans, number)} is given for --{owners[number]} and for"
                    f" --{dimension}"
                )
            owners[number] = dimension
    for number in range(1, regex.groups + 1):
        if number not in owners:
            raise LayoutError(
                f"{_shown(source, spans, number)} is given for no dimension; say what it is by -t,"
                f" -m, -mx, -my, -z or -c {number}, or write a regular expression in which it does"
                " not capture: (?:...)"
            )
    _check_dimensions(numbers, flatten=flatten)
    groups = tuple(owners[number] for number in range(1, regex.groups + 1))
    return NumberedPattern(source=source, regex=regex, groups=groups)


def _check_dimensions(numbers: Mapping[str, Sequence[int]], *, flatten: bool) -> None:
    """Refuse multipoint X without Y, and several groups of one axis unless they are flattened."""
    has_x, has_y = (bool(numbers.get(name)) for name in (MULTIPOINT_X, MULTIPOINT_Y))
    if has_x != has_y:
        given, other = (MULTIPOINT_X, MULTIPOINT_Y) if has_x else (MULTIPOINT_Y, MULTIPOINT_X)
        raise LayoutError(f"--{given} needs --{other}")
    doubled = [f"--{name}" for name, listed in numbers.items() if len(listed) > 1]
    if has_x and numbers.get("multipoint"):
        doubled += [f"--{MULTIPOINT_X}", "--multipoint"]
    if doubled and not flatten:
        raise LayoutError(
            f"several groups for {' and '.join(doubled)} make one axis only by --flatten_duplicates"
        )


def _grid_first(entry: tuple[str, str]) -> int:
    """Return a sorting key that keeps the order of groups but for multipoint X and Y."""
    return {MULTIPOINT_X: 0, MULTIPOINT_Y: 1}.get(entry[0], 2)


def _translated(source: str) -> str:
    """Return the regular expression of a simple pattern."""
    parts = []
    for found in _SIMPLE.finditer(source):
        escaped, star, marks, plain = found.groups()
        if star:
            parts.append(_ANY_RUN)
        elif marks:
            parts.append(f"([^/]{{{len(marks)}}})")
        else:
            parts.append(re.escape(escaped or plain))
    if parts and parts[-1] == _ANY_RUN:  # which would be content with one character
        parts.append(_BEFORE_ENDING)
    return "".join(parts)


def _simple_spans(source: str) -> Iterator[tuple[int, int]]:
    """Yield where the groups of a simple pattern are."""
    return (found.span() for found in _SIMPLE.finditer(source) if found[2] or found[3])


def _group_spans(source: str) -> Iterator[tuple[int, int]]:
    """Yield where the capture groups of a regular expression are, in their order."""
    opened: list[tuple[int, bool]] = []
    spans: dict[int, int] = {}
    for part in _PART.finditer(source):
        if part["capturing"] or part["other"]:
            opened.append((part.start(), part["capturing"] is not None))
        elif part["end"] and opened:
            start, captures = opened.pop()
            if captures:
                spans[start] = part.end()
    return ((start, spans[start]) for start in sorted(spans))


def _groups(source: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return the groups of a pattern for messages."""
    texts = ", ".join(f"{number}: {source[slice(*span)]}" for number, span in enumerate(spans, 1))
    return f"the pattern {source} has {f'the groups {texts}' if texts else 'no groups'}"


def _shown(source: str, spans: Sequence[tuple[int, int]], number: int) -> str:
    """Return a group for messages, marked in its pattern."""
    if number > len(spans):
        return f"capture group {number} of {source}"
    start, end = spans[number - 1]
    return f"capture group {number} of {source[:start]}>>>{source[start:end]}<<<{source[end:]}"
