"""What nd2 shows of a file."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import nd2
from nd2.structures import InterpType, RoiShapeType

from tests.conformance.sdk_model import (
    channel_values,
    frame_values,
    image_values,
    loop_values,
    text_values,
)
from tests.conformance.view import Plane, Point, View, digest, digests, known, swapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STAGE: Final = {"x": "X Coord [µm]", "y": "Y Coord [µm]", "z": "Z Coord [µm]"}
_EXPOSURE: Final = "Exposure Time [ms]"
_OF_POINTS: Final = ("polygon", "polyline")
_OF_THE_LOOPS: Final = frozenset(
    {"Time [s]", "Index", "T Index", "P Index", "Z Index", "Position Name", "Z-Series", "Events"}
)


class Nd2PackageReader:
    """The package nd2."""

    title: Final = "nd2"
    version: Final = version("nd2")
    raw: Final = frozenset({"camera", "exposure_ms", "microscope"})

    def read(self, path: Path) -> View:
        """Return the view of a file."""
        with nd2.ND2File(path) as file:
            points = [
                Point(**{axis.lower(): n for axis, n in place.items()})
                for place in file.loop_indices
            ]
            metadata = file.metadata
            channels = [asdict(channel) for channel in metadata.channels or ()]
            frames: list[Any] = [file.frame_metadata(n) for n in range(len(points))]
            sizes = {axis.lower(): n for axis, n in file.sizes.items()}
            return View(
                opens=True,
                sizes=Point(**{axis: sizes.get(axis, 1) for axis in Point._fields}),
                planes=_planes(file, points),
                channel_colors=tuple(
                    c["channel"]["color"][0] << 16
                    | c["channel"]["color"][1] << 8
                    | c["channel"]["color"][2]
                    for c in channels
                ),
                **image_values(file.attributes._asdict()),
                **loop_values([asdict(loop) for loop in file.experiment]),
                **channel_values(channels),
                **frame_values(points, [asdict(frame) for frame in frames]),
                frame_position_name={
                    point: frame.channels[0].position.name or ""
                    for point, frame in zip(points, frames, strict=True)
                },
                **text_values(dict(file.text_info)),
                **_recorded(points, file.events(orient="list")),
                **_regions(file),
                **_masks(file, points),
                **_settings(file.unstructured_metadata(include={"ImageMetadataSeqLV|0"})),
            )


def _planes(file: nd2.ND2File, points: Sequence[Point]) -> dict[Plane, str]:
    """Return the digest of every plane; colour components count as they are stored."""
    sizes = file.sizes
    shape = [sizes.get(axis, 1) for axis in "CYXS"]
    frames = file.asarray().reshape(len(points), *shape)
    found: dict[Plane, str] = {}
    for point, frame in zip(points, frames, strict=True):
        stored = frame.transpose(1, 2, 0, 3)
        found |= digests(stored.reshape(*stored.shape[:2], -1), point)
    return found


def _recorded(points: Sequence[Point], columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return the columns with one value for each frame."""

    def of_frames(name: str) -> dict[Point, Any]:
        values = map(_value, columns[name]) if name in columns else ()
        return dict(zip(points, values, strict=True)) if name in columns else {}

    own = [
        name
        for name in columns
        if name not in _OF_THE_LOOPS and name not in _STAGE.values() and name != _EXPOSURE
    ]
    named = {name: _name_and_unit(name) for name in own}
    return {
        "frame_index": of_frames("Index"),
        "recorded_z_offset_um": of_frames("Z-Series"),
        "recorded_stage_um": {axis: of_frames(name) for axis, name in _STAGE.items()},
        "recorded_exposure_ms": of_frames(_EXPOSURE),
        "recorded_columns": dict(named.values()),
        "recorded_values": {title: of_frames(name) for name, (title, _) in named.items()},
    }


def _name_and_unit(header: str) -> tuple[str, str]:
    """Return name and unit of a column's header."""
    name, bracket, unit = header.rpartition(" [")
    return (name, unit.removesuffix("]")) if bracket and unit.endswith("]") else (header, "")


def _value(value: Any) -> Any:
    """Return one recorded value; not a number is how a frame without one is stored."""
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else value


def _regions(file: nd2.ND2File) -> dict[str, Any]:
    """Return the regions; nd2 gives them in fractions of half the width and half the height."""
    half_x, half_y = (file.attributes.widthPx or 0) / 2, file.attributes.heightPx / 2
    regions = list(file.rois.values())
    shapes = [RoiShapeType(roi.info.shapeType).name.lower() for roi in regions]
    places, outlines = [], []
    for roi, shape in zip(regions, shapes, strict=True):
        at = roi.animParams[0]
        size, points = at.boxShape, at.extrudedShape.basePoints
        x, y = half_x * (1 + at.centerX), half_y * (1 + at.centerY)
        box = (x, y, half_x * size.sizeX, half_y * size.sizeY)
        places.append(None if shape in _OF_POINTS else box)
        outlines.append(tuple((x + half_x * p.x, y + half_y * p.y) for p in points))
    return {
        "roi_labels": tuple(
            (roi.info.label, swapped(roi.info.color), _role(roi.info.interpType)) for roi in regions
        ),
        "roi_shapes": tuple(shapes),
        "roi_places": tuple(places),
        "roi_rotations": tuple(roi.animParams[0].rotationZ for roi in regions),
        "roi_points": tuple(outlines),
    }


def _role(code: int) -> str:
    """Return what a region is for."""
    return InterpType(code).name.removesuffix("ROI").lower()


def _masks(file: nd2.ND2File, points: Sequence[Point]) -> dict[str, Any]:
    """Return the mask layers and the digest of each mask."""
    layers = file.binary_data or ()
    return {
        "mask_layers": {
            layer.name: (swapped(layer.color or 0), layer.comp_name) for layer in layers
        },
        "masks": {
            (layer.name, point): digest(mask)
            for layer in layers
            for point, mask in zip(points, layer.data, strict=True)
            if mask is not None
        },
    }


def _settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return cameras, microscopes and exposures from the stored settings of the channels."""
    picture = tree["ImageMetadataSeqLV|0"]["SLxPictureMetadata"]["PicturePlanes"]
    settings = [
        picture["SampleSetting"][str(plane["SampleIndex"])]
        for plane in picture["PlaneNew"].values()
    ]
    return {
        "camera": tuple(s["CameraSetting"]["CameraUserName"] for s in settings),
        "microscope": tuple(s["DeviceSetting"]["MicroscopeFullName"] for s in settings),
        "exposure_ms": tuple(known(s["ExposureTime"]) for s in settings),
    }
