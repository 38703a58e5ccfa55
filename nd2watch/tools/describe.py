"""A sequence as JSON: what its ND2 file would hold, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nd2watch.experiment import AXES
from nd2watch.nd2 import TimeLoop, XYPosLoop, ZStackLoop
from nd2watch.sources import SourceInfo
from nd2watch.tools.dimensions import DIMENSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.convert import ConversionPlan
    from nd2watch.nd2 import Channel, Loop, WellPlate
    from nd2watch.sources import SourcePlane
    from nd2watch.tools.folder import FolderSequence
    from nd2watch.tools.image_source import LimImageSource

_PAGE: Final = 4096
_METADATA: Final = 1 << 16
_BYTES_OF_FRAME: Final = 100


def describe_plan(plan: ConversionPlan, folder: Path) -> dict[str, Any]:
    """Return attributes, loops, channels and the files of each frame, ready for JSON.

    Parameters
    ----------
    plan : ConversionPlan
        The plan.
    folder : Path
        Where the files are; their names are told from there.
    """
    attributes, picture = plan.attributes, plan.picture
    return {
        "folder": str(folder.absolute()),
        "attributes": {
            "widthPx": attributes.width,
            "heightPx": attributes.height,
            "componentCount": attributes.component_count,
            "bitsPerComponentInMemory": attributes.bits_in_memory,
            "bitsPerComponentSignificant": attributes.bits_significant,
            "pixelDataType": "float" if attributes.is_float else "unsigned",
            "sequenceCount": attributes.frame_count,
            "widthBytes": attributes.row_stride,
            "compressionType": "none",
        },
        "experiment": [_loop(loop, level) for level, loop in enumerate(plan.experiment.loops)],
        "metadata": {
            "pixelSizeUm": picture.pixel_size_um,
            "started": picture.started and picture.started.isoformat(),
            "microscope": {
                "objectiveName": picture.optics.objective_name,
                "objectiveMagnification": picture.optics.magnification,
                "objectiveNumericalAperture": picture.optics.numerical_aperture,
                "immersionRefractiveIndex": picture.optics.immersion_index,
                "zoomMagnification": picture.optics.zoom,
            },
            "channels": [_channel(channel) for channel in picture.channels],
        },
        "frames": [
            {
                "files": [_plane(plane, folder) for plane in planes],
                "timeMs": frame.time_ms,
                "stagePositionUm": [frame.x_um, frame.y_um, frame.z_um],
                "well": frame.well and frame.well.name,
            }
            for planes, frame in zip(plan.sources, plan.frames, strict=True)
        ],
        "wellplate": plan.well_plate and _plate(plan.well_plate),
        "notes": list(plan.assumptions),
    }


def describe_sequence(sequence: FolderSequence) -> dict[str, Any]:
    """Return what a conversion of a folder would do, ready for JSON.

    Missing files are listed, up to 10 000, also where they are not allowed; the rest is then told
    as far as it is known.
    """
    grid, options = sequence.grid, sequence.options
    output = options.output or options.description
    plan = sequence.plan()
    plate = sequence.plate
    return {
        "axes": {
            DIMENSIONS[axis]: list(names)
            for axis, names in zip(AXES, grid.labels, strict=True)
            if len(names) > 1 or names[0]
        },
        "sizes": {DIMENSIONS[axis]: size for axis, size in zip(AXES, grid.sizes, strict=True)},
        "is_rgb": plan.picture.is_rgb,
        "width": plan.attributes.width,
        "height": plan.attributes.height,
        "dtype": plan.attributes.dtype.name,
        "frames": plan.attributes.frame_count,
        "input_files": sequence.file_count,
        "passed_over_files": sequence.passed_over,
        "missing": {
            "allowed": options.allow_missing,
            "files": sequence.missing_count,
            "planes": sum(plane is None for frame in grid.frames for plane in frame),
            "combinations": list(sequence.missing),
        },
        "loops": [_loop(loop, level) for level, loop in enumerate(plan.experiment.loops)],
        "channels": [_channel(channel) for channel in plan.picture.channels],
        "pixel_size_um": plan.picture.pixel_size_um,
        "wellplate": plate
        and _plate(plate) | {"wells": [well.name for well in dict.fromkeys(sequence.wells)]},
        "output": output and str(output),
        "output_exists": output is not None and output.exists(),
        "estimated_bytes": estimated_size(plan),
        "notes": list(plan.assumptions),
    }


def describe_file(source: LimImageSource) -> dict[str, Any]:
    """Return the dimensions of a file and what it tells, ready for JSON."""
    info = source.frame.info
    return {
        **source.get_file_dimensions(),
        "is_rgb": info.rgb,
        "has_file_info": _tells(info),
        "width": info.width,
        "height": info.height,
        "dtype": str(info.dtype),
        "planes": info.plane_count,
        "pixel_size_um": info.pixel_size_um,
        "z_step_um": info.z_step_um,
        "period_ms": info.period_ms,
        "channels": [channel.name for channel in info.channels],
        "error": False,
        "error_message": "",
    }


def estimated_size(plan: ConversionPlan) -> int:
    """Return about how many bytes the ND2 file of a plan takes."""
    frame = _PAGE + -(-plan.attributes.frame_size // _PAGE) * _PAGE
    marks = _PAGE * sum(set(planes) == {None} for planes in plan.sources)  # of missing frames
    return _METADATA + plan.attributes.frame_count * (frame + _BYTES_OF_FRAME) + marks


def _tells(info: SourceInfo) -> bool:
    """Return whether a file tells anything beyond the kind of its pixels."""
    silent = SourceInfo(
        height=info.height,
        width=info.width,
        dtype=info.dtype,
        rgb=info.rgb,
        tail_is_zero=info.tail_is_zero,
    )
    return info != silent


def _plate(plate: WellPlate) -> dict[str, Any]:
    """Return what a plate is."""
    return {
        "name": plate.name,
        "rows": plate.rows,
        "columns": plate.columns,
        "row_naming": plate.row_naming,
        "column_naming": plate.column_naming,
    }


def _plane(plane: SourcePlane | None, folder: Path) -> Any:
    """Return the file of a plane, with its number where the file has several; None when missing."""
    if plane is None:
        return None
    name = plane.file.path.relative_to(folder).as_posix()
    return {"file": name, "plane": plane.index} if plane.file.info.plane_count > 1 else name


def _channel(channel: Channel) -> dict[str, Any]:
    """Return what is known of a channel."""
    return {
        "name": channel.name,
        "color": f"#{channel.color:06X}",
        "modality": [flag.name.lower() for flag in channel.modality if flag.name],
        "excitationWavelengthNm": channel.excitation_nm,
        "emissionWavelengthNm": channel.emission_nm,
        "exposureMs": channel.exposure_ms,
        "pinholeDiameterUm": channel.pinhole_um,
    }


def _loop(loop: Loop, level: int) -> dict[str, Any]:
    """Return a loop as the vendor's reader names its parts."""
    kind, parameters = _PARAMETERS[type(loop)](loop)
    return {"type": kind, "count": loop.count, "nestingLevel": level, "parameters": parameters}


def _time(loop: TimeLoop) -> tuple[str, dict[str, Any]]:
    """Return kind and parameters of a time loop."""
    return "TimeLoop", {
        "startMs": loop.start_ms,
        "periodMs": loop.period_ms,
        "durationMs": loop.duration_ms,
    }


def _positions(loop: XYPosLoop) -> tuple[str, dict[str, Any]]:
    """Return kind and parameters of a loop over positions."""
    points = [
        {"name": place.name, "stagePositionUm": [place.x_um, place.y_um, place.z_um]}
        for place in loop.positions
    ]
    return "XYPosLoop", {"isSettingZ": True, "points": points}


def _stack(loop: ZStackLoop) -> tuple[str, dict[str, Any]]:
    """Return kind and parameters of a loop over planes."""
    return "ZStackLoop", {
        "stepUm": loop.step_um,
        "homeIndex": loop.home_index,
        "bottomToTop": loop.bottom_to_top,
    }


_PARAMETERS: Final[dict[type, Any]] = {
    TimeLoop: _time,
    XYPosLoop: _positions,
    ZStackLoop: _stack,
}
