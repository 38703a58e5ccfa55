"""A run of an acquisition program, as it is simulated: what is true of each of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChannel:
    """A channel of a run.

    Attributes
    ----------
    name : str
        Its name.
    color : int
        Display colour as 0xRRGGBB.
    excitation_nm, emission_nm : float
        Wavelengths, nm.
    exposure_ms : float
        Exposure time, ms.
    z : int
        Its Z planes: as many as the run has, or 1.
    """

    name: str
    color: int
    excitation_nm: float
    emission_nm: float
    exposure_ms: float
    z: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFrame:
    """One plane of a run.

    Attributes
    ----------
    path : str
        File, with ``/``, from the folder of the run; planes with the same path are its pages, in
        the order in which they are listed.
    t, z, c : int
        Time point, plane and channel, from 0.
    well : str
        Name of its well, like ``B02``; empty without a plate.
    site : int
        Site in its well, or XY position without a plate, from 0.
    acquired : datetime
        When it was taken, with its time zone.
    time_ms : float
        The same, ms since the start of the run.
    stage_um : tuple of float
        Stage position (X, Y, Z), um.
    """

    path: str
    t: int
    z: int
    c: int
    well: str
    site: int
    acquired: datetime
    time_ms: float
    stage_um: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole run.

    Attributes
    ----------
    name : str
        Its name: that of the plate or the prefix, as it stands in file names.
    form : str
        Which grammar of the preset its names follow.
    t, z, sites : int
        Time points; Z planes of the channels that have most; sites in each well, or XY positions.
    wells : tuple of str
        Names of the wells, like ``B02``, in order; empty without a plate.
    channels : tuple of RunChannel
        Channels in order.
    frames : tuple of RunFrame
        All planes in the order of acquisition.
    started : datetime
        When time 0 was, with its time zone.
    period_ms : float
        Time from one time point to the next, ms.
    pixel_size_um, z_step_um : float
        Edge of a pixel in the sample, distance of Z planes; um.
    width, height : int
        Pixels.
    bits : int
        Bits of a sample that the camera fills.
    plate_rows, plate_columns : int
        Size of the plate.
    objective : str
        Name of the objective.
    magnification, numerical_aperture : float
        Of the objective.
    camera : str
        Name of the camera.
    """

    name: str
    form: str
    t: int
    z: int
    sites: int
    wells: tuple[str, ...]
    channels: tuple[RunChannel, ...]
    frames: tuple[RunFrame, ...]
    started: datetime
    period_ms: float
    pixel_size_um: float
    z_step_um: float
    width: int
    height: int
    bits: int = 12
    plate_rows: int = 8
    plate_columns: int = 12
    objective: str = "Plan Apo 20x/0.75"
    magnification: float = 20.0
    numerical_aperture: float = 0.75
    camera: str = "Camera 1"


class Program(Protocol):
    """What an acquisition program writes beside and into its frames; a module of each program.

    The modules lie in ``nd2watch.simulate.programs`` and have these functions. A constant
    ``SOFTWARE``, if there is one, is what the program writes as the software of a TIFF file.
    """

    def sidecars(self, run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
        """Return all sidecars, by path from the folder of the run.

        Parameters
        ----------
        run : Run
            The run.
        done : int
            How many of its planes were written so far.
        finished : bool
            Whether the program has ended it.
        """
        ...

    def description(self, run: Run, frame: RunFrame) -> str:
        """Return what the program writes into the page of a plane as its ImageDescription.

        It is empty where the program writes nothing.
        """
        ...
