"""What MetaXpress, and its successor for ImageXpress HCS.ai, write beside and into frames."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from string import digits
from typing import TYPE_CHECKING, Final

from nd2watch.simulate.programs.metaseries import camera_text, of_plane, of_program, record
from nd2watch.simulate.programs.values import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nd2watch.simulate.run import Run, RunChannel, RunFrame

SOFTWARE: Final = "MetaSeries"
"""What the program writes as the software of a TIFF file, by which its records are known."""

_DATABASE: Final = "database"
_HCSAI: Final = "hcsai"
_COLUMNS: Final = (
    "Well",
    "Row",
    "Column",
    "Field",
    "Wavelength",
    "Timepoint",
    "ZIndex",
    "ImageSubFolderPath",
    "ImageFileName",
    "TimeStampSec",
    "ExposureTimeMs",
    "ExcitationEmissionFilter",
    "PositionXUm",
    "PositionYUm",
    "PositionZUm",
)


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return all sidecars, by path from the folder of the run.

    An export has its plan in every folder from the beginning, the database has none. HCS.ai
    writes its plan, and a list of the images so far.
    """
    if run.form == _DATABASE or not run.frames:
        return {}
    if run.form == _HCSAI:
        folder = _experiment(run)
        return {
            str(folder / f"{run.name}.jdce"): _protocol(run),
            str(folder / "image_metadata_1.csv"): _image_list(run, done, folder),
        }
    parents = [PurePosixPath(frame.path).parents for frame in run.frames[: max(done, 1)]]
    folders = {folder for above in parents for folder in above[: max(len(above) - 1, 1)]}
    return {str(folder / f"{run.name}.HTD"): _plan(run) for folder in sorted(folders)}


def description(run: Run, frame: RunFrame) -> str:
    """Return the record that the program writes into the page of a plane."""
    x, y, z = frame.stage_um
    text = (
        f"Plate Name: {run.name}\r\nTimepoint: {frame.t + 1}\r\n{camera_text(run, frame)}"
        "Subtract: Off\r\nShading: Off\r\n"
    )
    return record(
        of_program(text, "6.7.2.290"),
        [
            *of_plane(run, frame, f"{frame.well} : Site {frame.site + 1}"),
            ("_MagRI_", "float", "1"),
        ],
        [
            ("Camera Bit Depth", "float", str(run.bits)),
            ("Exposure Time", "string", f"{run.channels[frame.c].exposure_ms:g} ms"),
            ("ImageXpress Micro Objective", "string", run.objective),
            ("ImageXpress Micro X", "float", f"{x:g}"),
            ("ImageXpress Micro Y", "float", f"{y:g}"),
            ("ImageXpress Micro Z", "float", f"{z:g}"),
            ("Timepoint", "float", str(frame.t + 1)),
        ],
        planes=1,
    )


def _plan(run: Run) -> bytes:
    """Return an HTD file."""
    visited = set(map(place_of, run.wells))
    rows = [
        [(row, column) in visited for column in range(1, run.plate_columns + 1)]
        for row in range(1, run.plate_rows + 1)
    ]
    waves = [(number, channel.name) for number, channel in enumerate(run.channels, 1)]
    lines = [
        '"HTSInfoFile", Version 1.0',
        '"Description", ""',
        '"PlateType", 2',
        f'"TimePoints", {run.t}',
        f'"ZSeries", {_switches(run.z > 1)}',
        f'"ZSteps", {run.z if run.z > 1 else 0}',
        '"ZProjection", FALSE',
        f'"XWells", {run.plate_columns}',
        f'"YWells", {run.plate_rows}',
        *(f'"WellsSelection{number}", {_switches(*row)}' for number, row in enumerate(rows, 1)),
        f'"Sites", {_switches(run.sites > 1)}',
        f'"XSites", {run.sites}',
        '"YSites", 1',
        *([f'"SiteSelection1", {_switches(*[True] * run.sites)}'] if run.sites > 1 else []),
        f'"Waves", {_switches(len(waves) > 1)}',
        f'"NWavelengths", {len(waves)}',
        *(f'"WaveName{number}", "{name}"' for number, name in waves),
        *(f'"WaveCollect{number}", 1' for number, _ in waves),
        '"UniquePlateIdentifier", "6f0ba473-d18a-4a31-8db8-e2087bc78145"',
        '"EndFile"',
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _switches(*are_on: bool) -> str:
    """Return switches in a row."""
    return ", ".join("TRUE" if is_on else "FALSE" for is_on in are_on)


def _experiment(run: Run) -> PurePosixPath:
    """Return the folder above those of time points."""
    folder = PurePosixPath(run.frames[0].path).parent
    return folder.parent if folder.name.startswith("timepoint") else folder


def _protocol(run: Run) -> bytes:
    """Return the plan of HCS.ai."""
    plan = {
        "Camera": {"Size": {"Width": run.width, "Height": run.height}, "Binning": "1 X 1"},
        "ObjectiveCalibration": {
            "Unit": "\u00b5m",
            "ObjectiveName": run.objective,
            "PixelWidth": run.pixel_size_um,
            "PixelHeight": run.pixel_size_um,
        },
        "Plate": {"Name": run.name, "Rows": run.plate_rows, "Columns": run.plate_columns},
        "Wavelengths": [_wave(index, each) for index, each in enumerate(run.channels)],
        "PlateMap": {
            "ZDimensionParameters": {
                "Enabled": run.z > 1,
                "Step": run.z_step_um if run.z > 1 else 0.0,
                "NumberOfSlices": run.z,
            },
            "TimeSchedule": {
                "Enabled": run.t > 1,
                "NumberOfTimepoints": run.t,
                "Times": [{"Ms": t} for t in range(run.t)],
            },
        },
    }
    stack = {
        "Application": {"Name": "MetaXpress Acquire"},
        "Creation": {
            "Date": f"{run.started:%Y-%m-%d}",
            "Time": f"{run.started:%H:%M:%S}",
            "TimeZoneOffset": 0,  # wherever the microscope is
        },
        "ImageFormat": "TIFF",
        "AutoLeadAcquisitionProtocol": plan,
        "ImageMetadataFiles": ["image_metadata_1.csv"],
    }
    return json.dumps({"Version": "1.1", "ImageStack": stack}, indent=2).encode()


def _wave(index: int, channel: RunChannel) -> dict[str, object]:
    """Return a channel in the plan of HCS.ai."""
    emission, excitation = (
        {"Name": channel.name, "Unit": "nm", "Wavelength": length}
        for length in (channel.emission_nm, channel.excitation_nm)
    )
    return {
        "Index": index,
        "ImagingMode": "Widefield",
        "EmissionFilter": emission,
        "ExcitationFilter": excitation,
    }


def _image_list(run: Run, done: int, folder: PurePosixPath) -> bytes:
    """Return the list of the images so far."""
    rows = [",".join(_COLUMNS)]
    for frame in run.frames[:done]:
        path, channel = PurePosixPath(frame.path), run.channels[frame.c]
        row, column = place_of(frame.well)
        cells = [
            *(f"{frame.well.rstrip(digits)} - {column}", row, column),
            *(frame.site, frame.c, frame.t, frame.z),
            *(path.parent.relative_to(folder), path.name),
            *(f"{frame.acquired.timestamp():.3f}", f"{channel.exposure_ms:g}", channel.name),
            *(f"{value:.3f}" for value in frame.stage_um),
        ]
        rows.append(",".join(map(str, cells)))
    return "".join(f"{row}\r\n" for row in rows).encode()
