"""Names that programs write now and then become the files that they should."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from nd2watch.simulate import RunRequest
from nd2watch.sources import open_frame
from tests.presets.once import SHORT_PAUSE, Converted, Watched, convert_all, simulate
from tests.sources.tiff_files import write

if TYPE_CHECKING:
    from pathlib import Path


def frame(path: Path, value: int, planes: int = 1) -> None:
    """Write a frame of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, np.full((planes, 12, 16), value, np.uint16).squeeze())


def converted(folder: Path, preset: str, further: str = SHORT_PAUSE) -> Converted:
    """Convert the frames in the folder of a watch."""
    return convert_all(folder, {"scope": Watched(preset=preset, further=further)})["scope"]


def sizes(found: Converted) -> dict[str, dict[str, int]]:
    """Return the sizes of each output."""
    assert not found.complaints
    return {name: open_frame(path).info.sizes for name, path in found.outputs.items()}


def test_a_flat_export_of_imagexpress_has_time_in_its_names(tmp_path: Path) -> None:
    for t in (1, 2, 10):
        for site in (1, 2):
            frame(tmp_path / f"in/scope/exp_B02_s{site}_w1_t{t}.TIF", 10 * t + site)
    assert sizes(converted(tmp_path, "imagexpress")) == {"exp_B02.nd2": {"t": 3, "p": 2}}


def test_a_stack_of_metamorph_alone_has_no_wave_in_its_name(tmp_path: Path) -> None:
    frame(tmp_path / "in/scope/exp1.TIF", 7, planes=3)
    plan = ['"NDInfoFile", Version 2.0', '"DoTimelapse", FALSE', '"DoStage", FALSE']
    plan += ['"DoWave", FALSE', '"DoZSeries", TRUE', '"NZSteps", 3', '"ZStepSize", 0.5']
    (tmp_path / "in/scope/exp1.nd").write_text("\r\n".join([*plan, '"EndFile"', ""]))
    found = converted(tmp_path, "metamorph", further="")
    assert sizes(found) == {"exp1.nd2": {"z": 3}}
    assert open_frame(found.outputs["exp1.nd2"]).info.z_step_um == 0.5


def test_timelines_of_yokogawa_are_sequences_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "scope"
    request = RunRequest(form="cv7000", t=2, channels=("DAPI", "GFP"), height=12, width=16)
    simulate(folder, "yokogawa-cv8000", request)
    (listed,) = folder.rglob("MeasurementData.mlf")
    for path in list(folder.rglob("*_T0002F*.tif")):
        path.rename(path.with_name(path.name.replace("T0002F001L01", "T0001F001L02")))
    text = listed.read_text(encoding="utf-8")
    listed.write_text(re.sub("T0002F001L01", "T0001F001L02", text), encoding="utf-8")
    found = sizes(converted(tmp_path, "yokogawa-cv8000", further=""))
    assert list(found.values()) == [{"c": 2}, {"c": 2}]
    assert sorted("_02_" in name for name in found) == [False, True]


def test_raw_data_and_processed_images_of_las_x_are_sequences_of_their_own(tmp_path: Path) -> None:
    for c in (0, 1):
        for z in (0, 1, 2):
            frame(tmp_path / f"in/scope/S1_z0{z}_RAW_ch0{c}.tif", 1)
            frame(tmp_path / f"in/scope/S1_z0{z}_ch0{c}.tif", 2)
    each = {"z": 3, "c": 2}
    assert sizes(converted(tmp_path, "lasx")) == {"S1.nd2": each, "S1_RAW.nd2": each}
