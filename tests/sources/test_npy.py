"""Arrays in NumPy files as planes, and what is refused."""

from __future__ import annotations

import contextlib
import io
import math
import tracemalloc
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources import PAGES, PlaneReader, SourcePlane, open_frame, read_frame
from nd2watch.sources.npy import NpySource

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

DTYPES = ["?", "i1", "<i2", ">i4", "i8", "u1", "<u2", ">u2", "u4", "u8", "f2", ">f4", "<f8"]


def counted(shape: tuple[int, ...], dtype: str = "<u2") -> npt.NDArray[Any]:
    """Return an array whose samples differ as far as their type allows."""
    return np.arange(math.prod(shape)).reshape(shape).astype(dtype)


def saved(pixels: npt.NDArray[Any]) -> bytes:
    """Return a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def with_header(header: str, data: bytes = bytes(64), version: int = 1) -> bytes:
    """Return a NumPy file with a header as given."""
    text = header.encode()
    return (
        b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 * version, "little") + text + data
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reads_a_plane_of_any_real_numbers(tmp_path: Path, dtype: str, order: Any) -> None:
    path = tmp_path / "a.npy"
    pixels = counted((24, 32), dtype)
    np.save(path, np.asarray(pixels, order=order))
    frame = open_frame(path)
    assert frame.info.shape == (24, 32)
    assert frame.info.axes == ()
    assert not frame.info.rgb
    assert frame.info.dtype == pixels.dtype.newbyteorder("=")
    assert frame.info.dtype.isnative
    np.testing.assert_array_equal(read_frame(frame), pixels)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "dtype", "pages", "rgb"),
    [
        ((5, 6, 7), "<u2", 5, False),
        ((1, 6, 7), "<f4", 1, False),
        ((2, 3, 6, 7), ">u2", 6, False),
        ((3, 2, 4, 1), "u1", 6, False),
        ((6, 7, 3), "u1", 1, True),
        ((5, 6, 7, 3), ">u2", 5, True),
        ((2, 4, 6, 7, 3), "u1", 8, True),
        ((5, 6, 3), "<f4", 5, False),
        ((5, 6, 3), "<i2", 5, False),
        ((6, 3), "u1", 1, False),
        ((5, 6, 4), "u1", 5, False),
    ],
)
def test_axes_before_those_of_a_plane_are_pages(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, pages: int, rgb: bool, order: Any
) -> None:
    path = tmp_path / "a.npy"
    pixels = counted(shape, dtype)
    np.save(path, np.asarray(pixels, order=order))
    frame = open_frame(path)
    assert frame.info.axes == (((PAGES, pages),) if pages > 1 else ())
    assert frame.info.rgb == rgb
    planes = pixels.reshape(pages, *frame.info.shape)
    with PlaneReader() as reader:
        for index in (*range(pages), 0):
            read = reader.read(SourcePlane(file=frame, index=index))
            np.testing.assert_array_equal(read, planes[index])


def test_reading_a_plane_does_not_load_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    pixels = np.zeros((64, 1024, 1024), "u1")
    pixels[40, 1023, 7] = 200
    np.save(path, pixels)
    frame = open_frame(path)
    tracemalloc.start()
    try:
        read = read_frame(frame, 40)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (read.sum(), read[1023, 7]) == (200, 200)
    assert peak < pixels.nbytes * 0.75


class CountedFile(io.FileIO):
    """A file that counts the bytes that are read from it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes."""
        data = super().read(size) or b""
        self.total += len(data)
        return data


@pytest.mark.parametrize("step", [1, -1, 7], ids=["upwards", "downwards", "by leaps"])
@pytest.mark.parametrize("shape", [(30, 16, 17), (5, 6, 16, 17), (30, 16, 17, 3)])
def test_all_planes_in_fortran_order_are_gathered_in_one_pass(
    tmp_path: Path, shape: tuple[int, ...], step: int
) -> None:
    path = tmp_path / "a.npy"
    pixels = counted(shape)
    np.save(path, np.asfortranarray(pixels))
    with CountedFile(path) as file:
        source = NpySource(path, cast("BinaryIO", file))
        planes = pixels.reshape(30, *source.info.shape)
        for index in (number * step % 30 for number in range(30)):
            np.testing.assert_array_equal(source.read(index), planes[index])
        assert file.total < 1.5 * pixels.nbytes + (1 << 15)


def test_runs_of_planes_in_fortran_order_fit_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    header = "{'descr': '|u1', 'fortran_order': True, 'shape': (5, 8192, 8192), }"
    path.write_bytes(with_header(header, b""))
    size = 5 << 26
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + size)
    with CountedFile(path) as counted_file:
        source = NpySource(path, cast("BinaryIO", counted_file))
        tracemalloc.start()
        try:
            assert not any(source.read(index).any() for index in range(5))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert counted_file.total < 5.1 * size  # a pass for each of these large planes
    assert peak < 2.5 * (1 << 26)  # a plane, as it is gathered and as it is handed out


def test_a_closed_file_can_be_removed_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, counted((5, 6, 7)))
    frame = open_frame(path)
    with PlaneReader() as reader:
        kept = reader.read(SourcePlane(file=frame, index=4))
        np.save(path, counted((2, 3)))
    path.unlink()
    np.testing.assert_array_equal(kept, counted((5, 6, 7))[4])


def test_sees_that_the_end_of_the_pixels_is_still_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    pixels = np.ones((128, 128), "<u2")
    np.save(path, pixels)
    assert not open_frame(path).info.tail_is_zero
    pixels[64:] = 0
    np.save(path, pixels)
    assert open_frame(path).info.tail_is_zero


def test_more_bytes_after_the_array_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(saved(counted((5, 6))) + b"more")
    np.testing.assert_array_equal(read_frame(open_frame(path)), counted((5, 6)))


def test_reads_other_versions_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    pixels = counted((4, 8))
    with path.open("wb") as file:
        np.lib.format.write_array(file, pixels, version=(2, 0))
    np.testing.assert_array_equal(read_frame(open_frame(path)), pixels)
    by_python_2 = "{'descr': '<u2', 'fortran_order': False, 'shape': (4L, 8L), }\n"
    path.write_bytes(with_header(by_python_2, pixels.tobytes()))
    np.testing.assert_array_equal(read_frame(open_frame(path)), pixels)


OTHERS: dict[str, tuple[npt.NDArray[Any], str]] = {
    "complex": (np.zeros((8, 8), "<c8"), "holds 8 x 8 complex64"),
    "structured": (np.zeros((8, 8), [("a", "<u2")]), "holds 8 x 8"),
    "texts": (np.zeros((8, 8), "U4"), "holds 8 x 8 <U4"),
    "times": (np.zeros((8, 8), "<M8[s]"), "holds 8 x 8 datetime64"),
    "one axis": (np.zeros(8), "holds 8 float64"),
    "no axis": (np.array(3.0), "holds one value float64"),
    "five axes": (np.zeros((2, 2, 2, 2, 2)), "holds 2 x 2 x 2 x 2 x 2 float64"),
    "six axes with RGB": (np.zeros((2, 2, 2, 2, 2, 3), "u1"), "holds 2 x 2 x 2 x 2 x 2 x 3"),
    "no pixels": (np.zeros((0, 8)), "holds 0 x 8 float64"),
    "no planes": (np.zeros((0, 8, 8)), "holds 0 x 8 x 8 float64"),
}


@pytest.mark.parametrize(("pixels", "reason"), OTHERS.values(), ids=OTHERS)
def test_arrays_of_other_kinds_are_refused(
    tmp_path: Path, pixels: npt.NDArray[Any], reason: str
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, pixels)
    with pytest.raises(FrameUnreadable, match=reason):
        open_frame(path)


def test_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path.joinpath("sprung").touch, ())

    path = tmp_path / "a.npy"
    np.save(path, np.array([[Trap()]], object), allow_pickle=True)
    with pytest.raises(FrameUnreadable, match="object"):
        open_frame(path)
    assert not (tmp_path / "sprung").exists()


HEADERS = {
    "a negative size": "{'descr': '<u2', 'fortran_order': False, 'shape': (-4, -8), }",
    "a subarray": "{'descr': '(2,2)<u2', 'fortran_order': False, 'shape': (4, 8), }",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_that_numpy_does_not_write_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(with_header(header))
    with pytest.raises(FrameUnreadable):
        open_frame(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(with_header("{}", version=3))
    with pytest.raises(FrameUnreadable, match=r"version 3\.0"):
        open_frame(path)


@pytest.mark.parametrize("data", [b"hello", b"PK\3\4" + bytes(60), b"\x93NUMPI\1\0"])
def test_other_files_named_npy_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with pytest.raises(FrameUnreadable, match="not a NumPy file: it begins with"):
        open_frame(path)


WHOLE = saved(counted((3, 6, 7)) + 1)
HUGE = "{'descr': '<u2', 'fortran_order': %s, 'shape': (99999999999, 99999999999), }"
UNFINISHED = {
    "empty": b"",
    "zeros": bytes(4096),
    "four bytes": WHOLE[:4],
    "magic only": WHOLE[:8],
    "within the header": WHOLE[:60],
    "header only": WHOLE[:128],
    "one byte short": WHOLE[:-1],
    "huge": with_header(HUGE % False),
    "huge, Fortran": with_header(HUGE % True),
}


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_a_file_that_may_still_grow_is_incomplete(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with pytest.raises(FrameIncomplete, match=r"a\.npy") as caught:
        open_frame(path)
    assert caught.value.path == path


SMALL = [saved(np.asarray(counted((2, 3, 4), ">u2"), order=order)) for order in ("C", "F")]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    whole=st.sampled_from(SMALL),
    damage=st.lists(st.tuples(st.integers(0, len(SMALL[0]) - 1), st.integers(0, 255)), max_size=3),
    length=st.just(len(SMALL[0])) | st.integers(0, len(SMALL[0])),
)
def test_no_damage_raises_anything_but_source_errors(
    tmp_path: Path, whole: bytes, damage: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(whole)
    for place, value in damage:
        data[place] = value
    path = tmp_path / "a.npy"
    path.write_bytes(data[:length])
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        for plane in range(frame.info.plane_count):
            assert read_frame(frame, plane).shape == frame.info.shape
