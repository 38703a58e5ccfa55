"""What nd2reader shows of a file."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tests.conformance.view import TEXT_ITEMS, Plane, Point, View, digest, known, refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of regular expressions, and of what it imports
    import nd2reader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ITEM_NUMBERS: Final = {
    "image_id": 0,
    "image_type": 1,
    "group": 2,
    "sample_id": 3,
    "author": 4,
    "description": 5,
    "capturing": 6,
    "sampling": 7,
    "location": 8,
    "conclusion": 10,
    "info1": 11,
    "info2": 12,
    "optics": 13,
}


class Nd2ReaderReader:
    """The package nd2reader, whose warnings are put aside."""

    title: Final = "nd2reader"
    version: Final = version("nd2reader")
    raw: Final = frozenset(
        {
            "frame_x_um",
            "frame_y_um",
            "recorded_exposure_ms",
            "recorded_columns",
            "start_julian_day",
            "microscope",
            "objective_name",
            "magnification",
            "numerical_aperture",
            "immersion_index",
            "zoom",
            *(f"text_{item}" for item in TEXT_ITEMS),
        }
    )

    def read(self, path: Path) -> View:
        """Return the view of a file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                reader = nd2reader.ND2Reader(str(path))
            except Exception as error:
                return View(opens=f"{type(error).__name__}: {error}")
            with reader:
                return _view(reader)


def _view(reader: Any) -> View:
    """Return the view of an open file."""
    metadata = reader.metadata
    sizes = Point(
        t=len(metadata["frames"]),
        p=len(metadata["fields_of_view"]),
        z=max(len(metadata["z_levels"]), 1),
    )
    points = [Point(*place) for place in product(*map(range, sizes))]
    size = known(metadata["pixel_microns"])
    raw = reader.parser._raw_metadata
    return View(
        opens=True,
        width=metadata["width"],
        height=metadata["height"],
        sample_type=np.dtype(reader.pixel_type).name,
        frame_count=metadata["total_images_per_channel"],
        sizes=sizes,
        planes=_planes(reader, points),
        channel_names=tuple(metadata["channels"]),
        pixel_size_um=(size, size),
        date=metadata["date"],
        frame_time_ms=dict(zip(points, reader.timesteps.tolist(), strict=False)),
        frame_x_um=_of_frames(points, raw.x_data),
        frame_y_um=_of_frames(points, raw.y_data),
        frame_z_um=_of_frames(points, metadata["z_coordinates"]),
        recorded_exposure_ms={
            point: ms
            for point, ms in _of_frames(points, raw.camera_exposure_time).items()
            if ms is not None
        },
        **_phases(metadata["experiment"]["loops"]),
        **_optics(raw.image_metadata_sequence),
        **_columns(raw.custom_data),
        **_regions(metadata),
        **_texts(raw.image_text_info),
    )


def _planes(reader: Any, points: Iterable[Point]) -> dict[Plane, str]:
    """Return the digest of every plane."""
    found: dict[Plane, str] = {}
    shape = reader.metadata["height"], reader.metadata["width"]
    for point, channel in product(points, range(len(reader.metadata["channels"]))):
        try:
            frame = np.asarray(reader.get_frame_2D(c=channel, t=point.t, z=point.z, v=point.p))
            if frame.shape != shape:
                raise ValueError(f"shape {frame.shape}")
            found[Plane(point, channel)] = digest(frame)
        except Exception as error:
            found |= {Plane(point, channel): w for w in refused(error, point, 1).values()}
    return found


def _of_frames(points: Iterable[Point], column: Any) -> dict[Point, float | None]:
    """Return a recorded column by points; unknown where there is none."""
    if column is None:
        return dict.fromkeys(points)
    return {
        point: None if np.isnan(value) else value
        for point, value in zip(points, column, strict=False)
    }


def _phases(loops: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the phases of a non-equidistant time loop; others are not shown."""
    if not loops:
        return {}
    return {
        "phase_start_ms": tuple(loop["start"] for loop in loops),
        "phase_period_ms": tuple(loop["sampling_interval"] for loop in loops),
        "phase_duration_ms": tuple(loop["duration"] for loop in loops),
    }


def _regions(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return kind and place of the regions, in pixels; their size is given as half of it."""
    regions = metadata.get("rois", ())
    shapes = tuple(roi["shape"] for roi in regions)
    if not (um := metadata["pixel_microns"]):
        return {"roi_shapes": shapes}
    places = [
        (roi["positions"][0] / um, roi["sizes"][0] * 2 / um) if roi["shape"] else None
        for roi in regions
    ]
    return {
        "roi_shapes": shapes,
        "roi_places": tuple(
            place and (*map(float, place[0][:2]), *map(float, place[1][:2])) for place in places
        ),
    }


def _optics(tree: dict[bytes, Any]) -> dict[str, Any]:
    """Return the optics of each channel, and the start, from the stored picture metadata."""
    picture = tree[b"SLxPictureMetadata"]
    stored = picture[b"sPicturePlanes"][b"sSampleSetting"]
    settings = [stored[b"a%d" % number] for number in range(len(stored))]
    objectives = [setting[b"pObjectiveSetting"] for setting in settings]
    zooms = [setting[b"dObjectiveToPinholeZoom"] for setting in settings]
    return {
        "microscope": tuple(
            setting[b"pDeviceSetting"][b"m_sMicroscopeFullName"].decode() for setting in settings
        ),
        "objective_name": tuple(o[b"wsObjectiveName"].decode() for o in objectives),
        "magnification": tuple(known(o[b"dObjectiveMag"]) for o in objectives),
        "numerical_aperture": tuple(known(o[b"dObjectiveNA"]) for o in objectives),
        "immersion_index": tuple(known(o[b"dRefractIndex"]) for o in objectives),
        "zoom": tuple(known(picture[b"dZoom"] if zoom == -1 else zoom) for zoom in zooms),
        "start_julian_day": known(picture[b"dTimeAbsolute"]),
    }


def _columns(tree: dict[str, Any]) -> dict[str, Any]:
    """Return names and units of the recorded columns that are not nd2watch's own."""
    tags = (tree["variant"].get("CustomTagDescription_v1.0") or {}).items()
    described = [tag for name, tag in tags if name.startswith("Tag")]
    own = {"X Coord", "Y Coord", "Z Coord", "Exposure Time"}
    return {
        "recorded_columns": {
            tag["Desc"]["@value"]: tag["Unit"]["@value"]
            for tag in described
            if tag["Desc"]["@value"] not in own
        }
    }


def _texts(tree: dict[bytes, Any]) -> dict[str, Any]:
    """Return the items of the text information."""
    items = tree[b"SLxImageTextInfo"]
    return {
        f"text_{item}": items[b"TextInfoItem_%d" % number].decode()
        for item, number in _ITEM_NUMBERS.items()
    }
