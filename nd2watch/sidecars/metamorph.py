"""What the ``.nd`` file of MetaMorph and VisiView tells: the plan, written at the start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.text import decoded
from nd2watch.sidecars.values import whole
from nd2watch.sources import ChannelInfo
from nd2watch.sources.tiff.units import moment
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINE: Final = re.compile(r'"(\w{1,80})"[ \t]*,[ \t]*(.*)')
_END: Final = re.compile(r'^"EndFile"', re.MULTILINE)
_NUMBERED: Final = re.compile(r"(Stage|WaveName|WaveDoZ)([1-9]\d{0,5})")
_AXES: Final = {
    "t": ("DoTimelapse", "NTimePoints"),
    "p": ("DoStage", "NStagePositions"),
    "z": ("DoZSeries", "NZSteps"),
    "c": ("DoWave", "NWavelengths"),
}
_KEYS: Final = {"NDInfoFile", *(key for keys in _AXES.values() for key in keys)}


def read(path: Path, data: bytes) -> Sidecar:
    """Return what a ``.nd`` file tells; it cannot tell whether the acquisition is over.

    Parameters
    ----------
    path : Path
        Its name, for messages.
    data : bytes
        What it holds.

    Raises
    ------
    SidecarError
        If it has none of the lines of such a file yet.
    """
    values = dict(_lines(decoded(data)))
    if not values.keys() & _KEYS:
        raise SidecarError(f"{path} has no line of MetaMorph yet", path)
    sizes = _sizes(values)
    waves = {str(number): text for number, text in _numbered(values, "WaveName")}
    return Sidecar(
        sizes=sizes,
        planes={
            str(number): 1
            for number, text in _numbered(values, "WaveDoZ")
            if text.upper() == "FALSE" and sizes.get("z", 1) > 1
        },
        channels={label: ChannelInfo(name=name) for label, name in waves.items()},
        positions={str(number): name for number, name in _numbered(values, "Stage") if name},
        z_step_um=_step_um(values.get("ZStepSize", "")),
        started=moment(values.get("StartTime1")),
    )


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of the lines that are whole; a description may have others.

    A number that is still being written is not to be taken for a smaller one.
    """
    end = _END.search(text)
    for line in text[: end.start() if end else text.rfind("\n") + 1].splitlines():
        if found := _LINE.fullmatch(line.rstrip()):
            value = found[2]
            yield (
                found[1],
                value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value,
            )


def _sizes(values: dict[str, str]) -> dict[str, int]:
    """Return the planned points of each axis, 1 of one that is not used."""
    sizes: dict[str, int] = {}
    for axis, (switch, count) in _AXES.items():
        if values.get(switch, "").upper() == "FALSE":
            sizes[axis] = 1
        elif (number := whole(values.get(count))) is not None:
            sizes[axis] = number
    return sizes


def _numbered(values: dict[str, str], name: str) -> list[tuple[int, str]]:
    """Return the values of a numbered key by their numbers."""
    found = ((_NUMBERED.fullmatch(key), value) for key, value in values.items())
    return sorted((int(key[2]), value) for key, value in found if key and key[1] == name)


def _step_um(text: str) -> float | None:
    """Return the distance of planes, which some write with a decimal comma; None for none."""
    step_um = finite(text.replace(",", "."))
    return abs(step_um) if step_um else None
