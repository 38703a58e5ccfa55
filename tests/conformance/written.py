"""The view of what was written to a file: what every reader should show."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from nd2watch.nd2 import Modality, NETimeLoop, TimeLoop, XYPosLoop, ZStackLoop
from tests.conformance.regions import region_values
from tests.conformance.view import BLANK, TEXT_ITEMS, Plane, View, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.nd2 import FrameMetadata
    from tests.conformance.case import Case
from tests.conformance.view import Point

LOOP_KINDS: Final = {
    TimeLoop: "TimeLoop",
    NETimeLoop: "NETimeLoop",
    XYPosLoop: "XYPosLoop",
    ZStackLoop: "ZStackLoop",
}

MODALITY_NAMES: Final = {
    Modality.FLUORESCENCE: "fluorescence",
    Modality.BRIGHTFIELD: "brightfield",
    Modality.DARKFIELD: "darkfield",
    Modality.PHASE_CONTRAST: "phaseContrast",
    Modality.DIC: "diContrast",
    Modality.CAMERA: "camera",
    Modality.LASER_SCAN_CONFOCAL: "laserScanConfocal",
    Modality.SPINNING_DISK: "spinningDiskConfocal",
    Modality.STRUCTURED_ILLUMINATION: "SIM",
    Modality.MULTIPHOTON: "multiphoton",
    Modality.TIRF: "TIRF",
    Modality.LIGHT_SHEET: "lightSheet",
    Modality.PMT: "pmt",
    Modality.SPECTRAL: "spectral",
    Modality.GAASP: "gaasp",
}
"""What the SDK and nd2 call the flags."""


_OME_MODES: Final = {
    Modality.TIRF: "TIRF",
    Modality.MULTIPHOTON: "MultiPhotonMicroscopy",
    Modality.STRUCTURED_ILLUMINATION: "StructuredIllumination",
    Modality.SPINNING_DISK: "SpinningDiskConfocal",
    Modality.LIGHT_SHEET: "SPIM",
    Modality.SPECTRAL: "SpectralImaging",
    Modality.LASER_SCAN_CONFOCAL: "LaserScanningConfocalMicroscopy",
    Modality.BRIGHTFIELD: "BrightField",
    Modality.FLUORESCENCE: "WideField",
}
"""OME has one word for a channel: that of the first flag in this order."""


def written_view(case: Case) -> View:
    """Return what was written, every field of it."""
    return View(
        opens=True,
        **_image(case),
        **_loops(case),
        **_channels(case),
        **_optics(case),
        **_frames(case),
        **_texts(case),
        **region_values(case),
        **_masks(case),
    )


def _image(case: Case) -> dict[str, Any]:
    """Return size, sample format and pixels."""
    attributes = case.attributes
    return {
        "width": attributes.width,
        "height": attributes.height,
        "component_count": attributes.component_count,
        "sample_type": attributes.dtype.name,
        "significant_bits": attributes.bits_significant,
        "frame_count": attributes.frame_count,
        "row_stride": -(-attributes.row_size // 4) * 4,
        "compression": None if attributes.zlib_level is None else "lossless",
        "compression_level": attributes.zlib_level,
        "planes": case.planes(),
        "missing_planes": {
            Plane(point=point, component=component): BLANK
            for point in case.missing_points
            for component in range(attributes.component_count)
        },
    }


def _loops(case: Case) -> dict[str, Any]:
    """Return the loops and their parameters."""
    found: dict[str, Any] = {
        "sizes": case.sizes,
        "loops": tuple((LOOP_KINDS[type(loop)], loop.count) for loop in case.experiment.loops),
    }
    for loop in case.experiment.loops:
        if isinstance(loop, XYPosLoop):
            found |= {
                "position_names": tuple(p.name for p in loop.positions),
                "position_x_um": tuple(p.x_um for p in loop.positions),
                "position_y_um": tuple(p.y_um for p in loop.positions),
                "position_z_um": tuple(p.z_um for p in loop.positions),
                "position_pfs_offset": tuple(p.pfs_offset for p in loop.positions),
            }
        elif isinstance(loop, ZStackLoop):
            found |= {
                "z_step_um": loop.step_um * (-1 if _falls(loop) else 1),
                "z_home_index": loop.home_index,
                "z_bottom_to_top": loop.bottom_to_top,
                "z_device": loop.device,
            }
        else:
            phases = _measured_phases(case, loop)
            found |= {
                "phase_counts": tuple(phase.count for phase in phases),
                "phase_start_ms": tuple(phase.start_ms for phase in phases),
                "phase_period_ms": tuple(phase.period_ms for phase in phases),
                "phase_duration_ms": tuple(phase.duration_ms for phase in phases),
                "phase_intervals_ms": tuple(
                    (phase.period_min_ms, phase.period_mean_ms, phase.period_max_ms)
                    for phase in phases
                ),
            }
    return found


def _falls(stack: ZStackLoop) -> bool:
    """Tell whether a stack goes down; a single plane does not."""
    return not stack.bottom_to_top and stack.count > 1


def _measured_phases(case: Case, loop: TimeLoop | NETimeLoop) -> list[TimeLoop]:
    """Return the phases of a time loop; the writer measures what they do not tell."""
    phases = loop.phases if isinstance(loop, NETimeLoop) else (loop,)
    times: dict[int, float] = {}
    for point, frame in zip(case.points, case.frames, strict=True):
        times[point.t] = min(times.get(point.t, frame.time_ms), frame.time_ms)
    starts = [times[t] for t in sorted(times)]
    found = []
    for phase in phases:
        own, starts = starts[: phase.count], starts[phase.count :]
        steps = [after - before for before, after in pairwise(own)] or [0.0]
        found.append(
            replace(
                phase,
                start_ms=phase.start_ms or (own[0] if isinstance(loop, NETimeLoop) else 0.0),
                duration_ms=phase.duration_ms or own[-1] - own[0],
                period_min_ms=phase.period_min_ms or min(steps),
                period_mean_ms=phase.period_mean_ms or sum(steps) / len(steps),
                period_max_ms=phase.period_max_ms or max(steps),
            )
        )
    return found


def _channels(case: Case) -> dict[str, Any]:
    """Return what belongs to the channels."""
    channels = case.picture.channels
    return {
        "channel_names": tuple(c.name for c in channels),
        "channel_colors": tuple(c.color for c in channels),
        "channel_components": tuple(c.component_count for c in channels),
        "channel_indices": tuple(range(len(channels))),
        "excitation_nm": tuple(c.excitation_nm for c in channels),
        "emission_nm": tuple(c.emission_nm for c in channels),
        "modality": tuple(
            frozenset(name for flag, name in MODALITY_NAMES.items() if flag in c.modality)
            for c in channels
        ),
        "acquisition_mode": tuple(
            next(mode for flag, mode in _OME_MODES.items() if flag in c.modality) for c in channels
        ),
        "exposure_ms": tuple(c.exposure_ms for c in channels),
        "pinhole_um": tuple(c.pinhole_um for c in channels),
        "camera": tuple(c.camera for c in channels),
        "microscope": tuple(c.microscope for c in channels),
    }


def _optics(case: Case) -> dict[str, Any]:
    """Return the optics of each channel, and calibration."""
    picture, size = case.picture, case.picture.pixel_size_um
    optics = [channel.optics or picture.optics for channel in picture.channels]
    stack = case.experiment.z_stack
    return {
        "pixel_size_um": (size, size),
        "voxel_depth_um": stack.step_um if stack else None,
        "voxel_count": (case.attributes.width, case.attributes.height, case.sizes.z),
        "camera_matrix": (1.0, 0.0, 0.0, 1.0),
        "objective_name": tuple(o.objective_name for o in optics),
        "magnification": tuple(o.magnification for o in optics),
        "numerical_aperture": tuple(o.numerical_aperture for o in optics),
        "immersion_index": tuple(o.immersion_index for o in optics),
        "zoom": tuple(o.zoom for o in optics),
    }


def _frames(case: Case) -> dict[str, Any]:
    """Return what belongs to the frames."""
    started, day = case.picture.started, case.picture.julian_day
    names, stack = _position_names(case), case.experiment.z_stack
    local = None if started is None else started.astimezone().replace(tzinfo=None, microsecond=0)

    def of_frames(value: Callable[[FrameMetadata], Any]) -> dict[Point, Any]:
        return dict(zip(case.points, map(value, case.frames), strict=True))

    def of_column(value: Callable[[FrameMetadata], float | None]) -> dict[Point, Any]:
        """Return values that are only written when a frame has one."""
        found = of_frames(value)
        return {} if all(v is None for v in found.values()) else found

    return {
        "date": local,
        "start_julian_day": None if started is None else day,
        "frame_index": {point: index for index, point in enumerate(case.points)},
        "frame_position_name": {point: names[point.p] for point in case.points},
        "recorded_z_offset_um": {
            point: _above_home(stack, point.z) for point in case.points if stack is not None
        },
        "frame_time_ms": of_frames(lambda frame: frame.time_ms),
        "frame_julian_day": of_frames(
            lambda frame: None if started is None else day + frame.time_ms / 86_400_000
        ),
        "frame_x_um": of_frames(lambda frame: frame.x_um),
        "frame_y_um": of_frames(lambda frame: frame.y_um),
        "frame_z_um": of_frames(lambda frame: frame.z_um),
        "recorded_stage_um": {
            "x": of_column(lambda frame: frame.x_um),
            "y": of_column(lambda frame: frame.y_um),
            "z": of_column(lambda frame: frame.z_um),
        },
        "recorded_exposure_ms": of_column(lambda frame: frame.exposure_ms),
        "recorded_columns": {column.name: column.unit for column in case.recorded},
        "recorded_values": {
            column.name: of_frames(lambda frame, name=column.name: frame.recorded.get(name))  # type: ignore[misc]
            for column in case.recorded
        },
    }


def _position_names(case: Case) -> tuple[str, ...]:
    """Return the names of the positions; without a loop there is one without a name."""
    found = [loop for loop in case.experiment.loops if isinstance(loop, XYPosLoop)]
    return tuple(p.name for p in found[0].positions) if found else ("",)


def _above_home(stack: ZStackLoop, plane: int) -> float:
    """Return how far a plane is above the home plane, um."""
    above = (plane - stack.home_index) * stack.step_um
    return above if stack.bottom_to_top else -above


def _masks(case: Case) -> dict[str, Any]:
    """Return the mask layers and the digest of each mask."""
    return {
        "mask_layers": {layer.name: (layer.color, layer.channel) for layer in case.mask_layers},
        "masks": {
            (layer, case.points[index]): digest(case.labels(layer, index))
            for layer, index in case.masks
        },
    }


def _texts(case: Case) -> dict[str, Any]:
    """Return the items of the text information, with the line breaks of the file."""
    texts = {f"text_{item}": getattr(case.text_info, item) for item in TEXT_ITEMS}
    own = case.text_info.description.splitlines()
    texts["text_description"] = "\r\n".join([*own, ""] if own else [])
    optics = case.picture.optics
    if not case.text_info.optics and optics.magnification is not None:
        texts["text_optics"] = optics.objective_name
    return texts
