"""The part of the family that is special in its metadata."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import (
    Channel,
    Circle,
    Ellipse,
    MaskLayer,
    Modality,
    Optics,
    Point,
    Polygon,
    Polyline,
    RecordedColumn,
    Rectangle,
    Roi,
    RoiRole,
    StagePosition,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    XYPosLoop,
)
from tests.conformance.recipe import OPTICS, channels, make, with_stage

if TYPE_CHECKING:
    from nd2watch.nd2 import FrameMetadata
    from tests.conformance.case import Case

_LOW: Final = Optics(objective_name="Plan Fluor 4x", magnification=4.0, numerical_aperture=0.13)
_HIGH: Final = Optics(
    objective_name="Plan Apo 100x Oil µ",
    magnification=100.0,
    numerical_aperture=1.45,
    immersion_index=1.518,
    zoom=2.5,
)

_LIGHT: Final = (
    make(
        "exposures",
        order="tz",
        channels=tuple(
            replace(channel, exposure_ms=ms)
            for channel, ms in zip(channels(4), (10.0, 10.0, 200.5, 10.0), strict=True)
        ),
    ),
    make(
        "some exposures unknown",
        channels=tuple(
            replace(channel, exposure_ms=ms)
            for channel, ms in zip(channels(3), (10.0, None, 30.0), strict=True)
        ),
    ),
    make(
        "confocal with pinholes",
        channels=tuple(
            replace(
                channel,
                pinhole_um=um,
                modality=Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL | detector,
            )
            for channel, um, detector in zip(
                channels(3),
                (30.5, None, 255.4),
                (Modality.PMT, Modality.GAASP, Modality.SPECTRAL),
                strict=True,
            )
        ),
    ),
    make(
        "contrasts",
        channels=tuple(
            Channel(name=contrast.name or "", modality=contrast | Modality.TRANSMITTED_LIGHT)
            for contrast in (
                Modality.BRIGHTFIELD,
                Modality.PHASE_CONTRAST,
                Modality.DIC,
                Modality.DARKFIELD,
            )
        ),
    ),
    make(
        "ways of fluorescence",
        channels=tuple(
            Channel(name=way.name or "", modality=way | Modality.FLUORESCENCE)
            for way in (
                Modality.SPINNING_DISK,
                Modality.STRUCTURED_ILLUMINATION,
                Modality.MULTIPHOTON,
                Modality.TIRF,
                Modality.LIGHT_SHEET,
            )
        ),
    ),
    make(
        "one camera",
        channels=tuple(replace(channel, camera="Zyla 4.2 µ") for channel in channels(2)),
    ),
    make(
        "two cameras",
        channels=tuple(
            replace(channel, camera=camera)
            for channel, camera in zip(channels(2), ("left", "right"), strict=True)
        ),
    ),
    make(
        "some wavelengths unknown",
        channels=(
            Channel(name="excitation", excitation_nm=405.0),
            Channel(name="neither"),
            Channel(name="emission", emission_nm=525.25),
            Channel(name="both", excitation_nm=640.0, emission_nm=700.0),
        ),
    ),
    make(
        "names beyond ASCII",
        order="p",
        channels=(
            Channel(name="DAPI é µ", color=0x0000FF),
            Channel(name="明視野", color=0x00FF00),
            Channel(name="Cy5 😀", color=0xFF0000),
        ),
        replaced={
            "p": XYPosLoop(
                positions=(
                    StagePosition(name="Näpfchen 1"),
                    StagePosition(name="細胞 😀", x_um=9.0),
                )
            )
        },
        optics=replace(OPTICS, objective_name="Öl µ 60x"),
    ),
    make(
        "names with signs",
        channels=(
            Channel(name="640: far red", color=0xFF0000),
            Channel(name='a/b <&> "c"', color=0x00FF00),
        ),
    ),
    make("black is a colour", channels=(Channel(name="none", color=0x000000),)),
)

_KNOWLEDGE: Final = (
    make(
        "nothing known",
        channels=(Channel(name="one"), Channel(name="two")),
        pixel_size_um=None,
        optics=Optics(),
        started=None,
        change=with_stage(None, None, None),
    ),
    make(
        "nothing known, all loops",
        order="tpz",
        channels=(Channel(name="one"), Channel(name="two")),
        pixel_size_um=None,
        optics=Optics(),
        started=None,
        change=with_stage(None, None, None),
        replaced={"p": XYPosLoop(positions=(StagePosition(), StagePosition()))},
    ),
    make("objective without magnification", optics=Optics(objective_name="Apochromat Max")),
    make("no refractive index", optics=replace(OPTICS, immersion_index=None, zoom=None)),
    make("air objective", optics=replace(OPTICS, immersion_index=1.0, numerical_aperture=0.75)),
    make("a start far ahead", started=datetime(2999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    make("a start long ago", started=datetime(1971, 2, 3, 4, 5, 6, tzinfo=UTC)),
    make(
        "a month long",
        replaced={"t": TimeLoop(count=3, period_ms=864e6)},
        change=lambda n, frame: replace(frame, time_ms=0.125 + 864e6 * n),
    ),
    make(
        "the stage drifts",
        replaced={"t": TimeLoop(count=4)},
        change=lambda n, frame: replace(frame, x_um=1.0 + n, y_um=2.0 - n, z_um=3.0 + 0.25 * n),
    ),
    make(
        "only z drifts",
        replaced={"t": TimeLoop(count=3)},
        change=lambda n, frame: replace(frame, z_um=3.0 + 0.25 * n),
    ),
    make("far from the origin", change=with_stage(-123456.789, 98765.4321, 0.0625)),
    make(
        "exposure of each frame",
        change=lambda n, frame: replace(frame, exposure_ms=10.0 + 0.5 * n),
    ),
)


_INSTRUMENTS: Final = (
    make(
        "optics of each channel",
        order="tz",
        channels=tuple(
            replace(channel, optics=optics)
            for channel, optics in zip(channels(3), (_LOW, _HIGH, None), strict=True)
        ),
    ),
    make(
        "optics of each channel, none in common",
        channels=tuple(
            replace(channel, optics=optics)
            for channel, optics in zip(channels(3), (_LOW, None, _HIGH), strict=True)
        ),
        optics=Optics(),
    ),
    make(
        "a zoom of its own",
        channels=(channels(2)[0], replace(channels(2)[1], optics=replace(OPTICS, zoom=1.0))),
    ),
    make(
        "a zoom that is unknown",
        channels=(channels(2)[0], replace(channels(2)[1], optics=replace(OPTICS, zoom=None))),
    ),
    make(
        "an objective of which only the name is known",
        channels=(
            channels(2)[0],
            replace(channels(2)[1], optics=Optics(objective_name="Apochromat Max")),
        ),
    ),
    make(
        "one microscope",
        channels=tuple(replace(channel, microscope="Eclipse Ti2-E µ") for channel in channels(2)),
    ),
    make(
        "two microscopes",
        channels=tuple(
            replace(channel, microscope=microscope, optics=optics)
            for channel, microscope, optics in zip(
                channels(3), ("upright", "inverted", ""), (_LOW, _HIGH, None), strict=True
            )
        ),
    ),
)

_ROIS: Final = (
    Roi(shape=Rectangle(x=10.0, y=20.5, width=30.0, height=15.0), label="box µ", color=0x00FF00),
    Roi(shape=Circle(center_x=64.0, center_y=48.0, radius=12.5), role=RoiRole.BACKGROUND),
    Roi(
        shape=Ellipse(center_x=90.0, center_y=30.0, radius_x=20.0, radius_y=8.0, rotation_deg=30.0),
        role=RoiRole.REFERENCE,
    ),
    Roi(shape=Point(x=0.5, y=95.5), role=RoiRole.STIMULATION),
    Roi(shape=Polygon(points=((1.0, 1.0), (50.0, 2.0), (30.5, 60.0))), label="corners"),
    Roi(shape=Polyline(points=((0.0, 0.0), (128.0, 96.0))), color=0x123456),
    Roi(shape=Rectangle(x=0.0, y=0.0, width=128.0, height=96.0), label="of one", position=1),
)


def _record(number: int, frame: FrameMetadata) -> FrameMetadata:
    """Return a frame with values of three columns."""
    recorded: dict[str, float | int | str] = {
        "Temperature µ": 36.6 + 0.1 * number,
        "Laser": number - 1,
        "Phase": f"né {number}",
    }
    return replace(frame, recorded=recorded)


_RECORDS: Final = (
    make(
        "recorded columns",
        order="tz",
        recorded=(
            RecordedColumn(name="Temperature µ", unit="°C"),
            RecordedColumn(name="Laser", unit="mW", kind="integer"),
            RecordedColumn(name="Phase", kind="text"),
        ),
        change=_record,
    ),
    make(
        "texts",
        text_info=TextInfo(
            description="First line\n\nthird: µ 明 😀",
            image_id="id 1",
            image_type="type",
            group="group",
            sample_id="sample",
            author="Ä. Author",
            capturing="capturing\r\nin two lines",
            sampling="sampling",
            location="here",
            conclusion="done",
            info1="one",
            info2="two",
            optics="Plan Apo 10x",
        ),
    ),
    make(
        "texts that look like facts",
        order="tz",
        text_info=TextInfo(
            description=(
                "Dimensions: T(7) x XY(5) x Z(9)\nNumber of Picture Planes: 7\nTime Loop: 9\n"
                "Z Stack Loop: 8\n- Step 9 µm\nName: impostor\nRefractive Index: 9\n"
                "Numerical Aperture: 9\nEmission wavelength: 999"
            ),
            author="Name: impostor",
            sample_id="Numerical Aperture: 8",
        ),
    ),
    make(
        "well plate",
        order="tp",
        well_plate=WellPlate(name="Plate µ", rows=8, columns=12),
        change=lambda n, frame: replace(frame, well=Well(row=1, column=n % 3)),
    ),
    make("regions", order="tp", rois=_ROIS),
    make("regions, no pixel size", rois=_ROIS[:1], pixel_size_um=None),
    make(
        "masks",
        order="tz",
        mask_layers=(
            MaskLayer(name="cells µ", color=0xFF8000, channel="GFP"),
            MaskLayer(name="nuclei", color=0x0000FF),
        ),
    ),
    make("pyramid", width=1300, height=700, channels=channels(1), pyramid=True),
    make("pyramid, zlib", width=1300, height=700, pyramid=True, zlib=1, order=""),
    make("missing frame", replaced={"t": TimeLoop(count=4)}, missing={2}),
    make("first frame missing", replaced={"t": TimeLoop(count=4)}, missing={0}),
    make("missing frames, positions and planes", order="tpz", missing={5, 6, 23}),
    make("missing frame, zlib", replaced={"t": TimeLoop(count=4)}, missing={2}, zlib=6),
    make("black frame", replaced={"t": TimeLoop(count=3)}, black={1}),
)

METADATA_CASES: Final[tuple[Case, ...]] = (*_LIGHT, *_KNOWLEDGE, *_INSTRUMENTS, *_RECORDS)
