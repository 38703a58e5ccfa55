"""Templates of the paths that a program gives its frames."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from nd2watch.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PART: Final = re.compile(r"\[(?P<optional>[^\[\]]*)\]|(?P<fixed>[^\[\]]+)")
_FIELD: Final = re.compile(r"\{(?P<name>\w+)(?::(?P<form>[^{}]+))?\}")
_AXES: Final = {
    **dict.fromkeys(("t", "days", "hours", "minutes", "clock"), "t"),
    **dict.fromkeys(("p", "site", "field"), "p"),
    **dict.fromkeys(("well", "row", "col", "number"), "well"),
    **dict.fromkeys(("c", "cname"), "c"),
}
"""Axes of the fields that are not called like their axis."""


class FieldText(NamedTuple):
    """A field of a name.

    Attributes
    ----------
    text : str
        How it is written without a width.
    number : int, optional
        What is padded to a width; None for a text, which is never padded.
    """

    text: str
    number: int | None = None


def numbered(number: int) -> FieldText:
    """Return a field that is a number."""
    return FieldText(str(number), number)


class NameTemplate:
    """A template such as ``{name}_w{c}{cname}[_s{site}][_t{t:4}].tif``.

    Fields stand in braces, with a width to which numbers are padded, or the form of
    `datetime.strftime` for a time. What stands in brackets is left out where each axis of its
    fields is single.

    Parameters
    ----------
    source : str
        The template.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._parts = [
            (found["optional"] is not None, found["optional"] or found["fixed"] or "")
            for found in _PART.finditer(source)
        ]

    @property
    def fields(self) -> set[str]:
        """Names of all fields."""
        return {found["name"] for found in _FIELD.finditer(self._source)}

    @property
    def names_well(self) -> bool:
        """The well is named, at least where there is one."""
        return "well" in _axes(self._source)

    @property
    def needs_well(self) -> bool:
        """The well is named, and not only where there is one."""
        fixed = "".join(text for is_optional, text in self._parts if not is_optional)
        return "well" in _axes(fixed)

    def render(self, fields: Mapping[str, FieldText | datetime], single: Collection[str]) -> str:
        """Return a path.

        Parameters
        ----------
        fields : mapping
            Every field of the template.
        single : collection of {"t", "p", "z", "c", "well", "part"}
            Axes of one point.

        Raises
        ------
        LayoutError
            If a field is not given, or cannot be written in its form.
        """
        return "".join(
            _FIELD.sub(lambda found: self._text(found, fields), text)
            for is_optional, text in self._parts
            if not is_optional or not _axes(text) <= set(single)
        )

    def _text(self, found: re.Match[str], fields: Mapping[str, FieldText | datetime]) -> str:
        """Return the text of one field."""
        value, form = fields.get(found["name"]), found["form"]
        if isinstance(value, datetime) and form:
            return value.strftime(form)
        if isinstance(value, FieldText) and form and form.isdecimal() and value.number is not None:
            return str(value.number).zfill(int(form))
        if isinstance(value, FieldText) and not form:
            return value.text
        raise LayoutError(f"the name {self._source!r} cannot be written: {found[0]}")


def _axes(text: str) -> set[str]:
    """Return the axes of the fields in a part of a template."""
    return {_AXES.get(found["name"], found["name"]) for found in _FIELD.finditer(text)}
