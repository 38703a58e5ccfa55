"""The objective and the magnification of a microscope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nd2watch.nd2.checks import check_positive
from nd2watch.nd2.lite_variant import Bool, Double, check_text, find
from nd2watch.nd2.quantities import UNKNOWN, known, stored_quantity

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """What lies between sample and camera; None where unknown.

    Attributes
    ----------
    objective_name : str
        Such as "Plan Apo 60x Oil"; may be empty.
    magnification : float, optional
        Magnification of the objective.
    numerical_aperture : float, optional
        Numerical aperture of the objective.
    immersion_index : float, optional
        Refractive index of the immersion medium, such as 1.515 for oil.
    zoom : float, optional
        Further magnification between objective and camera.

    Raises
    ------
    FormatError
        If a number is not above 0.
    """

    objective_name: str = ""
    magnification: float | None = None
    numerical_aperture: float | None = None
    immersion_index: float | None = None
    zoom: float | None = None

    def __post_init__(self) -> None:
        check_text(self.objective_name, "the objective's name")
        numbers = ("magnification", "numerical_aperture", "immersion_index", "zoom")
        check_positive(self, "the optics", *numbers)

    def encode(self) -> dict[str, Item]:
        """Return the stored fields of the picture metadata."""
        return {
            "wsObjectiveName": self.objective_name,
            "dObjectiveMag": stored_quantity(self.magnification),
            "dObjectiveNA": stored_quantity(self.numerical_aperture),
            "dRefractIndex1": stored_quantity(self.immersion_index),
            "dRefractIndex2": stored_quantity(self.immersion_index),
            "dZoom": stored_quantity(self.zoom),
            "dProjectiveMag": UNKNOWN,
        }

    def encode_setting(self) -> dict[str, Item]:
        """Return the stored objective of a channel's sample setting; zoom is beside it."""
        return {
            "wsObjectiveName": self.objective_name,
            "wsObjectiveCode": "",
            "dObjectiveMag": stored_quantity(self.magnification),
            "dObjectiveNA": stored_quantity(self.numerical_aperture),
            "dRefractIndex": stored_quantity(self.immersion_index),
            "bTiltingNosepiece": Bool(False),
            "dHorizontalAngle": Double(0.0),
            "dVerticalAngle": Double(0.0),
            "dOpticalAxis": Double(0.0),
        }

    @classmethod
    def decode(cls, stored: Plain) -> Optics:
        """Return the value of stored picture metadata; what is missing is unknown."""
        name = find(stored, "wsObjectiveName")
        return cls(
            objective_name=name if isinstance(name, str) else "",
            magnification=known(find(stored, "dObjectiveMag")),
            numerical_aperture=known(find(stored, "dObjectiveNA")),
            immersion_index=known(find(stored, "dRefractIndex1")),
            zoom=known(find(stored, "dZoom")),
        )

    @classmethod
    def decode_setting(cls, setting: Plain, optics: Optics) -> Optics | None:
        """Return what a channel's stored sample setting tells beside the optics of the picture.

        A zoom of -1 stands for that of the picture, as does what NIS-Elements has there: the zoom
        up to the pinhole only.

        Parameters
        ----------
        setting : mapping
            The setting; it may be empty.
        optics : Optics
            Those of the picture.

        Returns
        -------
        Optics or None
            The channel's own; None when there are none, or they are those of the picture.
        """
        objective = find(setting, "pObjectiveSetting")
        name, zoom = find(objective, "wsObjectiveName"), find(setting, "dObjectiveToPinholeZoom")
        if zoom is None or find(setting, "pDeviceSetting", "m_sMicroscopeKey") is not None:
            zoom = UNKNOWN.value  # only NIS-Elements has keys of devices
        found = cls(
            objective_name=name if isinstance(name, str) else "",
            magnification=known(find(objective, "dObjectiveMag")),
            numerical_aperture=known(find(objective, "dObjectiveNA")),
            immersion_index=known(find(objective, "dRefractIndex")),
            zoom=known(zoom),
        )
        if found == cls():
            return None
        if zoom == UNKNOWN.value:
            found = replace(found, zoom=optics.zoom)
        return None if found == optics else found
