"""Image attributes under limnd2's names."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nd2watch
import nd2watch.attributes
import nd2watch.nd2
from nd2watch.errors import FormatError
from nd2watch.tools.attributes import ImageAttributes

if TYPE_CHECKING:
    from pathlib import Path


def create(**changes: Any) -> ImageAttributes:
    values = {"width": 5, "height": 3, "component_count": 2, "bits": 12, "sequence_count": 7}
    return ImageAttributes.create(**{**values, **changes})


@pytest.mark.parametrize(
    ("bits", "dtype"),
    [
        (1, "uint8"),
        (8, "uint8"),
        (9, "uint16"),
        (12, "uint16"),
        (16, "uint16"),
        (32, "float32"),
    ],
)
def test_bits_are_stored_in_the_least_type_that_holds_them(bits: int, dtype: str) -> None:
    attributes = create(bits=bits)
    assert attributes.dtype == np.dtype(dtype)
    assert attributes.uiBpcInMemory == 8 * np.dtype(dtype).itemsize
    assert attributes.uiBpcSignificant == bits


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 0}, "samples of 0 bits"),
        ({"bits": 24}, "24 significant bits do not fit float32"),
        ({"bits": 64}, "64 bits a sample cannot be stored"),
        ({"bits": 12.5}, "bits is 12.5; it must be a whole number"),
        ({"bits": "16"}, "bits is '16'; it must be a whole number"),
        ({"bits": None}, "bits is None; it must be a whole number"),
        ({"width": "5"}, "width is '5'; it must be a whole number"),
        ({"height": None}, "height is None; it must be a whole number"),
        ({"component_count": [2]}, r"component_count is \[2\]; it must be a whole number"),
        ({"sequence_count": 2.0}, "sequence_count is 2.0; it must be a whole number"),
        ({"width": 0}, "width is 0"),
        ({"sequence_count": 0}, "frame_count is 0"),
    ],
)
def test_what_cannot_be_stored_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        create(**changes)


def test_each_value_has_limnd2s_name() -> None:
    attributes = create()
    assert (attributes.uiWidth, attributes.uiHeight) == (attributes.width, attributes.height)
    assert (attributes.width, attributes.height) == (5, 3)
    assert attributes.uiComp == attributes.componentCount == 2
    assert attributes.uiSequenceCount == attributes.frameCount == 7
    assert attributes.uiWidthBytes == attributes.widthBytes == 20
    assert attributes.imageBytes == 60
    assert attributes.shape == (3, 5, 2)


def test_rows_are_padded_to_4_bytes() -> None:
    attributes = create(component_count=1, bits=8)
    assert (attributes.uiWidthBytes, attributes.imageBytes) == (8, 24)


@pytest.fixture
def core() -> nd2watch.nd2.ImageAttributes:
    """Attributes of the values of `create`, as the writer has them."""
    return nd2watch.nd2.ImageAttributes(
        width=5, height=3, component_count=2, bits_significant=12, frame_count=7
    )


def test_they_equal_those_of_the_writer_of_the_same_values(
    core: nd2watch.nd2.ImageAttributes,
) -> None:
    named = create()
    assert named == core
    assert core == named
    assert len({named, core, create()}) == 1


@pytest.mark.parametrize("change", [{"width": 6}, {"bits_significant": 16}, {"zlib_level": 6}])
def test_they_differ_from_those_of_other_values(
    core: nd2watch.nd2.ImageAttributes, change: dict[str, int]
) -> None:
    named = dataclasses.replace(create(), **change)
    assert named != core
    assert core != named
    assert named != create()
    assert named == dataclasses.replace(core, **change)


def test_they_are_no_other_value() -> None:
    assert create() != dataclasses.astuple(create())
    assert create() is not None


def test_they_are_copied_and_pickled() -> None:
    named = create()
    for again in (copy.deepcopy(named), pickle.loads(pickle.dumps(named))):
        assert type(again) is ImageAttributes
        assert again == named


def test_a_file_is_written_with_them(tmp_path: Path) -> None:
    attributes = create(sequence_count=1)
    with nd2watch.Nd2Writer(tmp_path / "a.nd2", attributes) as writer:
        writer.write_frame(np.zeros(attributes.shape, attributes.dtype))
    with nd2watch.Nd2Reader(tmp_path / "a.nd2") as reader:
        assert reader.attributes == attributes
        assert attributes == reader.attributes


def test_they_are_found_where_limnd2_has_them() -> None:
    assert nd2watch.attributes.ImageAttributes is ImageAttributes
    assert nd2watch.ImageAttributes is ImageAttributes
    assert issubclass(ImageAttributes, nd2watch.nd2.ImageAttributes)


def test_those_of_the_package_are_constructed_too() -> None:
    attributes = nd2watch.ImageAttributes(width=5, height=3, bits_in_memory=8, zlib_level=6)
    assert (attributes.uiWidth, attributes.uiBpcSignificant, attributes.zlib_level) == (5, 8, 6)
