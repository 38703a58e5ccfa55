"""PNG and JPEG files as planes, and what is refused with which reason."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources import open_frame, read_frame

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.sources import FrameFile

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
"""First X and Y, and steps, of all passes of an interlaced PNG but the last."""

Extra = tuple[tuple[bytes, bytes], ...]


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def rows(pixels: npt.NDArray[Any], bits: int) -> bytes:
    """Return the rows of a PNG file, unfiltered."""
    if bits >= 8:
        return b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in pixels)
    split = np.unpackbits(pixels.astype("u1")[..., None], axis=-1)[..., -bits:]
    return b"".join(b"\0" + np.packbits(row).tobytes() for row in split)


def png(
    pixels: npt.NDArray[Any],
    bits: int,
    color: int,
    extra: Extra = (),
    interlaced: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a PNG file with samples as they are, of a size that may be a lie."""
    height, width = size or pixels.shape[:2]
    passes = (*PASSES, (0, 1, 1, 2)) if interlaced else ((0, 0, 1, 1),)
    parts = (pixels[y::y_step, x::x_step] for x, y, x_step, y_step in passes)
    data = b"".join(rows(part, bits) for part in parts if part.size)
    head = struct.pack(">2I5B", width, height, bits, color, 0, 0, interlaced)
    chunks = ((b"IHDR", head), *extra, (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def samples(bits: int, *shape: int) -> npt.NDArray[Any]:
    """Return random samples."""
    dtype = np.uint16 if bits > 8 else np.uint8
    return np.random.default_rng(1).integers(0, 2**bits, shape, dtype=dtype)


def written(folder: Path, data: bytes | bytearray, name: str = "a.png") -> FrameFile:
    """Write a file and open it."""
    path = folder / name
    path.write_bytes(data)
    return open_frame(path)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_reads_gray_png_exactly_as_stored(tmp_path: Path, bits: int, interlaced: bool) -> None:
    pixels = samples(bits, 13, 11)
    frame = written(tmp_path, png(pixels, bits, GRAY, interlaced=interlaced))
    assert frame.info.shape == (13, 11)
    assert frame.info.dtype == pixels.dtype
    assert frame.info.bits_significant == (bits if bits < 8 else None)
    read = read_frame(frame)
    np.testing.assert_array_equal(read, pixels)
    assert read.max() == pixels.max() >= 2**bits * 0.9 - 1


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_reads_rgb_png_in_the_order_y_x_sample(tmp_path: Path, bits: int, interlaced: bool) -> None:
    pixels = samples(bits, 13, 11, 3)
    frame = written(tmp_path, png(pixels, bits, RGB, interlaced=interlaced))
    assert frame.info.rgb
    assert frame.info.shape == (13, 11, 3)
    np.testing.assert_array_equal(read_frame(frame), pixels)


def test_reads_png_files_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "A.PNG"
    for bits, mode in ((8, "L"), (16, "I;16")):
        pixels = samples(bits, 24, 32)
        Image.fromarray(pixels).save(path)
        with Image.open(path) as image:
            assert image.mode == mode
        np.testing.assert_array_equal(read_frame(open_frame(path)), pixels)
    Image.fromarray(samples(8, 24, 32) > 99).save(path)
    np.testing.assert_array_equal(read_frame(open_frame(path)), samples(8, 24, 32) > 99)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_becomes_rgb(tmp_path: Path, bits: int) -> None:
    pixels, colors = samples(bits, 13, 11), samples(8, 2**bits, 3)
    frame = written(tmp_path, png(pixels, bits, PALETTE, ((b"PLTE", colors.tobytes()),)))
    assert frame.info.rgb
    assert frame.info.dtype == np.uint8
    assert frame.info.bits_significant is None
    np.testing.assert_array_equal(read_frame(frame), colors[pixels])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color", [GRAY_ALPHA, RGBA])
def test_opacity_is_dropped_where_all_is_opaque_and_else_refused(
    tmp_path: Path, color: int, bits: int
) -> None:
    pixels = samples(bits, 13, 11, 2 if color == GRAY_ALPHA else 4)
    pixels[..., -1] = 2**bits - 1
    frame = written(tmp_path, png(pixels, bits, color))
    expected = pixels[..., 0] if color == GRAY_ALPHA else pixels[..., :3]
    assert frame.info.shape == expected.shape
    np.testing.assert_array_equal(read_frame(frame), expected)
    pixels[12, 10, -1] -= 1
    frame = written(tmp_path, png(pixels, bits, color))
    with pytest.raises(FrameUnreadable, match=r"a\.png has transparent .* save it without"):
        read_frame(frame)


TRANSPARENT = {
    "low gray": (4, GRAY, (), b"\0\x09"),
    "gray": (16, GRAY, (), b"\x12\x34"),
    "RGB": (8, RGB, (3,), b"\0\x01\0\x02\0\x03"),
}


@pytest.mark.parametrize(("bits", "color", "more", "value"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_a_transparent_value_matters_only_where_pixels_have_it(
    tmp_path: Path, bits: int, color: int, more: tuple[int, ...], value: bytes
) -> None:
    transparent = np.frombuffer(value, ">u2")
    pixels = samples(bits, 13, 11, *more)
    pixels[pixels == transparent[0]] += 1
    extra = ((b"tRNS", value),)
    frame = written(tmp_path, png(pixels, bits, color, extra))
    np.testing.assert_array_equal(read_frame(frame), pixels)
    pixels[3, 4] = transparent if more else transparent[0]
    with pytest.raises(FrameUnreadable, match="transparent"):
        read_frame(written(tmp_path, png(pixels, bits, color, extra)))


def test_a_transparent_colour_of_a_palette_matters_only_where_pixels_have_it(
    tmp_path: Path,
) -> None:
    colors = samples(8, 4, 3)
    extra = ((b"PLTE", colors.tobytes()), (b"tRNS", b"\xff\0"))
    pixels = np.full((5, 6), 2)
    frame = written(tmp_path, png(pixels, 2, PALETTE, extra))
    np.testing.assert_array_equal(read_frame(frame), colors[pixels])
    pixels[0, 0] = 1
    with pytest.raises(FrameUnreadable, match="transparent"):
        read_frame(written(tmp_path, png(pixels, 2, PALETTE, extra)))


def test_nothing_else_is_taken_from_a_png_file(tmp_path: Path) -> None:
    extra = (
        (b"gAMA", struct.pack(">I", 45455)),
        (b"pHYs", struct.pack(">IIB", 3780, 3780, 1)),
        (b"tIME", struct.pack(">H5B", 2024, 4, 22, 9, 57, 37)),
    )
    frame = written(tmp_path, png(samples(8, 13, 11), 8, GRAY, extra))
    assert frame.info.pixel_size_um is None
    assert frame.info.plane(0).acquired is None
    np.testing.assert_array_equal(read_frame(frame), samples(8, 13, 11))


def test_a_damaged_record_of_a_png_file_costs_only_the_record(tmp_path: Path) -> None:
    data = png(samples(8, 13, 11), 8, GRAY, ((b"tEXt", b"Title\0hello"),))
    frame = written(tmp_path, data.replace(b"hello", b"jello"))
    np.testing.assert_array_equal(read_frame(frame), samples(8, 13, 11))


def test_an_animation_is_refused(tmp_path: Path) -> None:
    extra = ((b"acTL", struct.pack(">II", 2, 0)),)
    frame = written(tmp_path, png(samples(8, 13, 11), 8, GRAY, extra))
    with pytest.raises(FrameUnreadable, match="animation"):
        read_frame(frame)


def jpeg(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    """Return a JPEG file."""
    return bytes(imagecodecs.jpeg8_encode(pixels, **options))


def by_pillow(image: Image.Image, **options: Any) -> bytes:
    """Return a JPEG file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def smooth(*shape: int) -> npt.NDArray[np.uint8]:
    """Return pixels that JPEG changes little, different in each sample and along each axis."""
    y, x = np.indices(shape[:2])
    planes = [4 * y + 2 * x, 200 - 5 * y, 250 - 3 * x]
    stacked = np.stack(planes, axis=2) if len(shape) == 3 else planes[0]
    return stacked.astype(np.uint8)


@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3)])
@pytest.mark.parametrize("progressive", [False, True])
def test_reads_gray_and_rgb_jpeg(tmp_path: Path, shape: tuple[int, ...], progressive: bool) -> None:
    image = Image.fromarray(smooth(*shape))
    data = by_pillow(image, progressive=progressive, quality=95, subsampling=0)
    frame = written(tmp_path, data, "a.jpg")
    assert frame.info.shape == shape
    assert frame.info.rgb == (len(shape) == 3)
    assert frame.info.dtype == np.uint8
    assert frame.info.plane(0).acquired is None
    difference = read_frame(frame).astype(int) - smooth(*shape)
    assert np.abs(difference).max() < 8


def test_reads_jpeg_of_12_bits(tmp_path: Path) -> None:
    pixels = smooth(24, 32).astype(np.uint16) * 16
    frame = written(tmp_path, jpeg(pixels, bitspersample=12), "a.jpeg")
    assert frame.info.dtype == np.uint16
    assert frame.info.bits_significant == 12
    difference = read_frame(frame).astype(int) - pixels
    assert np.abs(difference).max() < 32


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_reads_lossless_jpeg_exactly(tmp_path: Path, bits: int) -> None:
    pixels = samples(bits, 24, 32)
    frame = written(tmp_path, jpeg(pixels, lossless=True, bitspersample=bits), "a.jpg")
    assert frame.info.bits_significant == bits
    np.testing.assert_array_equal(read_frame(frame), pixels)


def exif_with(orientation: object = None, **times: object) -> bytes:
    """Return an Exif record."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {ExifTags.Base[name]: value for name, value in times.items()}
    )
    return exif.tobytes()


@pytest.mark.parametrize("shape", [(16, 40), (16, 40, 3)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_the_exif_record_says(
    tmp_path: Path, orientation: int, shape: tuple[int, ...]
) -> None:
    data = by_pillow(Image.fromarray(smooth(*shape)), exif=exif_with(orientation))
    frame = written(tmp_path, data, "a.jpg")
    assert frame.info.shape == ((16, 40) if orientation <= 4 else (40, 16)) + shape[2:]
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    difference = read_frame(frame).astype(int) - expected
    assert np.abs(difference).max() <= 4


TAKEN = datetime(2024, 4, 22, 9, 57, 37)
PLUS_TWO = timezone(timedelta(hours=2))
TIMES: dict[str, tuple[dict[str, object], datetime | None]] = {
    "local": ({}, TAKEN.astimezone()),
    "fraction": ({"SubsecTimeOriginal": "294"}, TAKEN.replace(microsecond=294000).astimezone()),
    "long fraction": (
        {"SubsecTimeOriginal": "0123456789 ", "OffsetTimeOriginal": "+02:00"},
        TAKEN.replace(microsecond=12345, tzinfo=PLUS_TWO),
    ),
    "offset": ({"OffsetTimeOriginal": "+02:00"}, TAKEN.replace(tzinfo=PLUS_TWO)),
    "unknown offset": ({"OffsetTimeOriginal": "   :  "}, TAKEN.astimezone()),
    "no time": ({"DateTimeOriginal": "    :  :     :  :  "}, None),
    "no clock": ({"DateTimeOriginal": "0000:00:00 00:00:00"}, None),
    "unset clock": ({"DateTimeOriginal": "0001:01:01 00:00:00"}, None),
}


@pytest.mark.parametrize(("times", "expected"), TIMES.values(), ids=TIMES)
def test_the_exif_time_of_the_original_is_the_acquisition_time(
    tmp_path: Path, times: dict[str, object], expected: datetime | None
) -> None:
    record = exif_with(**{"DateTimeOriginal": "2024:04:22 09:57:37", **times})
    frame = written(tmp_path, by_pillow(Image.fromarray(smooth(24, 32)), exif=record), "a.jpg")
    acquired = frame.info.plane(0).acquired
    assert acquired == expected
    if acquired is not None:
        assert acquired.tzinfo is not None


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_turns_nothing(tmp_path: Path, orientation: int) -> None:
    data = by_pillow(Image.fromarray(smooth(24, 32)), exif=exif_with(orientation))
    assert written(tmp_path, data, "a.jpg").info.shape == (24, 32)


def test_a_damaged_exif_record_costs_only_the_record(tmp_path: Path) -> None:
    record = exif_with(6, DateTimeOriginal="2024:04:22 09:57:37")
    for damaged in (record[:20], record[:8] + bytes(len(record) - 8), record.replace(b"MM", b"XX")):
        data = by_pillow(Image.fromarray(smooth(24, 32)), exif=damaged)
        frame = written(tmp_path, data, "a.jpg")
        assert frame.info.plane(0).acquired is None
        assert read_frame(frame).shape == (24, 32)


def test_a_jpeg_of_a_thousand_scans_is_refused(tmp_path: Path) -> None:
    data = by_pillow(Image.fromarray(smooth(24, 32)), progressive=True)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    many = data[:start] + data[start:end] * 1000 + data[end:]
    with pytest.raises(FrameUnreadable, match="scans, more than can be meant"):
        read_frame(written(tmp_path, many, "a.jpg"))


def test_other_colours_of_jpeg_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameUnreadable, match=r"a\.jpg holds CMYK .* save it as gray or RGB"):
        written(tmp_path, by_pillow(Image.new("CMYK", (32, 24))), "a.jpg")
    with pytest.raises(FrameUnreadable, match="2 samples of 8 bits"):
        written(tmp_path, jpeg(samples(8, 24, 32, 2)), "a.jpg")


def test_rare_processes_of_jpeg_are_refused(tmp_path: Path) -> None:
    data = jpeg(smooth(24, 32)).replace(b"\xff\xc0", b"\xff\xc9")
    with pytest.raises(FrameUnreadable, match="process 0xc9"):
        written(tmp_path, data, "a.jpg")


WHOLE = {
    ".png": png(samples(16, 24, 32), 16, GRAY),
    ".jpg": by_pillow(Image.fromarray(smooth(24, 32)), exif=exif_with(6)),
}


def growing(whole: bytes) -> dict[str, bytes]:
    """Return states of a file that is being written."""
    return {
        "empty": b"",
        "zeros": bytes(4096),
        "two bytes": whole[:2],
        "signature only": whole[:8],
        "cut at 20 bytes": whole[:20],
        "cut at half": whole[: len(whole) // 2],
        "one byte short": whole[:-1],
        "end still zeros": whole[:-2] + bytes(2),
        "end still zeros, long": whole[:-2] + bytes(1 << 17),
    }


UNFINISHED = {
    f"{suffix} {state}": (suffix, data)
    for suffix, whole in WHOLE.items()
    for state, data in growing(whole).items()
}


@pytest.mark.parametrize(("suffix", "data"), UNFINISHED.values(), ids=UNFINISHED)
def test_a_file_that_may_still_grow_is_incomplete(tmp_path: Path, suffix: str, data: bytes) -> None:
    with pytest.raises(FrameIncomplete, match=rf"a\{suffix}") as caught:
        written(tmp_path, data, f"a{suffix}")
    assert caught.value.path == tmp_path / f"a{suffix}"


@pytest.mark.parametrize("more", [bytes(99), bytes(1 << 17), b"record" * 20000])
@pytest.mark.parametrize("suffix", WHOLE)
def test_what_follows_the_end_does_no_harm(tmp_path: Path, suffix: str, more: bytes) -> None:
    expected = read_frame(written(tmp_path, WHOLE[suffix], f"a{suffix}"))
    frame = written(tmp_path, WHOLE[suffix] + more, f"b{suffix}")
    np.testing.assert_array_equal(read_frame(frame), expected)


@pytest.mark.parametrize("suffix", WHOLE)
@pytest.mark.parametrize("data", [b"hello", b"<html><body>404</body></html>" * 99, b"II*\0"])
def test_other_files_of_the_name_are_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    with pytest.raises(FrameUnreadable, match=r"not a (PNG|JPEG) file: it begins with b'"):
        written(tmp_path, data, f"a{suffix}")


ABSURD = {
    "no width": ((24, 0), 8, GRAY),
    "no height": ((0, 32), 8, GRAY),
    "wide": ((1, 2**31), 8, GRAY),
    "large": ((65537, 65536), 8, GRAY),
    "large in 16 bits": ((65536, 32769), 16, GRAY),
    "large in RGB": ((40000, 40000), 8, RGB),
    "large by its palette": ((40000, 40000), 1, PALETTE),
}


@pytest.mark.parametrize(("size", "bits", "color"), ABSURD.values(), ids=ABSURD)
def test_absurd_sizes_are_refused(
    tmp_path: Path, size: tuple[int, int], bits: int, color: int
) -> None:
    with pytest.raises(FrameUnreadable, match=f"{size[1]} x {size[0]}"):
        written(tmp_path, png(samples(8, 2, 2), bits, color, size=size))


def test_an_unknown_colour_type_of_png_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameUnreadable, match="colour type 5"):
        written(tmp_path, png(samples(8, 2, 2), 8, 5))


def test_sizes_are_refused_that_the_file_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(FrameUnreadable, match="declares 900000000 bytes of pixels"):
        written(tmp_path, png(samples(8, 2, 2), 8, GRAY, size=(30000, 30000)))
    data = bytearray(jpeg(smooth(24, 32)))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 60000, 60000)
    with pytest.raises(FrameUnreadable, match="declares 3600000000 bytes of pixels"):
        written(tmp_path, data, "a.jpg")
    data[at : at + 4] = bytes(4)
    with pytest.raises(FrameUnreadable, match="0 x 0"):
        written(tmp_path, data, "a.jpg")


@pytest.mark.parametrize(("bits", "shape"), [(1, (3000, 4000)), (8, (3000, 4000))])
def test_images_that_compress_as_much_as_they_can_are_read(
    tmp_path: Path, bits: int, shape: tuple[int, int]
) -> None:
    frame = written(tmp_path, png(np.zeros(shape, np.uint8), bits, GRAY))
    assert not read_frame(frame).any()
    for options in ({"optimize": True}, {"progressive": True}):
        frame = written(tmp_path, by_pillow(Image.new("RGB", shape[::-1]), **options), "a.jpg")
        assert not read_frame(frame).any()


@pytest.mark.parametrize("suffix", WHOLE)
def test_images_are_read_that_pillow_thinks_too_large(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    frame = written(tmp_path, WHOLE[suffix], f"a{suffix}")
    assert read_frame(frame).shape == frame.info.shape


def test_damaged_pixels_of_png_are_noticed_when_read(tmp_path: Path) -> None:
    whole = WHOLE[".png"]
    for place in range(whole.index(b"IDAT"), len(whole) - 12, 7):
        data = bytearray(whole)
        data[place] ^= 0x10
        frame = written(tmp_path, data)
        with pytest.raises(FrameUnreadable, match=r"a\.png is damaged"):
            read_frame(frame)


def test_pixel_data_of_png_must_be_there(tmp_path: Path) -> None:
    frame = written(tmp_path, WHOLE[".png"].replace(b"IDAT", b"iDAT"))
    with pytest.raises(FrameUnreadable, match="no pixel data"):
        read_frame(frame)


def test_pixels_missing_under_valid_checksums_are_noticed(tmp_path: Path) -> None:
    frame = written(tmp_path, png(samples(8, 12, 11), 8, GRAY, size=(13, 11)))
    with pytest.raises(FrameUnreadable, match="damaged"):
        read_frame(frame)


KINDS = {
    "gray.png": png(samples(16, 5, 6), 16, GRAY),
    "low.png": png(samples(2, 5, 6), 2, GRAY, interlaced=True),
    "palette.png": png(samples(1, 5, 6), 1, PALETTE, ((b"PLTE", b"rgbRGB"), (b"tRNS", b"\xff"))),
    "opacity.png": png(samples(8, 5, 6, 4) | 0xFF, 8, RGBA),
    "gray.jpg": jpeg(smooth(9, 17)),
    "rgb.jpg": by_pillow(
        Image.fromarray(smooth(9, 17, 3)),
        progressive=True,
        exif=exif_with(6, DateTimeOriginal="2024:04:22 09:57:37", OffsetTimeOriginal="+02:00"),
    ),
    "deep.jpg": jpeg(samples(16, 9, 17), lossless=True, bitspersample=16),
}


@settings(
    max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(sorted(KINDS)),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=2),
    share=st.just(1.0) | st.floats(0, 1),
)
def test_no_damage_raises_anything_but_source_errors(
    tmp_path: Path, name: str, damage: list[tuple[float, int]], share: float
) -> None:
    data = bytearray(KINDS[name])
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    with contextlib.suppress(SourceError):
        frame = written(tmp_path, data[: int(share * len(data))], name)
        assert read_frame(frame).shape == frame.info.shape
