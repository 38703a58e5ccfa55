"""What Prairie View writes beside its frames."""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nd2watch.simulate.run import Run, RunFrame


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return all sidecars, by path from the folder of the run: the list of frames.

    Until the run is over it lists the frames so far, and has no end.
    """
    folder = PurePosixPath(run.frames[0].path).parent if run.frames else PurePosixPath()
    lines = list(_lines(run, run.frames[:done]))
    if not finished:
        del lines[-2:]  # the ends of the last cycle and of the document
    return {str(folder / f"{run.name}.xml"): "".join(f"{line}\n" for line in lines).encode()}


def description(run: Run, frame: RunFrame) -> str:
    """Return nothing: what newer versions write into their frames is not known well enough."""
    return ""


def _lines(run: Run, frames: Sequence[RunFrame]) -> Iterator[str]:
    """Yield the lines of the whole list: each time point is a cycle, each plane a frame."""
    started = run.started.astimezone()
    clock = f"{started.hour % 12 or 12}:{started:%M:%S} {'AM' if started.hour < 12 else 'PM'}"
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield (
        '<PVScan version="5.5.64.100"'
        f' date="{started.month}/{started.day}/{started.year} {clock}" notes="">'
    )
    yield from _state(run)
    stack = "TSeries ZSeries Element" if run.t > 1 else "ZSeries"
    kind = stack if run.z > 1 else "TSeries Timed Element"
    for t, planes in groupby(sorted(frames, key=lambda f: (f.t, f.z, f.c)), lambda f: f.t):
        yield f'  <Sequence type="{kind}" cycle="{t + 1}" bidirectionalZ="False">'
        for z, channels in groupby(planes, lambda f: f.z):
            yield from _frame(run, z + 1, list(channels))
        yield "  </Sequence>"
    yield "</PVScan>"


def _state(run: Run) -> Iterator[str]:
    """Yield the state of the microscope that all frames share."""
    um = run.pixel_size_um
    yield "  <PVStateShard>"
    yield f'    <PVStateValue key="bitDepth" value="{run.bits}" />'
    yield '    <PVStateValue key="laserPower">'
    yield '      <IndexedValue index="0" value="161" description="Pockels" />'
    yield "    </PVStateValue>"
    yield f'    <PVStateValue key="linesPerFrame" value="{run.height}" />'
    yield '    <PVStateValue key="micronsPerPixel">'
    for axis, size in (("XAxis", um), ("YAxis", um), ("ZAxis", run.z_step_um)):
        yield f'      <IndexedValue index="{axis}" value="{size!r}" />'
    yield "    </PVStateValue>"
    yield f'    <PVStateValue key="objectiveLens" value="{escape(run.objective)}" />'
    yield f'    <PVStateValue key="objectiveLensMag" value="{run.magnification:g}" />'
    yield f'    <PVStateValue key="objectiveLensNA" value="{run.numerical_aperture:g}" />'
    yield '    <PVStateValue key="opticalZoom" value="1" />'
    yield f'    <PVStateValue key="pixelsPerLine" value="{run.width}" />'
    yield "  </PVStateShard>"


def _frame(run: Run, index: int, channels: list[RunFrame]) -> Iterator[str]:
    """Yield the lines of a frame, of which all channels are scanned at once."""
    first = channels[0]
    seconds, begin = first.time_ms / 1000, run.frames[0].time_ms / 1000
    x, y, z = first.stage_um
    yield (
        f'    <Frame relativeTime="{seconds - begin!r}" absoluteTime="{seconds!r}"'
        f' index="{index}" parameterSet="CurrentSettings">'
    )
    for each in channels:
        yield (
            f'      <File channel="{each.c + 1}" channelName="{escape(run.channels[each.c].name)}"'
            f' page="1" filename="{escape(PurePosixPath(each.path).name)}" />'
        )
    yield '      <ExtraParameters lastGoodFrame="0" />'
    yield "      <PVStateShard>"
    yield '        <PVStateValue key="positionCurrent">'
    for axis, values in (("XAxis", [x]), ("YAxis", [y]), ("ZAxis", [z, 0.0])):
        yield f'          <SubindexedValues index="{axis}">'
        for number, value in enumerate(values):
            yield f'            <SubindexedValue subindex="{number}" value="{value!r}" />'
        yield "          </SubindexedValues>"
    yield "        </PVStateValue>"
    yield "      </PVStateShard>"
    yield "    </Frame>"
