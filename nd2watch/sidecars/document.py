"""An XML document, read as far as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from nd2watch.errors import SidecarError
from nd2watch.sidecars.text import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    Line = tuple[ET.Element, ...]
    """Elements that lie in each other, the root first."""

_DEEPEST: Final = 100
_MOST: Final = 2_000_000
"""Elements that are kept, records being one each."""

_LONGEST: Final = 1 << 22
"""Characters without an element, which the parser would look through again with each piece."""

_TYPES: Final = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
_REFERENCE: Final = 16
_BLANKS: Final = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}
_NO_REFERENCE: Final = re.compile(
    "&#(?:0{0,8}(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0{0,8}(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
"""Numbers of characters that XML does not allow, neither as such."""


class Document:
    """An XML document that may be half-written; elements lose their namespaces.

    To iterate it is to read it: each record is handed out once it is finished, and emptied then, so
    that a long list takes little memory. What is no record stays in the tree.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        The document.
    *records : str
        Which elements are records, by their path below the root, like ``Images/Image``.
    is_lenient : bool
        Characters that XML does not allow are taken as blanks.

    Attributes
    ----------
    root : Element
        The root, known once it is read; its last elements may lack what is not written yet.
    is_whole : bool
        The root has been ended. What follows it is not read.
    """

    def __init__(self, path: Path, data: bytes, *records: str, is_lenient: bool = False) -> None:
        self.is_whole = False
        self._path = path
        self._data = data
        self._records = frozenset(records)
        self._ends = {record.rpartition("/")[2] for record in records}
        self._is_lenient = is_lenient
        self._names = _LocalNames()
        self._line: list[ET.Element] = []
        self._count = 0

    def __iter__(self) -> Iterator[Line]:
        """Yield each finished record, after the elements in which it lies.

        Raises
        ------
        SidecarError
            If it has a document type, which may define entities without end, is absurdly deep or
            large, or has no root: it is empty yet, or no XML.
        """
        if any(mark in self._data for mark in _TYPES):
            raise self._error("has a document type, which is not read")
        # Without a document type there are no entities to expand.
        parser: ET.XMLPullParser[Any] = ET.XMLPullParser(["start", "end"])
        try:
            for piece in self._texts():
                parser.feed(piece)
                yield from self._finished(parser.read_events())
                if self.is_whole:
                    return
            parser.close()
        except ET.ParseError as error:
            # What the parser has found before it came to the end of the text, or to an error.
            yield from self._finished(parser.read_events())
            if self._line:
                self.root = self._line[0]
            elif not self.is_whole:
                raise self._error(f"is empty yet, or no XML: {error}") from error

    def _texts(self) -> Iterator[str]:
        """Yield the text in pieces, of which many in a row without an element are refused."""
        texts = pieces(self._data)
        silent, count = 0, 0
        for text in _allowed(texts) if self._is_lenient else texts:
            yield text
            silent = silent + len(text) if self._count == count else 0
            count = self._count
            if silent > _LONGEST:
                raise self._error(f"has {silent} characters without an element")

    def _finished(self, events: Iterable[Any]) -> Iterator[Line]:
        """Yield the records that are finished by some events, until the root is ended."""
        names, ends, line = self._names, self._ends, self._line
        for event, element in events:
            if event == "start":
                element.tag = names[element.tag]
                line.append(element)
                self._count += 1
                if len(line) > _DEEPEST or self._count > _MOST:
                    raise self._error("is absurdly deep or large")
            else:
                if element.tag in ends and self._is_record():
                    self._count -= sum(1 for _ in element.iter()) - 1
                    yield tuple(line)
                    element.clear()
                line.pop()
                if not line:
                    self.root, self.is_whole = element, True
                    return

    def _is_record(self) -> bool:
        """Return whether the innermost element is a record."""
        return "/".join(element.tag for element in self._line[1:]) in self._records

    def _error(self, what: str) -> SidecarError:
        """Return an error."""
        return SidecarError(f"{self._path} {what}", self._path)


def elements(path: Path, data: bytes) -> tuple[ET.Element, bool]:
    """Return the root of a short XML document, as far as it is written, and whether it is whole.

    Elements lose their namespaces. The last ones may lack what is not written yet.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        The document.

    Raises
    ------
    SidecarError
        As iterating a `Document` does.
    """
    document = Document(path, data)
    for _ in document:
        pass
    return document.root, document.is_whole


def attributes(element: ET.Element) -> dict[str, str]:
    """Return the attributes of an element without their namespaces."""
    return {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


class _LocalNames(dict[str, str]):
    """Names of elements without their namespaces."""

    def __missing__(self, tag: str) -> str:
        return self.setdefault(tag, tag.rpartition("}")[2])


def _allowed(texts: Iterable[str]) -> Iterator[str]:
    """Yield pieces of a text without characters that XML does not allow."""
    rest = ""
    for text in texts:
        whole = rest + text
        # A reference may go on in the next piece.
        start = whole.rfind("&", -_REFERENCE)
        rest = whole[start:] if start >= 0 else ""
        yield _blanked(whole.removesuffix(rest))
    yield _blanked(rest)


def _blanked(text: str) -> str:
    """Return a text with blanks for characters that XML does not allow."""
    plain = text.translate(_BLANKS)
    return _NO_REFERENCE.sub(" ", plain) if "&#" in plain else plain
