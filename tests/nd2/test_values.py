"""Values that describe a file: what they refuse, what they store."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Picture,
    Provenance,
    TextInfo,
    display_color,
)
from nd2watch.nd2.colors import stored_color
from nd2watch.nd2.lite_variant import decode, encode
from tests.nd2.builders import channels, loops, quick

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

Make = Callable[[], object]
NAN, INF = math.nan, math.inf
DAPI = Channel(name="DAPI")


def sized(**changes: int) -> Make:
    values = {"width": 4, "height": 3} | changes
    return lambda: ImageAttributes(**values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(sized(width=0), "width is 0; it must be at least 1", id="width 0"),
        pytest.param(sized(height=-1), "height is -1", id="height negative"),
        pytest.param(sized(width=2**31), r"below 2\*\*31", id="too wide"),
        pytest.param(sized(component_count=0), "component_count is 0", id="no component"),
        pytest.param(sized(frame_count=0), "frame_count is 0", id="no frame"),
        pytest.param(sized(bits_in_memory=12), "12 bits a sample cannot be stored", id="12 bits"),
        pytest.param(sized(bits_in_memory=64), r"use 8 \(uint8\), 16 \(uint16\), 32", id="64 bits"),
        pytest.param(sized(bits_significant=17), "17 significant bits", id="more bits than stored"),
        pytest.param(
            sized(bits_in_memory=8, bits_significant=12), "do not fit uint8", id="12 bits of 8"
        ),
        pytest.param(sized(bits_significant=-1), "-1 significant bits", id="bits negative"),
        pytest.param(sized(bits_significant=8), "takes 9 to 16", id="bits of another type"),
        pytest.param(
            sized(bits_in_memory=32, bits_significant=31),
            "do not fit float32",
            id="part of a float",
        ),
        pytest.param(sized(zlib_level=-1), "zlib level -1 is not", id="level below 0"),
        pytest.param(sized(zlib_level=10), "zlib level 10 is not", id="level above 9"),
        pytest.param(
            sized(width=2**30, component_count=2), "longer than ND2 can hold", id="row too long"
        ),
        pytest.param(lambda: Channel(name=""), "a channel has no name", id="no name"),
        pytest.param(lambda: Channel(name=" \t"), "a channel has no name", id="blank name"),
        pytest.param(
            lambda: Channel(name="GFP", color=0x1000000), "0x1000000 of channel GFP", id="color"
        ),
        pytest.param(lambda: Channel(name="GFP", color=-1), "not 0xRRGGBB", id="color negative"),
        pytest.param(
            lambda: Channel(name="GFP", emission_nm=0.0),
            "emission_nm of channel GFP is 0.0; it must be above 0",
            id="wavelength 0",
        ),
        pytest.param(
            lambda: Channel(name="GFP", excitation_nm=NAN),
            "excitation_nm of channel GFP is nan",
            id="wavelength nan",
        ),
        pytest.param(lambda: Picture(channels=()), "must be there and differ", id="no channel"),
        pytest.param(lambda: Picture(channels=(DAPI, DAPI)), r"'DAPI', 'DAPI'", id="a name twice"),
        pytest.param(
            lambda: Picture(channels=(DAPI,), pixel_size_um=0.0),
            "pixel_size_um of the picture is 0.0",
            id="pixel 0",
        ),
        pytest.param(
            lambda: Picture(channels=(DAPI,), pixel_size_um=INF),
            "pixel_size_um of the picture is inf",
            id="pixel inf",
        ),
        pytest.param(
            lambda: Picture(channels=(DAPI,), started=datetime(2024, 1, 1)),
            "no time zone",
            id="local time",
        ),
        pytest.param(lambda: FrameMetadata(time_ms=NAN), "time_ms is nan", id="time nan"),
        pytest.param(lambda: FrameMetadata(time_ms=0.0, z_um=INF), "z_um is inf", id="frame Z inf"),
        pytest.param(lambda: Provenance.decode(b"<"), "damaged XML", id="no XML"),
        pytest.param(lambda: Provenance.decode(b"<a/>"), "damaged provenance", id="empty XML"),
        pytest.param(lambda: Provenance.decode(b"<a><b/></a>"), "damaged", id="other XML"),
    ],
)
def test_a_wrong_value_is_refused_saying_what_is_wrong(make: Make, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make()


@pytest.mark.parametrize(
    ("width", "components", "bits", "stride"),
    [
        (3, 1, 32, 12),
        (3, 3, 32, 36),
        (1, 1, 8, 4),
        (4, 1, 8, 4),
        (5, 1, 8, 8),
        (1, 1, 16, 4),
        (7, 3, 16, 44),
        (131, 1, 16, 264),
        (131, 2, 16, 524),
    ],
)
def test_rows_are_padded_to_four_bytes(width: int, components: int, bits: int, stride: int) -> None:
    value = ImageAttributes(width=width, height=3, component_count=components, bits_in_memory=bits)
    assert value.row_size == width * components * bits // 8
    assert value.row_stride == stride
    assert value.frame_size == 3 * stride
    assert value.shape == (3, width, components)
    assert value.dtype == {8: np.uint8, 16: np.uint16, 32: np.float32}[bits]
    assert value.bits_significant == bits


def test_attributes_are_stored_as_thirteen_items_in_order() -> None:
    value = ImageAttributes(
        width=7, height=5, component_count=3, bits_significant=12, frame_count=9
    )
    assert decode(encode("SLxImageAttributes", value.encode())) == (
        "SLxImageAttributes",
        {
            "uiWidth": 7,
            "uiWidthBytes": 44,
            "uiHeight": 5,
            "uiComp": 3,
            "uiBpcInMemory": 16,
            "uiBpcSignificant": 12,
            "uiSequenceCount": 9,
            "uiTileWidth": 7,
            "uiTileHeight": 5,
            "eCompression": 2,
            "dCompressionParam": 0.0,
            "ePixelType": 1,
            "uiVirtualComponents": 3,
        },
    )


@quick
@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    component_count=st.integers(1, 20),
    bits=st.sampled_from([(8, 0), (8, 1), (8, 7), (16, 0), (16, 9), (16, 12), (32, 32)]),
    frame_count=st.integers(1, 10**6),
    zlib_level=st.none() | st.integers(0, 9),
)
def test_attributes_read_back(bits: tuple[int, int], **values: Any) -> None:
    value = ImageAttributes(bits_in_memory=bits[0], bits_significant=bits[1], **values)
    assert ImageAttributes.decode(stored(value.encode())) == value


def stored(tree: dict[str, Item]) -> Plain:
    return decode(encode("root", tree))[1]


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        (datetime(2000, 1, 1, 12, tzinfo=UTC), 2451545.0),
        (datetime(1970, 1, 1, tzinfo=UTC), 2440587.5),
        (datetime(2000, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), 2451545.0),
        (datetime(2024, 4, 22, 18, tzinfo=UTC), 2460423.25),
        (None, 0.0),
    ],
    ids=["J2000", "unix epoch", "another zone", "quarter of a day", "unknown"],
)
def test_julian_day(started: datetime | None, expected: float) -> None:
    assert Picture(channels=(DAPI,), started=started).julian_day == expected


def test_colours_are_stored_blue_first() -> None:
    assert stored_color(0x123456) == 0x563412
    assert [display_color(n, 3) for n in range(3)] == [0x0000FF, 0x00FF00, 0xFF0000]
    assert display_color(0, 1) == 0xFFFFFF
    assert display_color(7, 9) == display_color(0, 9)


def text_items(info: TextInfo, experiment: Experiment, picture: Picture) -> dict[str, Item]:
    items = info.encode(experiment, picture)
    assert list(items) == [f"TextInfoItem_{n}" for n in range(14)]
    return items


@pytest.mark.parametrize(
    ("experiment", "channel_count", "expected"),
    [
        pytest.param(loops(2, 3, 3), 2, "Dimensions: T(2) x XY(3) x Z(3) x λ(2)", id="all"),
        pytest.param(loops(2, 0, 3), 1, "Dimensions: T(2) x Z(3)", id="no positions"),
        pytest.param(loops(1, 3, 1), 1, "Dimensions: XY(3)", id="loops of one are left out"),
        pytest.param(loops(), 3, "Dimensions: λ(3)", id="channels alone"),
        pytest.param(loops(1), 1, None, id="single frame"),
    ],
)
def test_the_description_begins_with_the_line_of_sizes(
    experiment: Experiment, channel_count: int, expected: str | None
) -> None:
    picture = Picture(channels=channels(channel_count))
    text = text_items(TextInfo(description="a\nb"), experiment, picture)["TextInfoItem_5"]
    assert isinstance(text, str)
    lines = text.split("\r\n")
    assert lines[0] == (expected or "Number of Picture Planes: 1")
    assert text.endswith("a\r\nb\r\n")
    assert "\n" not in text.replace("\r\n", "")


def test_text_of_the_user_is_not_taken_for_the_line_of_sizes() -> None:
    picture = Picture(channels=(Channel(name="a\r\nDimensions: T(9)"),))
    info = TextInfo(description="one\nDimensions: T(7)\r\nDimensions:")
    text = text_items(info, loops(2), picture)["TextInfoItem_5"]
    assert isinstance(text, str)
    starts = [line for line in text.split("\r\n") if line.startswith("Dimensions:")]
    assert starts == ["Dimensions: T(2)"]


def test_the_date_is_that_of_the_start_in_local_time() -> None:
    started = datetime(2024, 4, 22, 23, 5, 9, tzinfo=UTC)
    picture = Picture(channels=(DAPI,), started=started)
    date = text_items(TextInfo(), loops(), picture)["TextInfoItem_9"]
    local = started.astimezone().replace(tzinfo=None)
    assert isinstance(date, str)
    assert datetime.strptime(date, "%m/%d/%Y  %H:%M:%S") == local
    assert text_items(TextInfo(), loops(), Picture(channels=(DAPI,)))["TextInfoItem_9"] == ""


@quick
@given(software=st.text("abc <>&\"'é😀0."), sources_digest=st.text("0123456789abcdef"))
def test_provenance_reads_back(software: str, sources_digest: str) -> None:
    value = Provenance(software=software, sources_digest=sources_digest)
    assert Provenance.decode(value.encode()) == value
