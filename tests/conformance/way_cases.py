"""The part of the family that comes about in another way than frame by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nd2watch.nd2 import (
    Channel,
    Circle,
    MaskLayer,
    Modality,
    RecordedColumn,
    Roi,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
)
from tests.conformance.recipe import channels, make
from tests.conformance.ways import Way

if TYPE_CHECKING:
    from nd2watch.nd2 import FrameMetadata, Loop
    from tests.conformance.case import Case

_RGB: Final = (Channel(name="Color", modality=Modality.TRANSMITTED_LIGHT, component_count=3),)
_FOUR: Final[dict[str, Loop]] = {"t": TimeLoop(count=4, period_ms=137.25)}


def _recorded(number: int, frame: FrameMetadata) -> FrameMetadata:
    """Return a frame with an exposure, a value of each kind, and a well."""
    return replace(
        frame,
        exposure_ms=10.0 + number,
        recorded={"Heat": 37.0 + number / 8, "Filter": number, "Remark": f"frame {number} µ"},
        well=Well(row=1, column=number % 3),
    )


_RICH: Final[dict[str, Any]] = {
    "order": "tpz",
    "replaced": _FOUR,
    "text_info": TextInfo(description="Cells of line 7\n37 °C", author="Ada", sample_id="S 12"),
    "recorded": (
        RecordedColumn(name="Heat", unit="°C"),
        RecordedColumn(name="Filter", kind="integer"),
        RecordedColumn(name="Remark", kind="text"),
    ),
    "well_plate": WellPlate(name="Plate", rows=8, columns=12),
    "change": _recorded,
    "rois": (Roi(shape=Circle(center_x=30.0, center_y=40.0, radius=12.5), label="Nucleus"),),
    "mask_layers": (MaskLayer(name="cells", color=0xFF8000, channel="GFP"),),
}

WAY_CASES: Final[tuple[Case, ...]] = (
    make("appended time points", replaced=_FOUR, way=Way.APPENDED),
    make("appended time points, everything", way=Way.APPENDED, **_RICH),
    make("appended time points, zlib", replaced=_FOUR, zlib=6, order="tz", way=Way.APPENDED),
    make("appended time points, missing frames", replaced=_FOUR, missing={1}, way=Way.APPENDED),
    make(
        "appended time points, small frames",
        replaced=_FOUR,
        order="tp",
        width=16,
        height=12,
        way=Way.APPENDED,
    ),
    make("recovered without the map", order="tz", way=Way.LOST_MAP),
    make("recovered without the map, everything", way=Way.LOST_MAP, **_RICH),
    make("recovered without the map, zlib", zlib=6, way=Way.LOST_MAP),
    make("recovered after an exception", replaced=_FOUR, way=Way.INTERRUPTED),
    make("recovered after an exception, everything", way=Way.INTERRUPTED, **_RICH),
    make("recovered after an exception, zlib", replaced=_FOUR, zlib=6, way=Way.INTERRUPTED),
    make("by tiles", order="tz", way=Way.BY_TILES),
    make("by tiles, width 131, 1 channel", width=131, channels=channels(1), way=Way.BY_TILES),
    make("by tiles, zlib", order="tz", zlib=6, way=Way.BY_TILES),
    make("by tiles, zlib, width 131", width=131, zlib=1, channels=channels(3), way=Way.BY_TILES),
    make("by tiles, RGB, uint8", dtype="uint8", channels=_RGB, way=Way.BY_TILES),
)
