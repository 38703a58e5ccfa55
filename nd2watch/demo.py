"""The demonstration: a simulated microscope, the real service, and a check of what came out."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from nd2watch.errors import ConversionError
from nd2watch.nd2 import Nd2Reader
from nd2watch.simulate import Acquisition, Manner, simulate
from nd2watch.sources import open_frame, read_frame

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.progress import TaskID

    from nd2watch.simulate import Coordinates

_ACQUISITION: Final = Acquisition(t=3, p=2, z=5, channels=("DAPI", "GFP"))
_MANNER: Final = Manner(in_place=True, pieces=4, frames_per_s=12.0, shuffle=6)
_DEADLINE_S: Final = 120.0

_CONFIG: Final = """\
[output]
folder = "nd2"

[service]
settle_s = 0.5
scan_interval_s = 5
log_format = "json"
log_level = "debug"

[[watch]]
name = "demo"
folder = "incoming"
pattern = "{pattern}"
output = "demo.nd2"

[watch.axes]
t = 3
p = 2
z = 5
c = [
  {{ name = "DAPI", color = "#0000FF", excitation_nm = 385, emission_nm = 460 }},
  {{ name = "GFP", color = "#00FF00", excitation_nm = 488, emission_nm = 520 }},
]

[watch.calibration]
pixel_size_um = 0.325
z_step_um = 0.5
period_ms = 1000
"""


def run_demo(folder: Path, console: Console) -> None:
    """Run the service on a simulated acquisition and check the ND2 file that it writes.

    Parameters
    ----------
    folder : Path
        Where frames, configuration, log and ND2 file are kept.
    console : Console
        Shows what happens.

    Raises
    ------
    ConversionError
        If the folder is not empty, no ND2 file comes, or it differs from the frames.
    """
    output = folder / "nd2" / "demo.nd2"
    if folder.exists() and any(folder.iterdir()):
        raise ConversionError(f"{folder} is not empty; choose a new folder for the demonstration")
    (folder / "incoming").mkdir(parents=True)
    config = folder / "config.toml"
    config.write_text(_CONFIG.format(pattern=_ACQUISITION.pattern), encoding="utf-8")
    log = folder / "nd2watch.log"
    frames = f"{_ACQUISITION.frame_count} TIFF frames"
    _say(console, f"A microscope writes {frames} to {folder / 'incoming'}")
    _say(console, f"The service watches it: nd2watch run --config {config}")
    command = [sys.executable, "-m", "nd2watch", "run", "--config", str(config)]
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=sink) as service,  # noqa: S603 - this Python, and this program # nosec B603
    ):
        try:
            sources = _acquire(folder / "incoming", log, service, console)
        finally:
            service.terminate()
            service.wait(_DEADLINE_S)
    _compare(output, sources)
    _show(output, console)


def _say(console: Console, text: str) -> None:
    """Print a line as it is: paths may hold what looks like markup, and are not to be broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _acquire(
    incoming: Path, log: Path, service: subprocess.Popen[bytes], console: Console
) -> dict[Coordinates, Path]:
    """Simulate the acquisition while the service works; return the frames when it is done."""
    sources: dict[Coordinates, Path] = {}
    with Progress(
        TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), console=console
    ) as bars:
        total = _ACQUISITION.frame_count
        frames = bars.add_task("frames acquired", total=total)
        planes = bars.add_task("ND2 frames written", total=total // len(_ACQUISITION.channels))

        def microscope() -> None:
            def progress(done: int, _: int) -> None:
                bars.update(frames, completed=done)

            sources.update(simulate(incoming, _ACQUISITION, _MANNER, progress=progress))

        writer = threading.Thread(target=microscope, name="microscope", daemon=True)
        writer.start()
        _follow(log, service, bars, planes)
        writer.join()
    if len(sources) < total:
        raise ConversionError(f"the simulated microscope failed; see {incoming}")
    return sources


def _follow(log: Path, service: subprocess.Popen[bytes], bars: Progress, planes: TaskID) -> None:
    """Show the service's log events until it has published the file."""
    deadline = time.monotonic() + _DEADLINE_S
    with log.open(encoding="utf-8") as lines:
        while time.monotonic() < deadline:
            line = lines.readline()
            if not line.endswith("\n"):
                if service.poll() is not None:
                    raise ConversionError(f"the service ended too early; see {log}")
                time.sleep(0.05)
                continue
            if not line.startswith("{"):  # what Python itself prints when it fails
                _say(bars.console, line.rstrip())
                continue
            event = json.loads(line)
            if event["event"] == "conversion_progress":
                bars.update(planes, completed=event["done"])
            elif event["level"] != "debug":
                _say(bars.console, f"  service: {event['event']}")
            if event["event"] == "published":
                return
            if event["level"] == "error":
                raise ConversionError(f"the service reports {event['event']}: {event['reason']}")
    raise ConversionError(f"no ND2 file after {_DEADLINE_S:g} s; see {log}")


def _compare(output: Path, sources: dict[Coordinates, Path]) -> None:
    """Compare every frame with its source, pixel for pixel."""
    acquisition = _ACQUISITION
    with Nd2Reader(output) as reader:
        for (t, p, z, c), path in sources.items():
            index = (t * acquisition.p + p) * acquisition.z + z
            source = read_frame(open_frame(path))
            if not np.array_equal(reader.read_frame(index)[:, :, c], source):
                raise ConversionError(f"frame {index}, component {c} of {output} is not {path}")
            if not np.array_equal(source, acquisition.pixels((t, p, z, c))):
                raise ConversionError(f"{path} is not what the microscope wrote")


def _show(output: Path, console: Console) -> None:
    """Print where the file is and what readers see in it."""
    with Nd2Reader(output) as reader:
        stack = reader.experiment.z_stack
        sees = {
            "sizes": reader.sizes,
            "dtype": str(reader.attributes.dtype),
            "channels": list(reader.channel_names),
            "pixel size": f"{reader.pixel_size_um} um",
            "Z step": f"{stack.step_um if stack else None} um",
        }
    _say(console, f"\n{output}")
    for what, value in sees.items():
        _say(console, f"  {what:11} {value}")
    if importlib.util.find_spec("nd2") is not None:
        _say(console, f"  {'nd2 sees':11} {_seen_by_nd2(output)}")
    _say(console, f"  all {_ACQUISITION.frame_count} frames equal their sources, pixel for pixel")


def _seen_by_nd2(output: Path) -> str:
    """Return sizes, channels and voxel size as the independent reader `nd2` gives them."""
    import nd2

    with nd2.ND2File(output) as file:
        channels = [channel.channel.name for channel in file.metadata.channels or ()]
        voxel = file.voxel_size()
        return f"{dict(file.sizes)} {channels} voxel {voxel.x} x {voxel.y} x {voxel.z} um"
