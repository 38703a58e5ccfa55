"""One file of the conformance family: everything that is written to it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from nd2watch.nd2 import Experiment, TextInfo
from tests.conformance.view import Plane, Point, digests
from tests.conformance.ways import Way, write_case

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.nd2 import (
        FrameMetadata,
        ImageAttributes,
        MaskLayer,
        Picture,
        RecordedColumn,
        Roi,
        WellPlate,
    )

_SPECIAL = (float("nan"), float("inf"), float("-inf"), -0.0, 1e-45)
"""Floats that a careless conversion would change, in the first pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file of the family.

    Attributes
    ----------
    name : str
        Unlike the others; the file's name is made of it.
    attributes, experiment, picture, text_info, recorded, well_plate, rois, mask_layers, pyramid
        As `Nd2Writer` takes them. Every second frame has a mask in each layer.
    frames : tuple of FrameMetadata
        In the order of writing.
    missing : frozenset of int
        Frames that are left out, by their number.
    black : frozenset of int
        Frames of which every sample is 0.
    way : Way
        How the file comes about.
    """

    name: str
    attributes: ImageAttributes
    picture: Picture
    frames: tuple[FrameMetadata, ...]
    experiment: Experiment = field(default_factory=Experiment)
    text_info: TextInfo = field(default_factory=TextInfo)
    recorded: tuple[RecordedColumn, ...] = ()
    well_plate: WellPlate | None = None
    rois: tuple[Roi, ...] = ()
    mask_layers: tuple[MaskLayer, ...] = ()
    pyramid: bool = False
    missing: frozenset[int] = frozenset()
    black: frozenset[int] = frozenset()
    way: Way = Way.AT_ONCE

    @property
    def sizes(self) -> Point:
        """Lengths of the loops, 1 where there is none."""
        return Point(**{axis: self.experiment.sizes.get(axis, 1) for axis in Point._fields})

    @property
    def points(self) -> tuple[Point, ...]:
        """Place of each frame in the loops, by its number."""
        sizes = self.experiment.sizes
        return tuple(
            Point(**dict(zip(sizes, place, strict=True)))
            for place in product(*map(range, sizes.values()))
        )

    @property
    def missing_points(self) -> frozenset[Point]:
        """Places of the frames that are left out."""
        return frozenset(self.points[index] for index in self.missing)

    def pixels(self, index: int) -> npt.NDArray[Any]:
        """Return the samples of one frame, shape (Y, X, component), the same in every run."""
        attributes = self.attributes
        if index in self.black:
            return np.zeros(attributes.shape, attributes.dtype)
        random = np.random.default_rng([zlib.crc32(self.name.encode()), index])
        if attributes.is_float:
            frame = (random.standard_normal(attributes.shape) * 1e4).astype(attributes.dtype)
            frame.flat[: len(_SPECIAL)] = _SPECIAL[: frame.size]
            return frame
        top = 1 << attributes.bits_significant
        return random.integers(0, top, attributes.shape).astype(attributes.dtype)

    @property
    def masks(self) -> tuple[tuple[str, int], ...]:
        """Layer and frame number of each mask."""
        return tuple((layer.name, n) for layer in self.mask_layers for n in self._masked)

    @property
    def _masked(self) -> range:
        """Numbers of the frames with masks."""
        return range(0, len(self.frames), 2)

    def labels(self, layer: str, index: int) -> npt.NDArray[np.uint16]:
        """Return one mask, shape (Y, X): a few overlapping boxes of labels, the same every run."""
        random = np.random.default_rng([zlib.crc32(layer.encode()), index])
        labels = np.zeros(self.attributes.shape[:2], np.uint16)
        for label in (1, 2, 300, 65535):
            top, left = (int(random.integers(0, side)) for side in labels.shape)
            labels[top : top + 20, left : left + 30] = label
        return labels

    def planes(self) -> dict[Plane, str]:
        """Return the digest of each plane that is there, its components counted as stored."""
        found: dict[Plane, str] = {}
        for index, point in enumerate(self.points):
            if index not in self.missing:
                frame = self.pixels(index)
                found |= digests(frame[:, :, ::-1] if self.picture.is_rgb else frame, point)
        return found

    def write(self, folder: Path) -> Path:
        """Write the file and return its path."""
        stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.name)
        path = folder / f"{stem}.nd2"
        write_case(self, path)
        return path
