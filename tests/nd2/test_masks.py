"""Mask layers: as nd2 and the vendor's reader see them, stored bytes, round trips, damage."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from nd2watch.errors import FormatError
from nd2watch.nd2 import Nd2Writer, Picture
from nd2watch.nd2.mask_codec import MAX_LABEL, decode_mask, encode_mask
from nd2watch.nd2.masks import (
    LAYERS,
    MaskLayer,
    decode_layers,
    encode_layers,
    mask_chunk_name,
    mask_tag,
)
from tests.nd2.builders import attributes_of, channels, frame_metadata, loops, quick, random_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from tests.oracles import VendorSdk

    Labels = npt.NDArray[np.generic]

SHAPE = (31, 45)
FRAMES = random_frames((6, *SHAPE, 2))
CHANNELS = ("DAPI", "GFP")
LAYERS_OF_FILE = (
    MaskLayer(name="cells", color=0x0000FF, channel="GFP"),
    MaskLayer(name='Zellkerne µ 😀 <&"\n>', color=0x123456),
    MaskLayer(name="never drawn"),
)


def labels(seed: int, *, most: int = MAX_LABEL, share: float = 0.3) -> Labels:
    """Return a label image with this share of its pixels in objects."""
    random = np.random.default_rng(seed)
    image = random.integers(1, most + 1, SHAPE) * (random.random(SHAPE) < share)
    return image.astype(np.uint16)


MASKS: dict[tuple[int, int], Labels] = {
    (0, 0): labels(0),
    (0, 3): labels(1, most=3, share=0.9),
    (0, 5): np.full(SHAPE, MAX_LABEL, np.uint16),
    (1, 1): np.zeros(SHAPE, np.uint8),
    (1, 4): labels(2, most=1).astype(bool),
}
"""Masks by layer and frame."""


def write(path: Path, layers: tuple[MaskLayer, ...], masks: Mapping[tuple[int, int], Any]) -> Path:
    chunks = {LAYERS: encode_layers(layers, CHANNELS)}
    for (layer, frame), image in masks.items():
        chunks[mask_chunk_name(mask_tag(layer), frame)] = encode_mask(image, SHAPE)
    experiment = loops(times=2, positions=3)
    with Nd2Writer(
        path,
        attributes_of(FRAMES),
        experiment=experiment,
        picture=Picture(channels=channels(2)),
        custom_chunks=chunks,
    ) as writer:
        for frame, row in zip(FRAMES, frame_metadata(experiment), strict=True):
            writer.write_frame(frame, row)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of three layers."""
    return write(tmp_path_factory.mktemp("masks") / "file.nd2", LAYERS_OF_FILE, MASKS)


@pytest.fixture(scope="module")
def seen(path: Path) -> nd2.BinaryLayers:
    """Return what nd2 reads of it."""
    with nd2.ND2File(path) as file:
        assert file.binary_data is not None
        return file.binary_data


def test_nd2_reads_the_labels_of_every_layer_and_frame(seen: nd2.BinaryLayers) -> None:
    for layer in range(3):
        for frame in range(6):
            expected, found = MASKS.get((layer, frame)), seen[layer][frame]
            assert (found is None) == (expected is None)
            if expected is not None and found is not None:
                assert np.array_equal(found, expected)


def test_nd2_stacks_a_layer_by_the_loops(seen: nd2.BinaryLayers) -> None:
    stack = seen[0].asarray()
    assert stack is not None
    assert stack.shape == (2, 3, *SHAPE)
    assert np.array_equal(stack[1, 0], MASKS[0, 3])
    assert not stack[0, 1].any()


def test_nd2_reads_names_colours_and_channels(seen: nd2.BinaryLayers) -> None:
    assert [layer.name for layer in seen] == [layer.name for layer in LAYERS_OF_FILE]
    assert [layer.color for layer in seen] == [0xFF0000, 0x563412, 0x0000FF]  # red lowest
    assert [layer.comp_name for layer in seen] == ["GFP", None, None]
    assert [layer.state for layer in seen] == [0x80000, 0, 0]  # of a component
    assert [layer.layer_id for layer in seen] == [1, 2, 3]
    assert {layer.color_mode for layer in seen} == {0}


def test_the_vendors_reader_opens_a_file_with_masks(vendor_sdk: VendorSdk, path: Path) -> None:
    assert np.array_equal(vendor_sdk.read(path).frames, FRAMES)


def test_layers_keep_their_order_when_there_are_many(tmp_path: Path) -> None:
    layers = tuple(MaskLayer(name=f"layer {index}") for index in range(12))
    masks = {(index, 0): np.full(SHAPE, index + 1) for index in range(12)}
    with nd2.ND2File(write(tmp_path / "file.nd2", layers, masks)) as file:
        found = file.binary_data
    assert found is not None
    assert [layer.name for layer in found] == [layer.name for layer in layers]
    for index, layer in enumerate(found):
        assert layer[0] is not None
        assert (layer[0] == index + 1).all()


