"""What sources tell of files and planes, cleaned of what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nd2watch.sources import (
    ChannelInfo,
    FileKey,
    FrameFile,
    OpticsInfo,
    PlaneInfo,
    SourceInfo,
    SourcePlane,
)

STARTED = datetime(2024, 4, 22, 18, 30, tzinfo=UTC)
HUGE = (1.7e308, -1.7e308, float("inf"), float("nan"), 10**400)


def info_of(**told: Any) -> SourceInfo:
    """Return what is known of a file of small planes."""
    return SourceInfo(height=4, width=5, dtype=np.dtype("u2"), **told)


def plane_of(started: datetime | None, plane: PlaneInfo) -> SourcePlane:
    """Return the only plane of a file."""
    key = FileKey(size=0, mtime_ns=0, ctime_ns=0, inode=0, device=0)
    info = info_of(started=started, planes=(plane,))
    return SourcePlane(file=FrameFile(path=Path("a.tif"), key=key, info=info))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("excitation_nm", 1e6),
        ("emission_nm", 1e6),
        ("exposure_ms", 1e10),
        ("pinhole_um", 1e9),
        ("pixel_size_um", 1e9),
        ("z_step_um", 1e9),
        ("period_ms", 1e13),
        ("magnification", 1e6),
        ("numerical_aperture", 1e6),
        ("immersion_index", 1e6),
        ("zoom", 1e6),
    ],
)
def test_sizes_that_nothing_has_are_unknown(name: str, most: float) -> None:
    parts: tuple[Any, ...] = (ChannelInfo, OpticsInfo)
    kind = next((part for part in parts if name in part.__dataclass_fields__), info_of)
    for possible in (1e-6, 1, most):
        found = getattr(kind(**{name: possible}), name)
        assert (found, type(found)) == (possible, float)
    for impossible in (*HUGE, 1.001 * most, 0.999e-6, 0.0, -1.0, True):
        assert getattr(kind(**{name: impossible}), name) is None


def test_an_exposure_of_a_plane_that_cannot_be_is_unknown() -> None:
    assert PlaneInfo(exposure_ms=1e10).exposure_ms == 1e10
    for impossible in (*HUGE, 1.1e10, 0.0, -1.0):
        assert PlaneInfo(exposure_ms=impossible).exposure_ms is None


def test_a_time_that_cannot_be_is_unknown() -> None:
    for possible in (0, -1e13, 1e13):
        assert PlaneInfo(time_ms=possible).time_ms == possible
    for impossible in (*HUGE, 1.1e13, -1.1e13):
        assert PlaneInfo(time_ms=impossible).time_ms is None


def test_a_place_that_cannot_be_is_unknown() -> None:
    assert PlaneInfo(stage_um=(1e9, -1e9, 0)).stage_um == (1e9, -1e9, 0.0)
    assert PlaneInfo(stage_um=(1.0, 2.0, None)).stage_um == (1.0, 2.0, None)
    for impossible in (*HUGE, 1.1e9, -1.1e9):
        assert PlaneInfo(stage_um=(impossible, 2.0, 3.0)).stage_um is None
        assert PlaneInfo(stage_um=(1.0, impossible, 3.0)).stage_um is None
        assert PlaneInfo(stage_um=(1.0, 2.0, impossible)).stage_um == (1.0, 2.0, None)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (STARTED, STARTED),
        (STARTED.replace(year=1900), STARTED.replace(year=1900)),
        (STARTED.replace(year=2200), STARTED.replace(year=2200)),
        (STARTED.replace(tzinfo=None), None),
        (STARTED.replace(year=1899), None),
        (STARTED.replace(year=2201), None),
        (datetime.max.replace(tzinfo=UTC), None),
    ],
)
def test_a_moment_beyond_all_microscopes_is_unknown(
    moment: datetime, expected: datetime | None
) -> None:
    assert PlaneInfo(acquired=moment).acquired == expected
    assert info_of(started=moment).started == expected


def test_a_plane_was_acquired_when_it_is_told_or_as_follows_from_the_start() -> None:
    later = STARTED + timedelta(milliseconds=1500)
    assert plane_of(STARTED, PlaneInfo(time_ms=1500)).acquired == later
    assert plane_of(STARTED, PlaneInfo(time_ms=1.0, acquired=later)).acquired == later
    assert plane_of(None, PlaneInfo(time_ms=1500)).acquired is None
    assert plane_of(STARTED, PlaneInfo()).acquired is None
    for beyond_ms in (1e13, -1e13):
        assert plane_of(STARTED, PlaneInfo(time_ms=beyond_ms)).acquired is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Image0",), ("Image0",)),
        (("a", "b"), ("a", "b")),
        (("Image0", "Image0"), ()),
        (("Image0", " Image0\0"), ()),
        (("a", "b", "a", "a"), ("a 1", "b", "a 2", "a 3")),
        (("a", "a", "a 1"), ("a 2", "a 3", "a 1")),
        (("", "", "b"), ("", "", "b")),
        ((), ()),
    ],
)
def test_positions_of_the_same_name_are_told_apart(
    names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert info_of(positions=names).positions == expected
