"""The loop over the planes of a stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import check_count, check_finite, make_whole
from nd2watch.nd2.lite_variant import Bool, Double, Int32, UInt32, check_text, find, get

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_UPWARDS_ABOUT_HOME: Final = 3
_DOWNWARDS_ABOUT_HOME: Final = 7
_FIRST_DOWNWARDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ZStackLoop:
    """Equidistant planes.

    Attributes
    ----------
    count : int
        Planes.
    step_um : float
        Distance from plane to plane, um, above 0.
    home_index : int, optional
        Plane of the focus position; the middle one (the lower of two) when omitted.
    bottom_to_top : bool
        The first plane is the lowest. nd2 shows the stage Z of a stack's first plane for all.
    device : str
        Name of the Z drive; may be empty.
    """

    axis: ClassVar[str] = "z"
    code: ClassVar[int] = 4
    text_name: ClassVar[str] = "Z"

    count: int
    step_um: float = 1.0
    home_index: int = -1
    bottom_to_top: bool = True
    device: str = ""

    def __post_init__(self) -> None:
        make_whole(self, "count", "home_index")
        check_count(self.count, "planes")
        check_finite(self, "step_um")
        check_text(self.device, "the name of a Z drive")
        if self.step_um <= 0 or not math.isfinite(self.step_um * self.count):
            raise FormatError(f"the Z step is {self.step_um} um; it must be above 0")
        if self.home_index == -1:
            object.__setattr__(self, "home_index", (self.count - 1) // 2)
        if not 0 <= self.home_index < self.count:
            raise FormatError(f"home plane {self.home_index} is not among {self.count} planes")

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters, as a stack about its home plane."""
        if self.bottom_to_top:
            kind = _UPWARDS_ABOUT_HOME
            below, above = self._range_um()
        else:
            kind = _DOWNWARDS_ABOUT_HOME
            above, below = self._range_down_um()
        falls = not self.bottom_to_top and self.count > 1
        return {
            "uiCount": UInt32(self.count),
            "dZLow": Double(-below),
            "dZLowPFSOffset": Double(0.0),
            "dZHigh": Double(above),
            "dZHighPFSOffset": Double(0.0),
            "dZHome": Double(0.0),
            # The vendor's reader takes stage Z as home + (plane - home index) * step. Of a single
            # plane with a falling step it finds no home.
            "dZStep": Double(-self.step_um if falls else self.step_um),
            "dReferencePosition": Double(0.0),
            "dTIRFPosition": Double(0.0),
            "dTIRFPFSOffset": Double(-1.0),
            "iType": Int32(kind),
            "bAbsolute": Bool(False),
            "bTriggeredPiezo": Bool(False),
            "bZInverted": Bool(False),
            "bTIRF": Bool(False),
            "wsZDevice": self.device,
            "wsCommandBeforeCapture": "",
            "wsCommandAfterCapture": "",
        }

    def height_um(self, plane: int) -> float:
        """Return how much higher than the home plane `plane` is, um."""
        above = (plane - self.home_index) * self.step_um
        return above if self.bottom_to_top else -above

    def _range_um(self) -> tuple[float, float]:
        """Return the distance from home to the first and to the last plane, um.

        Bio-Formats counts ceil(range / step) + 1 planes: rounding must not add one.
        """
        first = self.home_index * self.step_um
        last = (self.count - 1 - self.home_index) * self.step_um
        while math.ceil((last + first) / self.step_um) > self.count - 1:
            if last > first:
                last = math.nextafter(last, 0.0)
            else:
                first = math.nextafter(first, 0.0)
        return first, last

    def _range_down_um(self) -> tuple[float, float]:
        """Return the same of a stack from top to bottom.

        nd2 then takes the whole part of first / (first + last) * (count - 1) for the home plane:
        rounding must not take one away.
        """
        first, last = self._range_um()
        while self.count > 1 and (self.count - 1) * first / (first + last) < self.home_index:
            if last > 0:
                last = math.nextafter(last, 0.0)
            else:
                first = math.nextafter(first, 0.0)
        return first, last

    @classmethod
    def decode(cls, stored: Plain) -> ZStackLoop:
        """Return the value of stored parameters."""
        count, step = get(stored, "uiCount", int), abs(get(stored, "dZStep", float))
        upwards = get(stored, "iType", int) < _FIRST_DOWNWARDS
        start = get(stored, "dZLow" if upwards else "dZHigh", float)
        home = abs(get(stored, "dZHome", float) - start) / step if step > 0 else 0.0
        device = find(stored, "wsZDevice")
        return cls(
            count=count,
            step_um=step,
            home_index=round(min(home, max(count - 1, 0))),
            bottom_to_top=upwards,
            device=device if isinstance(device, str) else "",
        )

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        lines = [f"Z Stack Loop: {self.count}", f"- Step {self.step_um:g} µm"]
        device = " ".join(self.device.split())  # a line break would begin a line of its own
        return "\r\n".join(lines + [f"- Device: {device}"] * bool(device))
