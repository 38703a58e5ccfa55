"""Regions of interest: shapes over the frames, and the chunk that holds them.

Stored are fractions of half the frame's width and height: of a centre, from the middle of the
frame; of a size, in full; of a polygon's points, from its centre::

    x = width / 2 * (1 + m_dCenterX)        size = width / 2 * m_dSizeX
    x of a point = width / 2 * (1 + m_dCenterX + x)

So says an author at Nikon (issue 232 of the Python package nd2), and so whole pixels come out of
the numbers that NIS-Elements stored (pull request 102 there).
"""

from __future__ import annotations

import enum
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import lite_variant
from nd2watch.nd2.colors import check_color, read_color, stored_color
from nd2watch.nd2.lite_variant import Bool, Double, UInt32, check_text, find, get
from nd2watch.nd2.roi_shapes import OtherShape, Outline, ShapeKind, outline_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nd2watch.nd2.attributes import ImageAttributes
    from nd2watch.nd2.lite_variant import Item, Plain
    from nd2watch.nd2.roi_shapes import Shape

ROIS: Final = "CustomData|RoiMetadata_v1!"
"""Chunk of the regions."""

_ROOT: Final = "RoiMetadata_v1"
_PREFIX: Final = re.compile("^[a-z_]+")
_RED: Final = 0x0000FF  # as stored, 0x00BBGGRR
_UUID_SPACE: Final = uuid.UUID("0b7ab8f5-8c0e-5d0c-9f0a-0d4f6b1f1a52")


class RoiRole(enum.Enum):
    """What a region is for."""

    ANY = 0
    STANDARD = 1
    BACKGROUND = 2
    REFERENCE = 3
    STIMULATION = 4


class _Scope(enum.IntEnum):
    """Which frames a region is on."""

    EVERYWHERE = 1
    ONE_POSITION = 2


