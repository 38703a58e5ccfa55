"""Plans of ThorImage LS: ``Experiment.xml`` beside the frames."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from nd2watch.errors import SidecarError
from nd2watch.sidecars.base import Sidecar
from nd2watch.sidecars.document import attributes, elements
from nd2watch.sidecars.values import local_moment, moment_since_1970, whole
from nd2watch.sources import ChannelInfo, OpticsInfo
from nd2watch.sources.tiff.units import aperture_of, magnification_of
from nd2watch.sources.values import above_zero, finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from xml.etree.ElementTree import Element

_LETTERS: Final = "ABCD"
_CHANNEL: Final = re.compile(f"Chan([{_LETTERS}])")
_CLOCK: Final = "%m/%d/%Y %H:%M:%S"


def read(path: Path, data: bytes) -> Sidecar:
    """Return what a plan tells; it is written before the first frame.

    Parameters
    ----------
    path : Path
        The file.
    data : bytes
        What is in it.

    Raises
    ------
    SidecarError
        If it is something else, or not written to its end.
    """
    root, is_whole = elements(path, data)
    if root.tag != "ThorImageExperiment":
        raise SidecarError(f"{path} is no experiment of ThorImage", path)
    if not is_whole:  # a part of it would ask for too few frames
        raise SidecarError(f"{path} is not written to its end yet", path)
    lens = _attributes(root, "Magnification")
    objective = lens.get("name", "")
    step_um = finite(_attributes(root, "ZStage").get("stepSizeUM"))
    channels = _channels(root)
    sizes = {**_times_and_planes(root), "p": _positions(root), "c": len(channels) or None}
    return Sidecar(
        sizes={axis: size for axis, size in sizes.items() if size is not None},
        channels=channels,
        places_um=_places_um(root),
        optics=OpticsInfo(
            objective_name=objective,
            magnification=above_zero(lens.get("mag")) or magnification_of(objective),
            numerical_aperture=aperture_of(objective),
            immersion_index=above_zero(lens.get("indexOfRefraction")),
        ),
        pixel_size_um=_pixel_size_um(_attributes(root, "LSM")),
        z_step_um=None if step_um is None else abs(step_um),  # it falls in stacks downwards
        period_ms=_period_ms(root),
        started=_started(_attributes(root, "Date")),
    )


def _attributes(root: Element, name: str) -> dict[str, str]:
    """Return the attributes of a part of the plan, none where it lacks."""
    part = root.find(name)
    return {} if part is None else attributes(part)


def _is_streaming(root: Element) -> bool:
    """Return whether frames are taken without a pause, so that the plan of pauses is idle."""
    return _attributes(root, "Streaming").get("enable") == "1"


def _times_and_planes(root: Element) -> dict[str, int | None]:
    """Return how many time points and planes are planned.

    Settings that are not in use stay in the plan: a stream has planes only with a fast Z stage. How
    many of its frames make one stack is then not certain.
    """
    stream, stage = (_attributes(root, name) for name in ("Streaming", "ZStage"))
    steps = whole(stage.get("steps")) if stage.get("enable", "1") == "1" else 1
    if not _is_streaming(root):
        return {"t": whole(_attributes(root, "Timelapse").get("timepoints")), "z": steps}
    if stream.get("zFastEnable") == "1":
        return {"z": steps}
    return {"t": whole(stream.get("frames")), "z": 1}


def _period_ms(root: Element) -> float | None:
    """Return the time from one time point to the next, ms."""
    if not _is_streaming(root):
        seconds = above_zero(_attributes(root, "Timelapse").get("intervalSec"))
        return None if seconds is None else seconds * 1000
    scanner = _attributes(root, "LSM")
    rate = above_zero(scanner.get("frameRate"))
    if rate is None or _attributes(root, "Streaming").get("zFastEnable") == "1":
        return None
    averaged = whole(scanner.get("averageNum")) if scanner.get("averageMode") == "1" else 1
    return 1000 * (averaged or 1) / rate


def _positions(root: Element) -> int | None:
    """Return how many tiles of all regions are visited, None where it does not tell."""
    count = 0
    for wells in root.iterfind("Sample/Wells"):
        tiles = sum(_product(each, "subRows", "subColumns") for each in _regions(wells))
        count += _product(wells, "rows", "columns") * tiles
    return count or None


def _regions(wells: Element) -> Iterator[Element]:
    """Yield the regions that are switched on."""
    for each in wells.iterfind("SubImages"):
        if each.get("isEnabled", "True").lower() == "true":
            yield each


def _places_um(root: Element) -> dict[str, tuple[float, float]]:
    """Return where the stage stood for regions of one tile, by the label of the position.

    They are told in mm from the home of the stage. The order of several tiles is not known, nor
    that of several wells: nothing is told of them. Nor is it by plans with ``subOffsetXMM``, which
    are older: they tell a corner, with the axes the other way round.
    """
    groups = list(root.iterfind("Sample/Wells"))
    regions = [region for wells in groups for region in _regions(wells)]
    is_plain = all(_product(wells, "rows", "columns") == 1 for wells in groups) and all(
        _product(region, "subRows", "subColumns") == 1 and region.get("subOffsetXMM") is None
        for region in regions
    )
    home, found = _attributes(root, "Sample"), {}
    for number, region in enumerate(regions if is_plain else (), start=1):
        place = [
            _sum_um(region.get(f"transOffset{axis}MM"), home.get(f"homeOffset{axis}", "0"))
            for axis in "XY"
        ]
        if place[0] is not None and place[1] is not None:
            found[f"{number}_1"] = (place[0], place[1])
    return found


def _sum_um(*lengths_mm: str | None) -> float | None:
    """Return the sum of lengths in um; None unless all are numbers."""
    known = [finite(length) for length in lengths_mm]
    lengths = [length for length in known if length is not None]
    return round(1000 * sum(lengths), 4) if len(lengths) == len(known) else None


def _product(element: Element, *names: str) -> int:
    """Return how many things are in rows and columns; a number that is left out is 1."""
    return math.prod(whole(element.get(name, "1")) or 0 for name in names)


def _channels(root: Element) -> dict[str, ChannelInfo]:
    """Return the channels that are switched on, by the letter in the names of frames."""
    waves = [attributes(each) for each in root.iterfind("Wavelengths/Wavelength")]
    named = dict(zip(_LETTERS, waves, strict=False))
    letters = [_CHANNEL.fullmatch(wave.get("name", "")) for wave in waves]
    if all(letters):
        named = {found[1]: wave for found, wave in zip(letters, waves, strict=True) if found}
    switches = whole(_attributes(root, "Wavelengths/ChannelEnable").get("Set")) or 0
    on = {letter for bit, letter in enumerate(_LETTERS) if switches >> bit & 1} & named.keys()
    return {
        letter: ChannelInfo(
            name=wave.get("name", ""), exposure_ms=above_zero(wave.get("exposureTimeMS"))
        )
        for letter, wave in named.items()
        if letter in on or not on
    }


def _pixel_size_um(scanner: Mapping[str, str]) -> float | None:
    """Return the edge of a pixel; ``pixelSizeUM`` was seen to be another length in version 4.4."""
    width_um, pixels = above_zero(scanner.get("widthUM")), above_zero(scanner.get("pixelX"))
    size_um = above_zero(scanner.get("pixelWidthUM"))
    if size_um is None and width_um is not None and pixels is not None:
        size_um = width_um / pixels
    return size_um or above_zero(scanner.get("pixelSizeUM"))


def _started(date: Mapping[str, str]) -> datetime | None:
    """Return when the experiment began, from seconds since 1970 or else from local time."""
    if (seconds := above_zero(date.get("uTime"))) is not None:
        return moment_since_1970(seconds)
    return local_moment(date.get("date", ""), _CLOCK)
