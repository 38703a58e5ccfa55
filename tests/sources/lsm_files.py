"""Zeiss LSM files that tests write."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from tests.sources.tiff_files import Elsewhere, Tag, TiffBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

MAGIC = 67127628
INFO = np.dtype(
    [
        *((name, "<i4") for name in ("Magic", "Size", "X", "Y", "Z", "Channels", "T", "Type")),
        *(("ThumbnailX", "<i4"), ("ThumbnailY", "<i4"), ("VoxelSize", "<f8", 3)),
        *(("Origin", "<f8", 3), ("ScanType", "<u2"), ("SpectralScan", "<u2")),
        *(("TypeOfData", "<u4"), ("Overlay", "<u4"), ("Luts", "<u4", 2), ("Colors", "<u4")),
        *(("Interval", "<f8"), ("DataTypes", "<u4"), ("Scan", "<u4"), ("KsData", "<u4")),
        *(("Times", "<u4"), ("Events", "<u4"), ("Rois", "<u4", 2), ("Next", "<u4")),
        *(("Aspect", "<f8", 4), ("Overlays", "<u4", 4), ("Toolbar", "<u4"), ("Bands", "<u4")),
        *(("Factors", "<u4"), ("Correction", "<f8"), ("Unmix", "<u4"), ("Parameters", "<u4", 3)),
        *(("Differences", "<f8", 3), ("Internal", "<u4"), ("P", "<i4"), ("M", "<i4")),
        *(("Reserved", "<i4", 16), ("Tiles", "<u4"), ("Reserved2", "<u4", 9), ("Positions", "<u4")),
    ]
)
"""The structure that a file begins with, up to where the positions are."""

PLACEHOLDER = b"\xaa" * INFO.itemsize

RECORDING, TRACKS, TRACK, DETECTORS, DETECTOR = (n << 28 for n in (1, 2, 4, 6, 7))
LIGHTS, LIGHT, END = 8 << 28, 9 << 28, 0xFFFFFFFF
OBJECTIVE = RECORDING + 4
PINHOLE, DETECTED, DETECTOR_NAME, BAND_START, BAND_STOP = (
    DETECTOR + n for n in (9, 0xB, 0xC, 0x22, 0x23)
)
WAVELENGTH, LIT = LIGHT + 3, LIGHT + 4


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """What is recorded of a scan."""

    scan_type: int = 6
    t: int = 1
    z: int = 1
    p: int = 0
    m: int = 0
    voxel_m: tuple[float, float, float] = (0.2e-6, 0.2e-6, 0.5e-6)
    interval_s: float = 0.0
    times_s: Sequence[float] = ()
    names: Sequence[str] = ()
    colors: Sequence[tuple[int, int, int]] = ()
    bands_m: Sequence[tuple[float, float]] = ()
    positions_m: Sequence[tuple[float, float, float]] = ()
    scan: Sequence[tuple[int, Any]] = ()


def write_lsm(
    path: Path,
    data: npt.NDArray[Any],
    scanned: Scanned,
    *,
    compressed: bool = False,
    thumbnails: bool = True,
) -> Path:
    """Write pages of channels, shape (N, C, Y, X), each with a thumbnail, and what is recorded."""
    count, channels, height, width = data.shape
    builder = TiffBuilder()
    kind: dict[int, Tag] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * data.dtype.itemsize] * channels),
        262: (3, [2 if channels == 3 else 1]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [height * width * data.dtype.itemsize] * channels),
        284: (3, [2]),
    }
    if channels == 2:  # they lie elsewhere, though they would fit into the tag
        bits = struct.pack("<2H", *[8 * data.dtype.itemsize] * channels)
        kind[258] = (3, Elsewhere(2, bits))
    for number in range(count):
        tags = dict(kind)
        planes = [plane.tobytes() for plane in data[number]]
        if compressed:
            planes = [imagecodecs.lzw_encode(plane) for plane in planes]
            tags[259] = (3, [5])
        tags[273] = (4, [builder.add(plane) for plane in planes])
        tags[254] = (4, [0])
        if number == 0:
            tags[34412] = (1, Elsewhere(INFO.itemsize, PLACEHOLDER))
        builder.page(data[number, 0], tags)
        if thumbnails:
            builder.page(np.zeros((4, 4), np.uint8), {254: (4, [1])})
    info = np.zeros((), INFO)
    info["Magic"], info["Size"] = MAGIC, INFO.itemsize
    info["X"], info["Y"], info["Channels"] = width, height, channels
    for name, value in (("Z", scanned.z), ("T", scanned.t), ("P", scanned.p), ("M", scanned.m)):
        info[name] = value
    info["VoxelSize"], info["ScanType"] = scanned.voxel_m, scanned.scan_type
    info["Interval"] = scanned.interval_s
    blocks = {
        "Times": _counted(
            scanned.times_s, struct.pack("<2i", 8 + 8 * len(scanned.times_s), len(scanned.times_s))
        ),
        "Bands": _counted(np.ravel(scanned.bands_m), struct.pack("<i", len(scanned.bands_m))),
        "Positions": _counted(
            np.ravel(scanned.positions_m), struct.pack("<I", len(scanned.positions_m))
        ),
        "Colors": _colors(scanned),
        "Scan": _scan(scanned),
    }
    for name, block in blocks.items():
        info[name] = builder.add(block) if block else 0
    builder.put(builder.find(PLACEHOLDER), info.tobytes())
    return builder.write(path)


def _counted(values: Any, head: bytes) -> bytes:
    """Return real numbers behind a head, nothing without any."""
    return head + struct.pack(f"<{len(values)}d", *values) if len(values) else b""


def _colors(scanned: Scanned) -> bytes:
    """Return the block of colours and names of channels."""
    if not scanned.names:
        return b""
    colors = b"".join(bytes((*color, 0)) for color in scanned.colors)
    names = b"".join(
        struct.pack("<I", len(name) + 1) + name.encode() + b"\0" for name in scanned.names
    )
    size = 24 + len(colors) + len(names)
    count = len(scanned.names)
    return struct.pack("<6I", size, count, count, 24, 24 + len(colors), 0) + colors + names


def _scan(scanned: Scanned) -> bytes:
    """Return the entries of the scan."""
    if not scanned.scan:
        return b""
    data = struct.pack("<3I", RECORDING, 0, 0)
    for code, value in (*scanned.scan, (END, None)):
        if isinstance(value, str):
            data += struct.pack("<3I", code, 2, len(value) + 1) + value.encode() + b"\0"
        elif isinstance(value, int):
            data += struct.pack("<3Ii", code, 4, 4, value)
        elif isinstance(value, float):
            data += struct.pack("<3Id", code, 5, 8, value)
        else:
            data += struct.pack("<3I", code, 0, 0)
    return data
