"""A run of an acquisition program after its preset: all that is true of it, and its images."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, cast

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Well
from nd2watch.sidecars.registry import KINDS
from nd2watch.simulate.frames import FramePlan
from nd2watch.simulate.light import run_channel
from nd2watch.simulate.run import Run
from nd2watch.simulate.specimen import TOP, Specimen
from nd2watch.simulate.stage import Stage, plate_for
from nd2watch.simulate.template import NameTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from nd2watch.config import PresetConfig, SimulateConfig
    from nd2watch.simulate.run import Program, RunChannel, RunFrame

_STARTED: Final = (2026, 3, 2, 9, 30)
"""Start of all runs, in local time, which names and sidecars without a time zone tell."""

_PIXEL_UM: Final = 0.325
_Z_STEP_UM: Final = 0.5
_WELL: Final = "B02"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is to be acquired by a program.

    Attributes
    ----------
    form : str
        Which grammar of the preset names follow; its first one when empty.
    name : str
        Name of the run; that of the preset when empty.
    t, sites, z : int
        Time points; sites of each well, or XY positions; planes.
    wells : tuple of str
        Wells, like ``B02``; B02 alone when there are none, but the names tell a well.
    channels : tuple of str
        Names of the channels.
    single_plane : tuple of str
        Those of them that have only one plane.
    height, width : int
        Pixels.
    dtype : {"uint8", "uint16"}
        Sample type.
    seed : int
        Seed of images and order.
    """

    form: str = ""
    name: str = ""
    t: int = 1
    sites: int = 1
    z: int = 1
    wells: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("DAPI",)
    single_plane: tuple[str, ...] = ()
    height: int = 256
    width: int = 256
    dtype: Literal["uint8", "uint16"] = "uint16"
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """A run with its images and the program that it is of.

    Attributes
    ----------
    run : Run
        The run.
    specimen : Specimen
        What its images show.
    program : Program, optional
        What the program writes beside and into the frames; None when that is nothing.
    """

    run: Run
    specimen: Specimen
    program: Program | None = None

    def pixels(self, frame: RunFrame) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return the image of a frame, shape (Y, X), which is unlike every other."""
        run = self.run
        well = run.wells.index(frame.well) if frame.well else 0
        return self.specimen.pixels((frame.t, well * run.sites + frame.site, frame.z, frame.c))

    @property
    def software(self) -> str:
        """What the program calls itself in its frames; empty where it does not."""
        return str(getattr(self.program, "SOFTWARE", ""))

    def description(self, frame: RunFrame) -> str:
        """Return the ImageDescription of a frame, which may be empty."""
        return self.program.description(self.run, frame) if self.program else ""

    def sidecars(self, done: int, *, finished: bool) -> Mapping[str, bytes]:
        """Return the sidecars by their paths, after `done` planes."""
        return self.program.sidecars(self.run, done, finished=finished) if self.program else {}


def plan_run(preset: PresetConfig, request: RunRequest) -> ProgramRun:
    """Return the run that a program makes of a request.

    Raises
    ------
    LayoutError
        If the preset cannot be simulated, or its names do not tell all that is asked for.
    FormatError
        If a well has no name of a well.
    """
    simulated = _simulated(preset)
    form = _form(preset, request.form)
    template = NameTemplate(_of_form(simulated.name, form))
    pages = simulated.pages if isinstance(simulated.pages, list) else simulated.pages.get(form, [])
    wells = _wells(request.wells, template)
    channels = _channels(request)
    plate = plate_for(wells)
    run = Run(
        name=request.name or simulated.texts.get("name", "run"),
        form=form,
        t=request.t,
        z=max(channel.z for channel in channels),
        sites=request.sites,
        wells=tuple(well.name for well in wells),
        channels=channels,
        frames=(),
        started=datetime(*_STARTED).astimezone(),
        period_ms=1000 * simulated.period_s,
        pixel_size_um=_PIXEL_UM,
        z_step_um=_Z_STEP_UM,
        width=request.width,
        height=request.height,
        bits=TOP[request.dtype].bit_length(),
        plate_rows=plate.rows,
        plate_columns=plate.columns,
    )
    plan = FramePlan(
        run=run,
        template=template,
        pages=tuple(pages),
        split=simulated.split,
        first={**preset.first, **simulated.first},
        labels=simulated.labels,
        texts={**simulated.texts, "name": run.name},
        c_is_name=preset.channel_name == "c",
        first_well=1 if preset.well is None else preset.well.first,
        stage=Stage(
            plate=plate,
            sites=request.sites,
            field_um=(_PIXEL_UM * request.width, _PIXEL_UM * request.height),
            z_step_um=_Z_STEP_UM,
        ),
        seed=request.seed,
    )
    return ProgramRun(
        run=plan.filled(),
        specimen=Specimen(
            height=request.height, width=request.width, dtype=request.dtype,
            z=run.z, seed=request.seed,
        ),
        program=_program(preset),
    )  # fmt: skip


def _simulated(preset: PresetConfig) -> SimulateConfig:
    """Return how frames of a preset are made."""
    if preset.simulate is None:
        raise LayoutError(f"frames of {preset.title or 'this preset'} cannot be simulated")
    return preset.simulate


def _form(preset: PresetConfig, asked: str) -> str:
    """Return the form of the names, the first one when none is asked for."""
    if asked and asked not in preset.names:
        raise LayoutError(f"there is no form {asked!r}; there are {', '.join(preset.names)}")
    return asked or next(iter(preset.names), "")


def _of_form(names: str | dict[str, str], form: str) -> str:
    """Return the template of a form."""
    template = names if isinstance(names, str) else names.get(form)
    if template is None:
        raise LayoutError(f"names of the form {form!r} cannot be simulated")
    return template


def _wells(names: tuple[str, ...], template: NameTemplate) -> tuple[Well, ...]:
    """Return the wells in the order in which they are visited."""
    if not names:
        names = (_WELL,) if template.needs_well else ()
    elif not template.names_well:
        raise LayoutError("names of this program do not tell wells")
    return tuple(sorted({Well.parse(name) for name in names}))


def _channels(request: RunRequest) -> tuple[RunChannel, ...]:
    """Return the channels in order."""
    names, single = request.channels, request.single_plane
    if len(set(names)) < len(names):
        raise LayoutError(f"channels need names of their own, not {', '.join(names)}")
    if unknown := [name for name in single if name not in names]:
        raise LayoutError(f"{', '.join(unknown)}: no channel of {', '.join(names)}")
    return tuple(
        run_channel(name, number, 1 if name in single else request.z)
        for number, name in enumerate(names)
    )


def _program(preset: PresetConfig) -> Program | None:
    """Return the module of the program that writes the preset's sidecars."""
    if preset.sidecar is None:
        return None
    name = f"nd2watch.simulate.programs.{KINDS[preset.sidecar.kind]}"
    return cast("Program", importlib.import_module(name))
