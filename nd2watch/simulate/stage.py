"""Where the stage of a simulated microscope stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Well, WellPlate

_WELL_UM: Final = {8: 9000.0, 16: 4500.0, 32: 2250.0}
"""Distance of wells by the rows of the plate, um."""

_OVERLAP: Final = 0.9
_FOCUS_UM: Final = 3000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage that visits sites around the centre of wells, row by row and there and back.

    Attributes
    ----------
    plate : WellPlate
        The plate.
    sites : int
        Sites of each well.
    field_um : tuple of float
        Width and height of what is seen, um.
    z_step_um : float
        Distance of planes, um.
    """

    plate: WellPlate
    sites: int
    field_um: tuple[float, float]
    z_step_um: float

    def position_um(self, well: Well | None, site: int, plane: float) -> tuple[float, float, float]:
        """Return X, Y, Z, um.

        Parameters
        ----------
        well : Well, optional
            The well; the origin without one.
        site : int
            Site, from 0.
        plane : float
            Planes above the focus.
        """
        columns = math.ceil(math.sqrt(self.sites))
        row, column = divmod(site, columns)
        if row % 2:
            column = columns - 1 - column
        distance_um = _WELL_UM[self.plate.rows]
        x, y = (distance_um * well.column, distance_um * well.row) if well else (0.0, 0.0)
        return (
            round(x + _OVERLAP * self.field_um[0] * (column - (columns - 1) / 2), 3),
            round(y + _OVERLAP * self.field_um[1] * row, 3),
            round(_FOCUS_UM + plane * self.z_step_um, 3),
        )


def plate_for(wells: tuple[Well, ...]) -> WellPlate:
    """Return the smallest plate of 96, 384 or 1536 wells that has all of these.

    Raises
    ------
    LayoutError
        If none has.
    """
    for count in (96, 384, 1536):
        plate = WellPlate.standard(count)
        if all(well in plate for well in wells):
            return plate
    raise LayoutError(f"no plate has all of the wells {', '.join(well.name for well in wells)}")
