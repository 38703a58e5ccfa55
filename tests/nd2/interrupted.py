"""Files of every kind, written, interrupted and compared: shared by tests of recovery."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
from hypothesis import settings

from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    NETimeLoop,
    Picture,
    Provenance,
    RecordedColumn,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    spec,
)
from nd2watch.nd2.chunks import read_map
from tests.nd2.builders import attributes_of, channels, frame_metadata, loops, quick, random_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.columns import RecordedValue
    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk

COLUMNS = (
    RecordedColumn(name="Temperature", unit="°C"),
    RecordedColumn(name="Filter", kind="integer"),
    RecordedColumn(name="Remark", kind="text"),
)
PLATE = WellPlate(name="Plate", rows=2, columns=3)
TEXT = TextInfo(description="Cells of line 7\n37 °C", author="Ada", sample_id="S 12")
PROVENANCE = Provenance(software="tests", sources_digest="0123")
CUSTOM = {"CustomData|Notes!": bytes(range(256)) * 40, "CustomDataVar|Own!": b"<own/>"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A file that a test writes.

    Attributes
    ----------
    shape : tuple of int
        (Y, X, component).
    experiment : Experiment
        Loops.
    dtype : str
        Sample type.
    level : int or None
        zlib level.
    rgb : bool
        The components are red, green, blue.
    missing : frozenset of int
        Frames that are skipped.
    rich : bool
        With recorded columns, exposures, wells, texts, provenance and custom chunks.
    pyramid : bool
        With smaller versions of the frames.
    """

    shape: tuple[int, int, int] = (5, 7, 2)
    experiment: Experiment = field(default_factory=Experiment)
    dtype: str = "u2"
    level: int | None = None
    rgb: bool = False
    missing: frozenset[int] = frozenset()
    rich: bool = False
    pyramid: bool = False

    @property
    def attributes(self) -> ImageAttributes:
        """Size and sample format."""
        return replace(attributes_of(self.frames), zlib_level=self.level)

    @property
    def frames(self) -> Pixels:
        """The pixels, shape (frame, Y, X, component); those of missing frames are 0."""
        kind = np.uint8 if self.dtype == "u1" else np.uint16
        frames = random_frames((self.experiment.frame_count, *self.shape), kind)
        if self.level is not None:
            frames = np.right_shift(frames, 5)  # so that streams are shorter than the frames
        frames[list(self.missing)] = 0
        return frames.astype(np.float32) / np.float32(3) if self.dtype == "f4" else frames

    @property
    def rows(self) -> list[FrameMetadata]:
        """What is recorded for each frame."""
        rows = frame_metadata(self.experiment)
        return [rich_row(row, index) for index, row in enumerate(rows)] if self.rich else rows

    def writer(self, path: Path, **options: Any) -> Nd2Writer:
        """Return a writer of the file, not yet open."""
        rich: dict[str, Any] = {
            "text_info": TEXT,
            "recorded": COLUMNS,
            "well_plate": PLATE,
            "provenance": PROVENANCE,
            "custom_chunks": CUSTOM,
        }
        rgb = (Channel(name="RGB", component_count=3),)
        picture = Picture(channels=rgb if self.rgb else channels(self.shape[2]), pixel_size_um=0.5)
        return Nd2Writer(
            path,
            self.attributes,
            experiment=self.experiment,
            picture=picture,
            pyramid=self.pyramid,
            threads=2,
            **(rich if self.rich else {}),
            **options,
        )

    def put(self, writer: Nd2Writer, start: int = 0, stop: int | None = None) -> None:
        """Give frames to a writer."""
        pairs = list(zip(self.frames, self.rows, strict=True))
        for index in range(len(pairs))[start:stop]:
            if index in self.missing:
                writer.skip_frame(pairs[index][1])
            else:
                writer.write_frame(*pairs[index])

    def write(self, path: Path, **options: Any) -> Path:
        """Write the whole file and return `path`."""
        with self.writer(path, **options) as writer:
            self.put(writer)
        return path


def rich_row(row: FrameMetadata, index: int) -> FrameMetadata:
    """Return a frame's metadata with a value of each kind; frame 2 lacks some."""
    if index == 2:
        return replace(row, exposure_ms=10.0, recorded={"Filter": index})
    recorded: dict[str, RecordedValue] = {
        "Temperature": 37.0 + index / 8,
        "Filter": index,
        "Remark": f"frame {index} µ",
    }
    well = Well(row=index % 2, column=index % 3)
    return replace(row, exposure_ms=10.0 + index, recorded=recorded, well=well)


PHASES = Experiment(
    loops=(
        NETimeLoop(
            phases=(
                TimeLoop(count=2, period_ms=10.0, name="fast"),
                TimeLoop(count=3, period_ms=500.0, name="slow"),
            )
        ),
    )
)

RECIPES = {
    "single frame": Recipe(),
    "T": Recipe(experiment=loops(4)),
    "XY": Recipe(experiment=loops(0, 4), dtype="u1"),
    "Z": Recipe(experiment=loops(0, 0, 4)),
    "T XY Z": Recipe(experiment=loops(2, 2, 2)),
    "phases": Recipe(experiment=PHASES),
    "zlib": Recipe(experiment=loops(3, 2), level=6, shape=(40, 61, 2)),
    "large frames": Recipe(experiment=loops(3), shape=(70, 101, 1)),
    "RGB": Recipe(experiment=loops(3), shape=(9, 7, 3), dtype="u1", rgb=True),
    "RGB zlib": Recipe(experiment=loops(3), shape=(9, 7, 3), dtype="u1", rgb=True, level=1),
    "float32": Recipe(experiment=loops(3), dtype="f4"),
    "missing frames": Recipe(experiment=loops(3, 2), missing=frozenset({0, 1, 4})),
    "missing frames zlib": Recipe(experiment=loops(6), missing=frozenset({1, 3}), level=1),
    "everything recorded": Recipe(experiment=loops(3, 2), rich=True),
}


