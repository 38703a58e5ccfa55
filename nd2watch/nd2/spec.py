"""Constants of the ND2 3.0 container: signatures, sizes and chunk names.

All numbers are little-endian and packed. See the package docstring for the layout of a file.
"""

from __future__ import annotations

import struct
from typing import Final

ALIGNMENT: Final = 4096
"""Every chunk starts on a multiple of this many bytes."""

CHUNK_MAGIC: Final = 0x0ABECEDA

CHUNK_HEADER: Final = struct.Struct("<IIQ")
"""u32 magic, u32 bytes from here to the data (name and padding), u64 bytes of data."""

SIGNATURE_NAME: Final = b"ND2 FILE SIGNATURE CHUNK NAME01!"
SIGNATURE_DATA: Final = b"Ver3.0".ljust(64, b"\0")

MAP_NAME: Final = b"ND2 FILEMAP SIGNATURE NAME 0001!"
MAP_END: Final = b"ND2 CHUNK MAP SIGNATURE 0000001!"

MAP_ENTRY: Final = struct.Struct("<QQ")
"""u64 offset of the chunk's header, u64 bytes of data; follows the name in the chunk map."""

MAP_TRAILER: Final = struct.Struct("<32sQ")
"""Last 40 bytes of a file: `MAP_END`, u64 offset of the chunk map's header."""

NAME_RESERVE: Final = 20
"""Bytes that a metadata chunk keeps free after its name."""

FRAME_NAME_SIZE: Final = 4072
"""Name and padding of a frame chunk, so that its pixels begin on a page boundary."""

FRAME_TIME: Final = struct.Struct("<d")
"""f64 milliseconds since the start of the acquisition, before a frame's pixels."""

ATTRIBUTES: Final = "ImageAttributesLV!"
EXPERIMENT: Final = "ImageMetadataLV!"
PICTURE: Final = "ImageMetadataSeqLV|0!"
TEXT_INFO: Final = "ImageTextInfoLV!"
CALIBRATION: Final = "ImageCalibrationLV|0!"
CUSTOM_TAGS: Final = "CustomDataVar|CustomDataV2_0!"
HINTS: Final = "CustomDataVar|Nd2WatchHintsV1_0!"
MISSING: Final = "CustomData|Nd2WatchMissingFramesV1_0!"
"""u32 numbers of the frames that stand blank in the file as they are missing."""

SKIPPED: Final = "CustomDataSeq|Nd2WatchMissingFrameV1_0|"
"""Begins the name of what marks a missing frame, while the file has no `MISSING` yet."""

FRAMES: Final = "ImageDataSeq|"
"""Begins the name of every frame."""

CAMERA: Final = "CustomDataVar|GrabberCameraSettingsV1_0!"
PROVENANCE: Final = "CustomDataVar|Nd2WatchProvenanceV1_0!"
SOURCES: Final = "CustomData|Nd2WatchSourcesZJSON!"


def frame_name(index: int) -> str:
    """Return the chunk name of frame `index`, counted from 0."""
    return f"{FRAMES}{index}!"


def skipped_name(index: int) -> str:
    """Return the name of the chunk that marks frame `index` as missing: its u32 number."""
    return f"{SKIPPED}{index}!"


def custom_data_name(column: str) -> str:
    """Return the chunk name of a recorded column with one value a frame."""
    return f"CustomData|{column}!"


def aligned(size: int) -> int:
    """Return `size` rounded up to the chunk alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
