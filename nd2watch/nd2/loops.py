"""The loops of an experiment: time, XY positions, Z stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import Bool, Double, Int32, UInt32, check_text, get

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nd2watch.nd2.lite_variant import Item, Plain

_Z_BOTTOM_TO_TOP_ABOUT_HOME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLoop:
    """Equidistant time points.

    Attributes
    ----------
    count : int
        Time points.
    period_ms : float
        Intended time from one to the next, ms; 0 for no delay.
    duration_ms : float
        Time from the first to the last, ms.
    period_min_ms, period_mean_ms, period_max_ms : float
        Measured time from one to the next, ms.
    """

    axis: ClassVar[str] = "t"
    code: ClassVar[int] = 1
    text_name: ClassVar[str] = "T"

    count: int
    period_ms: float = 0.0
    duration_ms: float = 0.0
    period_min_ms: float = 0.0
    period_mean_ms: float = 0.0
    period_max_ms: float = 0.0

    def __post_init__(self) -> None:
        _check_count(self.count, "time points")
        _check_finite(self, "period_ms", "duration_ms")
        _check_finite(self, "period_min_ms", "period_mean_ms", "period_max_ms")

    @classmethod
    def measured(cls, starts_ms: Sequence[float], period_ms: float | None = None) -> TimeLoop:
        """Return the loop of time points that began at `starts_ms`.

        Parameters
        ----------
        starts_ms : sequence of float
            Start of each time point, ms.
        period_ms : float, optional
            Intended period, ms; the measured mean when omitted.
        """
        _check_count(len(starts_ms), "time points")
        periods = [after - before for before, after in pairwise(starts_ms)] or [0.0]
        mean = sum(periods) / len(periods)
        return cls(
            count=len(starts_ms),
            period_ms=max(mean, 0.0) if period_ms is None else period_ms,
            duration_ms=max(starts_ms[-1] - starts_ms[0], 0.0),
            period_min_ms=min(periods),
            period_mean_ms=mean,
            period_max_ms=max(periods),
        )

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters; `uiCount` is first, as Bio-Formats takes it."""
        return {
            "uiCount": UInt32(self.count),
            "dStart": Double(0.0),
            "dPeriod": Double(self.period_ms),
            "dDuration": Double(self.duration_ms),
            "bDurationPref": Bool(False),
            "dMaxPeriodDiff": Double(self.period_max_ms),
            "dMinPeriodDiff": Double(self.period_min_ms),
            "dAvgPeriodDiff": Double(self.period_mean_ms),
            "wsPhaseName": "",
            "uiLoopType": UInt32(0),
            "uiGroup": UInt32(0),
            "uiStimulationCount": UInt32(0),
            "wsInterfaceName": "",
            "uiTreatment": UInt32(0),
            "dIncubationDuration": Double(-1.0),
        }

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        return f"Time Loop: {self.count}\r\n- Equidistant (Period {self.period_ms:g} ms)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePosition:
    """One XY position.

    Attributes
    ----------
    name : str
        Name of the position; may be empty.
    x_um, y_um : float
        Stage position, um.
    z_um : float
        Z of the home plane, um.
    """

    name: str = ""
    x_um: float = 0.0
    y_um: float = 0.0
    z_um: float = 0.0

    def __post_init__(self) -> None:
        _check_finite(self, "x_um", "y_um", "z_um")
        check_text(self.name, "a position's name")


