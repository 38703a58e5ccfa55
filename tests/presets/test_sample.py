"""Frames that a real ImageXpress wrote become one ND2 file by its preset alone."""

from __future__ import annotations

import re
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import tifffile

from nd2watch.nd2 import Nd2Reader
from tests.conformance.nd2_view import Nd2PackageReader
from tests.conformance.sdk_view import SdkReader
from tests.conformance.view import Plane, Point, digest
from tests.presets.once import Watched, write_config
from tests.waiting import ServiceProcess

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.conformance.view import View
    from tests.oracles import VendorSdk

SAMPLE: Final = Path(__file__).parents[1] / "data" / "imagexpress"
OUTPUT: Final = "2024-04-22_1697_1well-3C-2S-Zmix-T_C07.nd2"
NAME: Final = re.compile(r"TimePoint_(?P<t>\d)/1well-3C-2S-Zmix-T_C07_s(?P<p>\d)_w(?P<c>\d)[^/]*")
ENTRY: Final = re.compile(r'id="([^"]+)" type="\w+" value="([^"]*)"')

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")


class Frame:
    """A frame of the sample, as its name and its own entries tell of it."""

    def __init__(self, path: Path) -> None:
        found = NAME.search(path.as_posix())
        assert found is not None
        t, p, self.c = (int(found[axis]) - 1 for axis in "tpc")
        self.point = Point(t, p, 0)
        with tifffile.TiffFile(path) as file:
            self.pixels: npt.NDArray[Any] = file.pages.first.asarray()
            self.entries = dict(ENTRY.findall(file.pages.first.description))
        clock = self.entries["acquisition-time-local"]
        self.acquired = datetime.strptime(clock, "%Y%m%d %H:%M:%S.%f").astimezone()

    def stage_um(self, axis: str) -> float:
        """Return a coordinate of the stage, um."""
        return float(self.entries["z-position" if axis == "z" else f"stage-position-{axis}"])


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    watched = folder / "in" / "scope"
    watched.mkdir(parents=True)
    further = "plate.wells = 96\n[watch.complete]\nquiet_s = 1.0\n"
    config = write_config(folder, {"scope": Watched(preset="imagexpress", further=further)})
    with ServiceProcess(config) as service:
        service.wait_for("started")
        shutil.copytree(SAMPLE, watched, dirs_exist_ok=True)
        published = service.wait_for("published")
        assert service.terminate() == 0
        assert not [e for e in service.events if e.get("level") in ("warning", "error")]
    assert published["output"] == str(folder / "out" / OUTPUT)
    return folder / "out" / OUTPUT


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return [Frame(path) for path in sorted(SAMPLE.rglob("*.tif"))]


def check(view: View, frames: list[Frame]) -> None:
    """Compare what a reader shows with what the frames tell of themselves."""
    shown = view.values
    firsts = {frame.point: frame for frame in frames if frame.c == 0}
    begun = min(frame.acquired for frame in frames)
    assert shown["loops"] == (("TimeLoop", 2), ("XYPosLoop", 2))
    assert shown["channel_names"] == ("FITC", "Cy3", "Texas Red")
    assert shown["emission_nm"] == (536, 593, 624)
    assert shown["pixel_size_um"] == (13.5504, 13.5504)
    assert shown["objective_name"] == ("4X Plan Apo",) * 3
    assert shown["magnification"] == (4,) * 3
    assert shown["numerical_aperture"] == (0.2,) * 3
    names = ("C07 : Site 1", "C07 : Site 2")
    assert shown.get("position_names", names) == names  # the SDK does not always have them
    assert shown["planes"] == {Plane(f.point, f.c): digest(f.pixels) for f in frames}
    times = {p: (f.acquired - begun).total_seconds() * 1000 for p, f in firsts.items()}
    assert shown["frame_time_ms"] == pytest.approx(times, abs=0.01)
    assert shown["date"] == begun.replace(tzinfo=None, microsecond=0)
    for axis in "xyz":
        places = tuple(firsts[Point(0, p, 0)].stage_um(axis) for p in range(2))
        assert shown[f"position_{axis}_um"] == places


def test_the_sample_is_whole(frames: list[Frame]) -> None:
    assert len(frames) == 12
    assert all(np.ptp(frame.pixels) > 0 for frame in frames)


def test_nd2_finds_what_the_frames_tell(output: Path, frames: list[Frame]) -> None:
    view = Nd2PackageReader().read(output)
    check(view, frames)
    assert view.values["exposure_ms"] == (80, 100, 5)
    assert view.values["camera"] == ("AndorSdk3 Camera",) * 3
    for axis, recorded in view.values["recorded_stage_um"].items():
        assert recorded == {frame.point: frame.stage_um(axis) for frame in frames if not frame.c}


def test_the_vendors_reader_finds_what_the_frames_tell(
    output: Path, frames: list[Frame], vendor_sdk: VendorSdk
) -> None:
    check(SdkReader(vendor_sdk).read(output), frames)


def test_all_frames_are_in_the_well(output: Path) -> None:
    with Nd2Reader(output) as reader:
        assert reader.well_plate is not None
        assert (reader.well_plate.rows, reader.well_plate.columns) == (8, 12)
        assert [well.name for _, well in sorted(reader.frame_wells.items())] == ["C07"] * 4
