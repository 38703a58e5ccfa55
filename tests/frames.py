"""Frames that tests write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nd2
import numpy as np
import numpy.typing as npt
import tifffile

from nd2watch.experiment import AxisSize, Calibration, Layout, compile_pattern
from nd2watch.nd2 import Channel, display_color
from nd2watch.service.claim import OUTPUT_LOCK
from nd2watch.simulate import Acquisition, Manner, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.simulate import Coordinates

PATTERN = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
QUICK = Manner(frames_per_s=0, pieces=1)


def acquisition(**changes: object) -> Acquisition:
    """Return a small acquisition: T2 x XY2 x Z3 x C2 of 32 x 24 pixels unless changed."""
    values: dict[str, object] = {"t": 2, "p": 2, "z": 3, "channels": ("DAPI", "GFP")}
    values |= {"width": 32, "height": 24, **changes}
    return Acquisition(**values)  # type: ignore[arg-type]


def write(folder: Path, what: Acquisition) -> dict[Coordinates, Path]:
    """Write an acquisition at once."""
    return simulate(folder, what, QUICK)


def layout_of(what: Acquisition, *, sized: bool = True, **calibration: float) -> Layout:
    """Return the layout of an acquisition, with its sizes or without."""
    count = len(what.channels)
    sizes = {axis: AxisSize(count=getattr(what, axis)) for axis in "tpz"} if sized else {}
    sizes["c"] = AxisSize(count=count, labels=what.channels)
    return Layout(
        pattern=compile_pattern(what.pattern),
        sizes=sizes,
        channels=tuple(
            Channel(name=name, color=display_color(i, count))
            for i, name in enumerate(what.channels)
        ),
        calibration=Calibration(**calibration),
    )


def assert_nd2_equals_sources(
    path: Path, what: Acquisition, sources: dict[Coordinates, Path]
) -> None:
    """Compare every frame, as the independent reader `nd2` sees it, with its source."""
    with nd2.ND2File(path) as file:
        expected = {"T": what.t, "P": what.p, "Z": what.z, "C": len(what.channels)}
        seen = {axis: size for axis, size in file.sizes.items() if axis in expected}
        assert seen == {axis: size for axis, size in expected.items() if size > 1}
        frames = file.asarray().reshape(
            what.t, what.p, what.z, len(what.channels), what.height, what.width
        )
    for coordinates, source in sources.items():
        np.testing.assert_array_equal(frames[coordinates], tifffile.imread(source))


def outputs_in(folder: Path) -> list[Path]:
    """Return all that is in an output folder but the lock of the service."""
    return sorted(path for path in folder.iterdir() if path.name != OUTPUT_LOCK)


def noise(seed: int, shape: tuple[int, int] = (24, 32)) -> npt.NDArray[np.uint16]:
    """Return random pixels."""
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)
