"""Stacks of MetaMorph (STK) that tests write."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from tests.sources.tiff_files import Elsewhere, Tag, TiffBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

CALIBRATED, X_CALIBRATION, UNITS = 3, 4, 6
STAGE_POSITION, STAGE_LABEL, ABSOLUTE_Z, ABSOLUTE_Z_VALID, PROPERTY = 28, 37, 40, 41, 49
JULIAN_DAY_OF_YEAR_0 = 1721425
DENOMINATOR = 1000


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What is recorded of the planes of a stack."""

    distances: Sequence[float] = ()
    times: Sequence[datetime] = ()
    waves: Sequence[float] = ()
    stage: Sequence[tuple[float, float]] = ()
    heights: Sequence[float] = ()
    labels: Sequence[str] = ()
    descriptions: Sequence[str] = ()
    calibration_um: float | None = None
    calibrated: bool = True
    units: str = "um"
    properties: Sequence[tuple[str, str | float]] = ()


def rational(value: float) -> bytes:
    """Return a number as numerator and denominator."""
    return struct.pack("<2I", round(value * DENOMINATOR), DENOMINATOR)


def counted(text: str) -> bytes:
    """Return a text that follows its length."""
    data = text.encode() + b"\0"
    return struct.pack("<I", len(data)) + data


def moment(time: datetime) -> bytes:
    """Return a time as Julian day and milliseconds of the day."""
    day = date(time.year, time.month, time.day).toordinal() + JULIAN_DAY_OF_YEAR_0 - 1
    since = time - datetime(time.year, time.month, time.day)
    return struct.pack("<2I", day, round(since.total_seconds() * 1000))


def write_stk(path: Path, planes: npt.NDArray[np.uint16], recorded: Recorded) -> Path:
    """Write planes, shape (N, Y, X), in one page, and what is recorded of them."""
    count = len(planes)
    builder = TiffBuilder()
    first = builder.add(planes.tobytes())
    distances = recorded.distances or [0.0] * count
    times = recorded.times or [datetime(2000, 1, 1)] * count
    tags: dict[int, Tag] = {
        273: (4, [first]),
        33628: (4, _general(builder, recorded)),
        33629: (
            5,
            Elsewhere(
                count,
                b"".join(
                    rational(distance) + moment(time) + moment(time)
                    for distance, time in zip(distances, times, strict=True)
                ),
            ),
        ),
        33631: (4, Elsewhere(count, _of_planes(recorded))),
    }
    if recorded.waves:
        tags[33630] = (5, Elsewhere(count, b"".join(map(rational, recorded.waves))))
    if recorded.descriptions:
        tags[270] = (2, "\0".join(recorded.descriptions).encode() + b"\0")
    builder.page(planes[0], tags)
    return builder.write(path)


def _general(builder: TiffBuilder, recorded: Recorded) -> Elsewhere:
    """Return the entries that are about all planes."""
    entries = [struct.pack("<2I", CALIBRATED, recorded.calibrated)]
    if recorded.calibration_um is not None:
        place = builder.add(rational(recorded.calibration_um))
        entries.append(struct.pack("<2I", X_CALIBRATION, place))
        entries.append(struct.pack("<2I", UNITS, builder.add(counted(recorded.units))))
    for name, value in recorded.properties:
        data = struct.pack("<IB", 0, len(name)) + name.encode() + struct.pack("<I", 0)
        if isinstance(value, str):
            data += struct.pack("<BB", 2, len(value)) + value.encode()
        else:
            data += b"\1" + rational(value)
        entries.append(struct.pack("<2I", PROPERTY, builder.add(data)))
    return Elsewhere(len(entries), b"".join(entries))


def _of_planes(recorded: Recorded) -> bytes:
    """Return the entries with a value for each plane."""
    data = b""
    if recorded.stage:
        data += struct.pack("<H", STAGE_POSITION)
        data += b"".join(rational(x) + rational(y) for x, y in recorded.stage)
    if recorded.labels:
        data += struct.pack("<H", STAGE_LABEL) + b"".join(map(counted, recorded.labels))
    if recorded.heights:
        data += struct.pack("<H", ABSOLUTE_Z) + b"".join(map(rational, recorded.heights))
        valid = struct.pack(f"<{len(recorded.heights)}I", *[1] * len(recorded.heights))
        data += struct.pack("<H", ABSOLUTE_Z_VALID) + valid
    return data + struct.pack("<H", 0)
