"""Zeiss CZI files."""

from nd2watch.sources.czi.source import CziSource

__all__ = ["CziSource"]
