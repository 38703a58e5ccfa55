"""Frame files: what they are, and how their pixels are read."""

from nd2watch.sources.base import FileKey, FrameFile, SourceInfo
from nd2watch.sources.scan import list_files
from nd2watch.sources.tiff import encode_frame, open_frame, read_frame

__all__ = [
    "FileKey",
    "FrameFile",
    "SourceInfo",
    "encode_frame",
    "list_files",
    "open_frame",
    "read_frame",
]
