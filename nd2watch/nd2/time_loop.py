"""Loops over time: equidistant time points, or phases of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, ClassVar

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import check_count, check_finite, make_tuple, make_whole
from nd2watch.nd2.lite_variant import Bool, Double, UInt32, check_text, find, get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.nd2.lite_variant import Item, Plain


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
    start_ms : float
        When the loop begins, ms since the start of the acquisition.
    name : str
        Name of the phase; may be empty.
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
    start_ms: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        make_whole(self, "count")
        check_count(self.count, "time points")
        check_finite(self, "period_ms", "duration_ms", "start_ms")
        check_finite(self, "period_min_ms", "period_mean_ms", "period_max_ms")
        if self.period_ms < 0 or self.duration_ms < 0:
            raise FormatError("period and duration of a time loop must not be below 0")
        check_text(self.name, "the name of a time loop")

    @classmethod
    def measured(
        cls, starts_ms: Sequence[float], period_ms: float | None = None, name: str = ""
    ) -> TimeLoop:
        """Return the loop of time points that began at `starts_ms`.

        Parameters
        ----------
        starts_ms : sequence of float
            Start of each time point, ms.
        period_ms : float, optional
            Intended period, ms; the measured mean when omitted.
        name : str
            Name of the phase.
        """
        check_count(len(starts_ms), "time points")
        periods = [after - before for before, after in pairwise(starts_ms)] or [0.0]
        mean = sum(periods) / len(periods)
        return cls(
            count=len(starts_ms),
            period_ms=max(mean, 0.0) if period_ms is None else period_ms,
            duration_ms=max(starts_ms[-1] - starts_ms[0], 0.0),
            period_min_ms=min(periods),
            period_mean_ms=mean,
            period_max_ms=max(periods),
            name=name,
        )

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters; `uiCount` is first, as Bio-Formats takes it."""
        return {
            "uiCount": UInt32(self.count),
            "dStart": Double(self.start_ms),
            "dPeriod": Double(self.period_ms),
            "dDuration": Double(self.duration_ms),
            "bDurationPref": Bool(False),
            "dMaxPeriodDiff": Double(self.period_max_ms),
            "dMinPeriodDiff": Double(self.period_min_ms),
            "dAvgPeriodDiff": Double(self.period_mean_ms),
            "wsPhaseName": self.name,
            "uiLoopType": UInt32(0),
            "uiGroup": UInt32(0),
            "uiStimulationCount": UInt32(0),
            "wsInterfaceName": "",
            "uiTreatment": UInt32(0),
            "dIncubationDuration": Double(-1.0),
        }

    @classmethod
    def decode(cls, stored: Plain) -> TimeLoop:
        """Return the value of stored parameters."""
        name = find(stored, "wsPhaseName")
        return cls(
            count=get(stored, "uiCount", int),
            period_ms=get(stored, "dPeriod", float),
            duration_ms=get(stored, "dDuration", float),
            period_min_ms=get(stored, "dMinPeriodDiff", float),
            period_mean_ms=get(stored, "dAvgPeriodDiff", float),
            period_max_ms=get(stored, "dMaxPeriodDiff", float),
            start_ms=get(stored, "dStart", float),
            name=name if isinstance(name, str) else "",
        )

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        return f"Time Loop: {self.count}\r\n- Equidistant (Period {self.period_ms:g} ms)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NETimeLoop:
    """Time points that are not equidistant: phases, each of equidistant points.

    Attributes
    ----------
    phases : tuple of TimeLoop
        One after the other, at least two.
    """

    axis: ClassVar[str] = "t"
    code: ClassVar[int] = 8
    text_name: ClassVar[str] = "T"

    phases: tuple[TimeLoop, ...]

    def __post_init__(self) -> None:
        make_tuple(self, "phases", TimeLoop)
        if len(self.phases) < 2:
            raise FormatError("a non-equidistant time loop needs two phases; one is a TimeLoop")

    @property
    def count(self) -> int:
        """Time points of all phases together."""
        return sum(phase.count for phase in self.phases)

    @property
    def duration_ms(self) -> float:
        """Time that the phases take, without that between them, ms."""
        return sum(phase.duration_ms for phase in self.phases)

    @classmethod
    def measured(cls, starts_ms: Sequence[float], counts: Sequence[int]) -> NETimeLoop:
        """Return the phases, of `counts` points each, of time points that began at `starts_ms`.

        Raises
        ------
        FormatError
            If the counts do not add up to the time points.
        """
        if sum(counts) != len(starts_ms):
            raise FormatError(f"phases of {list(counts)} points are not {len(starts_ms)} points")
        ends = list(accumulate(counts))
        return cls(
            phases=tuple(
                replace(
                    TimeLoop.measured(starts_ms[end - count : end]), start_ms=starts_ms[end - count]
                )
                for count, end in zip(counts, ends, strict=True)
            )
        )

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters; nd2 counts the phases that are marked as valid."""
        return {
            "uiCount": UInt32(self.count),
            "uiPeriodCount": UInt32(len(self.phases)),
            "pPeriod": [phase.encode() for phase in self.phases],
            "pPeriodValid": bytes([1] * len(self.phases)),
            "dDuration": Double(self.duration_ms),  # these two are for nd2reader
            "dAvgPeriodDiff": Double(self.duration_ms / max(self.count - 1, 1)),
        }

    @classmethod
    def decode(cls, stored: Plain) -> NETimeLoop | TimeLoop:
        """Return the value of stored parameters; a single valid phase is a `TimeLoop`."""
        periods = get(stored, "pPeriod", list)
        valid = find(stored, "pPeriodValid")
        if isinstance(valid, bytes) and len(valid) == len(periods):
            periods = [period for period, used in zip(periods, valid, strict=True) if used]
        phases = tuple(TimeLoop.decode(period) for period in periods)
        return phases[0] if len(phases) == 1 else cls(phases=phases)

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        lines = [f"Non-equidistant Time Loop: {self.count}"]
        for number, phase in enumerate(self.phases, 1):
            lines.append(f"- Phase #{number}: {phase.count} (Period {phase.period_ms:g} ms)")
        return "\r\n".join(lines)
