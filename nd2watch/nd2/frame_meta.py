"""What is recorded for each frame: its time and its stage position."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from array import array
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOUBLE_COLUMN: Final = "3"

_STAGE_COLUMNS: Final = {"x_um": "X", "y_um": "Y", "z_um": "Z"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMetadata:
    """Time and stage position of one frame.

    Attributes
    ----------
    time_ms : float
        Time since the start of the acquisition, ms. Readers expect it to rise from frame to frame.
    x_um, y_um, z_um : float, optional
        Stage position, um; None when unknown.

    Raises
    ------
    FormatError
        If a number is not finite.
    """

    time_ms: float
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not math.isfinite(value):
                raise FormatError(f"{field.name} of a frame is {value}; it must be finite")


class FrameTable:
    """The recorded columns, one value a frame, as they grow while frames are written."""

    def __init__(self) -> None:
        self._times = array("d")
        self._stage = {name: array("d") for name in _STAGE_COLUMNS}

    def __len__(self) -> int:
        return len(self._times)

    def append(self, metadata: FrameMetadata) -> None:
        """Record the next frame."""
        self._times.append(metadata.time_ms)
        for name, column in self._stage.items():
            value = getattr(metadata, name)
            column.append(math.nan if value is None else value)

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and data of each chunk: the columns, then their description.

        A stage column is written when every frame has a value.
        """
        known = [name for name, column in self._stage.items() if not any(map(math.isnan, column))]
        yield spec.CUSTOM_TAGS, self._describe(known)
        for name in known:
            yield spec.custom_data_name(_STAGE_COLUMNS[name]), _doubles(self._stage[name])
        yield spec.custom_data_name("AcqTimesCache"), _doubles(self._times)
        yield spec.custom_data_name("AcqTimes2Cache"), bytes(8 * len(self))
        yield spec.custom_data_name("AcqFramesCache"), bytes(4 * len(self))

    def _describe(self, known: list[str]) -> bytes:
        """Return the XML that names the stage columns and their unit."""
        tags = [
            {
                "ID": ("CLxStringW", column),
                "Type": ("lx_int32", _DOUBLE_COLUMN),
                "Group": ("lx_int32", "0"),
                "Size": ("lx_int32", str(len(self))),
                "Desc": ("CLxStringW", f"{column} Coord"),
                "Unit": ("CLxStringW", "µm"),
            }
            for column in (_STAGE_COLUMNS[name] for name in known)
        ]
        root = ET.Element("variant", version="1.0")
        listing = ET.SubElement(root, "CustomTagDescription_v1.0", runtype="CLxListVariant")
        for index, tag in enumerate(tags):
            entry = ET.SubElement(listing, f"Tag{index}", runtype="CLxListVariant")
            for name, (kind, value) in tag.items():
                ET.SubElement(entry, name, runtype=kind, value=value)
        return xml_bytes(root)


def xml_bytes(root: ET.Element) -> bytes:
    """Return an XML variant as stored: UTF-8 with its declaration."""
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode").encode()
    )


def _doubles(column: array[float]) -> bytes:
    """Return a column as little-endian f64."""
    return np.asarray(column).astype("<f8").tobytes()