FOUR = RECIPES["T"]
EVERYTHING = RECIPES["everything recorded"]

TEXT_CHUNK = "ImageTextInfoLV!"
"""The first chunk behind the frames."""

fewer = settings(quick, max_examples=50)
"""Settings of properties that recover files."""


def places_of(path: Path) -> dict[str, ChunkPlace]:
    """Return the chunks of a complete file by where they lie."""
    with path.open("rb") as file:
        places = read_map(file)
    return dict(sorted(places.items(), key=lambda item: item[1].offset))


def end_of(content: bytes | bytearray, place: ChunkPlace) -> int:
    """Return where the data of a chunk end."""
    name_size = int.from_bytes(content[place.offset + 4 : place.offset + 8], "little")
    return place.offset + 16 + name_size + place.data_size


def whole_frames(content: bytes, places: dict[str, ChunkPlace], length: int) -> set[int]:
    """Return the frames that are whole in the first `length` bytes of a file."""
    return _numbers("ImageDataSeq|", content, places, length)


def saved_frames(content: bytes, places: dict[str, ChunkPlace], length: int) -> set[int]:
    """Return the frames that are whole there, and not marked as missing."""
    marked = _numbers(spec.SKIPPED, content, places, length)
    return whole_frames(content, places, length) - marked


def _numbers(
    beginning: str, content: bytes, places: dict[str, ChunkPlace], length: int
) -> set[int]:
    """Return the numbers in the names of whole chunks that begin so."""
    return {
        int(name[len(beginning) : -1])
        for name, place in places.items()
        if name.startswith(beginning) and end_of(content, place) <= length
    }


def assert_shows(path: Path, expected: Pixels, sdk: VendorSdk | None = None) -> None:
    """Compare all frames, shape (frame, Y, X, component), as readers show them.

    RGB is expected in the order R, G, B.
    """
    with Nd2Reader(path) as reader:
        rgb = reader.picture.is_rgb
        ours = [reader.read_frame(index) for index in range(reader.attributes.frame_count)]
    assert np.array_equal(ours, expected)
    stored = expected[..., ::-1] if rgb else expected
    with nd2.ND2File(path) as file:
        frames = [file.read_frame(index).copy() for index in range(len(expected))]
        assert file.attributes.sequenceCount == len(expected)
        assert file.asarray().size == expected.size
    flat = stored if rgb else np.moveaxis(stored, -1, 1)
    assert np.array_equal(np.reshape(frames, flat.shape), flat)
    if sdk is not None:
        assert np.array_equal(sdk.read(path).frames, stored)


def interrupted(folder: Path, recipe: Recipe, chunk: str = "", ahead: int = 0) -> Path:
    """Write a file that ends before a chunk of it, its map if none, and `ahead` bytes earlier."""
    whole = recipe.write(folder / "whole.nd2")
    places = places_of(whole)
    last = max(end_of(whole.read_bytes(), place) for place in places.values())
    length = (places[chunk].offset if chunk else last) - ahead
    path = folder / "cut.nd2"
    path.write_bytes(whole.read_bytes()[:length])
    whole.unlink()
    return path


def cuts(content: bytes, places: dict[str, ChunkPlace]) -> Iterator[int]:
    """Yield lengths: the end of each chunk, a byte before, and one somewhere inside a frame."""
    somewhere = random.Random(len(content))
    for name, place in places.items():
        end = end_of(content, place)
        if name.startswith(spec.FRAMES):
            yield somewhere.randrange(place.offset + 1, end)
        yield end - 1
        yield end
    yield from (end + 1, len(content) - 4096, len(content) - 40, len(content) - 1)


def with_blanks(recipe: Recipe, saved: set[int], count: int) -> Pixels:
    """Return the first frames, those that are not saved blank."""
    frames = recipe.frames[:count].copy()
    frames[[index for index in range(count) if index not in saved]] = 0
    return frames


# A file of five time points, and what its first two are.
GROWN = {
    "T": (Recipe(experiment=loops(5)), Recipe(experiment=loops(2))),
    "T XY Z": (Recipe(experiment=loops(5, 2, 2)), Recipe(experiment=loops(2, 2, 2))),
    "zlib": (Recipe(experiment=loops(5), level=6), Recipe(experiment=loops(2), level=6)),
    "RGB": tuple(
        Recipe(experiment=loops(n), shape=(6, 7, 3), dtype="u1", rgb=True) for n in (5, 2)
    ),
    "RGB zlib": tuple(
        Recipe(experiment=loops(n), shape=(6, 7, 3), rgb=True, level=2) for n in (5, 2)
    ),
    "float32": tuple(Recipe(experiment=loops(n, 2), dtype="f4") for n in (5, 2)),
    "missing frames": tuple(
        Recipe(experiment=loops(n, 2), missing=frozenset({1, 3, 4, 9} if n == 5 else {1, 3}))
        for n in (5, 2)
    ),
    "everything recorded": tuple(Recipe(experiment=loops(n), rich=True) for n in (5, 2)),
}


def grow(path: Path, recipe: Recipe, start: int, *counts: int, threads: int | None = 2) -> Path:
    """Append the frames of a recipe from `start` on, `counts` time points at a time."""
    inner = recipe.experiment.frame_count // recipe.experiment.loops[0].count
    for count in counts:
        with Nd2Writer.append(path, count, threads=threads) as writer:
            recipe.put(writer, start, start + count * inner)
        start += count * inner
    return path
