"""The lite variant encoding: golden bytes, round trips, damage."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import (
    MAX_DEPTH,
    Bool,
    Double,
    Int32,
    Int64,
    UInt32,
    UInt64,
    Value,
    decode,
    encode,
    get,
)
from tests.nd2.builders import quick

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

# Each line: type, length of the name with its zero, name, zero, value.
GOLDEN: list[tuple[str, str, Item, str]] = [
    ("bool", "b", Bool(True), "01 02 6200 0000 01"),
    ("int32", "i", Int32(-2), "02 02 6900 0000 feffffff"),
    ("uint32", "u", UInt32(0x12345678), "03 02 7500 0000 78563412"),
    ("int64", "q", Int64(-2), "04 02 7100 0000 feffffffffffffff"),
    ("uint64", "Q", UInt64(2**63), "05 02 5100 0000 0000000000000080"),
    ("double", "d", Double(1.5), "06 02 6400 0000 000000000000f83f"),
    ("string", "s", "A", "08 02 7300 0000 4100 0000"),
    ("empty string", "s", "", "08 02 7300 0000 0000"),
    ("beyond 16 bits", "s", "😀", "08 02 7300 0000 3dd8 00de 0000"),
    ("name beyond 16 bits", "😀", "", "08 03 3dd8 00de 0000 0000"),
    ("bytes", "y", b"\x01\x02\x03", "09 02 7900 0000 0300000000000000 010203"),
    ("no name", "", Bool(False), "01 00 00"),
    ("empty level", "L", {}, "0b 02 4c00 0000 00000000 1200000000000000"),
    (
        "list of one",
        "L",
        [Bool(True)],
        # 18 bytes before the child, 3 bytes of child: length 21, child at 18
        "0b 02 4c00 0000 01000000 1500000000000000 01 00 01 1200000000000000",
    ),
    (
        "level with the table in the order of names",
        "L",
        {"b": Bool(True), "a": UInt32(7)},
        "0b 02 4c00 0000 02000000 2300000000000000"
        "01 02 6200 0000 01"  # at 18
        "03 02 6100 0000 07000000"  # at 25, ends at 35
        "1900000000000000 1200000000000000",
    ),
]


@pytest.mark.parametrize(
    ("name", "item", "expected"), [row[1:] for row in GOLDEN], ids=[row[0] for row in GOLDEN]
)
def test_items_have_the_bytes_of_the_format(name: str, item: Item, expected: str) -> None:
    assert encode(name, item).hex() == bytes.fromhex(expected).hex()


@pytest.mark.parametrize("hexed", [row[3] for row in GOLDEN], ids=[row[0] for row in GOLDEN])
def test_every_cut_of_an_item_is_refused(hexed: str) -> None:
    whole = bytes.fromhex(hexed)
    for length in range(len(whole)):
        with pytest.raises(FormatError):
            decode(whole[:length])


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("😀𝄞é\uffff\ud7ff"),
    max_size=40,
)
names = texts.filter(lambda text: 0 < units(text) <= 254)
numbers: st.SearchStrategy[Value] = st.one_of(
    st.builds(Bool, st.booleans()),
    st.builds(Int32, st.integers(-(2**31), 2**31 - 1)),
    st.builds(UInt32, st.integers(0, 2**32 - 1)),
    st.builds(Int64, st.integers(-(2**63), 2**63 - 1)),
    st.builds(UInt64, st.integers(0, 2**64 - 1)),
    st.builds(Double, st.floats(allow_nan=False)),
)
leaves: st.SearchStrategy[Item] = st.one_of(numbers, texts, st.binary(max_size=40))
items: st.SearchStrategy[Item] = st.recursive(
    leaves,
    lambda children: (
        st.dictionaries(names, children, max_size=5) | st.lists(children, min_size=1, max_size=5)
    ),
    max_leaves=20,
)


def plain(item: Item) -> Plain:
    """Return what decoding is to give: numbers without their stored type."""
    if isinstance(item, Value):
        return item.value
    if isinstance(item, str | bytes):
        return item
    if isinstance(item, dict):
        return {name: plain(child) for name, child in item.items()}
    assert isinstance(item, list)
    return [plain(child) for child in item]


@quick
@given(name=texts.filter(lambda text: units(text) <= 254), item=items)
def test_decoding_gives_what_was_encoded(name: str, item: Item) -> None:
    found_name, found = decode(encode(name, item))
    assert found_name == name
    assert found == plain(item)


@quick
@given(item=st.dictionaries(names, leaves, max_size=3), cut=st.floats(0, 1, exclude_max=True))
def test_a_cut_tree_is_refused(item: Item, cut: float) -> None:
    whole = encode("root", item)
    with pytest.raises(FormatError):
        decode(whole[: int(cut * len(whole))])


@quick
@given(tree=st.dictionaries(names, leaves, min_size=1, max_size=8))
def test_offsets_lead_to_the_children_in_the_order_of_their_names(tree: dict[str, Item]) -> None:
    data = encode("root", tree)
    table = len(data) - 8 * len(tree)
    offsets = struct.unpack(f"<{len(tree)}Q", data[table:])
    decoded = [decode(data[offset:table])[0] for offset in offsets]
    assert decoded == sorted(tree, key=lambda name: name.encode("utf-16-le"))
    (length,) = struct.unpack_from("<Q", data, 2 + 2 * len("root\0") + 4)
    assert length == table


def test_offsets_of_an_inner_level_count_from_that_level() -> None:
    inner: Item = {"z": UInt32(1), "a": "text"}
    data = encode("root", {"first": Double(0.0), "inner": inner})
    start = data.index(encode("inner", inner))
    part = data[start : start + len(encode("inner", inner))]
    at_a, at_z = struct.unpack("<2Q", part[-16:])
    assert decode(part[at_a:]) == ("a", "text")
    assert decode(part[at_z:]) == ("z", 1)


def test_an_empty_list_reads_as_an_empty_level() -> None:
    assert decode(encode("list", [])) == ("list", {})


def test_a_name_of_a_closing_zero_alone_reads_as_no_name() -> None:
    assert decode(bytes.fromhex("01 01 0000 01")) == ("", True)
    listing = "0b 02 4c00 0000 01000000 1700000000000000 01 01 0000 01 1200000000000000"
    assert decode(bytes.fromhex(listing)) == ("L", [True])


def test_what_follows_the_item_is_not_read() -> None:
    assert decode(encode("n", UInt32(3)) + b"\xff" * 9) == ("n", 3)


@pytest.mark.parametrize(
    ("name", "item", "message"),
    [
        pytest.param("a\0b", "", r"U\+0000", id="zero in a name"),
        pytest.param("note", "a\0b", r"note holds the character U\+0000", id="zero in a string"),
        pytest.param("n" * 255, "", "longer than 254", id="name too long"),
        pytest.param("😀" * 128, "", "longer than 254", id="name of too many units"),
        pytest.param("s", "\ud800", "not valid Unicode", id="half a surrogate pair"),
        pytest.param("\udfff", "", "not valid Unicode", id="half a pair in a name"),
        pytest.param("n", Int32(2**31), "does not fit Int32", id="int32 too large"),
        pytest.param("n", Int32(-(2**31) - 1), "does not fit Int32", id="int32 too small"),
        pytest.param("n", UInt32(-1), "does not fit UInt32", id="uint32 negative"),
        pytest.param("n", UInt32(2**32), "does not fit UInt32", id="uint32 too large"),
        pytest.param("n", UInt64(2**64), "does not fit UInt64", id="uint64 too large"),
        pytest.param("n", Int64(2**63), "does not fit Int64", id="int64 too large"),
        pytest.param("n", Bool(256), "does not fit Bool", id="bool too large"),
        pytest.param("n", Int32(float("nan")), "does not fit Int32", id="nan as integer"),
        pytest.param("n", UInt32(float("inf")), "does not fit UInt32", id="inf as integer"),
        pytest.param("n", Double(10**400), "does not fit Double", id="double too large"),
        pytest.param("n", {"deep": [UInt32(-1)]}, "does not fit", id="inside a tree"),
    ],
)
def test_what_cannot_be_stored_is_refused(name: str, item: Item, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        encode(name, item)


@pytest.mark.parametrize("name", ["n" * 254, "😀" * 127], ids=["plain", "beyond 16 bits"])
def test_a_name_of_254_units_is_stored(name: str) -> None:
    assert decode(encode(name, UInt32(1))) == (name, 1)


@pytest.mark.parametrize("code", [0, 7, 10, 12, 76, 255])
def test_a_type_that_is_not_read_is_refused(code: int) -> None:
    with pytest.raises(FormatError, match=f"unknown type {code}"):
        decode(bytes([code, 1, 0, 0]) + bytes(16))


def test_nesting_deeper_than_any_real_file_is_refused() -> None:
    def nested(depth: int) -> bytes:
        item: Item = UInt32(1)
        for _ in range(depth):
            item = {"x": item}
        return encode("root", item)

    assert decode(nested(MAX_DEPTH))
    with pytest.raises(FormatError, match="too deeply"):
        decode(nested(MAX_DEPTH + 1))


def _level(count: int, length: int, children: bytes = b"", table: bytes = b"") -> bytes:
    return bytes.fromhex("0b 01 0000") + struct.pack("<IQ", count, length) + children + table


@pytest.mark.timeout(3)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_level(2, 21, b"\x01\x01\0\0\x01", bytes(16)), id="more items than there are"),
        pytest.param(_level(1, 2**64 - 1, b"\x01\x01\0\0\x01", bytes(8)), id="length beyond end"),
        pytest.param(_level(2**32 - 1, 16), id="count without items"),
        pytest.param(_level(1, 32, _level(0, 0), bytes(8)), id="length before its own start"),
    ],
)
def test_a_level_that_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode(data)


@pytest.mark.timeout(30)
@quick
@given(data=st.binary(max_size=200))
@example(data=b"\x08\x01\0\0a")
@example(data=b"\x08\x01\0\0\0\xd8\0\0")
@example(data=b"\x09\x01\0\0" + b"\xff" * 8)
def test_random_bytes_raise_nothing_but_a_format_error(data: bytes) -> None:
    _decode_or_refuse(data)


TREE = encode(
    "root",
    {"n": UInt32(1), "text": "some text", "raw": b"raw", "list": [Int32(1), {"x": Double(1)}]},
)


@pytest.mark.timeout(30)
@quick
@given(at=st.integers(0, len(TREE) - 1), value=st.integers(0, 255))
def test_one_wrong_byte_raises_nothing_but_a_format_error(at: int, value: int) -> None:
    _decode_or_refuse(TREE[:at] + bytes([value]) + TREE[at + 1 :])


def _decode_or_refuse(data: bytes) -> None:
    try:
        decode(data)
    except FormatError:
        return


@pytest.mark.parametrize(
    ("tree", "name", "kind"),
    [
        pytest.param({"a": 1}, "b", int, id="missing"),
        pytest.param({"a": 1}, "a", str, id="another kind"),
        pytest.param({"a": 1.5}, "a", int, id="fraction for an integer"),
        pytest.param([1], "a", int, id="list"),
        pytest.param(1, "a", int, id="no level"),
    ],
)
def test_get_refuses_what_is_not_there(tree: Plain, name: str, kind: type) -> None:
    with pytest.raises(FormatError, match=f"no {kind.__name__} named {name}"):
        get(tree, name, kind)


def test_get_takes_an_integer_for_a_float() -> None:
    value = get({"a": 3}, "a", float)
    assert value == 3.0
    assert isinstance(value, float)
