"""Making channels and optics step by step, as programs for limnd2 do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import Channel, Modality, Optics, Picture, display_color
from nd2watch.nd2.checks import check_kind
from nd2watch.sources import ChannelInfo, OpticsInfo
from nd2watch.tools.checks import whole
from nd2watch.tools.words import color_of, modality_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PictureMetadata = Picture
"""What a factory makes, by limnd2's name."""

_UNKNOWN: Final = (0, -1)
"""How quantities are stated that are not known."""

_OPTICS: Final = {
    "magnification": "objective_magnification",
    "numerical_aperture": "objective_numerical_aperture",
    "immersion_index": "immersion_refractive_index",
    "zoom": "zoom_magnification",
}
_LIGHT: Final = {
    "excitation_nm": "excitation_wavelength",
    "emission_nm": "emission_wavelength",
    "pinhole_um": "pinhole_diameter",
}
"""Quantities, with the names of their settings."""

_QUANTITIES: Final = {*_OPTICS.values(), *_LIGHT.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPicture(Picture):
    """A picture in which names, colours and modalities that were not stated are made up.

    It can be written as it is. With what was stated alone, the rest can come from the files that
    are converted. It equals no plain `Picture`.

    Attributes
    ----------
    channel_infos : tuple of ChannelInfo
        Only what was stated of each channel; optics where they are not those of the picture. Empty
        when nothing was stated of channels.
    """

    channel_infos: tuple[ChannelInfo, ...] = ()


@dataclass(slots=True, kw_only=True)
class Plane:
    """Settings of one channel; None where nothing is stated, numbers of 0 and -1 are unknown.

    Attributes
    ----------
    name : str, optional
        "Channel 1", ... by its place when left out.
    modality : str or Modality, optional
        A word that `nd2watch.tools.words.modality_of` knows; unknown when left out.
    excitation_wavelength, emission_wavelength : float, optional
        Wavelengths, nm.
    color : str or sequence of float, optional
        What `nd2watch.tools.words.color_of` knows; one of its own for each when left out.
    objective_magnification, objective_numerical_aperture : float, optional
        Of the objective.
    zoom_magnification : float, optional
        Further magnification between objective and camera.
    immersion_refractive_index : float, optional
        Of the immersion medium.
    pinhole_diameter : float, optional
        Diameter of the pinhole, um.
    camera_name, microscope_name : str, optional
        Of the devices.
    filter_name : str, optional
        Kept here only: files name a filter as its channel.
    acquisition_time : datetime, optional
        When it was taken; local time unless it has a time zone. The file begins at the earliest.
    """

    name: str | None = None
    modality: str | Modality | None = None
    excitation_wavelength: float | None = None
    emission_wavelength: float | None = None
    color: str | Sequence[float] | None = None
    objective_magnification: float | None = None
    objective_numerical_aperture: float | None = None
    zoom_magnification: float | None = None
    immersion_refractive_index: float | None = None
    pinhole_diameter: float | None = None
    camera_name: str | None = None
    microscope_name: str | None = None
    filter_name: str | None = None
    acquisition_time: datetime | None = None

    def stated(self) -> dict[str, Any]:
        """Return the settings that are stated and known."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        known = {n: _known(value) if n in _QUANTITIES else value for n, value in values.items()}
        return {name: value for name, value in known.items() if value is not None}

    def optics(self) -> Optics:
        """Return what is known of objective and zoom."""
        return Optics(**self._quantities(_OPTICS))

    def channel(self, index: int, count: int) -> Channel:
        """Return the channel, which is number `index` of `count`."""
        for name in ("name", "camera_name", "microscope_name", "filter_name"):
            check_kind(self, name, str | None)
        check_kind(self, "modality", str | Modality | None)
        check_kind(self, "acquisition_time", datetime | None)
        color = self._color()
        return Channel(
            name=self.name or f"Channel {index + 1}",
            color=display_color(index, count) if color is None else color,
            modality=self._modality(),
            camera=self.camera_name or "",
            microscope=self.microscope_name or "",
            optics=self.optics(),
            **self._quantities(_LIGHT),
        )

    def info(self, common: Optics) -> ChannelInfo:
        """Return what is stated of the channel, with its optics if they are not `common`."""
        optics = self.optics()
        return ChannelInfo(
            name=self.name or "",
            color=self._color(),
            modality=tuple(str(flag.name).lower() for flag in self._modality()),
            camera=self.camera_name or "",
            microscope=self.microscope_name or "",
            optics=None if optics == common else OpticsInfo(**asdict(optics)),
            **self._quantities(_LIGHT),
        )

    def _quantities(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """Return quantities by their names, None when they are unknown."""
        return {name: _known(getattr(self, setting)) for name, setting in settings.items()}

    def _color(self) -> int | None:
        """Return the colour as 0xRRGGBB, None when it is not stated."""
        if self.color is None or (isinstance(self.color, str) and not self.color):
            return None
        return color_of(self.color)

    def _modality(self) -> Modality:
        """Return the modality, without flags when it is unknown."""
        modality = modality_of(self.modality) if isinstance(self.modality, str) else self.modality
        return modality or Modality(0)


class MetadataFactory:
    """Makes what is common to all frames of a file: its channels, optics and pixel size.

    Parameters
    ----------
    planes : iterable of Plane or mapping, optional
        The channels, as for `addPlane`.
    pixel_calibration : float, default -1.0
        Edge of a pixel in the sample, um; 0 and -1 are unknown.
    **settings
        What `Plane` takes, such as ``objective_magnification``, for every plane that does not
        state it itself.

    Attributes
    ----------
    planes : list of Plane
        The channels in their order, which can be changed.
    pixel_calibration : float
        As above.

    Raises
    ------
    FormatError
        If `planes` is no list of planes.
    TypeError
        If a setting is none of `Plane`.
    """

    def __init__(
        self,
        planes: Iterable[Plane | Mapping[str, Any]] | None = None,
        *,
        pixel_calibration: float = -1.0,
        **settings: Any,
    ) -> None:
        self._common = Plane(**settings)
        self.planes: list[Plane] = []
        self.pixel_calibration = pixel_calibration
        if not isinstance(planes, Iterable | None):
            raise FormatError(f"planes is {planes!r}; it must be a list of planes")
        for plane in planes or ():
            self.addPlane(plane)

    def addPlane(self, plane: Plane | Mapping[str, Any] | None = None, **settings: Any) -> Plane:
        """Add a channel.

        Parameters
        ----------
        plane : Plane or mapping, optional
            Its settings.
        **settings
            Further ones, which come before those of `plane`.

        Returns
        -------
        Plane
            The channel, a copy that can be changed.

        Raises
        ------
        FormatError
            If `plane` is neither a plane nor a mapping.
        TypeError
            If a setting is none of `Plane`.
        """
        given = _plane({} if plane is None else plane)
        added = self._completed(replace(given, **Plane(**settings).stated()))
        self.planes.append(added)
        return added

    def getChannel(self, key: int | str) -> Plane | None:
        """Return the channel of a number or name; None when there is no such one."""
        if isinstance(key, str):
            return next((plane for plane in self.planes if plane.name == key), None)
        return self.planes[key] if 0 <= key < len(self.planes) else None

    def createMetadata(
        self, *, number_of_channels_fallback: int = 1, is_rgb_fallback: bool = False
    ) -> StatedPicture:
        """Return the channels, optics and pixel size.

        Quantities that all planes share are the picture's; planes that differ have theirs.

        Parameters
        ----------
        number_of_channels_fallback : int, default 1
            Channels when no plane was added: one "Mono", or "Channel 1", ... of fluorescence.
        is_rgb_fallback : bool, default False
            When no plane was added, there is one of red, green and blue.

        Raises
        ------
        FormatError
            If a word or number cannot be stored, a value is of a wrong kind, or two planes have the
            same name.
        """
        is_rgb = is_rgb_fallback and not self.planes
        added = [self._completed(_plane(plane)) for plane in self.planes]
        planes = added or self._usual(number_of_channels_fallback, is_rgb=is_rgb)
        channels = [plane.channel(index, len(planes)) for index, plane in enumerate(planes)]
        if is_rgb:
            channels = [replace(channel, component_count=3) for channel in channels]
        optics = _common_optics([plane.optics() for plane in planes])
        return StatedPicture(
            channels=tuple(channels),
            optics=optics,
            pixel_size_um=_known(self.pixel_calibration),
            started=_earliest(planes),
            channel_infos=tuple(plane.info(optics) for plane in added),
        )

    def __call__(self) -> StatedPicture:
        """Return what `createMetadata` does."""
        return self.createMetadata()

    def _completed(self, plane: Plane) -> Plane:
        """Return a plane with what it does not state as it is stated for all."""
        return replace(self._common, **plane.stated())

    def _usual(self, count: int, *, is_rgb: bool) -> list[Plane]:
        """Return the planes when none was added."""
        if is_rgb:
            return [replace(self._common, name="RGB", modality="Brightfield")]
        count = whole(count, "number_of_channels_fallback")
        names = ["Mono"] if count == 1 else [f"Channel {n + 1}" for n in range(count)]
        return [replace(self._common, name=name, modality="Fluorescence") for name in names]


def _plane(plane: Plane | Mapping[str, Any]) -> Plane:
    """Return a plane, of its settings if these are given."""
    if isinstance(plane, Mapping):
        return Plane(**plane)
    if not isinstance(plane, Plane):
        raise FormatError(f"a plane is {plane!r}; it must be a Plane, or a mapping of its settings")
    return plane


def _known(value: float | None) -> float | None:
    """Return a quantity, None when it is stated as unknown."""
    return None if isinstance(value, Real) and value in _UNKNOWN else value


def _common_optics(optics: Sequence[Optics]) -> Optics:
    """Return the quantities that are the same in all of the optics."""
    names = [field.name for field in fields(Optics)]
    values = {name: {getattr(each, name) for each in optics} for name in names}
    return Optics(**{name: found.pop() for name, found in values.items() if len(found) == 1})


def _earliest(planes: Sequence[Plane]) -> datetime | None:
    """Return when the first of the planes was taken, if that is known."""
    times = [plane.acquisition_time for plane in planes if plane.acquisition_time is not None]
    return min((_with_zone(time) for time in times), default=None)


def _with_zone(time: datetime) -> datetime:
    """Return a time with its zone, the local one if it has none."""
    try:
        return time if time.tzinfo else time.astimezone()
    except (OverflowError, ValueError, OSError) as error:
        raise FormatError(f"acquisition_time is {time}; clocks do not reach it: {error}") from error
