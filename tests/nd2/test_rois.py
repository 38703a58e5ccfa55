"""Regions of interest: as nd2 and the vendor's reader see them, round trips, refusals, damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nd2.structures import InterpType, RoiShapeType, ScopeType

from nd2watch.errors import FormatError
from nd2watch.nd2 import ImageAttributes, Nd2Writer, lite_variant
from nd2watch.nd2.lite_variant import Bool, Double, UInt32
from nd2watch.nd2.roi_shapes import (
    MAX_COORDINATE,
    Circle,
    Ellipse,
    OtherShape,
    Point,
    Polygon,
    Polyline,
    Rectangle,
)
from nd2watch.nd2.rois import ROIS, Roi, RoiRole, decode_rois, encode_rois
from tests.nd2.builders import attributes_of, frame_metadata, loops, quick, random_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nd2watch.nd2.lite_variant import Item
    from nd2watch.nd2.roi_shapes import Shape
    from tests.oracles import VendorSdk

WIDTH, HEIGHT = 131, 96
FRAMES = random_frames((6, HEIGHT, WIDTH, 2))
ATTRIBUTES = attributes_of(FRAMES)
TRIANGLE = Polygon(points=((1, 2), (30, 4.5), (20, 50)))
ROIS_OF_ALL_SHAPES = (
    Roi(shape=Rectangle(x=10, y=20, width=30, height=12.5), label="Zelle 1 µ", color=0x123456),
    Roi(
        shape=Ellipse(center_x=50, center_y=40, radius_x=8, radius_y=5, rotation_deg=30),
        role=RoiRole.BACKGROUND,
    ),
    Roi(shape=Circle(center_x=60.5, center_y=40, radius=7), role=RoiRole.STIMULATION),
    Roi(shape=TRIANGLE, label="triangle"),
    Roi(shape=Polyline(points=((0, 0), (WIDTH, HEIGHT)))),
    Roi(shape=Point(x=0.5, y=95.5)),
)


def write(path: Path, rois: tuple[Roi, ...], positions: int = 3) -> Path:
    experiment = loops(times=6 // positions, positions=positions)
    chunk = encode_rois(rois, ATTRIBUTES, positions)
    with Nd2Writer(path, ATTRIBUTES, experiment=experiment, custom_chunks={ROIS: chunk}) as writer:
        for frame, row in zip(FRAMES, frame_metadata(experiment), strict=True):
            writer.write_frame(frame, row)
    return path


def pixels(place: Any) -> tuple[float, float]:
    return WIDTH / 2 * (1 + place[0]), HEIGHT / 2 * (1 + place[1])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[int, nd2.structures.ROI]:
    """Return what nd2 reads of a file with a region of each shape."""
    path = write(tmp_path_factory.mktemp("rois") / "file.nd2", ROIS_OF_ALL_SHAPES)
    with nd2.ND2File(path) as file:
        return file.rois


def test_nd2_numbers_the_regions_from_1(seen: dict[int, nd2.structures.ROI]) -> None:
    assert list(seen) == [1, 2, 3, 4, 5, 6]
    assert len({roi.guid for roi in seen.values()}) == 6


def test_nd2_reads_kinds_labels_roles_and_colours(seen: dict[int, nd2.structures.ROI]) -> None:
    kinds = ["Rectangle", "Ellipse", "Circle", "Polygon", "PolyLine", "Point"]
    assert [roi.info.shapeType for roi in seen.values()] == [RoiShapeType[k] for k in kinds]
    assert [roi.info.label for roi in seen.values()] == [r.label for r in ROIS_OF_ALL_SHAPES]
    assert seen[1].info.color == 0x563412  # red in the lowest byte
    assert [roi.info.interpType for roi in seen.values()] == [
        InterpType[f"{role}ROI"]
        for role in ("Standard", "Background", "Stimulation", *["Standard"] * 3)
    ]
    assert {roi.info.scope for roi in seen.values()} == {ScopeType.Global}
    assert (seen[1].info.compCount, seen[1].info.bpc) == (2, 16)


def test_nd2_reads_boxes(seen: dict[int, nd2.structures.ROI]) -> None:
    boxes = {}
    for number in (1, 2, 3):
        (place,) = seen[number].animParams
        size = (WIDTH / 2 * place.boxShape.sizeX, HEIGHT / 2 * place.boxShape.sizeY)
        boxes[number] = (*pixels(place.center), *size, place.rotationZ)
        assert place.enabled
        assert place.extrudedShape.basePoints == []
    assert boxes == {
        1: pytest.approx((25, 26.25, 30, 12.5, 0)),
        2: pytest.approx((50, 40, 16, 10, 30)),
        3: pytest.approx((60.5, 40, 14, 14, 0)),
    }


def test_nd2_reads_points(seen: dict[int, nd2.structures.ROI]) -> None:
    found = {}
    for number in (4, 5):
        (place,) = seen[number].animParams
        x, y, _ = place.center
        found[number] = [
            pixels((x + point.x, y + point.y)) for point in place.extrudedShape.basePoints
        ]
    for number, shape in ((4, TRIANGLE), (5, ROIS_OF_ALL_SHAPES[4].shape)):
        assert isinstance(shape, Polygon | Polyline)
        assert np.allclose(found[number], shape.points)
    assert pixels(seen[6].animParams[0].center) == pytest.approx((0.5, 95.5))


def test_nd2_reads_the_regions_of_positions_after_the_others(tmp_path: Path) -> None:
    shape = Point(x=1, y=1)
    rois = (Roi(shape=shape, position=2), Roi(shape=shape), Roi(shape=shape, position=0))
    with nd2.ND2File(write(tmp_path / "file.nd2", rois)) as file:
        scopes = {number: roi.info.scope for number, roi in file.rois.items()}
    assert list(scopes.items()) == [
        (2, ScopeType.Global),
        (3, ScopeType.MPoint),
        (1, ScopeType.MPoint),
    ]


def test_no_regions_are_an_empty_level_of_44_bytes(tmp_path: Path) -> None:
    assert len(encode_rois((), ATTRIBUTES)) == 44
    assert decode_rois(encode_rois((), ATTRIBUTES), ATTRIBUTES) == ()
    with nd2.ND2File(write(tmp_path / "file.nd2", ())) as file:
        assert file.rois == {}


def test_the_vendors_reader_opens_a_file_with_regions(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    view = vendor_sdk.read(write(tmp_path / "file.nd2", ROIS_OF_ALL_SHAPES))
    assert np.array_equal(view.frames, FRAMES)


grid = st.integers(-200_000, 200_000).map(lambda n: n / 1000)
above_0 = st.integers(1, 200_000).map(lambda n: n / 1000)
angles = st.floats(-360, 360, allow_subnormal=False)
pairs = st.tuples(grid, grid)
shapes: st.SearchStrategy[Shape] = st.one_of(
    st.builds(Rectangle, x=grid, y=grid, width=above_0, height=above_0, rotation_deg=angles),
    st.builds(
        Ellipse,
        center_x=grid,
        center_y=grid,
        radius_x=above_0,
        radius_y=above_0,
        rotation_deg=angles,
    ),
    st.builds(Circle, center_x=grid, center_y=grid, radius=above_0),
    st.builds(Point, x=grid, y=grid),
    st.builds(Polygon, points=st.lists(pairs, min_size=3, max_size=6)),
    st.builds(Polyline, points=st.lists(pairs, min_size=2, max_size=6)),
)
regions = st.builds(
    Roi,
    shape=shapes,
    label=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=9),
    color=st.integers(0, 0xFFFFFF),
    role=st.sampled_from(RoiRole),
    position=st.none() | st.integers(0, 2),
)
sides = st.integers(1, 40_000)


@quick
@given(rois=st.lists(regions, max_size=5), width=sides, height=sides)
def test_regions_read_back_are_those_written(rois: list[Roi], width: int, height: int) -> None:
    attributes = ImageAttributes(width=width, height=height)
    found = decode_rois(encode_rois(rois, attributes, 3), attributes)
    order = (None, 0, 1, 2)
    assert list(found) == sorted(rois, key=lambda roi: order.index(roi.position))


def test_points_may_be_any_sequence_of_pairs() -> None:
    points = np.array([[1, 2], [3, 4], [5, 6.5]])
    assert Polygon(points=points).points == ((1, 2), (3, 4), (5, 6.5))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(
            lambda: Rectangle(x=1, y=1, width=0, height=1), "width of a rectangle is 0", id="flat"
        ),
        pytest.param(
            lambda: Circle(center_x=1, center_y=1, radius=-2), "radius of a circle is -2", id="neg"
        ),
        pytest.param(lambda: Point(x=float("nan"), y=1), "x of a point is nan", id="nan"),
        pytest.param(
            lambda: Point(x=1, y=2 * MAX_COORDINATE), r"within 1e\+06 of 0", id="far away"
        ),
        pytest.param(lambda: Polygon(points=((1, 2), (3, 4))), "polygon of 2 points", id="two"),
        pytest.param(lambda: Polyline(points=((1, 2),)), "polyline of 1 points", id="one"),
        pytest.param(
            lambda: Polyline(points=((1, 2, 3),) * 3),  # type: ignore[arg-type]
            "not pairs of numbers",
            id="three numbers",
        ),
        pytest.param(
            lambda: Polygon(points=((1, 2), (3, 4), (5, float("inf")))), "is inf", id="infinite"
        ),
        pytest.param(
            lambda: Roi(shape=TRIANGLE, label="a\0b"), "label of a region holds", id="label"
        ),
        pytest.param(lambda: Roi(shape=TRIANGLE, color=-1), "not 0xRRGGBB", id="colour"),
        pytest.param(lambda: Roi(shape=TRIANGLE, position=-1), "below 0", id="position"),
        pytest.param(
            lambda: encode_rois([Roi(shape=TRIANGLE, label="t", position=2)], ATTRIBUTES, 2),
            "region 1 't' is on position 2, counted from 0; the file has 2",
            id="position of another file",
        ),
        pytest.param(
            lambda: encode_rois([Roi(shape=OtherShape(kind="bezier"))], ATTRIBUTES),
            "shape bezier cannot be written",
            id="unknown shape",
        ),
    ],
)
def test_what_cannot_be_a_region_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        build()


def stored(kind: int, *places: Item, role: int = 1) -> bytes:
    """Return a chunk with one region."""
    roi: Item = {
        "m_uiId": UInt32(1),
        "m_sInfo": {"m_uiShapeType": UInt32(kind), "m_uiInterpType": UInt32(role)},
        "m_vectAnimParams_Size": UInt32(len(places)),
        **{f"m_vectAnimParams_{index}": place for index, place in enumerate(places)},
    }
    tree: Item = {"m_vectGlobal_Size": UInt32(1), "m_vectGlobal_0": roi}
    return lite_variant.encode("RoiMetadata_v1", tree)


def place(
    x: float,
    y: float,
    box: tuple[float, float] = (0, 0),
    angle: float = 0,
    points: Sequence[Item] = (),
) -> dict[str, Item]:
    numbered: dict[str, Item] = {
        f"m_vectBasePoints_{index}": point for index, point in enumerate(points)
    }
    return {
        "m_dTimeMs": Double(0.0),
        "m_bEnabled": Bool(True),
        "m_dCenterX": Double(x),
        "m_dCenterY": Double(y),
        "m_dRotationZ": Double(angle),
        "m_sBoxShape": {"m_dSizeX": Double(box[0]), "m_dSizeY": Double(box[1])},
        "m_sExtrudedShape": {"m_vectBasePoints_Size": UInt32(len(numbered)), **numbered},
    }


SQUARE = ImageAttributes(width=826, height=826)


def shape_in(chunk: bytes) -> Shape:
    (roi,) = decode_rois(chunk, SQUARE)
    return roi.shape


def test_numbers_that_nis_elements_stored_of_a_box_are_whole_pixels() -> None:
    box = (0.21549636803874095, 0.14285714285714285)
    assert shape_in(stored(3, place(-0.8171912832929782, -0.8656174334140436, box, 3.0))) == (
        Rectangle(x=31, y=26, width=89, height=59, rotation_deg=3.0)
    )


@pytest.mark.parametrize("named", [True, False])
def test_numbers_that_nis_elements_stored_of_points_are_whole_pixels(named: bool) -> None:
    points: list[Item] = []
    for x, y in (
        (-0.07460545104612905, -0.10848140560004964),
        (0.12152045694418576, -0.0745831005153039),
        (-0.021336685912957093, 0.14333457502949032),
    ):
        pair = (Double(x), Double(y))
        points.append(dict(zip("xy", pair, strict=True)) if named else pair)
    chunk = stored(5, place(-0.3951282051282051, 0.04794871794871791, points=points))
    assert shape_in(chunk) == Polygon(points=((219, 388), (300, 402), (241, 492)))


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        (10, (0.5, 0.5), Rectangle(x=309.75, y=309.75, width=206.5, height=206.5)),
        (9, (0.5, 1), Ellipse(center_x=413, center_y=413, radius_x=103.25, radius_y=206.5)),
        (6, (0, 0), OtherShape(kind="bezier")),
        (11, (1, 1), OtherShape(kind="ring")),
        (3, (0, 0), OtherShape(kind="rectangle")),
        (5, (0, 0), OtherShape(kind="polygon")),
        (99, (1, 1), OtherShape(kind="shape 99")),
    ],
    ids=["square", "circle of two sizes", "bezier", "ring", "no size", "no points", "unknown"],
)
def test_shapes_that_are_not_written(kind: int, size: tuple[float, float], expected: Shape) -> None:
    assert shape_in(stored(kind, place(0, 0, size))) == expected


def test_of_a_region_that_moves_the_first_place_is_read() -> None:
    assert shape_in(stored(2, place(-1, -1), place(1, 1))) == Point(x=0, y=0)


def test_a_region_without_any_place_is_read_without_its_shape() -> None:
    assert shape_in(stored(4)) == OtherShape(kind="ellipse")


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        pytest.param(lite_variant.encode("other", {}), "'other' instead of", id="root"),
        pytest.param(
            lite_variant.encode("RoiMetadata_v1", {"m_vectGlobal_Size": UInt32(2**32 - 1)}),
            "Global_0 is missing",
            id="count without regions",
        ),
        pytest.param(
            lite_variant.encode(
                "RoiMetadata_v1", {"m_vectGlobal_Size": UInt32(1), "m_vectGlobal_0": {}}
            ),
            "no int named",
            id="empty region",
        ),
        pytest.param(stored(2, place(0, 0), role=9), "role 9 is not known", id="role"),
        pytest.param(stored(2, {"m_dCenterX": Double(0)}), "no float named CenterY", id="no y"),
        pytest.param(stored(2, place(1e308, 0)), "must be within", id="far away"),
        pytest.param(
            stored(5, place(0, 0, points=[{"x": Double(0)}])), "no pair", id="half a point"
        ),
    ],
)
def test_damage_is_named(chunk: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_rois(chunk, ATTRIBUTES)


CHUNK = encode_rois([*ROIS_OF_ALL_SHAPES, Roi(shape=TRIANGLE, position=1)], ATTRIBUTES, 2)


@pytest.mark.timeout(60)
@quick
@given(at=st.integers(0, len(CHUNK) - 1), junk=st.binary(min_size=1, max_size=9))
def test_damaged_bytes_raise_nothing_but_a_format_error(at: int, junk: bytes) -> None:
    for data in (CHUNK[:at] + junk + CHUNK[at + len(junk) :], CHUNK[:at], junk):
        try:
            decode_rois(data, ATTRIBUTES)
        except FormatError:
            continue
