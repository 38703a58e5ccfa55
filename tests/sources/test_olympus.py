"""What is read from OIF and OIB files of Olympus FluoView, and what is refused."""

from __future__ import annotations

import contextlib
import struct
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import oiffile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources import PAGES, PlaneReader, SourcePlane, open_frame, read_frame
from tests.frames import noise
from tests.sources import olympus_builder as builder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.sources import FrameFile

SUFFIXES = (".oif", ".oib")


def write(folder: Path, suffix: str, main: builder.Sections, members: Mapping[str, bytes]) -> Path:
    write_it = builder.write_oif if suffix == ".oif" else builder.write_oib
    return write_it(folder / f"a{suffix}", main, members)


def planes(frame: FrameFile) -> list[npt.NDArray[Any]]:
    with PlaneReader() as reader:
        count = frame.info.plane_count
        return [reader.read(SourcePlane(file=frame, index=index)) for index in range(count)]


def members_of(**sizes: int) -> dict[str, bytes]:
    """Return a file for each point of the axes, of different pixels, numbered from 1."""
    members = {}
    for number, at in enumerate(np.ndindex(*sizes.values())):
        point = "".join(f"{axis}{n + 1:03}" for axis, n in zip(sizes, at, strict=True))
        members[f"s_{point}.tif"] = builder.plane_file(noise(number))
    return members


def axes(order: str, **sizes: int) -> dict[str, dict[str, Any]]:
    """Return the sections that describe axes."""
    sections: dict[str, dict[str, Any]] = {"Axis Parameter Common": {"AxisOrder": order}}
    for number, letter in enumerate("XYCZTALPQ"):
        sections[f"Axis {number} Parameters Common"] = {
            "AxisCode": letter,
            "MaxSize": sizes.get(letter, 1),
        }
    return sections


