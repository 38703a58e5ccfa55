"""What MetaMorph writes: a plan in a ``.nd`` file, and a MetaSeries record into each page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from nd2watch.simulate.programs.metaseries import camera_text, of_plane, of_program, record
from nd2watch.simulate.programs.values import universal_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nd2watch.simulate.run import Run, RunFrame

SOFTWARE: Final = "MetaSeries"
"""What the program writes as the software of a TIFF file, by which its records are known."""


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return the ``.nd`` file, which is written at the start and stays as it is."""
    folder = PurePosixPath(run.frames[0].path).parent
    text = "".join(f"{line}\r\n" for line in _plan(run))
    return {(folder / f"{run.name}.nd").as_posix(): text.encode("cp1252", errors="replace")}


def description(run: Run, frame: RunFrame) -> str:
    """Return the record of a page."""
    return record(
        of_program(camera_text(run, frame), "7.10.4.407"),
        of_plane(run, frame, _stage(frame.site) if run.sites > 1 else ""),
        planes=run.channels[frame.c].z,
    )


def _plan(run: Run) -> list[str]:
    """Return the lines of the ``.nd`` file."""
    return [
        '"NDInfoFile", Version 1.0',
        '"Description", ',
        f'"StartTime1", {universal_time(run.started)}',
        *_switched("DoTimelapse", "NTimePoints", run.t),
        *_switched("DoStage", "NStagePositions", run.sites),
        *(f'"Stage{n + 1}", "{_stage(n)}"' for n in range(run.sites) if run.sites > 1),
        '"DoWave", TRUE',
        f'"NWavelengths", {len(run.channels)}',
        *(
            line
            for n, channel in enumerate(run.channels, start=1)
            for line in (
                f'"WaveName{n}", "{channel.name}"',
                f'"WaveDoZ{n}", {_switch(channel.z > 1)}',
            )
        ),
        f'"DoZSeries", {_switch(run.z > 1)}',
        *([f'"NZSteps", {run.z}', f'"ZStepSize", {run.z_step_um:g}'] if run.z > 1 else []),
        '"WaveInFileName", TRUE',
        '"NEvents", 0',
        '"EndFile"',
    ]


def _switched(switch: str, count: str, number: int) -> list[str]:
    """Return the lines of an axis, whose count is left out where it is not used."""
    return [f'"{switch}", {_switch(number > 1)}', *([f'"{count}", {number}'] if number > 1 else [])]


def _switch(on: bool) -> str:
    """Return a truth value as it is written."""
    return "TRUE" if on else "FALSE"


def _stage(site: int) -> str:
    """Return the label of a stage position, as the program proposes it."""
    return f"Position{site + 1}"
