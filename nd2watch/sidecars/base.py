"""What a sidecar tells: the file that an acquisition program writes beside its frames."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from nd2watch.sources.values import MOST, known_moment, known_size, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_LARGEST: Final = 10_000_000
"""Points of an axis from which on a number is taken for a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What one sidecar, or all sidecars of a sequence, tell; None or empty where they do not.

    Labels are written as in the names of the frames, those of digits without padding.

    Attributes
    ----------
    sizes : mapping from {"t", "p", "z", "c"} to int
        Points that are planned on each axis; XY positions only where there are no wells.
    sites : int, optional
        Sites that are planned in each well.
    wells : tuple of str
        Names of the wells that are visited, like ``B02``; empty when it does not tell them.
    planes : mapping from str to int
        Z planes of each channel that has not as many as others, by its label.
    channels : mapping from str to ChannelInfo
        Channels in their order, by label.
    positions : mapping from str to str
        Names of XY positions, by label.
    places_um : mapping from str to tuple of float
        Where the stage stood in X and Y, um, by the label of the position.
    optics : OpticsInfo
        The optics.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um.
    z_step_um : float, optional
        Distance of Z planes, um.
    period_ms : float, optional
        Intended time from one time point to the next, ms.
    started : datetime, optional
        When time 0 of the frames was, with its time zone.
    frames : mapping from str to PlaneInfo
        What is told of single frames, by the path of the frame's file, with ``/``, from the folder
        of the sidecar.
    pages : mapping from str to tuple of PlaneInfo
        The same for each page of the files that have several.
    page_axis : {"t", "z"}, optional
        Axis of the pages of a file, whatever the file says of itself.
    files : tuple of str
        The same paths of all frames that it lists; empty when it lists none.
    is_closed : bool, optional
        The program has finished it, so that the acquisition is over; None when it cannot tell.
    is_of_position : bool
        Its list of frames is that of one XY position; others have sidecars of their own.
    plate_name : str
        Name of the well plate.
    plate_rows, plate_columns : int, optional
        Its size.
    axis_fields : mapping from {"t", "p", "z", "c"} to tuple of str
        Fields of the names that make an axis here, where that differs from run to run.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    sites: int | None = None
    wells: tuple[str, ...] = ()
    planes: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, ChannelInfo] = field(default_factory=dict)
    positions: Mapping[str, str] = field(default_factory=dict)
    places_um: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    optics: OpticsInfo = field(default_factory=OpticsInfo)
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    period_ms: float | None = None
    started: datetime | None = None
    frames: Mapping[str, PlaneInfo] = field(default_factory=dict)
    pages: Mapping[str, tuple[PlaneInfo, ...]] = field(default_factory=dict)
    page_axis: str | None = None
    files: tuple[str, ...] = ()
    is_closed: bool | None = None
    is_of_position: bool = False
    plate_name: str = ""
    plate_rows: int | None = None
    plate_columns: int | None = None
    axis_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("sizes", "planes"):
            counts = {k: n for k, n in getattr(self, name).items() if 1 <= n <= _LARGEST}
            object.__setattr__(self, name, counts)
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, dict):
                object.__setattr__(self, each.name, MappingProxyType(value))
            elif each.name in MOST:
                object.__setattr__(self, each.name, known_size(each.name, value))
        object.__setattr__(self, "started", known_moment(self.started))
        object.__setattr__(self, "plate_name", plain_text(self.plate_name))
        for name in ("sites", "plate_rows", "plate_columns"):
            count = getattr(self, name)
            if count is not None and not 1 <= count <= _LARGEST:
                object.__setattr__(self, name, None)

    def below(self, folder: str) -> Sidecar:
        """Return it with paths from a folder above: `folder` is its own, with ``/``."""
        if not folder:
            return self
        return replace(
            self,
            frames={f"{folder}/{name}": info for name, info in self.frames.items()},
            pages={f"{folder}/{name}": infos for name, infos in self.pages.items()},
            files=tuple(f"{folder}/{name}" for name in self.files),
        )


def joined(sidecars: Iterable[Sidecar]) -> Sidecar:
    """Return what several sidecars of one sequence tell together.

    Of what only one of them can be right about, the first that tells it counts. Lists of frames,
    channels and positions are put together, each frame once; all are closed when one says so and
    none denies it.
    """
    known: dict[str, Any] = {}
    files: dict[str, None] = {}
    for sidecar in sidecars:
        for each in fields(sidecar):
            value = getattr(sidecar, each.name)
            if each.name == "is_closed":
                states = [state for state in (known.get("is_closed"), value) if state is not None]
                known["is_closed"] = all(states) if states else None
            elif each.name == "is_of_position":
                known[each.name] = value or known.get(each.name, False)
            elif each.name == "files":
                files.update(dict.fromkeys(value))
            elif isinstance(value, MappingProxyType):
                together = known.setdefault(each.name, {})
                for key, one in value.items():
                    together.setdefault(key, one)
            elif known.get(each.name) in (None, "", (), OpticsInfo()):
                known[each.name] = value
    return Sidecar(**known, files=tuple(files))
