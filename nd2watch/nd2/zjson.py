"""Compressed JSON, as some chunks hold it, inflated only up to a bound."""

from __future__ import annotations

import zlib

from nd2watch.errors import FormatError


def inflated(stored: bytes, limit: int, what: str) -> bytes:
    """Return what a zlib stream holds.

    Parameters
    ----------
    stored : bytes
        The stream.
    limit : int
        Most bytes that it may hold: a few stored bytes can inflate to gigabytes.
    what : str
        What it is, for errors.

    Raises
    ------
    FormatError
        If the stream is damaged, cut short, or holds more.
    """
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(stored, limit + 1)
    except zlib.error as error:
        raise FormatError(f"{what} is damaged: {error}") from error
    if len(text) > limit:
        raise FormatError(f"{what} is damaged: it holds more than {limit} bytes")
    if not inflater.eof:
        raise FormatError(f"{what} is damaged: it is cut short")
    return text
