"""Files that are written from images and values in any order."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nd2watch
from nd2watch import ImageAttributes
from nd2watch.errors import FormatError, OutputExists
from nd2watch.experiment_factory import ExperimentFactory
from nd2watch.nd2 import (
    Channel,
    MaskLayer,
    Nd2Reader,
    Picture,
    Provenance,
    StagePosition,
    TextInfo,
    XYPosLoop,
)
from nd2watch.nd2 import Nd2Writer as InOrderWriter
from nd2watch.tools.writer import Nd2Writer, WriterOptions
from tests.nd2.builders import random_frames, slow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk

FRAMES = random_frames((6, 5, 7, 2), np.uint8)
ATTRIBUTES = ImageAttributes.create(width=7, height=5, component_count=2, bits=8, sequence_count=6)
LOOPS = ExperimentFactory(t={"count": 3, "step": 150}, z={"count": 2, "step": 100})()
PICTURE = Picture(channels=(Channel(name="A", color=0x0000FF), Channel(name="B")))
PROVENANCE = Provenance(software="camera 1.0", sources_digest="")


def fill(writer: Nd2Writer, **changes: Any) -> None:
    """Set all that a file needs, but what is changed."""
    values = {"imageAttributes": ATTRIBUTES, "experiment": LOOPS, "pictureMetadata": PICTURE}
    for name, value in {**values, **changes}.items():
        setattr(writer, name, value)
    for number, frame in enumerate(FRAMES):
        writer.setImage(number, frame)


def frames_of(path: Path) -> np.ndarray[Any, Any]:
    """Return the frames that the own reader sees."""
    with Nd2Reader(path) as reader:
        return np.stack([reader.read_frame(n) for n in range(reader.attributes.frame_count)])


@slow
@given(steps=st.permutations(["attributes", "experiment", "picture", *range(6)]))
def test_values_and_images_are_set_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.nd2"
    with Nd2Writer(path) as writer:
        for step in steps:
            if isinstance(step, int):
                writer.setImage(step, FRAMES[step])
            elif step == "attributes":
                writer.imageAttributes = ATTRIBUTES
            elif step == "experiment":
                writer.experiment = LOOPS
            else:
                writer.pictureMetadata = PICTURE
    assert writer.size == path.stat().st_size
    with Nd2Reader(path) as reader:
        assert reader.attributes == ATTRIBUTES
        assert reader.sizes == {"T": 3, "Z": 2, "C": 2, "Y": 5, "X": 7}
        assert reader.picture == PICTURE
    assert np.array_equal(frames_of(path), FRAMES)


def test_other_readers_agree(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    with Nd2Writer(path) as writer:
        fill(writer)
    with nd2.ND2File(path) as file:
        assert dict(file.sizes) == {"T": 3, "Z": 2, "C": 2, "Y": 5, "X": 7}
        pixels = file.asarray().reshape(6, 2, 5, 7)
    assert np.array_equal(pixels.transpose(0, 2, 3, 1), FRAMES)
    view = vendor_sdk.read(path)
    assert view.loops == [("TimeLoop", 3), ("ZStackLoop", 2)]
    assert np.array_equal(np.stack(view.frames), FRAMES)


def test_a_file_needs_only_attributes_and_images(tmp_path: Path) -> None:
    attributes = ImageAttributes(width=7, height=5)
    frame = random_frames((5, 7))
    with Nd2Writer(tmp_path / "new" / "a.nd2") as writer:
        writer.setImage(0, frame)
        writer.imageAttributes = attributes
    with Nd2Reader(tmp_path / "new" / "a.nd2") as reader:
        assert reader.picture == Picture.numbered(1)
        assert reader.sizes == {"C": 1, "Y": 5, "X": 7}
        assert np.array_equal(reader.read_frame(0)[:, :, 0], frame)


def test_without_loops_each_image_is_a_position(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    with Nd2Writer(path) as writer:
        fill(writer, experiment=None)
        assert writer.experiment is None
    with Nd2Reader(path) as reader:
        assert reader.sizes == {"P": 6, "C": 2, "Y": 5, "X": 7}
        assert reader.experiment.loops == (XYPosLoop(positions=(StagePosition(),) * 6),)
    assert np.array_equal(frames_of(path), FRAMES)
    assert vendor_sdk.read(path).loops == [("XYPosLoop", 6)]


def test_an_image_that_is_set_again_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    with Nd2Writer(path) as writer:
        writer.setImage(2, FRAMES[0].astype(np.float64))
        fill(writer)
        writer.setImage(2, np.zeros_like(FRAMES[2]))
        writer.setImage(np.int64(4), FRAMES[5])
    seen = frames_of(path)
    assert not seen[2].any()
    assert np.array_equal(seen[[0, 1, 3, 4, 5]], FRAMES[[0, 1, 3, 5, 5]])


def test_images_of_other_types_and_layouts_are_stored_exactly(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    with Nd2Writer(path) as writer:
        fill(writer)
        writer.setImage(0, FRAMES[0].astype(">i8"))
        writer.setImage(1, np.asfortranarray(FRAMES[1]))
        writer.setImage(2, FRAMES[2].tolist())
        writer.setImage(3, np.ma.masked_array(FRAMES[3]))
    assert np.array_equal(frames_of(path), FRAMES)


def test_none_changes_nothing(tmp_path: Path) -> None:
    writer = Nd2Writer(tmp_path / "a.nd2")
    values: list[object] = [writer.imageAttributes, writer.experiment, writer.pictureMetadata]
    assert values == [None, None, None]
    with writer:
        fill(writer)
        writer.imageAttributes = writer.experiment = writer.pictureMetadata = None
        assert writer.imageAttributes == ATTRIBUTES
        assert writer.experiment == LOOPS
        assert writer.pictureMetadata == PICTURE
    assert np.array_equal(frames_of(tmp_path / "a.nd2"), FRAMES)


def test_options_are_those_of_the_writer_in_order(tmp_path: Path) -> None:
    options = inspect.signature(InOrderWriter).parameters.keys() - {"path", "attributes"}
    assert WriterOptions.__annotations__.keys() == options
    path = tmp_path / "a.nd2"
    text = TextInfo(author="Ada")
    with Nd2Writer(path, experiment=LOOPS, picture=PICTURE, text_info=text) as writer:
        fill(writer, experiment=None, pictureMetadata=None)
        writer.set_provenance(PROVENANCE)
    with Nd2Reader(path) as reader:
        assert reader.text_info.author == "Ada"
        assert reader.provenance == PROVENANCE


def test_without_a_block_the_file_is_completed_by_finalize(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    writer = Nd2Writer(path)
    for number, frame in enumerate(FRAMES):
        writer.setImage(number, frame)
    with pytest.raises(FormatError, match="imageAttributes is not set"):
        writer.finalize()
    writer.imageAttributes = ATTRIBUTES
    writer.finalize()
    writer.finalize()
    assert np.array_equal(frames_of(path), FRAMES)


def test_a_block_can_be_completed_early(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "a.nd2") as writer:
        fill(writer)
        writer.finalize()
        assert writer.size == (tmp_path / "a.nd2").stat().st_size
        with pytest.raises(FormatError, match="is closed; setImage comes too late"):
            writer.setImage(0, FRAMES[0])
    with pytest.raises(FormatError, match="a writer writes once"), writer:
        pass


def test_attributes_can_be_stated_for_the_images_first(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    first = ImageAttributes.create(width=7, height=5, component_count=2, bits=8, sequence_count=1)
    with Nd2Writer(path, chunker_kwargs={"with_image_attributes": first}) as writer:
        for number, frame in enumerate(FRAMES):
            writer.setImage(number, frame)
        with pytest.raises(FormatError, match="image 0 has shape"):
            writer.setImage(0, FRAMES[0, 1:])
        writer.imageAttributes = ATTRIBUTES
        writer.experiment = LOOPS
    assert np.array_equal(frames_of(path), FRAMES)


def test_images_are_not_kept_in_memory(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "a.nd2") as writer:
        fill(writer)
        assert list(tmp_path.iterdir()) == []  # the file has no name
        assert not any(isinstance(value, np.ndarray) for value in vars(writer).values())


@pytest.mark.parametrize(
    ("leave", "message"),
    [
        ({"imageAttributes"}, "a.nd2 cannot be written: imageAttributes is not set"),
        ({0, 4}, "of 6 images these are not set: 0, 4$"),
        (set(range(6)), "these are not set: 0, 1, 2, 3, 4, 5$"),
        ({2, "experiment"}, "of 6 images these are not set: 2$"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(
    tmp_path: Path, leave: set[str | int], message: str
) -> None:
    def write() -> None:
        with Nd2Writer(tmp_path / "a.nd2") as writer:
            if "imageAttributes" not in leave:
                writer.imageAttributes = ATTRIBUTES
            if "experiment" not in leave:
                writer.experiment = LOOPS
            for number in set(range(6)) - leave:
                writer.setImage(number, FRAMES[number])

    with pytest.raises(FormatError, match=message):
        write()
    assert list(tmp_path.iterdir()) == []


def test_of_many_missing_images_the_first_are_listed(tmp_path: Path) -> None:
    many = ImageAttributes(width=7, height=5, frame_count=2**31 - 1)
    writer = Nd2Writer(tmp_path / "a.nd2")
    writer.imageAttributes = many
    with pytest.raises(FormatError, match=r"0, 1, 2, .* 19, \.\.\.$"):
        writer.finalize()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imageAttributes": ImageAttributes(width=7, height=5, frame_count=6)}, "image 0 has sha"),
        ({"experiment": ExperimentFactory(t=4)()}, "make 4 frames, the attributes say 6"),
        ({"pictureMetadata": Picture.numbered(3)}, "channels of 3 components cannot describe 2"),
        (
            {
                "imageAttributes": ImageAttributes(
                    width=7, height=5, component_count=2, bits_in_memory=8, frame_count=5
                )
            },
            "says 5 frames, but these images are set too: 5",
        ),
        ({"imageAttributes": 5}, "imageAttributes is set to 5; it must be ImageAttributes"),
        ({"experiment": "timeloop"}, "experiment is set to 'timeloop'; it must be Experiment"),
        ({"pictureMetadata": {}}, "pictureMetadata is set to {}; it must be Picture"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormatError, match=message), Nd2Writer(tmp_path / "a.nd2") as writer:
        fill(writer, **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("known", [True, False], ids=["attributes known", "not yet"])
@pytest.mark.parametrize(
    ("number", "image", "message"),
    [
        (-1, FRAMES[0], "there is no image -1"),
        (0, FRAMES[0].astype(complex), "complex128 pixels cannot be stored"),
        (0, np.ma.masked_equal(FRAMES[0], FRAMES[0, 0, 0, 0]), "image 0 has masked pixels"),
        (0, [["a"]], "pixels cannot be stored|image 0 has shape"),
    ],
)
def test_an_image_that_cannot_be_stored_is_refused_at_once(
    tmp_path: Path, known: bool, number: int, image: Any, message: str
) -> None:
    writer = Nd2Writer(tmp_path / "a.nd2")
    if known:
        writer.imageAttributes = ATTRIBUTES
    with pytest.raises(FormatError, match=message):
        writer.setImage(number, image)


def test_values_beyond_the_type_are_refused(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "a.nd2") as writer:
        fill(writer)
        with pytest.raises(FormatError, match=r"value 256 at .* of uint16 is no uint8"):
            writer.setImage(3, np.full((5, 7, 2), 256, np.uint16))


def test_an_existing_file_is_replaced_only_when_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists, match=r"exists already; .*replace=True"):
        Nd2Writer(path)
    assert path.read_bytes() == b"old"
    with Nd2Writer(path, replace=True) as writer:
        fill(writer)
        assert path.read_bytes() == b"old"
    assert np.array_equal(frames_of(path), FRAMES)


def test_leaving_the_block_by_an_exception_writes_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with Nd2Writer(tmp_path / "a.nd2") as writer:
            fill(writer)
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_with_attributes_it_is_the_writer_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    layer = MaskLayer(name="Cells")
    options: dict[str, Any] = {"picture": PICTURE, "mask_layers": (layer,)}
    with Nd2Writer(path, ATTRIBUTES, experiment=LOOPS, **options) as writer:
        assert isinstance(writer, InOrderWriter)
        assert writer.imageAttributes == ATTRIBUTES
        assert (writer.experiment, writer.pictureMetadata) == (LOOPS, PICTURE)
        for frame in FRAMES[:5]:
            writer.write_frame(frame)
        with writer.tiles() as tiles:
            tiles.write(0, 0, FRAMES[5])
        writer.write_mask("Cells", 0, np.ones((5, 7), np.uint8))
        writer.set_provenance(PROVENANCE)
        for name, value in (("experiment", LOOPS), ("imageAttributes", ATTRIBUTES)):
            with pytest.raises(FormatError, match=f"{name} is for a writer made as"):
                setattr(writer, name, value)
        with pytest.raises(FormatError, match="setImage is for a writer made as"):
            writer.setImage(0, FRAMES[0])
        writer.finalize()
        assert path.exists()
    assert np.array_equal(frames_of(path), FRAMES)
    with nd2watch.Nd2Writer.append(path, 1) as grown:
        grown.write_frame(FRAMES[0])
        grown.write_frame(FRAMES[1])
    assert np.array_equal(frames_of(path), FRAMES[[0, 1, 2, 3, 4, 5, 0, 1]])


def test_without_attributes_frames_are_not_written_in_order(tmp_path: Path) -> None:
    with Nd2Writer(tmp_path / "a.nd2") as writer:
        fill(writer)
        with pytest.raises(FormatError, match="takes images by setImage; make it as"):
            writer.write_frame(FRAMES[0])
        with pytest.raises(FormatError, match="takes images by setImage"):
            writer.skip_frame()
        with pytest.raises(FormatError, match="takes images by setImage"), writer.tiles():
            pass
        with pytest.raises(FormatError, match="takes images by setImage"):
            writer.write_mask("Cells", 0, FRAMES[0, :, :, 0])
