"""What is known of a file of planes before their pixels are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from nd2watch.sources.values import (
    MOST,
    distinct,
    known_moment,
    known_size,
    known_stage_um,
    known_time_ms,
    plain_text,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from nd2watch.sources.files import FileKey
    from nd2watch.sources.values import Stage

PAGES: Final = "?"
"""Axis of the planes in a file that does not say what they are."""


def _clean(value: ChannelInfo | OpticsInfo | PlaneInfo | SourceInfo) -> None:
    """Make texts plain, and sizes that cannot be unknown."""
    for each in fields(value):
        found = getattr(value, each.name)
        if isinstance(found, str):
            object.__setattr__(value, each.name, plain_text(found))
        elif each.name in MOST:
            object.__setattr__(value, each.name, known_size(each.name, found))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticsInfo:
    """What a file tells of the optics; None or empty where it tells nothing.

    Numbers that cannot be are taken as unknown, characters that are no text as blanks.

    Attributes
    ----------
    objective_name : str
        Such as "Plan Apo 60x Oil".
    magnification, numerical_aperture : float, optional
        Of the objective.
    immersion_index : float, optional
        Refractive index of the immersion medium.
    zoom : float, optional
        Further magnification between objective and camera.
    """

    objective_name: str = ""
    magnification: float | None = None
    numerical_aperture: float | None = None
    immersion_index: float | None = None
    zoom: float | None = None

    def __post_init__(self) -> None:
        _clean(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """What a file tells of one channel; None or empty where it tells nothing.

    Numbers that cannot be are taken as unknown, characters that are no text as blanks.

    Attributes
    ----------
    name : str
        Its name.
    color : int, optional
        Display colour as 0xRRGGBB.
    excitation_nm, emission_nm : float, optional
        Wavelengths, nm.
    exposure_ms : float, optional
        Exposure time, ms.
    modality : tuple of str
        Names of the flags of `nd2watch.nd2.Modality`, in lower case, that together are it.
    pinhole_um : float, optional
        Diameter of the pinhole, um.
    camera : str
        Name of the camera or detector.
    optics : OpticsInfo, optional
        Optics of this channel alone, where they are not those of the file.
    microscope : str
        Name of its microscope.
    """

    name: str = ""
    color: int | None = None
    excitation_nm: float | None = None
    emission_nm: float | None = None
    exposure_ms: float | None = None
    modality: tuple[str, ...] = ()
    pinhole_um: float | None = None
    camera: str = ""
    optics: OpticsInfo | None = None
    microscope: str = ""

    def __post_init__(self) -> None:
        _clean(self)
        if self.color is not None and not 0 <= self.color <= 0xFFFFFF:
            object.__setattr__(self, "color", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneInfo:
    """What a file tells of one plane; None where it tells nothing, or what cannot be.

    Attributes
    ----------
    acquired : datetime, optional
        When it was taken, with its time zone.
    time_ms : float, optional
        The same, ms since the start of the acquisition that the file is of.
    stage_um : tuple of float, optional
        Stage position (X, Y, Z), um; Z may be unknown.
    exposure_ms : float, optional
        Exposure time, ms, where it is not that of the channel.
    """

    acquired: datetime | None = None
    time_ms: float | None = None
    stage_um: Stage | None = None
    exposure_ms: float | None = None

    def __post_init__(self) -> None:
        _clean(self)
        object.__setattr__(self, "acquired", known_moment(self.acquired))
        object.__setattr__(self, "time_ms", known_time_ms(self.time_ms))
        object.__setattr__(self, "stage_um", known_stage_um(self.stage_um))


_UNKNOWN_PLANE: Final = PlaneInfo()
_UNKNOWN_CHANNEL: Final = ChannelInfo()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What the header of a frame file says.

    Attributes
    ----------
    height, width : int
        Pixels.
    dtype : numpy.dtype
        Sample type, native byte order: boolean, integer or real.
    rgb : bool
        Planes have red, green and blue samples, shape (Y, X, 3); else one sample, shape (Y, X).
    axes : tuple of (str, int)
        Axes of the planes and their sizes, outermost first: ``t``, ``p``, ``z``, ``c``, or `PAGES`
        for planes of unknown meaning; each once, of at least 2 points. Empty for one plane. Planes
        are numbered in row-major order of the axes.
    channels : tuple of ChannelInfo
        One for each point of axis ``c``, one for all planes without such an axis, or none.
    positions : tuple of str
        Names of the points of axis ``p``, of the one position without such an axis, or none.
        Those that repeat are numbered; they are left out where all are the same.
    optics : OpticsInfo
        The optics.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    z_step_um : float, optional
        Distance of Z planes, um.
    z_falls : bool
        The planes of axis ``z`` go downwards, where stage positions do not tell it.
    period_ms : float, optional
        Time from one time point to the next, ms.
    started : datetime, optional
        When time 0 of the planes was, with its time zone.
    planes : tuple of PlaneInfo
        One for each plane, or none.
    bits_significant : int, optional
        Bits of a sample that the camera fills, where it is known that others are zero.
    tail_is_zero : bool
        The end of the pixel data is all zero, as in a file that is not filled yet.
    single_planes : tuple of int
        Points of axis ``c`` of which there is one plane, which is at each point of axis ``z``.
    notes : tuple of str
        What of the file is not taken, for people.
    """

    height: int
    width: int
    dtype: np.dtype[np.generic]
    rgb: bool = False
    axes: tuple[tuple[str, int], ...] = ()
    channels: tuple[ChannelInfo, ...] = ()
    positions: tuple[str, ...] = ()
    optics: OpticsInfo = field(default_factory=OpticsInfo)
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    z_falls: bool = False
    period_ms: float | None = None
    started: datetime | None = None
    planes: tuple[PlaneInfo, ...] = ()
    bits_significant: int | None = None
    tail_is_zero: bool = False
    single_planes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _clean(self)
        object.__setattr__(self, "started", known_moment(self.started))
        object.__setattr__(self, "axes", tuple((a, n) for a, n in self.axes if n > 1))
        object.__setattr__(
            self, "positions", distinct([plain_text(name) for name in self.positions])
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a plane: (Y, X), or (Y, X, 3) for RGB."""
        return (self.height, self.width, 3) if self.rgb else (self.height, self.width)

    @property
    def plane_count(self) -> int:
        """Planes in the file."""
        return math.prod(size for _, size in self.axes)

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each axis that has more than one point."""
        return dict(self.axes)

    @property
    def format_text(self) -> str:
        """Size and dtype for messages, like ``512 x 512 uint16``."""
        return f"{self.width} x {self.height} {'RGB ' * self.rgb}{self.dtype}"

    @property
    def axes_text(self) -> str:
        """Axes for messages, like ``t=3 z=5``, or ``7 pages``; empty for one plane."""
        return " ".join(f"{n} pages" if axis == PAGES else f"{axis}={n}" for axis, n in self.axes)

    def plane(self, index: int) -> PlaneInfo:
        """Return what the file tells of a plane."""
        return self.planes[index] if self.planes else _UNKNOWN_PLANE

    def place_of(self, index: int) -> dict[str, int]:
        """Return the point on each axis at which a plane is."""
        place = {}
        for axis, size in reversed(self.axes):
            index, place[axis] = divmod(index, size)
        return place

    def channel(self, index: int) -> ChannelInfo:
        """Return what the file tells of the channel of a plane."""
        if not self.channels:
            return _UNKNOWN_CHANNEL
        at = self.place_of(index).get("c", 0)
        return self.channels[at] if at < len(self.channels) else _UNKNOWN_CHANNEL

    def position(self, index: int) -> str:
        """Return the name that the file has for the position of a plane; empty without one."""
        at = self.place_of(index).get("p", 0)
        return self.positions[at] if at < len(self.positions) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """A frame file that was found usable.

    Attributes
    ----------
    path : Path
        Where it lies.
    key : FileKey
        Its identity when its header was read.
    info : SourceInfo
        What its header says.
    by_page : bool
        Its planes are numbered as its pages are, whatever it says of its axes.
    """

    path: Path
    key: FileKey
    info: SourceInfo
    by_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlane:
    """One plane of a frame file.

    Attributes
    ----------
    file : FrameFile
        The file.
    index : int
        Number of the plane in it.
    is_repeated : bool
        It stands for all planes of a stack, so that its time and place are not those of these.
    """

    file: FrameFile
    index: int = 0
    is_repeated: bool = False

    @property
    def info(self) -> PlaneInfo:
        """What the file tells of the plane."""
        told = self.file.info.plane(self.index)
        if not self.is_repeated:
            return told
        return replace(told, acquired=None, time_ms=None, stage_um=None)

    @property
    def acquired(self) -> datetime | None:
        """When it was taken, with its time zone, if the file tells that or how it follows."""
        time_ms, started = self.info.time_ms, self.file.info.started
        if self.info.acquired is not None or time_ms is None or started is None:
            return self.info.acquired
        return known_moment(started + timedelta(milliseconds=time_ms))

    @property
    def channel(self) -> ChannelInfo:
        """What the file tells of its channel."""
        return self.file.info.channel(self.index)

    def __str__(self) -> str:
        several = self.file.info.plane_count > 1
        return f"{self.file.path} plane {self.index}" if several else str(self.file.path)


class OpenSource(Protocol):
    """An open file of planes; each format has a class of this kind."""

    @property
    def info(self) -> SourceInfo:
        """What the header of the file says."""
        ...

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane, shape ``info.shape``, dtype ``info.dtype``.

        It may raise whatever the library behind it raises for damaged data.
        """
        ...

    def close(self) -> None:
        """Release what was opened; the file that was handed over stays open."""
        ...
