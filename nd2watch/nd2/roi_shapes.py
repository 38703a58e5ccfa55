"""Shapes of regions of interest, in pixels.

x runs to the right and y down from the top left corner of the frame: the pixel in column 0 reaches
from x 0 to x 1, and a frame from 0 to its width.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_COORDINATE: Final = 1e6
"""Farthest from 0 that a coordinate may be, pixels."""

_DECIMALS: Final = 9


class ShapeKind(enum.IntEnum):
    """Shapes of NIS-Elements by their stored number."""

    ANY = 0
    RASTER = 1
    POINT = 2
    RECTANGLE = 3
    ELLIPSE = 4
    POLYGON = 5
    BEZIER = 6
    LINE = 7
    POLYLINE = 8
    CIRCLE = 9
    SQUARE = 10
    RING = 11
    SPIRAL = 12


_LEAST_POINTS: Final = {ShapeKind.POLYGON: 3, ShapeKind.POLYLINE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A rectangle.

    Attributes
    ----------
    x, y : float
        Its left and upper edge, before it is turned.
    width, height : float
        Above 0.
    rotation_deg : float
        Stored as it is. Which way NIS-Elements turns is not documented; a polygon is not turned.
    """

    x: float
    y: float
    width: float
    height: float
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "width", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """An ellipse.

    Attributes
    ----------
    center_x, center_y : float
        Its centre.
    radius_x, radius_y : float
        Half its width and height before it is turned; above 0.
    rotation_deg : float
        As for `Rectangle`.
    """

    center_x: float
    center_y: float
    radius_x: float
    radius_y: float
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "radius_x", "radius_y")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A circle.

    Attributes
    ----------
    center_x, center_y : float
        Its centre.
    radius : float
        Above 0.
    """

    center_x: float
    center_y: float
    radius: float

    def __post_init__(self) -> None:
        _check(self, "radius")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point.

    Attributes
    ----------
    x, y : float
        Its place; the middle of pixel (0, 0) is 0.5, 0.5.
    """

    x: float
    y: float

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """A closed polygon.

    Attributes
    ----------
    points : sequence of (float, float)
        x and y of at least three corners; the last is joined to the first.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked_points(self.points, ShapeKind.POLYGON))


@dataclass(frozen=True, slots=True, kw_only=True)
class Polyline:
    """An open line through points.

    Attributes
    ----------
    points : sequence of (float, float)
        x and y of at least two points.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked_points(self.points, ShapeKind.POLYLINE))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherShape:
    """A shape that is found in files but not known here; it cannot be written.

    Attributes
    ----------
    kind : str
        What NIS-Elements calls it, such as "bezier".
    """

    kind: str


