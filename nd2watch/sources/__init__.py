"""Frame files of all formats: what they are, and how their planes are read."""

from nd2watch.sources.base import (
    PAGES,
    ChannelInfo,
    FrameFile,
    OpenSource,
    OpticsInfo,
    PlaneInfo,
    SourceInfo,
    SourcePlane,
)
from nd2watch.sources.files import FileKey
from nd2watch.sources.plane_reader import PlaneReader, read_frame
from nd2watch.sources.registry import FORMATS, SUFFIXES, open_frame
from nd2watch.sources.scan import list_entries, list_files, path_below
from nd2watch.sources.tiff import encode_frame, encode_pages

__all__ = [
    "FORMATS",
    "PAGES",
    "SUFFIXES",
    "ChannelInfo",
    "FileKey",
    "FrameFile",
    "OpenSource",
    "OpticsInfo",
    "PlaneInfo",
    "PlaneReader",
    "SourceInfo",
    "SourcePlane",
    "encode_frame",
    "encode_pages",
    "list_entries",
    "list_files",
    "open_frame",
    "path_below",
    "read_frame",
]