_ROLES: Final = {role.value: role for role in RoiRole}
_KINDS: Final = {kind.value: kind for kind in ShapeKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """A region of interest, the same in all frames or in all of one XY position.

    Attributes
    ----------
    shape : Rectangle, Ellipse, Circle, Point, Polygon, Polyline or OtherShape
        Where it is, see `nd2watch.nd2.roi_shapes`.
    label : str
        Shown to people; may be empty.
    color : int
        Display colour as 0xRRGGBB.
    role : RoiRole
        What it is for.
    position : int, optional
        The XY position that it is on, counted from 0; None for all.

    Raises
    ------
    FormatError
        If the label cannot be stored, or a number is out of range.
    """

    shape: Shape
    label: str = ""
    color: int = 0xFF0000
    role: RoiRole = RoiRole.STANDARD
    position: int | None = None

    def __post_init__(self) -> None:
        check_text(self.label, "the label of a region")
        check_color(self.color, f"region {self.label!r}")
        if self.position is not None and self.position < 0:
            raise FormatError(f"region {self.label!r} is on position {self.position}, below 0")


def encode_rois(rois: Iterable[Roi], attributes: ImageAttributes, position_count: int = 1) -> bytes:
    """Return the data of chunk `ROIS`; the regions get the numbers 1, 2, ... in their order.

    Parameters
    ----------
    rois : iterable of Roi
        The regions; none is a chunk that says so.
    attributes : ImageAttributes
        Of the file.
    position_count : int
        XY positions of the file; 1 if it has no such loop.

    Raises
    ------
    FormatError
        If a region is on a position that the file does not have, or of a shape that is not known.
    """
    everywhere: list[Item] = []
    by_position: list[list[Item]] = [[] for _ in range(position_count)]
    for number, roi in enumerate(rois, start=1):
        if roi.position is not None and roi.position >= position_count:
            raise FormatError(
                f"region {number} {roi.label!r} is on position {roi.position}, counted from 0;"
                f" the file has {position_count}"
            )
        target = everywhere if roi.position is None else by_position[roi.position]
        target.append(_encode_roi(number, roi, attributes))
    tree: dict[str, Item] = {}
    if everywhere or any(by_position):
        tree |= _vector("m_vectGlobal", everywhere)
    if any(by_position):
        tree |= _vector("m_vect2PerMPoint", [_vector("", regions) for regions in by_position])
    return lite_variant.encode(_ROOT, tree)


def decode_rois(data: bytes, attributes: ImageAttributes) -> tuple[Roi, ...]:
    """Return the regions that chunk `ROIS` holds, those for all positions first.

    A shape that is not known is an `OtherShape`; of one that moves, the first place is read.
    Coordinates are exact to 1e-9 pixels.

    Raises
    ------
    FormatError
        If the data are damaged.
    """
    root, stored = lite_variant.decode(data)
    if root != _ROOT:
        raise FormatError(f"damaged regions: {root!r} instead of {_ROOT}")
    tree = _without_prefixes(stored)
    rois = [_decode_roi(item, attributes, None) for item in _items(tree, "Global_")]
    for position, regions in enumerate(_items(tree, "2PerMPoint_")):
        rois += [_decode_roi(item, attributes, position) for item in _items(regions, "")]
    return tuple(rois)


def _vector(name: str, items: Sequence[Item]) -> dict[str, Item]:
    """Return a vector as it is stored: its size, and each item by its number."""
    numbered = {f"{name}_{index}": item for index, item in enumerate(items)}
    return {f"{name}_Size": UInt32(len(items)), **numbered}


def _encode_roi(number: int, roi: Roi, attributes: ImageAttributes) -> dict[str, Item]:
    """Return a stored region; what is constant here is what NIS-Elements has unless asked."""
    outline = outline_of(roi.shape)
    scope = _Scope.EVERYWHERE if roi.position is None else _Scope.ONE_POSITION
    return {
        "m_uiId": UInt32(number),
        "m_sInfo": {
            "m_uiShapeType": UInt32(outline.kind),
            "m_uiInterpType": UInt32(roi.role.value),
            "m_uiCookie": UInt32(number),
            "m_uiColor": UInt32(stored_color(roi.color)),
            "m_sLabel": roi.label,
            "m_uiStimulationGroup": UInt32(0),
            "m_uiScope": UInt32(scope),
            "m_uiAppData": UInt32(0),
            "m_bMultiFrame": Bool(False),
            "m_bLocked": Bool(False),
            "m_uiCompCount": UInt32(attributes.component_count),
            "m_uiBpc": UInt32(attributes.bits_in_memory),
            "m_bAutodetected": Bool(False),
            "m_bGradientStimulation": Bool(False),
            "m_uiGradientStimulationBitDepth": UInt32(0),
            "m_dGradientStimulationLo": Double(0.0),
            "m_dGradientStimulationHi": Double(0.0),
        },
        "m_sGUID": f"{{{uuid.uuid5(_UUID_SPACE, f'{number} {roi}')}}}".upper(),
        **_vector("m_vectAnimParams", [_encode_outline(outline, attributes)]),
    }


def _encode_outline(outline: Outline, attributes: ImageAttributes) -> dict[str, Item]:
    """Return where a stored region is; nd2reader needs the box of every one."""
    half_x, half_y = attributes.width / 2, attributes.height / 2
    x, y = outline.center
    points: list[Item] = [
        {"x": Double((px - x) / half_x), "y": Double((py - y) / half_y)}
        for px, py in outline.points
    ]
    return {
        "m_dTimeMs": Double(0.0),
        "m_bEnabled": Bool(True),
        "m_dCenterX": Double(x / half_x - 1),
        "m_dCenterY": Double(y / half_y - 1),
        "m_dCenterZ": Double(0.0),
        "m_dRotationZ": Double(outline.rotation_deg),
        "m_sBoxShape": {
            "m_dSizeX": Double(outline.size[0] / half_x),
            "m_dSizeY": Double(outline.size[1] / half_y),
            "m_dSizeZ": Double(0.0),
        },
        "m_sExtrudedShape": {"m_dSizeZ": Double(0.0), **_vector("m_vectBasePoints", points)},
    }


def _without_prefixes(tree: Plain) -> Plain:
    """Return a tree without the type that names begin with, as it differs between versions."""
    if isinstance(tree, dict):
        return {
            _PREFIX.sub("", name) or name: _without_prefixes(item) for name, item in tree.items()
        }
    return [_without_prefixes(item) for item in tree] if isinstance(tree, list) else tree


def _items(tree: Plain | None, name: str) -> Iterator[Plain]:
    """Yield the items of a stored vector; none when it is not there."""
    if isinstance(tree, dict) and f"{name}Size" in tree:
        for index in range(get(tree, f"{name}Size", int)):
            item = find(tree, f"{name}{index}")
            if item is None:
                raise FormatError(f"damaged regions: {name}{index} is missing")
            yield item


def _decode_roi(item: Plain, attributes: ImageAttributes, position: int | None) -> Roi:
    """Return a stored region."""
    info = find(item, "Info") or {}
    label = find(info, "Label")
    role = get(info, "InterpType", int)
    if role not in _ROLES:
        raise FormatError(f"damaged regions: role {role} is not known")
    return Roi(
        shape=_decode_shape(item, get(info, "ShapeType", int), attributes),
        label=label if isinstance(label, str) else "",
        color=read_color(find(info, "Color"), _RED),
        role=_ROLES[role],
        position=position,
    )


def _decode_shape(item: Plain, code: int, attributes: ImageAttributes) -> Shape:
    """Return the shape of a stored region."""
    place = next(_items(item, "AnimParams_"), None)
    kind = _KINDS.get(code)
    if place is None or kind is None:
        return OtherShape(kind=kind.name.lower() if kind else f"shape {code}")
    half_x, half_y = attributes.width / 2, attributes.height / 2
    x, y = get(place, "CenterX", float), get(place, "CenterY", float)
    box = find(place, "BoxShape")
    rotated = find(place, "RotationZ") is not None
    return shape_of(
        Outline(
            kind=kind,
            center=((1 + x) * half_x, (1 + y) * half_y),
            size=(get(box, "SizeX", float) * half_x, get(box, "SizeY", float) * half_y)
            if box
            else (0.0, 0.0),
            rotation_deg=get(place, "RotationZ", float) if rotated else 0.0,
            points=tuple(
                ((1 + x + dx) * half_x, (1 + y + dy) * half_y)
                for dx, dy in map(_pair, _items(find(place, "ExtrudedShape"), "BasePoints_"))
            ),
        )
    )


def _pair(point: Plain) -> tuple[float, float]:
    """Return x and y of a stored point, whose names differ between versions."""
    values = list(point.values()) if isinstance(point, dict) else point
    if not isinstance(values, list) or len(values) != 2:
        raise FormatError("damaged regions: a point is no pair of numbers")
    named = dict(zip("xy", values, strict=True))
    return get(named, "x", float), get(named, "y", float)
