"""The conformance family: one file for each thing that may go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import (
    Channel,
    Modality,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from tests.conformance.metadata_cases import METADATA_CASES
from tests.conformance.recipe import channels, make, phases
from tests.conformance.way_cases import WAY_CASES

if TYPE_CHECKING:
    from tests.conformance.case import Case

_RGB: Final = (Channel(name="Color", modality=Modality.TRANSMITTED_LIGHT, component_count=3),)

_SAMPLES: Final = (
    make("uint8", dtype="uint8"),
    make("uint8, 7 significant bits", dtype="uint8", bits=7),
    make("uint16", dtype="uint16"),
    *(make(f"uint16, {bits} significant bits", bits=bits) for bits in (9, 10, 12, 14)),
    make("float32", dtype="float32"),
    make("float32, positions", dtype="float32", order="tp"),
    make("RGB, uint8", dtype="uint8", channels=_RGB, width=132, height=100),
    make("RGB, uint8, frames of whole pages", dtype="uint8", channels=_RGB),
    make("RGB, uint8, positions", dtype="uint8", channels=_RGB, order="tp", width=256, height=200),
    make("RGB, one frame", dtype="uint8", channels=_RGB, order=""),
    make("RGB, uint16", channels=_RGB),
    make("RGB, uint16, 12 significant bits", channels=_RGB, bits=12),
)

_CHANNELS: Final = (
    *(make(f"channels: {n}", channels=channels(n)) for n in (1, 3, 4, 5, 8, 16)),
    make("32 spectral bands", channels=channels(32), width=64, height=48),
    *(make(f"channels: {n}, uint8", channels=channels(n), dtype="uint8") for n in (1, 3)),
    *(make(f"channels: {n}, float32", channels=channels(n), dtype="float32") for n in (1, 3)),
)

_SHAPES: Final = (
    *(make(f"width {w}, 1 channel", width=w, channels=channels(1)) for w in (129, 131)),
    make("width 131, 2 channels", width=131),
    make("width 131, 3 channels", width=131, channels=channels(3)),
    make("width 131, positions and planes", width=131, order="tpz"),
    *(
        make(f"width {w}, 1 channel, uint8", width=w, channels=channels(1), dtype="uint8")
        for w in (129, 130, 131)
    ),
    make("width 131, 2 channels, uint8", width=131, dtype="uint8"),
    *(
        make(f"RGB, width {w}, uint8", width=w, height=100, channels=_RGB, dtype="uint8")
        for w in (129, 130, 131)
    ),
    *(
        make(f"width {w}, 1 channel, float32", width=w, channels=channels(1), dtype="float32")
        for w in (130, 131)
    ),
    make("one pixel", width=1, height=1, channels=channels(1)),
    make("one pixel, 2 channels, float32", width=1, height=1, dtype="float32"),
    make("one row", width=1000, height=1),
    make("small frames, positions", width=16, height=12, order="tpz"),
    make("small frames, positions, uint8", width=16, height=12, order="tpz", dtype="uint8"),
    make("one column", width=1, height=1000),
)

_LOOPS: Final = (
    make("one frame", order=""),
    *(make(f"loops {order.upper()}", order=order) for order in ("p", "z", "tp", "tz", "pz", "tpz")),
    *(
        make(f"loops {order.upper()}", order=order)
        for order in ("ptz", "tzp", "ztp", "pzt", "zpt", "pt", "zt", "zp")
    ),
    make(
        "loops of one",
        order="tpz",
        replaced={
            "t": TimeLoop(count=1),
            "p": XYPosLoop(positions=(StagePosition(name="only", x_um=3.5),)),
            "z": ZStackLoop(count=1, step_um=0.25),
        },
    ),
    make("as many channels as positions", order="tpz", channels=channels(3)),
    make("as many time points as planes", order="tz", replaced={"t": TimeLoop(count=4)}),
    make("60 time points", replaced={"t": TimeLoop(count=60, period_ms=137.25)}, width=64),
    make("phases", replaced={"t": phases(2, 3)}),
    make("phases, positions and planes", order="tpz", replaced={"t": phases(1, 2)}),
)

_COMPRESSION: Final = (
    *(make(f"zlib {level}", zlib=level) for level in (0, 1, 6, 9)),
    make("zlib, width 131, uint8", zlib=6, width=131, channels=channels(1), dtype="uint8"),
    make("zlib, width 131, uint16", zlib=6, width=131, channels=channels(3)),
    make("zlib, float32", zlib=6, dtype="float32"),
    make("zlib, RGB", zlib=6, dtype="uint8", channels=_RGB, width=130),
    make("zlib, positions and planes", zlib=6, order="tpz"),
)

_STACKS: Final = (
    make("home plane first", order="z", replaced={"z": ZStackLoop(count=4, home_index=0)}),
    make("home plane last", order="z", replaced={"z": ZStackLoop(count=4, home_index=3)}),
    make(
        "long voxels",
        order="z",
        pixel_size_um=0.0625,
        replaced={"z": ZStackLoop(count=5, step_um=12.7, device="Piezo Z")},
    ),
    make(
        "step of 0.1 um",
        order="tz",
        replaced={"z": ZStackLoop(count=8, step_um=0.1, device="Ti2 ZDrive")},
    ),
    make(
        "top to bottom",
        order="z",
        replaced={"z": ZStackLoop(count=4, step_um=0.5, home_index=1, bottom_to_top=False)},
    ),
    make(
        "top to bottom, step of 0.1 um",
        order="tz",
        replaced={"z": ZStackLoop(count=10, step_um=0.1, home_index=3, bottom_to_top=False)},
    ),
    make(
        "top to bottom, one plane",
        order="z",
        replaced={"z": ZStackLoop(count=1, step_um=0.5, bottom_to_top=False)},
    ),
    make(
        "focus offsets",
        order="p",
        replaced={
            "p": XYPosLoop(
                positions=(
                    StagePosition(name="with", x_um=1.0, pfs_offset=7131.5),
                    StagePosition(name="without", x_um=2.0),
                )
            )
        },
    ),
)

CASES: Final[tuple[Case, ...]] = (
    *_SAMPLES,
    *_CHANNELS,
    *_SHAPES,
    *_LOOPS,
    *_COMPRESSION,
    *_STACKS,
    *METADATA_CASES,
    *WAY_CASES,
)
"""Every file of the family."""
