"""What is read from CZI files, of which Zeiss' own library writes some, and what is refused."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import FrameIncomplete, FrameUnreadable, SourceError
from nd2watch.sources import PAGES, PlaneReader, SourcePlane, open_frame, read_frame
from tests.frames import noise
from tests.sources.czi_builder import Tile, build_czi, built, tiles_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.sources import FrameFile

try:
    from pylibCZIrw import czi as zeiss
except ImportError:
    if sys.platform == "linux" and sys.version_info < (3, 14):
        raise
    zeiss = None

needs_zeiss = pytest.mark.skipif(
    zeiss is None, reason="Zeiss' library has no wheel for this platform or Python"
)
GRAY = np.random.default_rng(1).integers(0, 4000, (24, 32)).astype(np.uint16)
COLOUR = np.random.default_rng(2).integers(0, 4000, (24, 32, 3)).astype(np.uint16)


def planes(frame: FrameFile) -> list[npt.NDArray[Any]]:
    with PlaneReader() as reader:
        count = frame.info.plane_count
        return [reader.read(SourcePlane(file=frame, index=index)) for index in range(count)]


STORED = {
    "8 bits": GRAY.astype(np.uint8),
    "16 bits": GRAY,
    "real numbers": (GRAY / 7).astype(np.float32),
    "RGB of 8 bits": COLOUR.astype(np.uint8),
    "RGB of 16 bits": COLOUR,
}
COMPRESSIONS = {
    "plain": "uncompressed:",
    "zstd": "zstd0:ExplicitLevel=3",
    "zstd of split bytes": "zstd1:ExplicitLevel=3;PreProcess=HiLoByteUnpack",
}


@needs_zeiss
@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize("pixels", STORED.values(), ids=STORED)
def test_reads_what_zeiss_writes(
    tmp_path: Path, pixels: npt.NDArray[Any], compression: str
) -> None:
    path = tmp_path / "a.czi"
    with zeiss.create_czi(str(path), compression_options=compression) as file:
        # Zeiss' arrays have the order blue, green, red.
        file.write(pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    frame = open_frame(path)
    assert frame.info.rgb == (pixels.ndim == 3)
    assert frame.info.dtype == pixels.dtype
    assert frame.info.axes == ()
    np.testing.assert_array_equal(read_frame(frame), pixels)


@needs_zeiss
def test_planes_are_in_the_order_of_time_scene_height_and_channel(tmp_path: Path) -> None:
    path = tmp_path / "a.czi"
    written = {}
    with zeiss.create_czi(str(path)) as file:
        for number, (c, t, s, z) in enumerate(np.ndindex(2, 3, 2, 4)):
            written[t, s, z, c] = noise(number)
            plane = {"C": c, "T": t, "Z": z}
            file.write(written[t, s, z, c], location=(100 * s, 7), plane=plane, scene=s)
    frame = open_frame(path)
    assert frame.info.axes == (("t", 3), ("p", 2), ("z", 4), ("c", 2))
    for pixels, place in zip(planes(frame), sorted(written), strict=True):
        np.testing.assert_array_equal(pixels, written[place])


@needs_zeiss
def test_tiles_are_put_together_as_zeiss_does(tmp_path: Path) -> None:
    path = tmp_path / "a.czi"
    with zeiss.create_czi(str(path)) as file:
        for number, (c, y, x) in enumerate(np.ndindex(2, 2, 3)):
            place = (-50 + 28 * x, 11 + 20 * y + x)
            file.write(noise(number), location=place, plane={"C": c}, scene=0)
    frame = open_frame(path)
    with zeiss.open_czi(str(path)) as file:
        expected = [file.read(plane={"C": c}, scene=0)[..., 0] for c in range(2)]
    assert frame.info.shape == (46, 88)
    for plane, shown in zip(planes(frame), expected, strict=True):
        np.testing.assert_array_equal(plane, shown)


@needs_zeiss
@pytest.mark.parametrize(
    "tile",
    [
        Tile(pixels=COLOUR),
        Tile(pixels=COLOUR, compression=4, data=imagecodecs.jpegxr_encode(COLOUR, level=1.0)),
        Tile(pixels=GRAY, compression=5, data=imagecodecs.zstd_encode(GRAY.tobytes())),
        Tile(pixels=GRAY, compression=6, data=b"\1" + imagecodecs.zstd_encode(GRAY.tobytes())),
    ],
    ids=["plain RGB", "JPEG XR", "zstd", "zstd with an empty header"],
)
def test_zeiss_reads_the_files_of_these_tests_alike(tmp_path: Path, tile: Tile) -> None:
    path = built(tmp_path, [tile], "<ImageDocument><Metadata/></ImageDocument>")
    with zeiss.open_czi(str(path)) as file:
        shown = file.read()
    shown = shown[..., ::-1] if tile.pixels.ndim == 3 else shown[..., 0]
    np.testing.assert_array_equal(shown, tile.pixels)
    np.testing.assert_array_equal(read_frame(open_frame(path)), tile.pixels)


@needs_zeiss
def test_takes_the_metadata_that_zeiss_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.czi"
    shown = zeiss.ChannelDisplaySettingsDataClass(
        True,
        zeiss.TintingMode.Color,
        zeiss.Rgb8Color(np.uint8(1), np.uint8(2), np.uint8(255)),
        0,
        1,
    )
    with zeiss.create_czi(str(path)) as file:
        for c in range(2):
            file.write(noise(c), plane={"C": c})
        file.write_metadata(
            "a",
            channel_names={0: "DAPI", 1: "GFP"},
            scale_x=2.5e-7,
            scale_y=2.5e-7,
            scale_z=1e-6,
            display_settings={0: shown, 1: shown},
        )
    info = open_frame(path).info
    assert [channel.name for channel in info.channels] == ["DAPI", "GFP"]
    assert info.channels[0].color == 0x0102FF
    assert (info.pixel_size_um, info.z_step_um) == (0.25, 1)


def test_reads_jpeg_lzw_and_integers_of_32_bits(tmp_path: Path) -> None:
    smooth = np.stack([np.add.outer(np.arange(24), 3 * np.arange(32))] * 3, axis=2)
    smooth[..., 0] += 90
    smooth = smooth.astype(np.uint8)
    jpeg = imagecodecs.jpeg8_encode(smooth, level=100)
    path = built(tmp_path, [Tile(pixels=smooth, compression=1, data=jpeg)])
    assert np.abs(read_frame(open_frame(path)).astype(int) - smooth).max() <= 4
    packed = imagecodecs.lzw_encode(GRAY.tobytes())
    path = built(tmp_path, [Tile(pixels=GRAY, compression=2, data=packed)])
    np.testing.assert_array_equal(read_frame(open_frame(path)), GRAY)
    path = built(tmp_path, [Tile(pixels=GRAY.astype(np.int32) - 2000)])
    np.testing.assert_array_equal(read_frame(open_frame(path)), GRAY.astype(np.int32) - 2000)


def test_a_higher_tile_covers_a_lower_one_and_gaps_are_black(tmp_path: Path) -> None:
    low, high = np.full((4, 4), 1, np.uint8), np.full((4, 4), 2, np.uint8)
    tiles = [
        Tile(pixels=high, point={"M": 1}, left=2, top=3),
        Tile(pixels=low, point={"M": 0}, left=-1),
    ]
    pixels = read_frame(open_frame(built(tmp_path, tiles)))
    assert pixels.shape == (7, 7)
    assert pixels[3].tolist() == [1, 1, 1, 2, 2, 2, 2]
    assert pixels[0].tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_smaller_copies_of_the_image_are_left_out(tmp_path: Path) -> None:
    small = Tile(pixels=noise(2)[::2, ::2].copy(), size=(24, 32))
    path = built(tmp_path, [small, Tile(pixels=noise(1)), small])
    frame = open_frame(path)
    assert frame.info.axes == ()
    np.testing.assert_array_equal(read_frame(frame), noise(1))


def test_only_the_tiles_of_the_plane_are_read(tmp_path: Path) -> None:
    tiles = tiles_of(Z=3)
    path = built(tmp_path, tiles)
    data = path.read_bytes()
    path.write_bytes(data.replace(tiles[1].stored, bytes(len(tiles[1].stored))))
    frame = open_frame(path)
    for index in (0, 2):
        np.testing.assert_array_equal(read_frame(frame, index), noise(index))
    assert not read_frame(frame, 1).any()


def test_points_may_begin_anywhere(tmp_path: Path) -> None:
    tiles = [Tile(pixels=noise(t), point={"T": t, "C": 4}) for t in (9, 3)]
    frame = open_frame(built(tmp_path, tiles))
    assert frame.info.axes == (("t", 2),)
    np.testing.assert_array_equal(planes(frame)[0], noise(3))


def test_one_further_dimension_is_pages(tmp_path: Path) -> None:
    frame = open_frame(built(tmp_path, tiles_of(H=3, T=2, C=2, V=1)))
    assert frame.info.axes == (("t", 2), (PAGES, 3), ("c", 2))


@pytest.mark.parametrize("rows", [0, 12])
def test_sees_that_the_end_of_the_last_tile_is_still_zero(tmp_path: Path, rows: int) -> None:
    pixels = noise(1, (128, 128))
    pixels[128 - rows * 5 :] = 0
    assert open_frame(built(tmp_path, [Tile(pixels=pixels)])).info.tail_is_zero == bool(rows)


WHOLE = build_czi(tiles_of(T=2, C=2), "<ImageDocument/>", times_s=[0, 1])
UNFINISHED = {
    "empty": b"",
    "zeros": bytes(4096),
    "four bytes": WHOLE[:4],
    "header only": WHOLE[:544],
    "without its directory": WHOLE[: len(WHOLE) // 2],
    "marked as being written": build_czi(tiles_of(T=2), pending=1),
    "with its directory first": build_czi(tiles_of(T=2), directory_first=True)[:-800],
    "with its directory alone": build_czi(tiles_of(T=2), directory_first=True)[:900],
    "without a place of its directory": WHOLE[:84] + bytes(8) + WHOLE[92:],
}


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_a_file_that_may_still_grow_is_incomplete(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.czi"
    path.write_bytes(data)
    with pytest.raises(FrameIncomplete, match=r"a\.czi") as caught:
        open_frame(path)
    assert caught.value.path == path


def test_reads_a_file_with_its_directory_first(tmp_path: Path) -> None:
    path = built(tmp_path, tiles_of(T=2), directory_first=True)
    np.testing.assert_array_equal(planes(open_frame(path))[1], noise(1))


MIXED = [Tile(pixels=GRAY, point={"C": 0}), Tile(pixels=GRAY.astype(np.uint8), point={"C": 1})]
SCENES = [Tile(pixels=GRAY, point={"S": 0}), Tile(pixels=GRAY[:20].copy(), point={"S": 1})]
REFUSED = {
    "planes are missing": (tiles_of(T=2, Z=3)[:-1], "has 5 of its 6 planes .T=2 x Z=3.*stopped"),
    "several dimensions": (tiles_of(H=2, V=3), r"several dimensions.*H=2, V=3"),
    "scenes of different sizes": (SCENES, "scenes of different sizes .32 x 20, 32 x 24.*ZEN"),
    "different pixel types": (MIXED, "different pixel types .gray16, gray8"),
    "complex numbers": ([Tile(pixels=GRAY.astype(np.complex64))], "gray64complexfloat; gray8"),
    "a line scan": ([Tile(pixels=GRAY, point={"Z": 0}, lengths={"Z": 9})], "along Z, as line"),
    "a camera's own compression": ([Tile(pixels=GRAY, compression=150)], "number 150"),
    "an unknown compression": ([Tile(pixels=GRAY, compression=7)], "number 7.*save it without"),
    "a part elsewhere": ([Tile(pixels=GRAY, part=1)], "one of several files"),
    "small copies alone": ([Tile(pixels=GRAY, size=(48, 64))], "no image at full resolution"),
    "no tiles": ([], "no image at full resolution"),
    "tiles far apart": (
        [Tile(pixels=GRAY, left=x, point={"M": x % 7}) for x in (0, 2**30)],
        "declares 51539609088 bytes of pixels",
    ),
}


@pytest.mark.parametrize(("tiles", "reason"), REFUSED.values(), ids=REFUSED)
def test_images_of_other_kinds_are_refused(tmp_path: Path, tiles: list[Tile], reason: str) -> None:
    with pytest.raises(FrameUnreadable, match=reason):
        open_frame(built(tmp_path, tiles))


def test_other_files_and_parts_of_files_are_refused(tmp_path: Path) -> None:
    path = built(tmp_path, tiles_of(T=1), part=2)
    with pytest.raises(FrameUnreadable, match="one of several files"):
        open_frame(path)
    path.write_bytes(b"II*\0" + bytes(999))
    with pytest.raises(FrameUnreadable, match="not a CZI file"):
        open_frame(path)


DAMAGED_TILES = {
    "too short": Tile(pixels=GRAY, data=GRAY.tobytes()[:-2]),
    "no zstd": Tile(pixels=GRAY, compression=5, data=GRAY.tobytes()),
    "zstd of a smaller tile": Tile(
        pixels=GRAY, compression=5, data=imagecodecs.zstd_encode(GRAY[1:].tobytes())
    ),
    "an unknown header": Tile(pixels=GRAY, compression=6, data=b"\5" * 99),
    "JPEG XR of another size": Tile(
        pixels=GRAY, compression=4, data=imagecodecs.jpegxr_encode(GRAY[1:].copy())
    ),
}


@pytest.mark.parametrize("tile", DAMAGED_TILES.values(), ids=DAMAGED_TILES)
def test_damaged_tiles_are_noticed_when_read(tmp_path: Path, tile: Tile) -> None:
    frame = open_frame(built(tmp_path, [tile]))
    with pytest.raises(FrameUnreadable, match=r"a\.czi"):
        read_frame(frame)


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = built(tmp_path, tiles_of(T=1))
    for name in ("nd2watch.sources.czi", "nd2watch.sources.czi.source"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "czifile", None)
    with pytest.raises(FrameUnreadable, match=r"CZI file.*czifile.*pip install nd2watch\[czi\]"):
        open_frame(path)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    place=st.integers(0, len(WHOLE) - 1),
    value=st.integers(0, 255),
    end=st.one_of(st.just(len(WHOLE)), st.integers(0, len(WHOLE))),
    where=st.sampled_from(["anywhere", "head", "directory"]),
)
def test_no_damage_raises_anything_but_source_errors(
    tmp_path: Path, place: int, value: int, end: int, where: str
) -> None:
    data = bytearray(WHOLE)
    start = {"anywhere": 0, "head": 32, "directory": WHOLE.index(b"ZISRAWDIRECTORY")}[where]
    data[start + place % {"anywhere": len(WHOLE), "head": 80, "directory": 600}[where]] = value
    path = tmp_path / "a.czi"
    path.write_bytes(data[:end])
    with contextlib.suppress(SourceError):
        frame = open_frame(path)
        assert all(plane.shape == frame.info.shape for plane in planes(frame))
