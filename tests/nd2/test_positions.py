"""Stored stage positions: relative to a reference or not, with Z or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nd2watch.errors import FormatError
from nd2watch.nd2 import StagePosition, XYPosLoop, lite_variant
from nd2watch.nd2.lite_variant import Bool, Double

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item

LOOP = XYPosLoop(
    positions=(
        StagePosition(name="A", x_um=1.5, y_um=-2.25, z_um=30.0, pfs_offset=7.0),
        StagePosition(name="B", x_um=100.0, y_um=50.0, z_um=31.0),
    )
)


def decoded(**changes: Item) -> list[tuple[float, float, float]]:
    """Return the positions of a loop that is stored with other flags."""
    tree: Any = {**LOOP.encode(), **changes}
    _, stored = lite_variant.decode(lite_variant.encode("uLoopPars", tree))
    return [(p.x_um, p.y_um, p.z_um) for p in XYPosLoop.decode(stored).positions]


def test_points_are_relative_to_the_reference_where_the_file_says_so() -> None:
    reference: dict[str, Item] = {"dReferenceX": Double(1000.0), "dReferenceY": Double(-500.0)}
    absolute = [(1.5, -2.25, 30.0), (100.0, 50.0, 31.0)]
    assert decoded(**reference) == absolute
    assert decoded(bRelativeXY=Bool(False), **reference) == absolute
    assert decoded(bRelativeXY=Bool(True), **reference) == [
        (1001.5, -502.25, 30.0),
        (1100.0, -450.0, 31.0),
    ]


def test_z_that_is_not_in_use_is_0() -> None:
    assert decoded(bUseZ=Bool(False)) == [(1.5, -2.25, 0.0), (100.0, 50.0, 0.0)]
    assert decoded(bUseZ=Bool(True)) == [(1.5, -2.25, 30.0), (100.0, 50.0, 31.0)]


def test_without_a_reference_relative_points_are_refused() -> None:
    with pytest.raises(FormatError, match="no float named dReferenceX"):
        decoded(bRelativeXY=Bool(True), dReferenceX="left")
