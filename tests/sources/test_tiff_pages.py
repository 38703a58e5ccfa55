"""How pages of TIFF files may be stored, and that reading a plane costs one plane."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources import PAGES, PlaneReader, SourcePlane, open_frame, read_frame
from tests.sources.tiff_files import TiffBuilder, pixels, read_planes, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

COMPRESSIONS = [None, "zlib", "lzw", "zstd", "packbits", "lzma", "jpeg_2000_lossy"]
IMAGE_COMPRESSIONS = ["lerc", "jpegxl", "jpegxr", "png"]
ORGANISATIONS: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "big-endian tiles": {"tile": (16, 16), "byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">", "rowsperstrip": 5},
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("options", ORGANISATIONS.values(), ids=ORGANISATIONS)
def test_reads_each_compression_in_each_organisation(
    tmp_path: Path, compression: str | None, options: dict[str, Any]
) -> None:
    path = write(tmp_path / "a.tif", pixels(3, 40, 50), compression=compression, **options)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 3),)
    np.testing.assert_array_equal(planes, tifffile.imread(path))


@pytest.mark.parametrize("compression", IMAGE_COMPRESSIONS)
@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 7}, {"tile": (16, 32)}])
def test_reads_what_codecs_of_images_wrote(
    tmp_path: Path, compression: str, options: dict[str, Any]
) -> None:
    path = write(tmp_path / "a.tif", pixels(3, 40, 50), compression=compression, **options)
    np.testing.assert_array_equal(read_planes(path)[1], tifffile.imread(path))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
def test_reads_differences_of_neighbours(tmp_path: Path, dtype: str, compression: str) -> None:
    data = pixels(2, 40, 50, dtype=dtype)
    path = write(tmp_path / "a.tif", data, compression=compression, predictor=True)
    np.testing.assert_array_equal(read_planes(path)[1], data)


def test_reads_jpeg_of_one_sample_and_of_three(tmp_path: Path) -> None:
    gray = write(tmp_path / "g.tif", pixels(2, 40, 50, dtype="uint8"), compression="jpeg")
    np.testing.assert_array_equal(read_planes(gray)[1], tifffile.imread(gray))
    data = pixels(2, 40, 50, 3, dtype="uint8")
    colored = write(tmp_path / "c.tif", data, compression="jpeg", photometric="rgb")
    info, planes = read_planes(colored)
    assert info.rgb
    np.testing.assert_array_equal(planes, tifffile.imread(colored))


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_one_bit_a_pixel_is_boolean_with_values_as_stored(tmp_path: Path, photometric: str) -> None:
    data = pixels(2, 40, 50) > 30000
    path = write(tmp_path / "a.tif", data, photometric=photometric)
    info, planes = read_planes(path)
    assert info.dtype == bool
    np.testing.assert_array_equal(planes, data)


def test_the_colours_of_a_palette_are_not_taken_for_pixels(tmp_path: Path) -> None:
    data = pixels(40, 50, dtype="uint8")
    palette = pixels(3, 256)
    path = write(tmp_path / "a.tif", data, photometric="palette", colormap=palette)
    info, planes = read_planes(path)
    assert not info.rgb
    np.testing.assert_array_equal(planes, data)


def test_white_may_be_zero(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(40, 50), photometric="miniswhite")
    np.testing.assert_array_equal(read_planes(path)[1], pixels(40, 50))


def test_packed_samples_tell_how_many_bits_they_have(tmp_path: Path) -> None:
    data = pixels(2, 40, 50) % 4096
    path = write(tmp_path / "a.tif", data, bitspersample=12)
    info, planes = read_planes(path)
    assert info.dtype == np.uint16
    assert info.bits_significant == 12
    np.testing.assert_array_equal(planes, data)
    assert open_frame(write(path, data)).info.bits_significant is None


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"compression": "lzw", "tile": (16, 32)}],
    ids=["plain", "strips", "tiles"],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_samples_that_are_no_colours_are_channels(
    tmp_path: Path, samples: int, options: dict[str, Any], planar: str
) -> None:
    data = pixels(3, 40, 50, samples, dtype="uint8")
    stored = data if planar == "contig" else np.moveaxis(data, 3, 1)
    path = write(tmp_path / "a.tif", stored, planarconfig=planar, **options)
    info, planes = read_planes(path)
    assert not info.rgb
    assert info.axes == ((PAGES, 3), ("c", samples))
    np.testing.assert_array_equal(planes, np.moveaxis(data, 3, 1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_rgb_pages_are_planes_of_rgb(
    tmp_path: Path, dtype: str, planar: str, compression: str | None
) -> None:
    data = pixels(3, 40, 50, 3, dtype=dtype)
    stored = data if planar == "contig" else np.moveaxis(data, 3, 1)
    options: dict[str, Any] = {"planarconfig": planar, "compression": compression}
    path = write(tmp_path / "a.tif", stored, photometric="rgb", **options)
    info, planes = read_planes(path)
    assert info.rgb
    assert info.axes == ((PAGES, 3),)
    np.testing.assert_array_equal(planes, data)


@pytest.mark.parametrize("samples", [2, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_opacity_is_dropped_where_all_is_opaque_and_refused_otherwise(
    tmp_path: Path, samples: int, planar: str, extra: str, dtype: str
) -> None:
    data = pixels(40, 50, samples, dtype=dtype)
    data[:, :, -1] = 1 if dtype == "float32" else np.iinfo(dtype).max
    options: dict[str, Any] = {"planarconfig": planar, "extrasamples": [extra]}
    options["photometric"] = "rgb" if samples == 4 else "minisblack"
    stored = data if planar == "contig" else np.moveaxis(data, 2, 0)
    path = write(tmp_path / "a.tif", stored, **options)
    info, planes = read_planes(path)
    assert info.rgb == (samples == 4)
    assert info.axes == ()
    np.testing.assert_array_equal(planes, data[:, :, :3] if info.rgb else data[:, :, 0])
    stored = stored.copy()
    stored[..., -1] = 0
    frame = open_frame(write(path, stored, **options))
    with pytest.raises(FrameUnreadable, match=r"transparent in places; flatten it"):
        read_frame(frame)


def test_a_fourth_sample_of_which_nothing_is_told_is_a_channel(tmp_path: Path) -> None:
    data = pixels(40, 50, 4, dtype="uint8")
    path = write(tmp_path / "a.tif", data, photometric="rgb", extrasamples=["unspecified"])
    info, planes = read_planes(path)
    assert not info.rgb
    assert info.axes == (("c", 4),)
    np.testing.assert_array_equal(planes, np.moveaxis(data, 2, 0))


def test_colours_of_other_kinds_are_refused_with_advice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(40, 50, 4, dtype="uint8"), photometric="separated")
    with pytest.raises(FrameUnreadable, match="samples are SEPARATED; save it as red, green"):
        open_frame(path)


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"tile": (2, 16, 32)}, {"tile": (2, 16, 32), "compression": 8}],
    ids=["plain", "strips", "tiles", "compressed tiles"],
)
def test_a_page_may_have_depth(tmp_path: Path, options: dict[str, Any]) -> None:
    data = pixels(2, 5, 40, 50)
    path = write(tmp_path / "a.tif", data, volumetric=True, metadata=None, **options)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 2), ("z", 5))
    np.testing.assert_array_equal(planes, data)


def test_axes_that_tifffile_wrote_are_known(tmp_path: Path) -> None:
    data = pixels(2, 3, 4, 24, 32)
    for axes, expected in {
        "TZC": (("t", 2), ("z", 3), ("c", 4)),
        "CTZ": (("c", 2), ("t", 3), ("z", 4)),
        "RTC": (("p", 2), ("t", 3), ("c", 4)),
        "PTQ": (("p", 2), ("t", 3), (PAGES, 4)),
        "IQZ": ((PAGES, 6), ("z", 4)),
        "TTZ": (("t", 6), ("z", 4)),
    }.items():
        path = write(tmp_path / "a.tif", data, metadata={"axes": f"{axes}YX"})
        info, planes = read_planes(path)
        assert info.axes == expected
        np.testing.assert_array_equal(planes.reshape(data.shape), data)


def test_unknown_axes_that_lie_apart_become_one_at_the_place_of_the_first(tmp_path: Path) -> None:
    data = pixels(2, 3, 4, 24, 32)
    path = write(tmp_path / "a.tif", data, metadata={"axes": "QTIYX"})
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 8), ("t", 3))
    np.testing.assert_array_equal(planes, data.swapaxes(1, 2).reshape(8, 3, 24, 32))


def test_channels_of_pages_and_of_samples_are_one_axis(tmp_path: Path) -> None:
    data = pixels(3, 2, 24, 32, 2)
    path = write(tmp_path / "a.tif", data, metadata={"axes": "CZYXS"}, planarconfig="contig")
    info, planes = read_planes(path)
    assert info.axes == (("c", 6), ("z", 2))
    expected = np.moveaxis(data, 4, 1).reshape(6, 2, 24, 32)
    np.testing.assert_array_equal(planes, expected)


def test_axes_within_pages_other_than_y_and_x_are_not_believed(tmp_path: Path) -> None:
    data = pixels(5, 24, 32)
    path = write(tmp_path / "a.tif", data, metadata={"axes": "YXT"})
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 5),)
    np.testing.assert_array_equal(planes, data)


def test_pages_of_which_nothing_is_told_have_an_axis_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", pixels(7, 24, 32), metadata=None)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 7),)
    assert info.axes_text == "7 pages"
    np.testing.assert_array_equal(planes, pixels(7, 24, 32))


def test_pages_that_are_stored_differently_are_one_stack(tmp_path: Path) -> None:
    data = pixels(4, 24, 32)
    path = tmp_path / "a.tif"
    ways: list[dict[str, Any]] = [
        {"compression": "zlib"},
        {"rowsperstrip": 5},
        {"compression": "lzw", "predictor": True},
        {"tile": (16, 16)},
    ]
    with tifffile.TiffWriter(path) as writer:
        for plane, way in zip(data, ways, strict=True):
            writer.write(plane, photometric="minisblack", metadata=None, **way)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 4),)
    np.testing.assert_array_equal(planes, data)


def test_frames_written_one_by_one_are_pages(tmp_path: Path) -> None:
    data = pixels(4, 24, 32)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for plane in data:
            writer.write(plane, photometric="minisblack")
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 4),)
    np.testing.assert_array_equal(planes, data)


def test_series_of_known_axes_are_positions(tmp_path: Path) -> None:
    data = pixels(2, 3, 24, 32)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for series in data:
            writer.write(series, photometric="minisblack", metadata={"axes": "TYX"})
    info, planes = read_planes(path)
    assert info.axes == (("p", 2), ("t", 3))
    np.testing.assert_array_equal(planes, data)


def test_images_of_different_shapes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels(24, 32), photometric="minisblack", metadata=None)
        writer.write(pixels(20, 30, dtype="uint8"), photometric="minisblack", metadata=None)
    with pytest.raises(
        FrameUnreadable, match="different shapes: 32 x 24 uint16, 30 x 20 uint8; save each"
    ):
        open_frame(path)


@pytest.mark.parametrize("subifds", [0, 2])
def test_lower_levels_of_a_pyramid_are_ignored(tmp_path: Path, subifds: int) -> None:
    data = pixels(3, 64, 96)
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"photometric": "minisblack", "tile": (16, 16), "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(data, subifds=subifds, **options)
        writer.write(data[:, ::2, ::2], subfiletype=1, **options)
        writer.write(data[:, ::4, ::4], subfiletype=1, **options)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 3),)
    np.testing.assert_array_equal(planes, data)


def test_levels_of_a_pyramid_that_are_not_marked_are_found_by_their_size(tmp_path: Path) -> None:
    data = pixels(64, 96)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for step in (1, 2, 4):
            writer.write(
                data[::step, ::step], tile=(16, 16), photometric="minisblack", metadata=None
            )
    info, planes = read_planes(path)
    assert info.axes == ()
    np.testing.assert_array_equal(planes, data)


def test_thumbnails_and_masks_are_no_images(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for subfiletype, data in enumerate((pixels(2, 24, 32), pixels(6, 8))):
            writer.write(data, photometric="minisblack", subfiletype=subfiletype, metadata=None)
        mask = pixels(24, 32) > 30000
        writer.write(mask, photometric="minisblack", subfiletype=4, metadata=None)
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 2),)
    np.testing.assert_array_equal(planes, pixels(2, 24, 32))


def test_a_stack_behind_one_directory_is_read_by_its_offsets(tmp_path: Path) -> None:
    data = pixels(5, 24, 32)
    path = write(tmp_path / "a.tif", data, truncate=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tiff:
        assert len(tiff.pages) == 1
    info, planes = read_planes(path)
    assert info.axes == (("t", 5),)
    np.testing.assert_array_equal(planes, data)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FrameIncomplete, match="its pixel data end at"):
        open_frame(path)


def announced(path: Path, count: int, compression: str | None) -> Path:
    """Write three pages of which the first announces more."""
    with tifffile.TiffWriter(path) as writer:
        for plane in pixels(3, 24, 32):
            writer.write(
                plane,
                photometric="minisblack",
                description=f'{{"shape": [{count}, 24, 32]}}',
                compression=compression,
                metadata=None,
            )
    return path


@pytest.mark.parametrize("count", [4, 10**15])
def test_images_that_tifffile_announced_are_waited_for(tmp_path: Path, count: int) -> None:
    with pytest.raises(FrameIncomplete, match="announces more images than it has pages"):
        open_frame(announced(tmp_path / "a.tif", count, None))


@pytest.mark.parametrize("count", [2, 4, 10**15])
def test_no_page_is_lost_by_what_tifffile_announced(tmp_path: Path, count: int) -> None:
    info, planes = read_planes(announced(tmp_path / "a.tif", count, "zlib"))
    assert info.axes == ((PAGES, 3),)
    np.testing.assert_array_equal(planes, pixels(3, 24, 32))


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_file_cut_short_anywhere_is_incomplete(tmp_path: Path, bigtiff: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as writer:
        for plane in pixels(3, 8, 9):
            writer.write(plane, photometric="minisblack", metadata=None)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FrameIncomplete):
            open_frame(path)


def test_only_the_last_page_tells_whether_the_file_is_filled(tmp_path: Path) -> None:
    data = pixels(3, 64, 64)
    data[1] = 0
    assert not open_frame(write(tmp_path / "a.tif", data)).info.tail_is_zero
    data[2, 32:] = 0
    assert open_frame(write(tmp_path / "b.tif", data)).info.tail_is_zero
    assert not open_frame(write(tmp_path / "c.tif", data, compression="zlib")).info.tail_is_zero
    stack = write(tmp_path / "d.tif", data, truncate=True)
    assert open_frame(stack).info.tail_is_zero


def test_tiles_that_are_left_out_are_zero_but_not_all_of_them(tmp_path: Path) -> None:
    data = pixels(32, 64)
    path = write(tmp_path / "a.tif", data, tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tags = tiff.pages.first.tags
        offsets, counts = tags[324].value, tags[325].value
        tags[324].overwrite((0, *offsets[1:]))
        tags[325].overwrite((0, *counts[1:]))
    expected = data.copy()
    expected[:16, :16] = 0
    np.testing.assert_array_equal(read_planes(path)[1], expected)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags[324].overwrite((0,) * 8)
    with pytest.raises(FrameIncomplete, match="are not written"):
        open_frame(path)


def directories(*following: int) -> bytes:
    """Return a TIFF file of directories of an 8 x 8 image, each followed by the given one."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    size = 2 + 12 * len(tags) + 4
    first = 8 + 64
    data = b"II*\0" + struct.pack("<I", first) + bytes(range(64))
    for number in following:
        data += struct.pack("<H", len(tags))
        data += b"".join(struct.pack("<HHII", code, 4, 1, tags[code]) for code in tags)
        data += struct.pack("<I", first + size * number if number >= 0 else 0)
    return data


