"""What MetaMorph writes: a plan in a ``.nd`` file, and a MetaSeries record into each page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nd2watch.simulate.run import Run, RunFrame

SOFTWARE: Final = "MetaSeries"
"""What the program writes as the software of a TIFF file, by which its records are known."""


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return the ``.nd`` file, which is written at the start and stays as it is.

    Parameters
    ----------
    run : Run
        The run.
    done : int
        How many of its planes were written so far.
    finished : bool
        Whether the program has ended it.
    """
    folder = PurePosixPath(run.frames[0].path).parent
    text = "".join(f"{line}\r\n" for line in _plan(run))
    return {(folder / f"{run.name}.nd").as_posix(): text.encode("cp1252", errors="replace")}


def description(run: Run, frame: RunFrame) -> str:
    """Return the record of a page.

    Parameters
    ----------
    run : Run
        The run.
    frame : RunFrame
        The plane of the page.
    """
    channel = run.channels[frame.c]
    x_um, y_um, z_um = frame.stage_um
    taken = (
        f"Exposure: {channel.exposure_ms:g} ms\r\nBinning: 1 x 1\r\n"
        f"Region: {run.width} x {run.height}, offset at (0, 0)\r\nAcquired from {run.camera}\r\n"
    )
    plane = [
        ("plane-type", "string", "plane"),
        ("pixel-size-x", "int", str(run.width)),
        ("pixel-size-y", "int", str(run.height)),
        ("bits-per-pixel", "int", "16"),
        ("spatial-calibration-state", "bool", "on"),
        ("spatial-calibration-x", "float", f"{run.pixel_size_um:g}"),
        ("spatial-calibration-y", "float", f"{run.pixel_size_um:g}"),
        ("spatial-calibration-units", "string", "um"),
        ("image-name", "string", channel.name),
        ("acquisition-time-local", "time", _time(frame.acquired)),
        ("modification-time-local", "time", _time(frame.acquired)),
        ("stage-position-x", "float", f"{x_um:.10g}"),
        ("stage-position-y", "float", f"{y_um:.10g}"),
        ("stage-label", "string", _stage(frame.site) if run.sites > 1 else ""),
        ("z-position", "float", f"{z_um:.10g}"),
        ("wavelength", "float", f"{channel.emission_nm:g}"),
        ("camera-binning-x", "int", "1"),
        ("camera-binning-y", "int", "1"),
        ("_IllumSetting_", "string", channel.name),
        ("_MagNA_", "float", f"{run.numerical_aperture:g}"),
        ("_MagSetting_", "string", run.objective),
    ]
    head = [
        ("Description", "string", taken),
        ("MetaDataVersion", "float", "1"),
        ("ApplicationName", "string", "MetaMorph"),
        ("ApplicationVersion", "string", "7.10.4.407"),
    ]
    return "\r\n".join(
        [
            "<MetaData>",
            *map(_prop, head),
            "<PlaneInfo>",
            *map(_prop, plane),
            "</PlaneInfo>",
            "<SetInfo>",
            _prop(("number-of-planes", "int", str(channel.z))),
            "</SetInfo>",
            "</MetaData>",
        ]
    )


def _plan(run: Run) -> list[str]:
    """Return the lines of the ``.nd`` file."""
    return [
        '"NDInfoFile", Version 1.0',
        '"Description", ',
        f'"StartTime1", {_time(run.started)}',
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


def _time(moment: datetime) -> str:
    """Return a time of day, which has no time zone."""
    return f"{moment.astimezone():%Y%m%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _prop(entry: tuple[str, str, str]) -> str:
    """Return an entry of a record."""
    name, kind, value = entry
    text = quoteattr(value, {"\r": "&#13;", "\n": "&#10;"})
    return f"<prop id={quoteattr(name)} type={quoteattr(kind)} value={text}/>"
