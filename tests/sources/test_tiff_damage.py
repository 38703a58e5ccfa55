"""Whatever bytes a TIFF file holds, it is read or refused."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import SourceError
from nd2watch.sources import PlaneReader, SourcePlane, open_frame
from tests.sources.lsm_files import Scanned, write_lsm
from tests.sources.stk_files import Recorded, write_stk
from tests.sources.test_tiff_lsm import SCAN
from tests.sources.test_tiff_metaseries import record, write_records
from tests.sources.test_tiff_micromanager import grid, stack
from tests.sources.test_tiff_scanimage import STACK, VIEW, scan
from tests.sources.tiff_files import pixels, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def ome_tiff(path: Path) -> None:
    metadata: dict[str, Any] = {
        "axes": "TZCYX",
        "PhysicalSizeX": 0.5,
        "Channel": {"Name": ["a", "b"]},
        "Plane": {"DeltaT": list(range(8)), "PositionX": [1.0] * 8, "PositionY": [2.0] * 8},
    }
    tifffile.imwrite(path, pixels(2, 2, 2, 8, 8), ome=True, metadata=metadata)


def imagej_tiff(path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    metadata = {
        "axes": "TZCYX",
        "unit": "um",
        "spacing": 2,
        "Labels": ["a", "b"],
        "LUTs": [ramp] * 2,
    }
    write(path, pixels(2, 2, 2, 8, 8), imagej=True, resolution=(2, 2), metadata=metadata)


def stk(path: Path) -> None:
    recorded = Recorded(
        distances=[0.5] * 3,
        waves=[525.0] * 3,
        stage=[(1.0, 2.0)] * 3,
        heights=[1.0, 2.0, 3.0],
        labels=["a"] * 3,
        descriptions=["Exposure: 8 ms"] * 3,
        calibration_um=0.5,
        properties=[("_MagSetting_", "4X"), ("_MagNA_", 0.2)],
    )
    write_stk(path, pixels(3, 8, 8), recorded)


def lsm(path: Path, **options: Any) -> None:
    scanned = Scanned(
        t=2,
        z=2,
        p=1,
        times_s=(1.0, 2.0),
        names=("a", "b"),
        colors=((1, 2, 3), (4, 5, 6)),
        bands_m=((1e-7, 2e-7), (3e-7, 4e-7)),
        positions_m=((1.0, 2.0, 3.0),),
        scan=SCAN,
    )
    write_lsm(path, pixels(4, 2, 8, 8), scanned, **options)


def pyramid(path: Path) -> None:
    data = pixels(32, 32, dtype="uint8")
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(data, tile=(16, 16), subifds=1, compression="jpeg", photometric="minisblack")
        writer.write(data[::2, ::2], tile=(16, 16), subfiletype=1, photometric="minisblack")
        writer.write(data[::4, ::4], photometric="minisblack")


MAKERS: dict[str, Callable[[Path], object]] = {
    "OME": ome_tiff,
    "ImageJ": imagej_tiff,
    "MetaSeries": lambda path: write_records(path, record(), record({"z-position": "1"})),
    "Micro-Manager": lambda path: stack(path, grid(2, 1, 2, 1)),
    "ScanImage": lambda path: scan(path, 6, STACK | VIEW),
    "STK": stk,
    "LSM": lsm,
    "compressed LSM": lambda path: lsm(path, compressed=True),
    "axes of tifffile": lambda path: write(path, pixels(2, 3, 8, 8), metadata={"axes": "TZYX"}),
    "stack of tifffile": lambda path: write(path, pixels(3, 8, 8), truncate=True),
    "LZW": lambda path: write(path, pixels(3, 8, 8), compression="lzw", predictor=True),
    "samples": lambda path: write(
        path, pixels(5, 40, 8), compression="zlib", planarconfig="separate", rowsperstrip=16
    ),
    "depth": lambda path: write(path, pixels(4, 16, 16), volumetric=True, tile=(2, 16, 16)),
    "opacity": lambda path: write(path, pixels(8, 8, 4, dtype="uint8"), photometric="rgb"),
    "pyramid": pyramid,
}


@pytest.fixture(scope="module", params=MAKERS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a whole file."""
    path = tmp_path_factory.mktemp("whole") / "a.tif"
    MAKERS[request.param](path)
    return path.read_bytes()


def read_if_possible(path: Path, data: bytes) -> None:
    """Read some planes of a file, letting nothing but the errors of sources pass."""
    path.write_bytes(data)
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        json.dumps([channel.name for channel in frame.info.channels])
        count = frame.info.plane_count
        with PlaneReader() as reader:
            for index in {0, count // 2, count - 1}:
                pixels = reader.read(SourcePlane(file=frame, index=index))
                assert pixels.shape == frame.info.shape


checked = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@checked
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(
    tmp_path: Path, whole: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(whole)
    places = st.integers(0, len(whole) - 1)
    values = st.one_of(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), st.integers(0, 255))
    for place, value in data.draw(st.lists(st.tuples(places, values), min_size=1, max_size=8)):
        damaged[place] = value
    read_if_possible(tmp_path / "a.tif", bytes(damaged))


@checked
@given(data=st.data())
def test_damaged_numbers_are_read_or_refused(
    tmp_path: Path, whole: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(whole)
    place = data.draw(st.integers(0, len(whole) // 2 - 3)) * 2
    number = data.draw(st.sampled_from([0, 1, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
    damaged[place : place + 4] = number.to_bytes(4, "little")
    read_if_possible(tmp_path / "a.tif", bytes(damaged))


@checked
@given(data=st.data())
def test_files_cut_short_are_read_or_refused(
    tmp_path: Path, whole: bytes, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(whole) - 1))
    filled = data.draw(st.booleans())  # with zeros, as file systems do that lose their power
    read_if_possible(tmp_path / "a.tif", whole[:length] + bytes(len(whole) - length) * filled)