def test_layers_read_back_are_those_written() -> None:
    found = decode_layers(encode_layers(LAYERS_OF_FILE, CHANNELS))
    assert tuple(found.values()) == LAYERS_OF_FILE
    assert list(found) == [mask_tag(0), mask_tag(1), mask_tag(2)]
    assert decode_layers(encode_layers((), CHANNELS)) == {}


legal_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20
)


@quick
@given(
    names=st.lists(legal_text.filter(str.strip), unique=True, max_size=4),
    color=st.integers(0, 0xFFFFFF),
    channel=legal_text.filter(bool) | st.none(),
)
def test_any_layer_reads_back(names: list[str], color: int, channel: str | None) -> None:
    layers = [MaskLayer(name=name, color=color, channel=channel) for name in names]
    found = decode_layers(encode_layers(layers, [channel or ""]))
    assert list(found.values()) == layers


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: MaskLayer(name=" "), "no name", id="no name"),
        pytest.param(lambda: MaskLayer(name="a\0"), "U\\+0000", id="zero"),
        pytest.param(lambda: MaskLayer(name="a\x07"), "character U\\+0007", id="bell"),
        pytest.param(
            lambda: MaskLayer(name="a", channel="\uffff"), "character U\\+FFFF", id="ffff"
        ),
        pytest.param(lambda: MaskLayer(name="\ud800"), "not valid Unicode", id="half a pair"),
        pytest.param(lambda: MaskLayer(name="a", color=1 << 24), "not 0xRRGGBB", id="colour"),
        pytest.param(
            lambda: encode_layers([MaskLayer(name="a"), MaskLayer(name="a")], CHANNELS),
            "must differ in their names",
            id="twice",
        ),
        pytest.param(
            lambda: encode_layers([MaskLayer(name="a", channel="Cy5")], CHANNELS),
            "mask layer a belongs to channel Cy5, which is none of DAPI, GFP",
            id="no such channel",
        ),
        pytest.param(
            lambda: encode_mask(np.zeros((2, 3), int), (3, 2), "mask a of frame 4"),
            r"mask a of frame 4 has shape \(2, 3\), the frames have \(3, 2\)",
            id="shape",
        ),
        pytest.param(lambda: encode_mask(np.zeros((2, 3)), (2, 3)), "of float64", id="floats"),
        pytest.param(lambda: encode_mask([[0, 65536]], (1, 2)), "label 65536", id="too high"),
        pytest.param(lambda: encode_mask([[0, -1]], (1, 2)), "label -1", id="negative"),
    ],
)
def test_what_cannot_be_stored_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        build()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"<variant", "damaged XML", id="no XML"),
        pytest.param(b"<!DOCTYPE a><variant/>", "document type", id="document type"),
        pytest.param(
            b"<variant><BinaryMetadata_v1><BinaryItem/></BinaryMetadata_v1></variant>",
            "'' is no tag",
            id="no tag",
        ),
        pytest.param(
            encode_layers([MaskLayer(name="a"), MaskLayer(name="b")], ()).replace(b"_2_", b"_1_"),
            "is no tag of its own",
            id="tag twice",
        ),
        pytest.param(
            encode_layers([MaskLayer(name="a")], ()).replace(b'"255"', b'"red"'),
            "'red' is no colour",
            id="colour",
        ),
    ],
)
def test_damaged_layers_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_layers(data)


def test_a_layer_without_a_name_is_called_by_its_tag() -> None:
    stored = encode_layers([MaskLayer(name="nameless")], ()).replace(b"nameless", b"")
    assert decode_layers(stored) == {mask_tag(0): MaskLayer(name=mask_tag(0))}


def stream(data: bytes) -> tuple[int, ...]:
    """Return the words of a mask, whose first tells the size of the rest."""
    (size,) = struct.unpack_from("<I", data)
    words = zlib.decompress(data[4:])
    assert len(words) == size
    return struct.unpack(f"<{size // 4}I", words)


def test_a_mask_has_the_words_of_the_format() -> None:
    image = [[0, 7, 7, 0], [5, 0, 0, 7]]
    assert stream(encode_mask(image, (2, 4))) == (
        *(3, 4, 2, 2, 4 * 37, 4 * 20, 0),  # version, width, height, objects, bytes, last object
        *(5, 0, 1, 0, 1, 4 * 13, 1, 4 * 9, 0),  # label, box, bytes, rows, last row
        *(1, 1, 0, 1),  # Y, runs; X, length
        *(7, 1, 0, 3, 1, 4 * 17, 2, 4 * 13, 0),
        *(0, 1, 1, 2),
        *(1, 1, 3, 1),
    )


def test_an_object_is_described_as_nis_elements_does() -> None:
    image = np.zeros((32, 32), np.uint8)
    image[:11, [1, 3, 15]] = 1  # 11 rows of 3 runs, one of them with another
    image[4, 8:10] = 1
    image[11, 5:9] = 1
    words = stream(encode_mask(image, image.shape))
    assert words[7:16] == (1, 1, 0, 15, 11, 412, 12, 396, 0)  # as in a genuine file