Shape = Rectangle | Ellipse | Circle | Point | Polygon | Polyline | OtherShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A shape in the terms in which all are stored.

    Attributes
    ----------
    kind : ShapeKind
        The shape.
    center : tuple of float
        x and y.
    size : tuple of float
        Width and height of its box, before it is turned; 0 if it is made of points.
    rotation_deg : float
        How far its box is turned.
    points : tuple of (float, float)
        x and y.
    """

    kind: ShapeKind
    center: tuple[float, float]
    size: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0
    points: tuple[tuple[float, float], ...] = ()


def outline_of(shape: Shape) -> Outline:
    """Return a shape in the terms in which it is stored.

    Raises
    ------
    FormatError
        If it is an `OtherShape`.
    """
    match shape:
        case Rectangle(x=x, y=y, width=width, height=height, rotation_deg=rotation):
            center = (x + width / 2, y + height / 2)
            kind, size = ShapeKind.RECTANGLE, (width, height)
            return Outline(kind=kind, center=center, size=size, rotation_deg=rotation)
        case Ellipse(center_x=x, center_y=y, rotation_deg=rotation):
            kind, size = ShapeKind.ELLIPSE, (2 * shape.radius_x, 2 * shape.radius_y)
            return Outline(kind=kind, center=(x, y), size=size, rotation_deg=rotation)
        case Circle(center_x=x, center_y=y, radius=radius):
            return Outline(kind=ShapeKind.CIRCLE, center=(x, y), size=(2 * radius, 2 * radius))
        case Point(x=x, y=y):
            return Outline(kind=ShapeKind.POINT, center=(x, y))
        case Polygon(points=points):
            return Outline(kind=ShapeKind.POLYGON, center=_middle(points), points=points)
        case Polyline(points=points):
            return Outline(kind=ShapeKind.POLYLINE, center=_middle(points), points=points)
        case OtherShape(kind=other):
            raise FormatError(f"a region of shape {other} cannot be written")


def shape_of(outline: Outline) -> Shape:
    """Return the shape that is stored in these terms, to 1e-9 pixels.

    Raises
    ------
    FormatError
        If a coordinate is out of range.
    """
    kind, (x, y) = outline.kind, outline.center
    width, height = (round(side, _DECIMALS) for side in outline.size)
    points = tuple((round(px, _DECIMALS), round(py, _DECIMALS)) for px, py in outline.points)
    if kind is ShapeKind.POINT:
        return Point(x=round(x, _DECIMALS), y=round(y, _DECIMALS))
    if kind is ShapeKind.POLYGON and len(points) >= _LEAST_POINTS[kind]:
        return Polygon(points=points)
    if kind is ShapeKind.POLYLINE and len(points) >= _LEAST_POINTS[kind]:
        return Polyline(points=points)
    if width <= 0 or height <= 0:
        return OtherShape(kind=kind.name.lower())
    if kind in (ShapeKind.RECTANGLE, ShapeKind.SQUARE):
        left = round(x - outline.size[0] / 2, _DECIMALS)
        top = round(y - outline.size[1] / 2, _DECIMALS)
        rotation = outline.rotation_deg
        return Rectangle(x=left, y=top, width=width, height=height, rotation_deg=rotation)
    return _round_shape(outline)


def _round_shape(outline: Outline) -> Shape:
    """Return a circle or an ellipse; a circle that is stored with two sizes is an ellipse."""
    x, y = (round(number, _DECIMALS) for number in outline.center)
    radius_x, radius_y = (round(side / 2, _DECIMALS) for side in outline.size)
    if outline.kind is ShapeKind.CIRCLE and radius_x == radius_y:
        return Circle(center_x=x, center_y=y, radius=radius_x)
    if outline.kind in (ShapeKind.CIRCLE, ShapeKind.ELLIPSE):
        return Ellipse(
            center_x=x,
            center_y=y,
            radius_x=radius_x,
            radius_y=radius_y,
            rotation_deg=outline.rotation_deg,
        )
    return OtherShape(kind=outline.kind.name.lower())


def _middle(points: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """Return the centre of the box around points."""
    xs, ys = zip(*points, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _check(shape: Shape, *positive: str) -> None:
    """Refuse a shape with a coordinate out of range, or one of `positive` not above 0."""
    kind = type(shape).__name__.lower()
    for field in fields(shape):
        _check_number(getattr(shape, field.name), f"{field.name} of a {kind}")
    for name in positive:
        if getattr(shape, name) <= 0:
            raise FormatError(f"{name} of a {kind} is {getattr(shape, name)}; it must be above 0")


def _check_number(value: float, what: str) -> None:
    """Refuse a coordinate that is out of range."""
    if not math.isfinite(value) or abs(value) > MAX_COORDINATE:
        raise FormatError(f"{what} is {value}; it must be within {MAX_COORDINATE:g} of 0")


def _checked_points(
    points: Iterable[Sequence[float]], kind: ShapeKind
) -> tuple[tuple[float, float], ...]:
    """Return points as pairs of numbers."""
    what, least = f"a {kind.name.lower()}", _LEAST_POINTS[kind]
    try:
        pairs = tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError) as error:
        raise FormatError(f"the points of {what} are not pairs of numbers: {error}") from error
    if len(pairs) < least:
        raise FormatError(f"{what} of {len(pairs)} points; it needs at least {least}")
    for pair in pairs:
        for value in pair:
            _check_number(value, f"a point of {what}")
    return pairs
