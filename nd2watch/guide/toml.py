"""Writing TOML that people go on to edit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f]")
_LONGEST: Final = 100


def table_lines(name: str, section: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table, with its own tables below it.

    Parameters
    ----------
    name : str
        Its dotted name, as it stands in brackets.
    section : mapping
        Texts, numbers, truth values, lists and tables; lists may hold short tables.
    """
    yield f"[{name}]"
    for key, value in section.items():
        if not isinstance(value, dict):
            yield f"{key_text(key)} = {value_text(value)}"
    for key, value in section.items():
        if isinstance(value, dict):
            yield ""
            yield from table_lines(f"{name}.{key_text(key)}", value)


def key_text(key: str) -> str:
    """Return a key, in quotes if it needs them."""
    return key if _BARE.fullmatch(key) else _quoted(key)


def value_text(value: Any) -> str:
    """Return a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        items = [value_text(item) for item in value]
        text = f"[{', '.join(items)}]"
        return (
            text if len(text) <= _LONGEST else "".join(["[\n", *(f"  {i},\n" for i in items), "]"])
        )
    if isinstance(value, dict):
        items = [f"{key_text(key)} = {value_text(item)}" for key, item in value.items()]
        return f"{{ {', '.join(items)} }}"
    return repr(value)


def comment_lines(text: str) -> Iterator[str]:
    """Yield a text as comments."""
    for line in text.splitlines() or [""]:
        yield f"# {_UNPRINTABLE.sub(' ', line)}".rstrip()


def _string(text: str) -> str:
    """Return a string; expressions stay as they are, without escapes."""
    if "\n" in text and "'''" not in text and not _UNPRINTABLE.search(text.replace("\n", "")):
        return f"'''\n{text}'''"
    if "\\" in text and "'" not in text and not _UNPRINTABLE.search(text):
        return f"'{text}'"
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return a string in quotes, with escapes."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return '"' + _UNPRINTABLE.sub(_numbered, escaped) + '"'


def _numbered(found: re.Match[str]) -> str:
    """Return a character by its number."""
    return f"\\u{ord(found[0]):04x}"
