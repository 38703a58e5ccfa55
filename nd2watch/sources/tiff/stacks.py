"""What the pages of a stack are, by their heights, times and stage positions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from nd2watch.sources.tiff.planes import Grid, grid_of_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from nd2watch.sources.base import PlaneInfo

_STEP_TOLERANCE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What is recorded of the pages of a stack.

    Attributes
    ----------
    steps_um : tuple of float
        Distance in Z from each page to the next, um; empty when that is not known.
    times : tuple
        Time of each page, in any unit; empty when they are not known.
    places : int
        Different stage positions.
    """

    steps_um: tuple[float, ...] = ()
    times: tuple[Any, ...] = ()
    places: int = 1

    @classmethod
    def of_planes(cls, planes: Iterable[PlaneInfo]) -> Stack:
        """Return what is recorded of planes."""
        known = tuple(planes)
        heights = [plane.stage_um[2] for plane in known if plane.stage_um]
        levels = [height for height in heights if height is not None]
        times = tuple(plane.acquired for plane in known if plane.acquired)
        return cls(
            steps_um=tuple(b - a for a, b in pairwise(levels)) if len(levels) == len(known) else (),
            times=times if len(times) == len(known) else (),
            places=len({plane.stage_um[:2] for plane in known if plane.stage_um}),
        )

    @property
    def z_step_um(self) -> float | None:
        """Distance of the pages in Z, um; None when they do not differ in Z, or not equally."""
        if not self.steps_um or not self.steps_um[0]:
            return None
        first = self.steps_um[0]
        equal = all(abs(step - first) <= abs(first) * _STEP_TOLERANCE for step in self.steps_um)
        return abs(first) if equal else None

    @property
    def axis(self) -> str | None:
        """Axis of the pages: ``z`` at equal distances, ``t`` where only times rise, else None."""
        if self.places > 1:
            return None
        if self.z_step_um is not None:
            return "z"
        rising = len(self.times) > 1 and all(a < b for a, b in pairwise(self.times))
        return "t" if rising and not any(self.steps_um) else None


def grid_of_stack(stack: Stack, pages: npt.NDArray[np.integer[Any]]) -> Grid | None:
    """Return the pages of a stack along its axis, None when that is not known."""
    return grid_of_sizes([(stack.axis, len(pages))], pages) if stack.axis else None
