"""The text of sidecars, whatever its encoding."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST: Final = 1 << 29
"""Bytes of the largest sidecar that is read: lists of a million frames take less."""

_PIECE: Final = 1 << 12
_MARKS: Final = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}


def decoded(data: bytes) -> str:
    """Return a text in UTF-8, in UTF-16 with its mark, or else in Windows' Western characters.

    A last character that is not whole yet is left out.
    """
    return _decoder(data).decode(data)


def pieces(data: bytes) -> Iterator[str]:
    """Yield the same text in pieces, so that it need not be held as a whole."""
    decoder = _decoder(data)
    for piece in _cut(data):
        yield decoder.decode(piece)


def _decoder(data: bytes) -> codecs.IncrementalDecoder:
    """Return what decodes a text."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None:
        encoding = "utf-8" if _is_utf8(data) else "cp1252"
    return codecs.getincrementaldecoder(encoding)(errors="replace")


def _is_utf8(data: bytes) -> bool:
    """Return whether a text is in UTF-8 so far."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in _cut(data):
            decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _cut(data: bytes) -> Iterator[bytes]:
    """Yield data in pieces."""
    return (data[place : place + _PIECE] for place in range(0, len(data), _PIECE))
