"""File-name patterns with named fields."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import PurePath

FOLDER_FIELD: Final = "folder"
"""Field for the folders that the pattern itself does not name."""

_FIELD: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\}|\*|\?")
_WIDTH: Final = re.compile(r"[1-9][0-9]{0,2}")
_LONGEST_NAME: Final = 255
_NUMBER_AXES: Final = ("t", "p", "z")
_SUFFIX: Final = re.compile(r"(\.[A-Za-z]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameForm:
    """One form in which names are written.

    Attributes
    ----------
    name : str
        What it is called; empty where there is only one.
    regex : BoundedRegex
        Matched against all of the last `depth` parts of a path.
    depth : int or None
        Parts of a path that are matched, 1 for the name alone; None for the whole path below the
        watched folder.
    """

    name: str = ""
    regex: BoundedRegex
    depth: int | None

    def split(self, parts: Sequence[str]) -> tuple[str, str] | None:
        """Return the folders that the form does not cover, and the text that it is matched with.

        None when the path has too few parts.
        """
        if self.depth is None:
            return "", "/".join(parts)
        if self.depth > len(parts):
            return None
        return "/".join(parts[: -self.depth]), "/".join(parts[-self.depth :])

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the fields of a path, None when it does not match."""
        texts = self.split(parts)
        found = self.regex.match(texts[1]) if texts is not None else None
        return None if texts is None or found is None else {FOLDER_FIELD: texts[0], **found}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """A compiled pattern of file names.

    Attributes
    ----------
    source : str
        The pattern or regular expression as it was given.
    forms : tuple of NameForm
        Forms of names; the first that matches counts.
    is_template : bool
        It was given as a pattern with fields, which can be filled.
    """

    source: str
    forms: tuple[NameForm, ...]
    is_template: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(dict.fromkeys(name for form in self.forms for name in form.regex.groups))

    def match(self, relative: PurePath | str) -> dict[str, str] | None:
        """Return the fields of a path below the watched folder, None when it does not match.

        A group that takes no part in the match is left out. The field ``folder`` holds the parts
        that the pattern does not cover.

        Raises
        ------
        LayoutError
            If a regular expression takes too long.
        """
        parts = path_parts(relative)
        if max(map(len, parts)) > _LONGEST_NAME:  # it can only stand in a sidecar
            return None
        for form in self.forms:
            if (fields := form.match(parts)) is not None:
                return fields
        return None

    def render(self, fields: Mapping[str, str]) -> str:
        """Return the path that the pattern gives for these fields; numbers are padded.

        Raises
        ------
        LayoutError
            If the pattern is a regular expression, has wildcards, or a field is not given.
        """

        def text(found: re.Match[str]) -> str:
            name, form = found[1], found[2] or ""
            if name is None or name not in fields:
                raise LayoutError(f"the pattern {self.source!r} cannot be filled: {found[0]}")
            value = fields[name]
            return value.zfill(int(form)) if _WIDTH.fullmatch(form) and value.isdecimal() else value

        if not self.is_template:
            raise LayoutError(f"the regular expression {self.source!r} cannot be filled")
        return _FIELD.sub(text, self.source)


def compile_pattern(source: str, text_axes: Collection[str] = ()) -> NamePattern:
    r"""Return a compiled pattern such as ``img_t{t}_xy{p}_z{z}_c{c}.tif``.

    Parameters
    ----------
    source : str
        Fixed text with fields. ``{t}``, ``{p}`` and ``{z}`` (time, position, Z) are runs of
        digits, other fields any text without ``/``, as short as possible. ``{name:4}`` is
        exactly four characters, ``{name:text}`` and ``{name:number}`` any text or digits.
        ``*`` and ``?`` stand for any characters and any one. A field that occurs again must have
        the same text again. ``/`` separates folders; folders in front need not be named. Upper
        and lower case of the file's ending are alike.
    text_axes : collection of str
        Axes of t, p, z whose labels are words, so that ``{p}`` is any text.

    Raises
    ------
    LayoutError
        If a field is malformed.
    """
    regex, position, seen = "", 0, set[str]()
    body, suffix = source, ""
    if ending := _SUFFIX.search(source):
        body, suffix = source[: ending.start()], ending[1]
    for found in _FIELD.finditer(body):
        regex += _literal(body[position : found.start()], source)
        position = found.end()
        regex += _field_regex(found, seen, text_axes)
    regex += _literal(body[position:], source) + (f"(?i:{re.escape(suffix)})" if suffix else "")
    form = NameForm(regex=BoundedRegex(regex), depth=source.count("/") + 1)
    return _checked(NamePattern(source=source, forms=(form,), is_template=True))


def compile_regex(source: str) -> NamePattern:
    """Return a regular expression with named groups as a pattern.

    With a ``/`` in it, it is matched against the path below the watched folder; else against the
    file name alone.

    Raises
    ------
    LayoutError
        If it is malformed.
    """
    return _checked(NamePattern(source=source, forms=(_form("", source),)))


def compile_names(expressions: Mapping[str, str], title: str = "") -> NamePattern:
    """Return regular expressions by the names of their forms as one pattern.

    Each is as for `compile_regex`; the first that matches a name counts.

    Parameters
    ----------
    expressions : mapping from str to str
        The expressions.
    title : str
        What they are called in messages; the expressions themselves when empty.

    Raises
    ------
    LayoutError
        If one is malformed.
    """
    forms = tuple(_form(name, source) for name, source in expressions.items())
    return _checked(NamePattern(source=title or " | ".join(expressions.values()), forms=forms))


def path_parts(relative: PurePath | str) -> list[str]:
    """Return the parts of a path in the composed form of its characters."""
    return unicodedata.normalize("NFC", posix_text(relative)).split("/")


def posix_text(relative: PurePath | str) -> str:
    """Return a path as a text with ``/`` between its parts, as which it may be given already."""
    return relative if isinstance(relative, str) else relative.as_posix()


def _form(name: str, source: str) -> NameForm:
    """Return a form of a regular expression."""
    regex = BoundedRegex(unicodedata.normalize("NFC", source))
    return NameForm(name=name, regex=regex, depth=None if "/" in source else 1)


def _field_regex(found: re.Match[str], seen: set[str], text_axes: Collection[str]) -> str:
    """Return the regular expression of one field or wildcard."""
    name, form = found[1], found[2]
    if name is None:
        return "[^/]*?" if found[0] == "*" else "[^/]"
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    digits = name in _NUMBER_AXES and name not in text_axes
    if form is None:
        form = "number" if digits else "text"
    if _WIDTH.fullmatch(form) and int(form) <= _LONGEST_NAME:
        return f"(?P<{name}>{r'[0-9]' if digits else '[^/]'}{{{form}}})"
    if form not in ("number", "text"):
        raise LayoutError(
            f"field {found[0]}: after the colon comes a number of characters, 'text' or 'number'"
        )
    return f"(?P<{name}>{'[0-9]+' if form == 'number' else '[^/]+?'})"


def _literal(text: str, source: str) -> str:
    """Return the regular expression of fixed text."""
    if "{" in text or "}" in text:
        raise LayoutError(f"the pattern {source!r} has a brace that is no field, near {text!r}")
    return re.escape(unicodedata.normalize("NFC", text))


def _checked(pattern: NamePattern) -> NamePattern:
    """Refuse a pattern that sets the folder."""
    if FOLDER_FIELD in pattern.fields:
        raise LayoutError("the field {folder} is set by itself; choose another name")
    return pattern