@pytest.mark.parametrize("count", [1, 3, 150])
@pytest.mark.parametrize("back", [1, 2])
def test_directories_in_a_circle_are_refused(tmp_path: Path, count: int, back: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(directories(*range(1, count), max(0, count - back)))
    with pytest.raises(FrameUnreadable, match="is followed by an earlier one"):
        open_frame(path)


def test_many_directories_of_the_same_data_are_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(directories(*range(1, 150), -1))
    info, planes = read_planes(path)
    assert info.axes == ((PAGES, 150),)
    assert (planes == np.arange(64).reshape(8, 8)).all()


@pytest.mark.parametrize(
    ("code", "value"),
    [(256, 1 << 31), (257, 1 << 30), (273, 5000), (279, 1 << 31), (278, 2), (258, 64)],
)
def test_sizes_beyond_the_file_are_not_believed(tmp_path: Path, code: int, value: int) -> None:
    data = directories(1, -1)
    tag = struct.pack("<HHI", code, 4, 1)
    path = tmp_path / "a.tif"
    at = data.rindex(tag) + 8
    path.write_bytes(data[:at] + struct.pack("<I", value) + data[at + 4 :])
    with pytest.raises(SourceError):
        read_planes(path)


def test_a_harmless_tag_may_be_damaged(tmp_path: Path) -> None:
    data = pixels(2, 24, 32)
    path = write(tmp_path / "a.tif", data, metadata=None, software="program of a microscope")
    damaged = bytearray(path.read_bytes())
    tag = struct.pack("<HH", 305, 2)
    at = damaged.index(tag)
    damaged[at + 2 : at + 4] = b"\xff\x7f"
    path.write_bytes(damaged)
    np.testing.assert_array_equal(read_planes(path)[1], data)


def test_more_strips_may_be_listed_than_there_are(tmp_path: Path) -> None:
    builder = TiffBuilder()
    data = pixels(3, 24, 32)
    for plane in data:
        place, length = builder.add(plane.tobytes()), plane.nbytes
        builder.page(plane, {273: (4, [place, 8, 8]), 279: (4, [length, 4, 4])})
    np.testing.assert_array_equal(read_planes(builder.write(tmp_path / "a.tif"))[1], data)


def test_fewer_strips_than_the_image_has_are_damage(tmp_path: Path) -> None:
    builder = TiffBuilder()
    builder.page(pixels(24, 32), {278: (4, [10])})
    with pytest.raises(FrameIncomplete, match="lists only 1 pieces of its pixel data"):
        open_frame(builder.write(tmp_path / "a.tif"))


def test_planes_are_read_in_any_order(tmp_path: Path) -> None:
    data = pixels(6, 24, 32)
    frame = open_frame(write(tmp_path / "a.tif", data, compression="zlib"))
    with PlaneReader() as reader:
        for index in (5, 0, 3, 3, 1):
            plane = reader.read(SourcePlane(file=frame, index=index))
            np.testing.assert_array_equal(plane, data[index])


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how many bytes tifffile has read since it was last asked."""
    total = 0

    def counted(function: Any) -> Any:
        def read(self: Any, *arguments: Any, **options: Any) -> Any:
            nonlocal total
            data = function(self, *arguments, **options)
            total += data.nbytes if isinstance(data, np.ndarray) else len(data)
            return data

        return read

    for name in ("read", "read_array"):
        original = getattr(tifffile.FileHandle, name)
        monkeypatch.setattr(tifffile.FileHandle, name, counted(original))

    def since() -> int:
        nonlocal total
        before, total = total, 0
        return before

    return since


def one_plane(data: npt.NDArray[Any]) -> int:
    """Return the bytes of a plane."""
    return int(data[0].nbytes)


STORED: dict[str, dict[str, Any]] = {
    "pages": {},
    "compressed pages": {"compression": "zlib"},
    "one directory": {"truncate": True},
    "samples": {"planarconfig": "separate", "metadata": None},
    "compressed samples": {"planarconfig": "separate", "compression": "lzw", "rowsperstrip": 16},
    "tiles in depth": {"volumetric": True, "tile": (1, 32, 32), "compression": "zlib"},
    "depth": {"volumetric": True, "metadata": None},
}


@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
def test_reading_a_plane_costs_one_plane(
    tmp_path: Path, options: dict[str, Any], bytes_read: Callable[[], int]
) -> None:
    data = pixels(20, 64, 96)
    frame = open_frame(write(tmp_path / "a.tif", data, **options))
    with PlaneReader() as reader:
        np.testing.assert_array_equal(reader.read(SourcePlane(file=frame, index=7)), data[7])
        bytes_read()
        for index in range(20):
            reader.read(SourcePlane(file=frame, index=index))
            assert bytes_read() < 1.5 * one_plane(data)


def test_interleaved_samples_are_decoded_once(
    tmp_path: Path, bytes_read: Callable[[], int]
) -> None:
    data = pixels(3, 24, 32, 5)
    frame = open_frame(write(tmp_path / "a.tif", data, planarconfig="contig", metadata=None))
    with PlaneReader() as reader:
        reader.read(SourcePlane(file=frame, index=0))
        bytes_read()
        for index in range(5):
            reader.read(SourcePlane(file=frame, index=index))
        assert bytes_read() == 0


def test_a_file_of_20000_pages_is_read_in_order(
    tmp_path: Path, bytes_read: Callable[[], int]
) -> None:
    data = pixels(20000, 4, 4)
    path = write(tmp_path / "a.tif", data, bigtiff=True, metadata=None)
    frame = open_frame(path)
    assert frame.info.axes == ((PAGES, 20000),)
    with PlaneReader() as reader:
        reader.read(SourcePlane(file=frame, index=0))
        bytes_read()
        planes = [reader.read(SourcePlane(file=frame, index=index)) for index in range(20000)]
    assert bytes_read() < 20000 * 600  # each page's directory and its pixels, once
    np.testing.assert_array_equal(np.stack(planes), data)
