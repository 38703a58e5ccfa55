"""The metadata model of the vendor's SDK, which nd2 shares."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tests.conformance.view import TEXT_ITEMS, Point, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    Json = dict[str, Any]

AXES: Final = {"TimeLoop": "t", "NETimeLoop": "t", "XYPosLoop": "p", "ZStackLoop": "z"}
_SAMPLE_TYPES: Final = {
    ("unsigned", 8): "uint8",
    ("unsigned", 16): "uint16",
    ("float", 32): "float32",
}
_DATE: Final = "%m/%d/%Y  %H:%M:%S"


def image_values(attributes: Json) -> Json:
    """Return size and sample format."""
    sample = attributes["pixelDataType"], attributes["bitsPerComponentInMemory"]
    return {
        "width": attributes["widthPx"],
        "height": attributes["heightPx"],
        "component_count": attributes["componentCount"],
        "sample_type": _SAMPLE_TYPES.get(sample, str(sample)),
        "significant_bits": attributes["bitsPerComponentSignificant"],
        "frame_count": attributes["sequenceCount"],
        "row_stride": attributes["widthBytes"],
        "compression": attributes.get("compressionType"),
        "compression_level": attributes.get("compressionLevel"),
    }


def loop_values(experiment: Sequence[Json]) -> Json:
    """Return the loops and their parameters."""
    found: Json = {"loops": tuple((loop["type"], loop["count"]) for loop in experiment)}
    for loop in experiment:
        parameters = loop["parameters"]
        match loop["type"]:
            case "TimeLoop":
                found |= _phase_values([{**parameters, "count": loop["count"]}])
            case "NETimeLoop":
                found |= _phase_values(parameters["periods"])
            case "XYPosLoop":
                found |= _position_values(parameters["points"])
            case "ZStackLoop":
                found |= {
                    "z_step_um": parameters["stepUm"],
                    "z_home_index": parameters["homeIndex"],
                    "z_bottom_to_top": parameters["bottomToTop"],
                    "z_device": parameters.get("deviceName") or "",
                }
    return found


def _phase_values(phases: Sequence[Json]) -> Json:
    """Return the parameters of the phases of a time loop."""
    return {
        "phase_counts": tuple(phase["count"] for phase in phases),
        "phase_start_ms": tuple(phase["startMs"] for phase in phases),
        "phase_period_ms": tuple(phase["periodMs"] for phase in phases),
        "phase_duration_ms": tuple(phase["durationMs"] for phase in phases),
        "phase_intervals_ms": tuple(
            tuple(phase["periodDiff"][name] for name in ("min", "avg", "max")) for phase in phases
        ),
    }


def _position_values(points: Sequence[Json]) -> Json:
    """Return the positions of an XY loop."""
    found: Json = {"position_pfs_offset": tuple(point.get("pfsOffset") for point in points)}
    for number, axis in enumerate("xyz"):
        found[f"position_{axis}_um"] = tuple(p["stagePositionUm"][number] for p in points)
    names = tuple(point.get("name") for point in points)
    if any(names):  # the SDK has none for points in a list
        found["position_names"] = tuple(name or "" for name in names)
    return found


def channel_values(channels: Sequence[Json]) -> Json:
    """Return what belongs to the channels, but for their colours."""
    meta = [channel["channel"] for channel in channels]
    optics = [channel.get("microscope", {}) for channel in channels]
    volume = channels[0]["volume"]
    calibrated = zip(volume["axesCalibrated"], volume["axesCalibration"], strict=True)
    *size, depth = (value if is_known else None for is_known, value in calibrated)
    return {
        "channel_names": tuple(m["name"] for m in meta),
        "channel_indices": tuple(m["index"] for m in meta),
        "channel_components": tuple(c["volume"]["componentCount"] for c in channels),
        "excitation_nm": tuple(m.get("excitationLambdaNm") for m in meta),
        "emission_nm": tuple(m.get("emissionLambdaNm") for m in meta),
        "modality": tuple(frozenset(o["modalityFlags"]) for o in optics),
        "pinhole_um": tuple(known(o.get("pinholeDiameterUm")) for o in optics),
        "pixel_size_um": tuple(size),
        "voxel_depth_um": depth,
        "voxel_count": tuple(volume["voxelCount"]),
        "camera_matrix": tuple(volume["cameraTransformationMatrix"]),
        "objective_name": tuple(o.get("objectiveName") or "" for o in optics),
        "magnification": tuple(known(o.get("objectiveMagnification")) for o in optics),
        "numerical_aperture": tuple(known(o.get("objectiveNumericalAperture")) for o in optics),
        "immersion_index": tuple(known(o.get("immersionRefractiveIndex")) for o in optics),
        "zoom": tuple(known(o.get("zoomMagnification")) for o in optics),
    }


def frame_values(points: Sequence[Point], frames: Sequence[Json]) -> Json:
    """Return time and stage position of each frame.

    Parameters
    ----------
    points : sequence of Point
        Place of each frame in the loops.
    frames : sequence of dict
        Metadata of each frame.
    """
    firsts = dict(zip(points, (frame["channels"][0] for frame in frames), strict=True))
    found: Json = {
        "frame_time_ms": {p: c["time"]["relativeTimeMs"] for p, c in firsts.items()},
        "frame_julian_day": {
            # A file without a start has the Julian day 0.
            p: day if (day := c["time"]["absoluteJulianDayNumber"]) >= 1 else None
            for p, c in firsts.items()
        },
    }
    for number, axis in enumerate("xyz"):
        found[f"frame_{axis}_um"] = {
            p: c["position"]["stagePositionUm"][number] for p, c in firsts.items()
        }
    return found


def text_values(texts: Json) -> Json:
    """Return the text information."""
    found: Json = {f"text_{item}": texts.get(name, "") for item, name in TEXT_ITEMS.items()}
    date = texts.get("date")
    found["date"] = datetime.strptime(date, _DATE) if date else None
    return found
