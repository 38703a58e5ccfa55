"""What is read from OIF and OIB files of Olympus FluoView, and what is refused."""

from __future__ import annotations

import contextlib
import struct
import sys
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
from tests.sources.olympus_builder import MAIN, SUFFIXES, axes, members_of, plane_settings, write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.sources import FrameFile


def planes(frame: FrameFile) -> list[npt.NDArray[Any]]:
    with PlaneReader() as reader:
        count = frame.info.plane_count
        return [reader.read(SourcePlane(file=frame, index=index)) for index in range(count)]


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


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_the_planes_of_an_oif_file_are_not_looked_for_behind_a_link(tmp_path: Path) -> None:
    path = write(tmp_path, ".oif", axes("XYC", C=2), members_of(C=2))
    folder = path.with_name(f"{path.name}.files")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(FrameUnreadable, match="is a link"):
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
    with pytest.raises(FrameUnreadable, match="not a FluoView file"):
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
    for name in ("nd2watch.sources.olympus", "nd2watch.sources.olympus.source"):
        monkeypatch.delitem(sys.modules, name, raising=False)
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
