"""How far a name goes along with a form of names, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex
from nd2watch.guide.expression import cuts, field_of, free_groups, inside, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.experiment.pattern import NameForm

_REST: Final = "nd2watch_rest"
_LOOKING: Final = ("(?=", "(?!", "(?<=", "(?<!")
"""Beginnings of elements that only look at what is around them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where a name ceases to be one of a form.

    Attributes
    ----------
    form : str
        Name of the form.
    text : str
        What of the path is matched.
    at : int
        Characters of it that are as they should be.
    told : int
        Those of them that are no free text.
    wanted : str
        What should follow, with fields in braces.
    field : str
        The field that should come next; empty when that is fixed text.
    field_form : str
        The expression for it.
    """

    form: str
    text: str
    at: int
    told: int
    wanted: str
    field: str = ""
    field_form: str = ""

    @property
    def share(self) -> float:
        """Which part of the file's name is as it should be, free text left aside, 0 to 1."""
        return min(self.told / max(len(self.text.rpartition("/")[2]), 1), 1.0)


def stop_of(form: NameForm, parts: Sequence[str]) -> Stop | None:
    """Return where a path ceases to be one of a form; None if it has too few folders for it.

    The elements of the expression are taken for as long as the path has them. Free text in front,
    which nearly every form allows, makes this tell more than how much of the path could begin a
    match: that is all of it.

    Parameters
    ----------
    form : NameForm
        The form, which the path does not match.
    parts : sequence of str
        Parts of the path.
    """
    texts = form.split(parts)
    if texts is None:
        return None
    text, source = texts[1], form.regex.source
    count, groups = _most_elements(source, text)
    places = cuts(source)
    at = len(text) - len(groups.pop(_REST, text))
    free = sum(len(groups[name]) for name in free_groups(source) & groups.keys())
    element = source[places[count] : places[min(count + 1, len(places) - 1)]]
    begun = _begun(element, text[at:])
    field = field_of(element)
    return Stop(
        form=form.name,
        text=text,
        at=at + begun,
        told=max(at + begun - free, 0),
        wanted=readable(source[places[count] :]),
        field=field,
        field_form=inside(element) if field else "",
    )


def _most_elements(source: str, text: str) -> tuple[int, dict[str, str]]:
    """Return how many elements of an expression a text begins with, and the groups in these."""
    low, high = 0, len(cuts(source)) - 1
    best: dict[str, str] = {}
    while low < high:
        middle = (low + high + 1) // 2
        groups = _match(_beginning(source, cuts(source)[middle]), text)
        if groups is None:
            high = middle - 1
        else:
            low, best = middle, groups
    return low, best


@cache
def _beginning(source: str, end: int) -> BoundedRegex | None:
    """Return an expression cut off, with any text behind; None if it cannot be cut there."""
    try:
        return BoundedRegex(rf"{source[:end]}(?P<{_REST}>[\s\S]*)")
    except LayoutError:
        return None


def _match(expression: BoundedRegex | None, text: str) -> dict[str, str] | None:
    """Return the groups of a match, None without one."""
    try:
        return None if expression is None else expression.match(text)
    except LayoutError:  # it takes too long
        return None


def _begun(element: str, text: str) -> int:
    """Return how many characters of a text could begin an element."""
    if not element or element.startswith(_LOOKING):
        return 0
    try:
        return BoundedRegex(element).reach(text)
    except LayoutError:  # it refers to another group, or takes too long
        return 0