@dataclass(frozen=True, slots=True, kw_only=True)
class XYPosLoop:
    """Stage positions that are visited.

    Attributes
    ----------
    positions : tuple of StagePosition
        In the order in which they are visited.
    """

    axis: ClassVar[str] = "p"
    code: ClassVar[int] = 2
    text_name: ClassVar[str] = "XY"

    positions: tuple[StagePosition, ...]

    def __post_init__(self) -> None:
        _check_count(len(self.positions), "positions")

    @property
    def count(self) -> int:
        """Number of positions."""
        return len(self.positions)

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters; positions are absolute, with their own Z."""
        points: list[Item] = [
            {
                "dPosX": Double(position.x_um),
                "dPosY": Double(position.y_um),
                "dPosZ": Double(position.z_um),
                "dPFSOffset": Double(-1.0),
                "dPosName": position.name,
            }
            for position in self.positions
        ]
        return {
            "uiCount": UInt32(self.count),
            "bUseZ": Bool(True),
            "bRelativeXY": Bool(False),
            "dReferenceX": Double(0.0),
            "dReferenceY": Double(0.0),
            "bRedefineAfterPFS": Bool(False),
            "bRedefineAfterAutoFocus": Bool(False),
            "bKeepPFSOn": Bool(False),
            "bSplitMultipoints": Bool(False),
            "bUseAFPlane": Bool(False),
            "bZEnabled": Bool(False),
            "sZDevice": "",
            "Points": points,
        }

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        return f"XY Position Loop: {self.count}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZStackLoop:
    """Equidistant planes from bottom to top.

    Attributes
    ----------
    count : int
        Planes.
    step_um : float
        Distance from plane to plane, um, above 0.
    home_index : int, optional
        Plane of the focus position; the middle one (the lower of two) when omitted.
    """

    axis: ClassVar[str] = "z"
    code: ClassVar[int] = 4
    text_name: ClassVar[str] = "Z"

    count: int
    step_um: float = 1.0
    home_index: int = -1

    def __post_init__(self) -> None:
        _check_count(self.count, "planes")
        _check_finite(self, "step_um")
        if self.step_um <= 0 or not math.isfinite(self.step_um * self.count):
            raise FormatError(f"the Z step is {self.step_um} um; it must be above 0")
        if self.home_index == -1:
            object.__setattr__(self, "home_index", (self.count - 1) // 2)
        if not 0 <= self.home_index < self.count:
            raise FormatError(f"home plane {self.home_index} is not among {self.count} planes")

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters, as a stack about its home plane."""
        low, high = self._range_um()
        return {
            "uiCount": UInt32(self.count),
            "dZLow": Double(low),
            "dZLowPFSOffset": Double(0.0),
            "dZHigh": Double(high),
            "dZHighPFSOffset": Double(0.0),
            "dZHome": Double(0.0),
            "dZStep": Double(self.step_um),
            "dReferencePosition": Double(0.0),
            "dTIRFPosition": Double(0.0),
            "dTIRFPFSOffset": Double(-1.0),
            "iType": Int32(_Z_BOTTOM_TO_TOP_ABOUT_HOME),
            "bAbsolute": Bool(False),
            "bTriggeredPiezo": Bool(False),
            "bZInverted": Bool(False),
            "bTIRF": Bool(False),
            "wsZDevice": "",
            "wsCommandBeforeCapture": "",
            "wsCommandAfterCapture": "",
        }

    def _range_um(self) -> tuple[float, float]:
        """Return lowest and highest plane about home, um.

        Bio-Formats counts ceil(range / step) + 1 planes: rounding must not add one.
        """
        low = -self.home_index * self.step_um
        high = (self.count - 1 - self.home_index) * self.step_um
        while math.ceil((high - low) / self.step_um) > self.count - 1:
            if high > -low:
                high = math.nextafter(high, 0.0)
            else:
                low = math.nextafter(low, 0.0)
        return low, high

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        return f"Z Stack Loop: {self.count}\r\n- Step {self.step_um:g} µm"


Loop = TimeLoop | XYPosLoop | ZStackLoop


def _decode_time(stored: Plain) -> TimeLoop:
    """Return a stored time loop."""
    return TimeLoop(
        count=get(stored, "uiCount", int),
        period_ms=get(stored, "dPeriod", float),
        duration_ms=get(stored, "dDuration", float),
        period_min_ms=get(stored, "dMinPeriodDiff", float),
        period_mean_ms=get(stored, "dAvgPeriodDiff", float),
        period_max_ms=get(stored, "dMaxPeriodDiff", float),
    )


def _decode_positions(stored: Plain) -> XYPosLoop:
    """Return a stored XY loop."""
    return XYPosLoop(
        positions=tuple(
            StagePosition(
                name=get(point, "dPosName", str),
                x_um=get(point, "dPosX", float),
                y_um=get(point, "dPosY", float),
                z_um=get(point, "dPosZ", float),
            )
            for point in get(stored, "Points", list)
        )
    )


def _decode_z_stack(stored: Plain) -> ZStackLoop:
    """Return a stored Z loop."""
    step = get(stored, "dZStep", float)
    home = get(stored, "dZHome", float) - get(stored, "dZLow", float)
    return ZStackLoop(
        count=get(stored, "uiCount", int),
        step_um=step,
        home_index=round(home / step) if step > 0 else 0,
    )


DECODERS: Final[dict[int, Callable[[Plain], Loop]]] = {
    TimeLoop.code: _decode_time,
    XYPosLoop.code: _decode_positions,
    ZStackLoop.code: _decode_z_stack,
}
"""How the parameters of a stored loop are read, by its kind."""


def _check_count(count: int, what: str) -> None:
    """Refuse an empty loop."""
    if count < 1:
        raise FormatError(f"a loop of {count} {what}; it needs at least one")


def _check_finite(value: object, *names: str) -> None:
    """Refuse numbers that no reader can show."""
    for name in names:
        if not math.isfinite(getattr(value, name)):
            raise FormatError(f"{name} is {getattr(value, name)}; it must be a finite number")