# --- pixels


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_planes_are_in_the_order_of_time_height_and_channel(tmp_path: Path, suffix: str) -> None:
    main = axes("XYCZT", C=2, Z=3, T=2)
    frame = open_frame(write(tmp_path, suffix, main, members_of(C=2, Z=3, T=2)))
    assert frame.info.axes == (("t", 2), ("z", 3), ("c", 2))
    order = np.arange(12).reshape(2, 3, 2).transpose(2, 1, 0).ravel().tolist()
    for plane, number in zip(planes(frame), order, strict=True):
        np.testing.assert_array_equal(plane, noise(number))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_reads_planes_as_fluoview_writes_them(
    tmp_path: Path, suffix: str, compression: str | None, dtype: type
) -> None:
    pixels: npt.NDArray[Any] = noise(1, (64, 96)).astype(dtype)
    file = builder.plane_file(pixels, compression=compression, rowsperstrip=10)
    frame = open_frame(write(tmp_path, suffix, axes("XYC"), {"s_C001.tif": file}))
    assert frame.info.shape == (64, 96)
    assert frame.info.axes == ()
    np.testing.assert_array_equal(read_frame(frame), pixels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_files_of_these_tests_are_what_oiffile_takes_for_such(
    tmp_path: Path, suffix: str
) -> None:
    main = axes("XYCZ", X=32, Y=24, C=2, Z=3)
    with oiffile.OifFile(write(tmp_path, suffix, main, members_of(C=2, Z=3))) as file:
        assert (file.axes, file.shape) == ("ZCYX", (3, 2, 24, 32))
        assert file.is_oib == (suffix == ".oib")
        np.testing.assert_array_equal(
            file.asarray(next(name for name in file.glob() if name.endswith("C002Z001.tif"))),
            noise(3),
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_images_in_the_same_place_are_left_out(tmp_path: Path, suffix: str) -> None:
    others = dict.fromkeys(
        ["s_C001-R001.tif", "s_Thumb.bmp", "s_LUT1.lut", "m_C001T001.tif"], b"other"
    )
    frame = open_frame(write(tmp_path, suffix, axes("XYCT"), {**others, **members_of(C=1, T=3)}))
    assert frame.info.axes == (("t", 3),)
    assert len(planes(frame)) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_further_axis_is_pages(tmp_path: Path, suffix: str) -> None:
    frame = open_frame(write(tmp_path, suffix, axes("XYCL"), members_of(C=2, L=4, A=1)))
    assert frame.info.axes == ((PAGES, 4), ("c", 2))


def test_many_streams_and_large_ones_are_read(tmp_path: Path) -> None:
    members = members_of(T=150)
    members["s_T151.tif"] = builder.plane_file(noise(150, (24, 32)), compression="lzw")
    frame = open_frame(write(tmp_path, ".oib", axes("XYT", T=151), members))
    found = planes(frame)
    assert len(found) == 151
    np.testing.assert_array_equal(found[149], noise(149))


# --- metadata


MAIN: dict[str, dict[str, Any]] = {
    "Acquisition Parameters Common": {
        "Acquisition Device": "FV1000",
        "ImageCaputreDate": "'2024-04-22 09:57:37'",
        "ImageCaputreDate+MilliSec": 294,
        "PinholeDiameter": 105000,
    },
    "Axis Parameter Common": {"AxisOrder": "XYCZT"},
    "Axis 2 Parameters Common": {"AxisCode": "C", "MaxSize": 3},
    "Axis 3 Parameters Common": {
        "AxisCode": "Z",
        "StartPosition": 5000.0,
        "EndPosition": 4000.0,
        "Interval": 500,
        "MaxSize": 1,
        "PixUnit": "nm",
    },
    "Axis 4 Parameters Common": {
        "AxisCode": "T",
        "StartPosition": 0.0,
        "EndPosition": 2200.0,
        "Interval": 1000,
        "MaxSize": 3,
        "PixUnit": "ms",
    },
    "Channel 1 Parameters": {
        "CH Name": "CHS1",
        "DyeName": "DAPI",
        "ExcitationWavelength": 405,
        "EmissionWavelength": 461,
        "LightType": "Fluorescence",
    },
    "Channel 2 Parameters": {
        "CH Name": "TD1",
        "DyeName": "None",
        "ExcitationWavelength": 488,
        "EmissionWavelength": 0,
        "LightType": "Transmitted Light",
    },
    "GUI Channel 3 Parameters": {
        "CH Name": "CHS2",
        "DyeName": "EGFP",
        "ExcitationWavelength": 920,
        "EmissionWavelength": 509,
    },
    "Reference Image Parameter": {
        "WidthConvertValue": "0,207.0",
        "WidthUnit": "um",
        "ValidBitCounts": 12,
    },
}


def plane_settings(time_ms: float) -> bytes:
    return builder.settings(
        {
            "Acquisition Parameters Common": {
                "Magnification": 60.0,
                "ObjectiveLens NAValue": 1.35,
                "ObjectiveLens Name": "UPLSAPO  60X O  NA:1.35",
                "PinholeDiameter": 110000,
            },
            "Axis 4 Parameters": {"AbsPositionUnitName": "ms", "AbsPositionValue": time_ms},
            "Image Parameters": {"WidthConvertValue": 0.124, "WidthUnit": "um"},
        }
    )


def timed(*times_ms: float) -> dict[str, bytes]:
    """Return planes of three channels and three times, with their settings."""
    members = members_of(C=3, T=3)
    names = [f"s_C{c:03}T{t:03}.pty" for c in (1, 2, 3) for t in (1, 2, 3)]
    return members | dict(zip(names, map(plane_settings, times_ms * 3), strict=False))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_takes_what_the_settings_tell(tmp_path: Path, suffix: str) -> None:
    info = open_frame(write(tmp_path, suffix, MAIN, timed(0.0, 1050.5, 2200.0))).info
    assert info.pixel_size_um == 0.124
    assert info.z_step_um == 0.5
    assert info.period_ms == 1100
    assert info.started == datetime(2024, 4, 22, 9, 57, 37, 294000).astimezone()
    assert info.bits_significant == 12
    assert info.optics.objective_name == "UPLSAPO 60X O NA:1.35"
    assert (info.optics.magnification, info.optics.numerical_aperture) == (60, 1.35)
    dapi, transmitted, green = info.channels
    assert (dapi.name, dapi.camera, dapi.pinhole_um) == ("DAPI", "CHS1", 110)
    assert (dapi.excitation_nm, dapi.emission_nm) == (405, 461)
    assert dapi.modality == ("fluorescence", "laser_scan_confocal")
    assert (transmitted.name, transmitted.emission_nm) == ("TD1", None)
    assert transmitted.modality == ("brightfield", "laser_scan_confocal")
    assert (green.name, green.modality) == ("EGFP", ("fluorescence", "multiphoton"))
    assert [plane.time_ms for plane in info.planes[::3]] == [0, 1050.5, 2200]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_image_tells_what_its_planes_do_not(tmp_path: Path, suffix: str) -> None:
    info = open_frame(write(tmp_path, suffix, MAIN, members_of(C=3, T=3))).info
    assert info.pixel_size_um == 0.207
    assert info.channels[0].pinhole_um == 105
    assert info.planes == ()
    assert info.optics.magnification is None


def test_times_are_taken_only_where_all_planes_tell_them(tmp_path: Path) -> None:
    members = timed(0.0, 1050.5, 2200.0)
    del members["s_C002T003.pty"]
    assert open_frame(write(tmp_path, ".oib", MAIN, members)).info.planes == ()
    assert open_frame(write(tmp_path, ".oib", MAIN, timed(0.0, 0.0, 0.0))).info.planes == ()


DAMAGED = {
    "Acquisition Parameters Common": {"ImageCaputreDate": "'yesterday'", "PinholeDiameter": "x"},
    "Axis 3 Parameters Common": {"AxisCode": "Z", "Interval": "1e999", "PixUnit": "nm"},
    "Axis 4 Parameters Common": {"AxisCode": "T", "Interval": 5, "PixUnit": "parsec"},
    "Channel 1 Parameters": {"ExcitationWavelength": -3, "DyeName": "\x07"},
    "Reference Image Parameter": {"WidthConvertValue": "much", "ValidBitCounts": 99},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("main", [{}, DAMAGED], ids=["none", "damaged"])
def test_damaged_settings_cost_only_what_they_tell(
    tmp_path: Path, suffix: str, main: builder.Sections
) -> None:
    members = {**members_of(C=1), "s_C001.pty": b"\xff\xfe[\0\xd8"}
    frame = open_frame(write(tmp_path, suffix, {"File Info": {}, **main}, members))
    info = frame.info
    assert info.started is None
    assert (info.pixel_size_um, info.z_step_um, info.period_ms) == (None, None, None)
    assert info.bits_significant is None
    assert info.channels[0].excitation_nm is None
    np.testing.assert_array_equal(read_frame(frame), noise(0))


# --- what is refused


def test_planes_that_may_still_come_make_an_oif_file_incomplete(tmp_path: Path) -> None:
    members = members_of(C=2, Z=3)
    path = write(tmp_path, ".oif", axes("XYCZ", C=2, Z=3), members)
    last = path.with_name("a.oif.files") / "s_C002Z003.tif"
    last.write_bytes(members[last.name][:-500])
    with pytest.raises(FrameIncomplete, match=r"a\.oif\.files.s_C002Z003\.tif"):
        open_frame(path)
    last.unlink()
    with pytest.raises(FrameIncomplete, match=r"has 5 of its 6 planes"):
        open_frame(path)
    for name in members:
        (last.parent / name).unlink(missing_ok=True)
    with pytest.raises(FrameIncomplete, match=r"a\.oif has no planes"):
        open_frame(path)
    last.parent.rmdir()
    with pytest.raises(FrameIncomplete, match=r"a\.oif\.files is not there; the planes of"):
        open_frame(path)


def test_an_oif_file_has_at_least_the_planes_that_it_declares(tmp_path: Path) -> None:
    path = write(tmp_path, ".oif", axes("XYT", T=5), members_of(T=3))
    with pytest.raises(FrameIncomplete, match="has 3 of its 5 planes"):
        open_frame(path)
    assert open_frame(write(tmp_path, ".oib", axes("XYT", T=5), members_of(T=3))).info.axes


WHOLE = builder.build_oib(
    axes("XYCZ", C=2, Z=2), {**members_of(C=2, Z=2), "s_C001Z001.pty": plane_settings(1)}
)


@pytest.mark.parametrize("size", [0, 7, 400, 512, 2000, len(WHOLE) // 2, len(WHOLE) - 1024])
def test_an_oib_file_that_is_cut_short_is_incomplete(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.oib"
    path.write_bytes(WHOLE[:size])
    with pytest.raises(FrameIncomplete, match=r"a\.oib"):
        open_frame(path)


@pytest.mark.parametrize("missing", [1, 600, 5000, 9000])
def test_an_oib_file_whose_planes_are_cut_short_is_incomplete(tmp_path: Path, missing: int) -> None:
    members = {f"s_C{n:03}.tif": builder.plane_file(noise(n, (64, 64))) for n in (1, 2)}
    data = builder.build_oib(axes("XYC"), members)
    end = data.index(members["s_C002.tif"]) + len(members["s_C002.tif"])
    path = tmp_path / "a.oib"
    path.write_bytes(data[:end])
    np.testing.assert_array_equal(read_frame(open_frame(path), 1), noise(2, (64, 64)))
    path.write_bytes(data[: end - missing])
    with pytest.raises(FrameIncomplete):
        open_frame(path)


REFUSED = {
    "a line scan": (axes("XTC"), members_of(C=2), "scan along XT; only planes of X and Y"),
    "several further axes": (axes("XYLA"), members_of(L=2, A=3), "several axes.*A=3, L=2"),
    "several pages": (
        axes("XYC"),
        {"s_C001.tif": builder.plane_file(np.ones((2, 8, 8), np.uint8))},
        "2 pages, not one plane of one sample",
    ),
    "RGB": (
        axes("XYC"),
        {"s_C001.tif": builder.plane_file(np.ones((8, 8, 3), np.uint8), photometric="rgb")},
        "8 x 8 RGB uint8, not one plane of one sample",
    ),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("main", "members", "reason"), REFUSED.values(), ids=REFUSED)
def test_images_of_other_kinds_are_refused(
    tmp_path: Path,
    suffix: str,
    main: builder.Sections,
    members: dict[str, bytes],
    reason: str,
) -> None:
    with pytest.raises(FrameUnreadable, match=reason):
        open_frame(write(tmp_path, suffix, main, members))


def test_an_oib_file_without_some_of_its_planes_is_refused(tmp_path: Path) -> None:
    members = members_of(C=2, Z=2)
    del members["s_C002Z001.tif"]
    with pytest.raises(FrameUnreadable, match=r"has 3 of its 4 planes.*stopped"):
        open_frame(write(tmp_path, ".oib", axes("XYCZ"), members))
    with pytest.raises(FrameUnreadable, match="has no planes"):
        open_frame(write(tmp_path, ".oib", axes("XYCZ"), {"s_Thumb.bmp": b"BM"}))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_files_of_these_names_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"II*\0" + bytes(999))
    with pytest.raises(FrameUnreadable, match="no file of FluoView"):
        open_frame(path)
    path.write_bytes(bytes(999))
    with pytest.raises(FrameIncomplete, match="begins with zeros"):
        open_frame(path)


def test_a_damaged_plane_is_noticed_when_read(tmp_path: Path) -> None:
    members = members_of(Z=2)
    members["s_Z002.tif"] = b"II*\0" + bytes(2000)
    frame = open_frame(write(tmp_path, ".oib", axes("XYZ"), members))
    np.testing.assert_array_equal(read_frame(frame, 0), noise(0))
    with pytest.raises(FrameUnreadable, match=r"s_Z002\.tif"):
        read_frame(frame, 1)


@pytest.mark.parametrize("table", ["long", "short"])
def test_a_chain_of_sectors_that_is_a_circle_is_refused(tmp_path: Path, table: str) -> None:
    data = bytearray(WHOLE)
    fat_count, short_table = (struct.unpack_from("<I", data, at)[0] for at in (44, 60))
    start = 512 + 4 * fat_count if table == "long" else 512 * (1 + short_table)
    for place in range(start, start + 64, 4):
        (following,) = struct.unpack_from("<I", data, place)
        if following < 2**31:
            struct.pack_into("<I", data, place, following - 1)
    path = tmp_path / "a.oib"
    path.write_bytes(data)
    with pytest.raises(FrameIncomplete, match="damaged"):
        open_frame(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = write(tmp_path, suffix, axes("XYC"), members_of(C=1))
    monkeypatch.delitem(sys.modules, "nd2watch.sources.olympus", raising=False)
    monkeypatch.setitem(sys.modules, "oiffile", None)
    with pytest.raises(FrameUnreadable, match=r"oiffile.*pip install nd2watch\[olympus\]"):
        open_frame(path)


QUICK = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BYTE = st.integers(0, 255)


@QUICK
@given(place=st.integers(0, len(WHOLE) - 1), value=BYTE, end=st.integers(0, 2 * len(WHOLE)))
def test_no_damage_of_an_oib_file_raises_anything_but_source_errors(
    tmp_path: Path, place: int, value: int, end: int
) -> None:
    data = bytearray(WHOLE)
    data[place] = value
    path = tmp_path / "a.oib"
    path.write_bytes(data[:end])
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        assert all(plane.shape == frame.info.shape for plane in planes(frame))


@QUICK
@given(
    name=st.sampled_from(["a.oif", "a.oif.files/s_C001Z001.tif", "a.oif.files/s_C001Z001.pty"]),
    place=st.integers(0, 3000),
    value=BYTE,
    end=st.integers(0, 6000),
)
def test_no_damage_of_an_oif_file_raises_anything_but_source_errors(
    tmp_path: Path, name: str, place: int, value: int, end: int
) -> None:
    members = {**members_of(C=1, Z=2), "s_C001Z001.pty": plane_settings(1)}
    path = write(tmp_path, ".oif", MAIN | axes("XYCZ", Z=2), members)
    data = bytearray((tmp_path / name).read_bytes())
    data[place % len(data)] = value
    (tmp_path / name).write_bytes(data[:end])
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        assert all(plane.shape == frame.info.shape for plane in planes(frame))
