"""TIFF files of every kind, read through tifffile."""

from nd2watch.sources.tiff.source import TiffSource
from nd2watch.sources.tiff.writing import encode_frame, encode_pages

__all__ = ["TiffSource", "encode_frame", "encode_pages"]
