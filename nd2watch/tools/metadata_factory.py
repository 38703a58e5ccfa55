"""Making channels and optics step by step, as programs for limnd2 do."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nd2watch.nd2 import Channel, Modality, Optics, Picture, display_color
from nd2watch.nd2.checks import check_kind
from nd2watch.tools.words import color_of, modality_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PictureMetadata = Picture
"""What a factory makes, by limnd2's name."""

_UNKNOWN: Final = (None, 0, -1)
"""How quantities are stated that are not known."""


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
        """Return the settings that are stated."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def optics(self) -> Optics:
        """Return what is known of objective and zoom."""
        return Optics(
            magnification=_known(self.objective_magnification),
            numerical_aperture=_known(self.objective_numerical_aperture),
            immersion_index=_known(self.immersion_refractive_index),
            zoom=_known(self.zoom_magnification),
        )

    def channel(self, index: int, count: int) -> Channel:
        """Return the channel, which is number `index` of `count`."""
        check_kind(self, "modality", str | Modality | None)
        check_kind(self, "acquisition_time", datetime | None)
        modality = modality_of(self.modality) if isinstance(self.modality, str) else self.modality
        return Channel(
            name=self.name or f"Channel {index + 1}",
            color=display_color(index, count) if self.color in (None, "") else color_of(self.color),
            modality=modality or Modality(0),
            excitation_nm=_known(self.excitation_wavelength),
            emission_nm=_known(self.emission_wavelength),
            pinhole_um=_known(self.pinhole_diameter),
            camera=self.camera_name or "",
            microscope=self.microscope_name or "",
            optics=self.optics(),
        )


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
        """
        given = plane if isinstance(plane, Plane) else Plane(**(plane or {}))
        added = replace(self._common, **given.stated() | Plane(**settings).stated())
        self.planes.append(added)
        return added

    def getChannel(self, key: int | str) -> Plane | None:
        """Return the channel of a number or name; None when there is no such one."""
        if isinstance(key, str):
            return next((plane for plane in self.planes if plane.name == key), None)
        return self.planes[key] if 0 <= key < len(self.planes) else None

    def createMetadata(
        self, *, number_of_channels_fallback: int = 1, is_rgb_fallback: bool = False
    ) -> Picture:
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
            If a word or number cannot be stored, or two planes have the same name.
        """
        is_rgb = is_rgb_fallback and not self.planes
        planes = self.planes or self._usual(number_of_channels_fallback, is_rgb=is_rgb)
        channels = [plane.channel(index, len(planes)) for index, plane in enumerate(planes)]
        if is_rgb:
            channels = [replace(channel, component_count=3) for channel in channels]
        return Picture(
            channels=tuple(channels),
            optics=_common_optics([plane.optics() for plane in planes]),
            pixel_size_um=_known(self.pixel_calibration),
            started=_earliest(planes),
        )

    def __call__(self) -> Picture:
        """Return what `createMetadata` does."""
        return self.createMetadata()

    def _usual(self, count: int, *, is_rgb: bool) -> list[Plane]:
        """Return the planes when none was added."""
        if is_rgb:
            return [replace(self._common, name="RGB", modality="Brightfield")]
        names = ["Mono"] if count == 1 else [f"Channel {n + 1}" for n in range(count)]
        return [replace(self._common, name=name, modality="Fluorescence") for name in names]


def _known(value: float | None) -> float | None:
    """Return a quantity, None when it is stated as unknown."""
    return None if value in _UNKNOWN else value


def _common_optics(optics: Sequence[Optics]) -> Optics:
    """Return the quantities that are the same in all of the optics."""
    names = [field.name for field in fields(Optics)]
    values = {name: {getattr(each, name) for each in optics} for name in names}
    return Optics(**{name: found.pop() for name, found in values.items() if len(found) == 1})


def _earliest(planes: Sequence[Plane]) -> datetime | None:
    """Return when the first of the planes was taken, if that is known."""
    times = [plane.acquisition_time for plane in planes if plane.acquisition_time is not None]
    return min((time if time.tzinfo else time.astimezone() for time in times), default=None)
