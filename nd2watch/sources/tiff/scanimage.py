"""What ScanImage writes into TIFF files: settings of the acquisition, and a record of each page."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import ChannelInfo, PlaneInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known
from nd2watch.sources.tiff.planes import Grid
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from nd2watch.sources.tiff.pages import Pages

_DESCRIPTION: Final = 270
_BLOCK: Final = struct.Struct("<4I")
_BLOCK_OFFSET: Final = 16
_MAGIC: Final = 0x07030301
_VERSIONS: Final = (3, 4)
_LONGEST_BLOCK: Final = 1 << 26

_KEYS: Final = {
    "channels": ("hChannels.channelSave", "channelsSave"),
    "channel count": ("acq.numberOfChannelsSave",),
    "names": ("hChannels.channelName",),
    "stacks": ("hStackManager.enable",),
    "mode": ("hStackManager.stackMode",),
    "fast": ("hFastZ.enable", "fastZEnable"),
    "slices": (
        "hStackManager.actualNumSlices",
        "hStackManager.numSlices",
        "hStackManager.slicesPerAcq",
        "stackNumSlices",
        "acq.numberOfZSlices",
    ),
    "repeats": ("hStackManager.framesPerSlice", "acqNumFrames", "acq.numberOfFrames"),
    "kept": ("hStackManager.numFramesPerVolume",),
    "stored": ("hStackManager.numFramesPerVolumeWithFlyback",),
    "discarded": ("hFastZ.numDiscardFlybackFrames", "fastZNumDiscardFrames"),
    "average": ("hScan2D.logAverageFactor", "acqNumAveragedFrames", "acq.numAvgFramesSave"),
    "averages all": ("acq.averaging",),
    "z step": (
        "hStackManager.actualStackZStepSize",
        "hStackManager.stackZStepSize",
        "stackZStepSize",
        "acq.zStepSize",
    ),
    "view": ("hRoiManager.imagingFovUm",),
}
"""Names of the settings that are used, first those of later versions."""

_SETTING: Final = re.compile(
    r"(?<![^\r\n])(?:(?:scanimage\.)?SI[45]?|state)\.("
    + "|".join(re.escape(name) for names in _KEYS.values() for name in names)
    + r") *= *([^\r\n]*)"
)
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_TEXT: Final = re.compile(r"'([^']*)'")
_FRAME: Final = re.compile(r"^(?:frameNumbers|Frame Number) *= *(\d+)", re.MULTILINE)
_FRAME_OF_RUN: Final = re.compile(r"^frameNumberAcquisition *= *(\d+)", re.MULTILINE)
_TIME_S: Final = re.compile(
    r"^(?:frameTimestamps_sec|Frame Timestamp\(s\)) *= *([-+.\deE]+)", re.MULTILINE
)
_EPOCH: Final = re.compile(r"^epoch *= *\[([^\]\r\n]*)\]", re.MULTILINE)
_MOST_CHANNELS: Final = 64
_SQUARE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How pages follow one another: by channel, frame of a slice, slice, and volume.

    Attributes
    ----------
    channels : tuple of int
        Numbers of the channels that are saved.
    slices : int
        Z planes of a volume.
    repeats : int
        Frames of each slice.
    flyback : int
        Frames at the end of each volume, taken while the focus flies back.
    average : int
        Scanned frames of which each one is the average.
    """

    channels: tuple[int, ...]
    slices: int = 1
    repeats: int = 1
    flyback: int = 0
    average: int = 1

    @property
    def frames(self) -> int:
        """Frames of a volume that are images of it."""
        return self.slices * self.repeats

    def __str__(self) -> str:
        return (
            f"{len(self.channels)} channels x {self.slices} slices x {self.repeats} frames of each"
            f" slice, and {self.flyback} frames of flyback"
        )


