"""Files of several planes, of programs whose names may tell the same axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import nd2
import numpy as np
import pytest
import tifffile

from tests.presets.once import SHORT_PAUSE, Watched, convert_all, frames_in

if TYPE_CHECKING:
    from pathlib import Path

RNG: Final = np.random.default_rng(5)


def planes(*sizes: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return RNG.integers(0, 4096, (*sizes, 16, 20), dtype=np.uint16)


def test_an_ome_file_holds_what_its_name_does_not_tell(tmp_path: Path) -> None:
    pixels = planes(2, 3, 2)
    folder = frames_in(tmp_path, "cells")
    folder.mkdir(parents=True)
    tifffile.imwrite(
        folder / "My Image_01.ome.tif", pixels, metadata={"axes": "TZCYX"}, photometric="minisblack"
    )
    watches = {"cells": Watched(preset="cellsens", further=SHORT_PAUSE)}
    converted = convert_all(tmp_path, watches)["cells"]
    (output,) = converted.outputs.values()
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 2, "Z": 3, "C": 2, "Y": 16, "X": 20}
        np.testing.assert_array_equal(file.asarray(), pixels)


@pytest.mark.parametrize(
    ("preset", "names", "loops"),
    [
        ("andor-iq", ["Single Cell_t0000_f0000_w0000.tif"], ""),
        ("nis-elements", ["a_t1xy1.tif", "a_t2xy1.tif"], "T"),
        ("generic", ["a_t1_c1.tif", "a_t2_c1.tif"], "T"),
    ],
)
def test_pages_are_planes_where_names_leave_z_out(
    tmp_path: Path, preset: str, names: list[str], loops: str
) -> None:
    pixels = planes(len(names), 3)
    folder = frames_in(tmp_path, "stacks")
    folder.mkdir(parents=True)
    for name, stack in zip(names, pixels, strict=True):
        tifffile.imwrite(folder / name, stack, photometric="minisblack", metadata=None)
    watches = {"stacks": Watched(preset=preset, further='pages = "z"\n' + SHORT_PAUSE)}
    converted = convert_all(tmp_path, watches)["stacks"]
    (output,) = converted.outputs.values()
    with nd2.ND2File(output) as file:
        assert "".join(file.sizes) == f"{loops}ZYX"
        np.testing.assert_array_equal(file.asarray(), pixels if loops else pixels[0])


def test_planes_in_files_and_in_their_names_have_no_place(tmp_path: Path) -> None:
    folder = frames_in(tmp_path, "both")
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "a_z1_c1.tif", planes(3), photometric="minisblack", metadata=None)
    watches = {"both": Watched(preset="generic", further='pages = "z"\n' + SHORT_PAUSE)}
    (refused,) = convert_all(tmp_path, watches)["both"].named("frame_refused")
    assert "the names of the files tell planes too" in refused["reason"]


PRAIRIE: Final = """<?xml version="1.0" encoding="utf-8"?>
<PVScan version="5.6.64.400" date="9/8/2023 5:40:34 PM" notes="">
  <PVStateShard>
    <PVStateValue key="micronsPerPixel">
      <IndexedValue index="XAxis" value="0.5" />
      <IndexedValue index="ZAxis" value="2" />
    </PVStateValue>
  </PVStateShard>
{cycles}</PVScan>
"""


def write_prairie(folder: Path, kind: str, pixels: np.ndarray[Any, Any]) -> None:
    """Write a run of a file for each cycle and channel, and its list of frames."""
    folder.mkdir(parents=True)
    cycles = ""
    for number, frames in enumerate(pixels, 1):
        cycles += f'  <Sequence type="{kind}" cycle="{number}">\n'
        names = [f"{folder.name}_Cycle{number:05}_Ch{c}_000001.ome.tif" for c in (1, 2)]
        for page in range(1, len(frames) + 1):
            at = 10.0 * number + page
            cycles += f'    <Frame relativeTime="{at - 11}" absoluteTime="{at}" index="{page}">\n'
            for channel, name in enumerate(names, 1):
                cycles += f'      <File channel="{channel}" channelName="Ch{channel}"'
                cycles += f' page="{page}" filename="{name}" />\n'
            cycles += "    </Frame>\n"
        cycles += "  </Sequence>\n"
        for channel, name in enumerate(names):
            tifffile.imwrite(
                folder / name,
                frames[:, channel],
                photometric="minisblack",
                metadata={"axes": "ZYX" if "ZSeries" in kind else "TYX"},
            )
    (folder / f"{folder.name}.xml").write_text(PRAIRIE.format(cycles=cycles), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "cycles", "sizes", "times_ms"),
    [
        ("TSeries ZSeries Element", 2, {"T": 2, "Z": 3}, [0, 1000, 2000, 10000, 11000, 12000]),
        ("ZSeries", 1, {"Z": 3}, [0, 1000, 2000]),
        ("TSeries Timed Element", 1, {"T": 3}, [0, 1000, 2000]),
        ("TSeries Timed Element", 2, {"T": 6}, [0, 1000, 2000, 10000, 11000, 12000]),
    ],
)
def test_pages_of_prairie_view_are_what_its_list_says(
    tmp_path: Path, kind: str, cycles: int, sizes: dict[str, int], times_ms: list[float]
) -> None:
    pixels = planes(cycles, 3, 2)
    folder = frames_in(tmp_path, "bruker").with_name("Run-001")
    write_prairie(folder, kind, pixels)
    (output,) = convert_all(tmp_path, {"bruker": Watched(preset="prairie")})[
        "bruker"
    ].outputs.values()
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {**sizes, "C": 2, "Y": 16, "X": 20}
        np.testing.assert_array_equal(file.asarray().reshape(pixels.shape), pixels)
        assert [channel.channel.name for channel in file.metadata.channels or []] == ["Ch1", "Ch2"]
        frames = [cast("Any", file.frame_metadata(n)) for n in range(cycles * 3)]
        times = [frame.channels[0].time.relativeTimeMs for frame in frames]
        np.testing.assert_allclose(np.array(times) - times[0], times_ms, atol=0.01)
