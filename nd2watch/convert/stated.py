"""What the user states of a file, which has precedence over what its sources tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nd2watch.errors import LayoutError
from nd2watch.experiment import Calibration
from nd2watch.nd2 import Optics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nd2watch.nd2 import Channel, Experiment, Well, WellPlate
    from nd2watch.sources import ChannelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedMetadata:
    """Metadata that the user states; what is left out comes from the sources or defaults.

    Attributes
    ----------
    calibration : Calibration
        Physical sizes.
    channels : tuple of Channel
        All channels in order; empty when they are not stated. What a channel leaves open, such as
        its exposure, comes from the sources.
    channel_info : mapping from str to ChannelInfo
        What is stated of channels by the name that they have in file names or files, where
        `channels` is empty.
    channel_infos : tuple of ChannelInfo
        What is stated of all channels in their order, where `channels` is empty.
    pinhole_um : float, optional
        Diameter of the pinhole of all channels, um, where `channels` is empty.
    optics : Optics
        Objective and zoom.
    started : datetime, optional
        When relative time 0 was.
    told_start : datetime, optional
        The same as sidecars or names tell it; when frames were taken counts more.
    experiment : Experiment, optional
        Loops, nested as time, XY, Z, instead of those that the axes of the sources make.
    well_plate : WellPlate, optional
        Plate that the positions are on.
    wells : tuple of Well
        Well of each position; empty without a plate.
    label_times_ms : tuple of float
        Time of each time point, ms since the start, as the names of files tell it; empty where
        these do not.
    have_one_start : bool
        The relative times that several files tell of their planes are since the same start.
    notes : tuple of str
        What had to be assumed already, for people.

    Raises
    ------
    LayoutError
        If the loops nest in another order.
    """

    calibration: Calibration = field(default_factory=Calibration)
    channels: tuple[Channel, ...] = ()
    channel_info: Mapping[str, ChannelInfo] = field(default_factory=dict)
    channel_infos: tuple[ChannelInfo, ...] = ()
    pinhole_um: float | None = None
    optics: Optics = field(default_factory=Optics)
    started: datetime | None = None
    told_start: datetime | None = None
    experiment: Experiment | None = None
    open_axes: frozenset[str] = frozenset()
    well_plate: WellPlate | None = None
    wells: tuple[Well, ...] = ()
    label_times_ms: tuple[float, ...] = ()
    have_one_start: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.experiment is not None and not self.experiment.is_in_usual_order:
            order = ", ".join(self.experiment.sizes)
            raise LayoutError(f"loops are to nest as time, XY position, Z; not as {order}")
