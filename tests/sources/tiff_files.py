"""TIFF files that tests write, and reading all of their planes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import tifffile

from nd2watch.sources import PlaneReader, SourceInfo, SourcePlane, open_frame

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def pixels(*shape: int, dtype: str = "uint16", seed: int = 0) -> npt.NDArray[Any]:
    """Return random numbers."""
    numbers = np.random.default_rng(seed).integers(0, 60000, shape)
    return (numbers / 60000 if dtype.startswith("f") else numbers).astype(dtype)


def write(path: Path, data: npt.NDArray[Any], **options: Any) -> Path:
    """Write a TIFF file of one sample a pixel unless something else is asked for."""
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})
    return path


def read_planes(path: Path) -> tuple[SourceInfo, npt.NDArray[Any]]:
    """Return what a file tells, and its planes by their axes."""
    frame = open_frame(path)
    with PlaneReader() as reader:
        planes = [
            reader.read(SourcePlane(file=frame, index=index))
            for index in range(frame.info.plane_count)
        ]
    sizes = [size for _, size in frame.info.axes]
    return frame.info, np.stack(planes).reshape(*sizes, *frame.info.shape)


class TiffBuilder:
    """Builds a little-endian TIFF file piece by piece.

    Parameters
    ----------
    header : bytes
        What follows the place of the first directory.
    big : bool
        It is a BigTIFF file.
    """

    def __init__(self, header: bytes = b"", *, big: bool = False) -> None:
        start = b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4)
        self._data = bytearray(start + header)
        self._pointer = 8 if big else 4
        self._offset, self._room, self._count = ("<Q", 8, "<Q") if big else ("<I", 4, "<H")
        self._entry = "<HHQ8s" if big else "<HHI4s"
        self.directories: list[int] = []

    def add(self, data: bytes) -> int:
        """Append data and return where it lies."""
        self._data += bytes(len(self._data) % 2)
        self._data += data
        return len(self._data) - len(data)

    def put(self, offset: int, data: bytes) -> None:
        """Write over what is there."""
        self._data[offset : offset + len(data)] = data

    def find(self, data: bytes) -> int:
        """Return where data lie."""
        return self._data.index(data)

    def page(self, plane: npt.NDArray[Any], tags: dict[int, Tag] | None = None) -> None:
        """Append a page of one strip, with further tags or others instead."""
        strip = self.add(plane.tobytes())
        height, width = plane.shape[-2:]
        image: dict[int, Tag] = {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [8 * plane.dtype.itemsize]),
            259: (3, [1]),
            262: (3, [1]),
            273: (4, [strip]),
            277: (3, [1]),
            278: (4, [height]),
            279: (4, [height * width * plane.dtype.itemsize]),
        }
        entries = []
        for code, (kind, values) in sorted((image | (tags or {})).items()):
            data = _packed(kind, values)
            count = len(data) // SIZES[kind]
            if isinstance(values, Elsewhere):
                count, data = values.count, struct.pack(self._offset, self.add(values.data))
            elif len(data) > self._room:
                data = struct.pack(self._offset, self.add(data))
            entries.append(struct.pack(self._entry, code, kind, count, data))
        number = struct.pack(self._count, len(entries))
        directory = self.add(number + b"".join(entries) + bytes(self._room))
        self.put(self._pointer, struct.pack(self._offset, directory))
        self._pointer = len(self._data) - self._room
        self.directories.append(directory)

    def write(self, path: Path) -> Path:
        """Write the file."""
        path.write_bytes(self._data)
        return path


@dataclass(frozen=True)
class Elsewhere:
    """A value that its reader finds at an offset, whatever the type and count of the tag."""

    count: int
    data: bytes


Tag: TypeAlias = tuple[int, "bytes | list[int] | Elsewhere"]
"""Type and value of a tag."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}


def _packed(kind: int, values: bytes | list[int] | Elsewhere) -> bytes:
    """Return the bytes of the value of a tag."""
    if isinstance(values, Elsewhere):
        return b""
    if isinstance(values, bytes):
        return values
    return struct.pack(f"<{len(values)}{ {3: 'H', 4: 'I'}[kind] }", *values)
