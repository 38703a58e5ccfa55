"""The MetaSeries record that MetaMorph and MetaXpress write into the pages of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from nd2watch.simulate.programs.values import universal_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.simulate.run import Run, RunFrame

    Entry = tuple[str, str, str]
    """Name, type and value."""


def record(
    head: Sequence[Entry], plane: Sequence[Entry], custom: Sequence[Entry] = (), *, planes: int
) -> str:
    """Return a record.

    Parameters
    ----------
    head, plane, custom : sequence of Entry
        What is told of the program, of the plane, and of it by this program alone.
    planes : int
        How many planes the set has.
    """
    return "\r\n".join(
        [
            "<MetaData>",
            *(_element("prop", entry) for entry in head),
            "<PlaneInfo>",
            *(_element("prop", entry) for entry in plane),
            *(_element("custom-prop", entry) for entry in custom),
            "</PlaneInfo>",
            "<SetInfo>",
            _element("prop", ("number-of-planes", "int", str(planes))),
            "</SetInfo>",
            "</MetaData>",
        ]
    )


def of_program(text: str, version: str) -> list[Entry]:
    """Return what is told of the program, with a text of its own on the plane."""
    return [
        ("Description", "string", text),
        ("MetaDataVersion", "float", "1"),
        ("ApplicationName", "string", "MetaMorph"),
        ("ApplicationVersion", "string", version),
    ]


def camera_text(run: Run, frame: RunFrame) -> str:
    """Return the lines of a text on how a plane was taken."""
    return (
        f"Exposure: {run.channels[frame.c].exposure_ms:g} ms\r\nBinning: 1 x 1\r\n"
        f"Region: {run.width} x {run.height}, offset at (0, 0)\r\nAcquired from {run.camera}\r\n"
    )


def of_plane(run: Run, frame: RunFrame, stage_label: str) -> list[Entry]:
    """Return what is told of a plane, with six digits of its numbers, and of its position."""
    channel = run.channels[frame.c]
    x_um, y_um, z_um = frame.stage_um
    return [
        ("plane-type", "string", "plane"),
        ("pixel-size-x", "int", str(run.width)),
        ("pixel-size-y", "int", str(run.height)),
        ("bits-per-pixel", "int", "16"),
        ("spatial-calibration-state", "bool", "on"),
        ("spatial-calibration-x", "float", f"{run.pixel_size_um:g}"),
        ("spatial-calibration-y", "float", f"{run.pixel_size_um:g}"),
        ("spatial-calibration-units", "string", "um"),
        ("image-name", "string", channel.name),
        ("acquisition-time-local", "time", universal_time(frame.acquired)),
        ("modification-time-local", "time", universal_time(frame.acquired)),
        ("stage-position-x", "float", f"{x_um:g}"),
        ("stage-position-y", "float", f"{y_um:g}"),
        ("stage-label", "string", stage_label),
        ("z-position", "float", f"{z_um:g}"),
        ("wavelength", "float", f"{channel.emission_nm:g}"),
        ("camera-binning-x", "int", "1"),
        ("camera-binning-y", "int", "1"),
        ("_IllumSetting_", "string", channel.name),
        ("_MagNA_", "float", f"{run.numerical_aperture:g}"),
        ("_MagSetting_", "string", run.objective),
    ]


def _element(tag: str, entry: Entry) -> str:
    """Return an entry as it is written."""
    name, kind, value = entry
    text = quoteattr(value, {"\r": "&#13;", "\n": "&#10;"})
    return f"<{tag} id={quoteattr(name)} type={quoteattr(kind)} value={text}/>"
