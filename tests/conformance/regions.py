"""Regions of interest as they were written, in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nd2watch.nd2 import Circle, Ellipse, Point, Polygon, Polyline, Rectangle

if TYPE_CHECKING:
    from tests.conformance.case import Case

    Place = tuple[float, float, float, float]
    Points = tuple[tuple[float, float], ...]


def region_values(case: Case) -> dict[str, Any]:
    """Return the regions of a file, those of all positions first."""
    rois = sorted(case.rois, key=lambda roi: -1 if roi.position is None else roi.position)
    outlines = [_outline(roi.shape) for roi in rois]
    return {
        "roi_labels": tuple((roi.label, roi.color, roi.role.name.lower()) for roi in rois),
        "roi_shapes": tuple(kind for kind, _, _ in outlines),
        "roi_places": tuple(place for _, place, _ in outlines),
        "roi_rotations": tuple(getattr(roi.shape, "rotation_deg", 0.0) for roi in rois),
        "roi_points": tuple(points for _, _, points in outlines),
    }


def _outline(shape: object) -> tuple[str, Place | None, Points]:
    """Return kind, centre with width and height, and points of a shape."""
    match shape:
        case Rectangle(x=x, y=y, width=width, height=height):
            return "rectangle", (x + width / 2, y + height / 2, width, height), ()
        case Ellipse(center_x=x, center_y=y, radius_x=a, radius_y=b):
            return "ellipse", (x, y, 2 * a, 2 * b), ()
        case Circle(center_x=x, center_y=y, radius=radius):
            return "circle", (x, y, 2 * radius, 2 * radius), ()
        case Point(x=x, y=y):
            return "point", (x, y, 0.0, 0.0), ()
        case Polygon(points=points):
            return "polygon", None, points
        case Polyline(points=points):
            return "polyline", None, points
    raise TypeError(f"{shape!r} is no shape that is written")