def test_an_empty_mask_is_a_mask() -> None:
    data = encode_mask(np.zeros(SHAPE, bool), SHAPE)
    assert stream(data) == (3, SHAPE[1], SHAPE[0], 0, 28, 0, 0)
    found = decode_mask(data, SHAPE)
    assert found is not None
    assert not found.any()


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0"])
def test_data_without_a_stream_are_no_mask(data: bytes) -> None:
    assert decode_mask(data, SHAPE) is None


highest = st.sampled_from([1, 3, MAX_LABEL])
images = st.tuples(st.integers(1, 12), st.integers(1, 12), highest).flatmap(
    lambda size: stn.arrays(np.uint16, size[:2], elements=st.integers(0, size[2]))
)


@quick
@given(image=images, kind=st.sampled_from(["<u2", ">u2", "<i4", "<u8"]), turned=st.booleans())
def test_masks_read_back_are_those_written(image: Labels, kind: str, turned: bool) -> None:
    given_image = image.astype(kind)
    if turned:
        image, given_image = image.T, given_image.T
    found = decode_mask(encode_mask(given_image, image.shape), image.shape)
    assert found is not None
    assert found.dtype == np.uint16
    assert np.array_equal(found, image)


def assert_reads_back(image: Labels) -> None:
    found = decode_mask(encode_mask(image, image.shape), image.shape)
    assert found is not None
    assert np.array_equal(found, image)


def test_an_image_of_several_blocks_reads_back() -> None:
    random = np.random.default_rng(3)
    assert_reads_back(np.repeat(random.integers(0, 4, (2300, 50)), 50, axis=1).astype(np.uint8))


@pytest.mark.timeout(30)  # 64 million pixels; a loop over them takes longer
def test_a_large_mask_takes_no_time_for_each_pixel() -> None:
    image = np.zeros((8000, 8000), np.uint16)
    image[1000:7000, 1000:7000] = np.kron(np.arange(1, 3601).reshape(60, 60), np.ones((100, 100)))
    assert_reads_back(image)


def packed(*words: int) -> bytes:
    raw = struct.pack(f"<{len(words)}I", *words)
    return struct.pack("<I", len(raw)) + zlib.compress(raw)


def one_object(*rows: int, label: int = 1, row_count: int = 1, version: int = 3) -> bytes:
    """Return a mask of 4 x 3 pixels with an object of these words."""
    return packed(version, 4, 3, 1, 0, 0, 0, label, 0, 0, 0, 0, 0, row_count, 0, 0, *rows)


def test_labels_above_16_bits_are_read() -> None:
    found = decode_mask(one_object(1, 1, 2, 2, label=70_000), (3, 4))
    assert found is not None
    assert found.dtype == np.uint32
    assert found.tolist() == [[0] * 4, [0, 0, 70_000, 70_000], [0] * 4]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\0\0\0\0\1", "damaged", id="no zlib"),
        pytest.param(one_object(1, 1, 2, 2)[:-3], "cut short", id="cut"),
        pytest.param(packed(3, 4), "damaged", id="no header"),
        pytest.param(packed(3, 5, 3, 0, 28, 0, 0), r"\(3, 5\) is not that", id="other shape"),
        pytest.param(one_object(version=2), "version 2", id="version"),
        pytest.param(packed(3, 4, 3, 2**32 - 1, 0, 0, 0), "damaged", id="objects that are not"),
        pytest.param(one_object(row_count=2**32 - 1), "damaged", id="rows that are not"),
        pytest.param(one_object(1, 2**32 - 1), "last row is cut short", id="runs that are not"),
        pytest.param(one_object(1, 1, 2), "last row is cut short", id="half a run"),
        pytest.param(one_object(3, 1, 0, 1), "outside of the frame", id="row outside"),
        pytest.param(one_object(1, 1, 2, 3), "outside of the frame", id="run too long"),
        pytest.param(one_object(1, 1, 2**32 - 1, 2), "outside of the frame", id="run wraps"),
        pytest.param(one_object(1, 2, 0, 2, 1, 2), "objects overlap", id="overlap"),
    ],
)
def test_damaged_masks_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_mask(data, (3, 4))


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = b"\0\0\0\0" + zlib.compress(bytes(1 << 26))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="holds more than"):
            decode_mask(bomb, (100, 100))
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


CHUNK = encode_mask(labels(5, most=4), SHAPE)
RAW = zlib.decompress(CHUNK[4:])


@pytest.mark.timeout(60)
@quick
@given(at=st.integers(0, len(RAW) - 1), junk=st.binary(min_size=1, max_size=9))
def test_damaged_bytes_raise_nothing_but_a_format_error(at: int, junk: bytes) -> None:
    raw = RAW[:at] + junk + RAW[at + len(junk) :]
    packed_again = b"\0\0\0\0" + zlib.compress(raw)
    cut = b"\0\0\0\0" + zlib.compress(RAW[:at])
    for data in (packed_again, cut, CHUNK[: at + 5] + junk + CHUNK[at + 6 :], junk):
        try:
            decode_mask(data, SHAPE)
        except FormatError:
            continue
