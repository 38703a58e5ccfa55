"""What a file holds, in terms that no single reader owns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

BLANK: Final = "blank"
"""Stands for a plane of zeros, which is also what readers make of a frame that is missing."""

REFUSED: Final = "refused"
"""How the stand-in for a plane begins that a reader does not hand over; the error follows."""


class Point(NamedTuple):
    """One point of the loops; 0 where there is no such loop."""

    t: int = 0
    p: int = 0
    z: int = 0


class Plane(NamedTuple):
    """One component, counted as stored, at one point of the loops."""

    point: Point
    component: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A fact about a file that readers may show.

    Attributes
    ----------
    name : str
        Key in a `View`.
    title : str
        What the documentation calls it, with its unit.
    """

    name: str
    title: str


TEXT_ITEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image_id": "imageId",
        "image_type": "type",
        "group": "group",
        "sample_id": "sampleId",
        "author": "author",
        "description": "description",
        "capturing": "capturing",
        "sampling": "sampling",
        "location": "location",
        "conclusion": "conclusion",
        "info1": "info1",
        "info2": "info2",
        "optics": "optics",
    }
)
"""Items of the text information: our name, and that of the SDK and of nd2."""

_TITLES: Final = {
    "opens": "opens the file",
    "width": "width, pixels",
    "height": "height, pixels",
    "component_count": "components of a frame",
    "sample_type": "sample type",
    "significant_bits": "significant bits",
    "frame_count": "frames",
    "row_stride": "bytes from row to row",
    "compression": "compression",
    "compression_level": "level of the compression",
    "planes": "pixels, every one",
    "missing_planes": "no pixels where a frame is missing",
    "sizes": "time points, positions, Z planes",
    "loops": "kinds of the loops, outermost first",
    "phase_counts": "time points of each phase",
    "phase_start_ms": "start of each phase, ms",
    "phase_period_ms": "period of each phase, ms",
    "phase_duration_ms": "duration of each phase, ms",
    "phase_intervals_ms": "measured interval of each phase (shortest, mean, longest), ms",
    "position_names": "names of the positions",
    "position_x_um": "X of the positions, µm",
    "position_y_um": "Y of the positions, µm",
    "position_z_um": "Z of the positions, µm",
    "position_pfs_offset": "focus offset of the positions",
    "z_step_um": "Z step, below 0 from top to bottom, µm",
    "z_home_index": "home plane",
    "z_bottom_to_top": "direction of the stack",
    "z_device": "Z drive",
    "channel_names": "names of the channels",
    "channel_colors": "colours of the channels",
    "channel_components": "components of each channel",
    "channel_indices": "numbers of the channels",
    "excitation_nm": "excitation, nm",
    "emission_nm": "emission, nm",
    "modality": "modality",
    "acquisition_mode": "modality in the words of OME",
    "exposure_ms": "exposure of the channels, ms",
    "pinhole_um": "pinhole, µm",
    "camera": "camera",
    "microscope": "microscope",
    "pixel_size_um": "pixel size, µm",
    "voxel_depth_um": "depth of a voxel, µm",
    "voxel_count": "voxels along X, Y, Z",
    "camera_matrix": "rotation of the camera to the stage",
    "objective_name": "objective of the channels",
    "magnification": "its magnification",
    "numerical_aperture": "its numerical aperture",
    "immersion_index": "refractive index of its immersion",
    "zoom": "zoom of the channels",
    "date": "start of the acquisition, as text",
    "start_julian_day": "start of the acquisition, Julian day",
    "frame_time_ms": "time of each frame, ms",
    "frame_julian_day": "absolute time of each frame, Julian day",
    "frame_x_um": "stage X of each frame, µm",
    "frame_y_um": "stage Y of each frame, µm",
    "frame_z_um": "stage Z of each frame, µm",
    "frame_position_name": "name of the position of each frame",
    "frame_index": "number of each frame",
    "recorded_z_offset_um": "distance of each frame from the home plane, µm",
    "recorded_stage_um": "recorded columns of the stage, µm",
    "recorded_exposure_ms": "recorded column of the exposure, ms",
    "roi_labels": "regions: labels, colours, roles",
    "roi_shapes": "regions: kinds of shape",
    "roi_places": "regions: centre and size, pixels",
    "roi_rotations": "regions: rotation, degrees",
    "roi_points": "regions: points of polygons and lines, pixels",
    "mask_layers": "mask layers: names, colours, channels",
    "masks": "masks, every pixel",
    "recorded_columns": "further recorded columns: names and units",
    "recorded_values": "further recorded columns: values",
}

FIELDS: Final = tuple(
    Field(name=name, title=title)
    for name, title in (
        *_TITLES.items(),
        *((f"text_{item}", f"text: {item}") for item in TEXT_ITEMS),
    )
)
"""All fields, in the order of the documentation."""

_NAMES: Final = frozenset(field.name for field in FIELDS)


class View:
    """What one reader shows of a file, or what was written to it.

    A field that is not there is one that the reader does not show. None, by itself or within a
    tuple or mapping, says that the value is unknown.

    Parameters
    ----------
    **values
        Values by the names of `FIELDS`.
    """

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - _NAMES:
            raise KeyError(f"no such fields: {sorted(unknown)}")
        self.values: Mapping[str, Any] = values

    def without_points(self, missing: frozenset[Point]) -> View:
        """Return the view with the planes at `missing` points told apart from the others."""
        if not missing or "planes" not in self.values:
            return self
        planes = self.values["planes"]
        return View(
            **{
                **self.values,
                "planes": {plane: d for plane, d in planes.items() if plane.point not in missing},
                "missing_planes": {
                    plane: BLANK if found.startswith(REFUSED) else found
                    for plane, found in planes.items()
                    if plane.point in missing
                },
            }
        )


def digest(plane: npt.NDArray[Any]) -> str:
    """Return a digest over the samples of one plane, shape (Y, X), as little-endian bytes."""
    return digest_of_bytes(np.asarray(plane, plane.dtype.newbyteorder("<")).tobytes())


def digest_of_bytes(samples: bytes) -> str:
    """Return a digest over the little-endian samples of one plane."""
    return hashlib.blake2b(samples, digest_size=16).hexdigest() if samples.strip(b"\0") else BLANK


def digests(frame: npt.NDArray[Any], point: Point) -> dict[Plane, str]:
    """Return the digest of each component of a frame, shape (Y, X, component)."""
    return {
        Plane(point=point, component=component): digest(frame[:, :, component])
        for component in range(frame.shape[2])
    }


def refused(error: BaseException, point: Point, component_count: int) -> dict[Plane, str]:
    """Return what stands for the planes of a frame that a reader does not hand over."""
    why = f"{REFUSED}: {type(error).__name__}"
    return {Plane(point=point, component=c): why for c in range(component_count)}


def known(value: float | None) -> float | None:
    """Return a physical quantity, None where a reader says 0 or below for unknown."""
    return value if value is not None and value > 0 else None


def swapped(color: int) -> int:
    """Return 0xRRGGBB of 0x00BBGGRR."""
    return int.from_bytes(color.to_bytes(3, "little"), "big")
