"""Safe and patient reading of the texts that sidecars are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from nd2watch.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

LARGEST: Final = 1 << 29
"""Bytes of the largest sidecar that is read: lists of a million frames take less."""

_PIECE: Final = 1 << 20
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def decoded(data: bytes) -> str:
    """Return a text in UTF-8, in UTF-16 with its mark, or else in Windows' Western characters."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def elements(path: Path, data: bytes) -> tuple[ET.Element, bool]:
    """Return the root of an XML document, as far as it is written, and whether it is whole.

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
        If it has a document type, which may define entities without end, or no root yet, or is
        no XML.
    """
    text = decoded(data)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SidecarError(f"{path} has a document type, which is not read", path)
    # Without a document type there are no entities to expand.
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(["start", "end"])
    root: ET.Element | None = None
    is_whole = False
    open_ones: list[ET.Element] = []
    try:
        for event, element in _events(parser, text):
            if event == "start":
                element.tag = _local(element.tag)
                root = element if root is None else root
                open_ones.append(element)
            else:
                open_ones.pop()
                is_whole = not open_ones
    except ET.ParseError as error:
        if root is None or is_whole:
            raise SidecarError(f"{path} is no XML: {error}", path) from error
    if root is None:
        raise SidecarError(f"{path} is empty yet", path)
    return root, is_whole


def _events(parser: ET.XMLPullParser[Any], text: str) -> Iterator[Any]:
    """Feed a text, without its declaration of an encoding, and yield what comes of it."""
    start = text.find("?>") + 2 if text.lstrip().startswith("<?xml") else 0
    for place in range(start, len(text), _PIECE):
        parser.feed(text[place : place + _PIECE])
        yield from parser.read_events()
    parser.close()
    yield from parser.read_events()


def _local(tag: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]


def attributes(element: ET.Element) -> dict[str, str]:
    """Return the attributes of an element without their namespaces."""
    return {_local(name): value for name, value in element.attrib.items()}