class ScanImage:
    """The metadata of a file.

    Parameters
    ----------
    pages : Pages
        The pages of the file.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._settings = _settings_of(pages)

    def grid(self) -> Grid | None:
        """Return the pages by volume, slice, frame and channel, None when no channels are told.

        Raises
        ------
        FrameIncomplete
            If not one volume is whole.
        FrameUnreadable
            If settings and pages contradict each other.
        """
        order = self._order
        if order is None:
            return None
        self._check_frames(order)
        volumes = self._volumes(order)
        channels = len(order.channels)
        frames = np.arange(volumes)[:, None] * (order.frames + order.flyback)
        frames = frames + np.arange(order.frames)
        numbers = frames[..., None] * channels + np.arange(channels)
        return Grid(
            axes=("t", "z", "t", "c"),
            pages=self._pages.images[
                numbers.reshape(volumes, order.slices, order.repeats, channels)
            ].astype(np.int64),
        )

    def known(self) -> Known:
        """Return what settings and records tell."""
        is_stack = self._order is not None and self._order.slices > 1
        step_um = self._numbers("z step") if is_stack else []
        return Known(
            channels=self._channels(),
            pixel_size_um=unless_damaged(self._pixel_size_um, None),
            z_step_um=abs(step_um[0]) if step_um else None,
            started=unless_damaged(self._started, None),
            planes={number: _plane(text) for number, text in self._records.items()},
            notes=self._notes(),
        )

    @cached_property
    def _records(self) -> dict[int, str]:
        """The record of each page."""
        return {
            number: self._pages.text(number, _DESCRIPTION) for number in self._pages.images.tolist()
        }

    @cached_property
    def _order(self) -> Order | None:
        """The order of the pages, None when no channels are told."""
        channels = tuple(map(int, self._numbers("channels")))
        if not channels and (count := self._count("channel count", 0)) <= _MOST_CHANNELS:
            channels = tuple(range(1, 1 + count))
        if not channels:
            return None
        stacks, fast = self._flag("stacks"), self._is_fast
        slices = self._count("slices", 1)
        if not (fast or (slices > 1 if stacks is None else stacks)):
            return Order(channels=channels)
        told = self._count("kept", 0) if fast else 0
        repeats = self._count("repeats", 1) if told or not fast else 1
        if told and told != slices * repeats:
            raise self._contradiction(
                f"{told} frames of a volume, but {slices} slices of {repeats} frames"
            )
        flyback = self._count("discarded", 0) if fast else 0
        if told:
            flyback = self._count("stored", told) - told
        average = self._count("average", repeats if self._flag("averages all") else 1)
        if flyback < 0 or slices < 1 or repeats < 1 or average < 1:
            raise self._contradiction("numbers of frames that cannot be")
        if repeats % average or flyback % average:
            raise self._contradiction(
                f"averages of {average} frames, which mix those of different slices"
            )
        return Order(
            channels=channels,
            slices=slices,
            repeats=repeats // average,
            flyback=flyback // average,
            average=average,
        )

    def _volumes(self, order: Order) -> int:
        """Return how many whole volumes there are; the last one may lack its flyback."""
        channels = len(order.channels)
        found, needed = len(self._pages.images), order.frames * channels
        if found < needed:
            raise FrameIncomplete(
                f"{self._pages.path} has {found} of the {needed} pages that its settings tell:"
                f" {order}; it is still written, or the acquisition was cut short",
                self._pages.path,
            )
        return (found + order.flyback * channels) // (needed + order.flyback * channels)

    def _notes(self) -> tuple[str, ...]:
        """Return what is said of pages at the end that are no whole volume."""
        order = self._order
        if order is None:
            return ()
        stored = (order.frames + order.flyback) * len(order.channels)
        left = len(self._pages.images) - self._volumes(order) * stored
        if left <= 0:
            return ()
        return (
            f"the last pages of {self._pages.path.name}, {left}, are no whole volume ({order});"
            " they are left out",
        )

    def _check_frames(self, order: Order) -> None:
        """Refuse pages whose records number the frames otherwise than the settings tell."""
        texts = list(self._records.values())
        numbers = [int(found[1]) if (found := _FRAME.search(text)) else None for text in texts]
        if None in numbers:
            return
        channels = len(order.channels)
        groups = [numbers[at : at + channels] for at in range(0, len(numbers), channels)]
        is_split = any(len(set(group)) > 1 for group in groups)
        if is_split or any(a[0] == b[0] for a, b in pairwise(groups)):
            raise self._contradiction(
                f"{channels} saved channels, but the records of its pages number the frames"
                " otherwise"
            )
        first = _FRAME_OF_RUN.search(texts[0]) or _FRAME.search(texts[0])
        stored = order.frames + order.flyback
        if self._is_fast and first and (int(first[1]) - 1) // order.average % stored:
            raise FrameUnreadable(
                f"{self._pages.path} begins with frame {first[1]}, in the midst of a volume of"
                f" {stored} frames; save whole volumes in each file (frames per file), or join the"
                " files of the acquisition",
                self._pages.path,
            )

    @property
    def _is_fast(self) -> bool:
        """The focus moves through whole volumes, one after the other."""
        return self._flag("fast") is True or self._settings.get("mode") == "'fast'"

    def _channels(self) -> tuple[ChannelInfo, ...]:
        """Return the names of the saved channels, of which each has a number."""
        order, names = self._order, _TEXT.findall(self._settings.get("names", ""))
        if order is None:
            return ()
        return tuple(
            ChannelInfo(name=names[number - 1] if 0 < number <= len(names) else f"Channel {number}")
            for number in order.channels
        )

    def _pixel_size_um(self) -> float | None:
        """Return the edge of a pixel by the corners of the field of view, None if not square."""
        corners = np.array(self._numbers("view"), float).reshape(4, 2)
        layout = self._pages.format(int(self._pages.images[0]))
        width_um, height_um = np.ptp(corners, axis=0) / (layout.width, layout.height)
        return float(width_um) if abs(width_um - height_um) <= _SQUARE * width_um else None

    def _started(self) -> datetime | None:
        """Return when time 0 was, in local time."""
        found = _EPOCH.search(self._pages.first.description)
        if found is None:
            return None
        year, month, day, hour, minute, second = map(float, _NUMBER.findall(found[1]))
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute))
        return (moment + timedelta(seconds=second)).astimezone()

    def _numbers(self, setting: str) -> list[float]:
        """Return all numbers of a setting."""
        return [float(number) for number in _NUMBER.findall(self._settings.get(setting, ""))]

    def _flag(self, setting: str) -> bool | None:
        """Return a setting that is true or false, None when it is not told."""
        text = self._settings.get(setting, "").strip().lower()
        return {"true": True, "1": True, "false": False, "0": False}.get(text)

    def _count(self, setting: str, otherwise: int) -> int:
        """Return a number of frames, a substitute when it is not told."""
        text = self._settings.get(setting, "")
        number = finite(text) if text else otherwise
        if number is None or number != int(number):
            raise self._contradiction(f"{text} for {' or '.join(_KEYS[setting])}")
        return int(number)

    def _contradiction(self, what: str) -> FrameUnreadable:
        """Return the error for settings that cannot be true of the pages."""
        return FrameUnreadable(
            f"the settings of ScanImage in {self._pages.path} tell {what}; what its pages are is"
            " not known: save them anew with another program, by axes that it tells",
            self._pages.path,
        )


def read_scanimage(pages: Pages) -> ScanImage | None:
    """Return what ScanImage wrote into a file, None when it did not write it."""
    return ScanImage(pages) if pages.first.is_scanimage else None


def _settings_of(pages: Pages) -> dict[str, str]:
    """Return the text of each setting; they are in a tag, or in a block behind the header."""
    for text in (pages.first.software, pages.first.description, _block(pages)):
        told = {found[1]: found[2].strip() for found in _SETTING.finditer(text)}
        if told:
            break
    return {
        setting: next((told[name] for name in names if told.get(name)), "")
        for setting, names in _KEYS.items()
    }


def _block(pages: Pages) -> str:
    """Return the settings behind the header of a BigTIFF file, empty without these."""
    file = pages.tiff.filehandle
    file.seek(_BLOCK_OFFSET)
    data = file.read(_BLOCK.size)
    if len(data) < _BLOCK.size:
        return ""
    magic, version, length, _ = _BLOCK.unpack(data)
    if magic != _MAGIC or version not in _VERSIONS or length > _LONGEST_BLOCK:
        return ""
    return str(file.read(length).decode("utf-8", "replace"))


def _plane(record: str) -> PlaneInfo:
    """Return what the record of a page tells of it."""
    found = _TIME_S.search(record)
    seconds = finite(found[1]) if found else None
    return PlaneInfo(time_ms=None if seconds is None else 1000 * seconds)
