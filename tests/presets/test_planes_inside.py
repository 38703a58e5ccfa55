"""Files of several planes, of programs whose names may tell the same axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
