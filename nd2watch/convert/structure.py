"""The structure of an ND2 file, everything but its pixels, checked against itself."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.convert.steps import checkpoint
from nd2watch.errors import FormatError
from nd2watch.nd2 import lite_variant, spec
from nd2watch.nd2.chunks import find_data
from nd2watch.nd2.columns import parse_xml
from nd2watch.nd2.provenance import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nd2watch.nd2 import Nd2Reader
    from nd2watch.nd2.provenance import Provenance

_FRAME: Final = re.compile(r"ImageDataSeq\|(\d+)!")
_TREE: Final = re.compile(r"LV(\|\d+)?!$")
_TIMES: Final = spec.custom_data_name("AcqTimesCache")
_LISTED: Final = 20

_READINGS: Final[dict[str, Callable[[Nd2Reader], object]]] = {
    spec.TEXT_INFO: lambda reader: reader.text_info,
    "CustomData|WellPlate": lambda reader: reader.frame_wells,
    "CustomData|Roi": lambda reader: reader.rois,
    "CustomDataVar|Binary": lambda reader: reader.mask_layers,
    "CustomData|": lambda reader: reader.columns(),
}
"""What is read of sound chunks, by how their names begin."""


class Structure:
    """What a file has beside its pixels, and what is wrong with that.

    Parameters
    ----------
    reader : Nd2Reader
        The open file.
    cancelled : callable
        Asked before each chunk, several times; when true the check ends.

    Raises
    ------
    ConversionCancelled
        If `cancelled` returned true.

    Attributes
    ----------
    provenance : Provenance, optional
        Where it comes from; None when unknown or damaged.
    problems : list of str
        What contradicts itself or is damaged.
    notes : list of str
        What is unusual, but no fault.
    masks : tuple of str
        Names of the layers of masks.
    frames : list of int
        The frames that are there, whose chunks are sound.
    """

    def __init__(self, reader: Nd2Reader, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._cancelled = cancelled
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._reader = reader
        self._places = reader.chunks
        self._broken: set[str] = set()
        self._check_places()
        self.provenance = self._provenance()
        self._check_digests()
        self._check_metadata()
        self.masks = self._mask_layers()
        self.frames = self._check_frames()
        self._check_times()

    def _checkpoint(self) -> None:
        """End when that is wished."""
        checkpoint(self._cancelled, f"check of {self._reader.path}")

    def _fault(self, problem: object, what: str = "") -> None:
        """Note a problem, without the name of the file, and with what it is about."""
        self.problems.append(what + str(problem).removeprefix(f"{self._reader.path}: "))

    def _check_places(self) -> None:
        """Find every chunk where the map says, and none inside another."""
        last, end = "the signature", spec.ALIGNMENT
        with self._reader.path.open("rb") as file:
            file.seek(-spec.MAP_TRAILER.size, os.SEEK_END)
            _, map_offset = spec.MAP_TRAILER.unpack(file.read(spec.MAP_TRAILER.size))
            for name, place in sorted(self._places.items(), key=lambda item: item[1].offset):
                self._checkpoint()
                try:
                    start = find_data(file, name, place)
                except FormatError as error:
                    self._fault(error)
                    self._broken.add(name)
                    continue
                if place.offset < end:
                    self._fault(f"chunk {name} lies inside {last}")
                last, end = f"chunk {name}", start + place.data_size
                if end > map_offset > place.offset:
                    self._fault(f"chunk {name} lies inside the chunk map")

    def _provenance(self) -> Provenance | None:
        """Return where the file comes from, if it tells."""
        if self._broken & {spec.PROVENANCE, spec.SOURCES}:
            return None
        try:
            return self._reader.provenance
        except FormatError as error:
            self._fault(error, "where the file comes from: ")
            self._broken |= {spec.PROVENANCE, spec.SOURCES}
            return None

    def _check_digests(self) -> None:
        """Compare metadata with their recorded digests."""
        for chunk in self.provenance.chunks if self.provenance else ():
            self._checkpoint()
            place = self._places.get(chunk.name)
            if place is None:
                self._fault(f"chunk {chunk.name} is missing")
            elif place.offset == chunk.offset and chunk.name not in self._broken:
                data = self._reader.read_chunk(chunk.name)
                if content_digest(data) != chunk.digest:
                    self._fault(f"chunk {chunk.name} is not as it was written")
                    self._broken.add(chunk.name)

    def _check_metadata(self) -> None:
        """Decode all metadata."""
        for name in self._places.keys() - self._broken:
            self._checkpoint()
            try:
                if _TREE.search(name):
                    lite_variant.decode(self._reader.read_chunk(name))
                elif name.startswith("CustomDataVar|"):
                    self._check_xml(name)
            except FormatError as error:
                self._fault(error, f"chunk {name}: ")
                self._broken.add(name)
        for start, read in _READINGS.items():
            if not any(name.startswith(start) for name in self._broken):
                try:
                    read(self._reader)
                except FormatError as error:
                    self._fault(error)

    def _check_xml(self, name: str) -> None:
        """Decode a chunk if it is XML, which those of other programs need not be."""
        data = self._reader.read_chunk(name)
        if data.startswith(b"<"):
            parse_xml(data)

    def _mask_layers(self) -> tuple[str, ...]:
        """Return the names of the layers of masks."""
        try:
            return tuple(layer.name for layer in self._reader.mask_layers)
        except FormatError:  # which was noted
            return ()

    def _check_frames(self) -> list[int]:
        """Return the sound frames after comparing the frames that are there with the loops."""
        count = self._reader.attributes.frame_count
        if (product := self._reader.experiment.frame_count) != count:
            self._fault(f"the loops make {product} frames, the attributes say {count}")
        found = {int(match[1]): name for name in self._places if (match := _FRAME.fullmatch(name))}
        there = sorted(index for index in found if index < count)
        try:
            missing = self._reader.missing_frames
        except FormatError as error:
            self._fault(error)
            return []
        if absent := [index for index in missing if index not in found]:
            self._fault(f"{_frames(absent)} missing: {_shown(absent)}")
        if blank := [index for index in missing if index in found]:
            self.notes.append(f"{_frames(blank)} blank, as not taken or lost: {_shown(blank)}")
        for index in sorted(found.keys() - set(there)):
            self._fault(f"there is a frame {index} beyond the {count} frames")
        return [index for index in there if found[index] not in self._broken]

    def _check_times(self) -> None:
        """Compare the column of times with itself and with the frames."""
        if _TIMES not in self._places:
            self.notes.append("the times of the frames are not recorded")
        if _TIMES not in self._places.keys() - self._broken:
            return
        try:
            times = self._reader.frame_times_ms
        except FormatError as error:
            self._fault(error)
            return
        if not np.isfinite(times).all():
            self._fault(f"the time of frame {np.flatnonzero(~np.isfinite(times))[0]} is no number")
            return
        if (falls := np.flatnonzero(np.diff(times) <= 0)).size:
            self.notes.append(f"times do not rise from frame {falls[0]} to frame {falls[0] + 1}")
        differing = [i for i in self.frames if self._is_of_another_time(i, times[i])]
        if differing:
            first = differing[0]
            self._fault(
                f"{_frames(differing)} stored with another time than the column has, first frame"
                f" {first}: {self._reader.frame_time_ms(first):g} ms, not {times[first]:g} ms"
            )

    def _is_of_another_time(self, index: int, time_ms: float) -> bool:
        """Return whether a frame is stored with another time than the column has."""
        self._checkpoint()
        return self._reader.frame_time_ms(index) != time_ms


def _frames(indices: Sequence[int]) -> str:
    """Return the beginning of a sentence on frames."""
    return "1 frame is" if len(indices) == 1 else f"{len(indices)} frames are"


def _shown(indices: Sequence[int]) -> str:
    """Return the first numbers of frames."""
    return ", ".join(map(str, indices[:_LISTED])) + ", ..." * (len(indices) > _LISTED)
