"""Files that declare what they do not hold, lead in circles, or would fill the memory."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final

import imagecodecs
import numpy as np
from PIL import Image

from tests.hostile.mutations import png_chunk
from tests.hostile.raw_tiff import At, RawTiff
from tests.sources.test_raster import jpeg, smooth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hostile.raw_tiff import Value

File = tuple[str, bytes]
"""Name and content."""

_SIDE: Final = 100_000
_LARGE: Final = 46_000
"""Pixels of the sides of an image of near 2 GiB."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_MIB: Final = bytes(1 << 20)
_TEXTS: Final = {
    "empty": b"",
    "one-byte": b"I",
    "four-bytes": b"II*\0",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "text": b"The frames are on the other disk.\n" * 20,
    "zip": b"PK\x03\x04" + bytes(200),
    "script": b"#!/bin/sh\nrm -rf /\n",
    "program": b"\x7fELF" + bytes(range(256)),
    "gif": b"GIF89a" + bytes(100),
    "pickle": b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
}


def zlib_of_zeros(mib: int) -> bytes:
    """Return many MiB of zeros as a zlib stream, made of one piece that repeats."""
    packer = zlib.compressobj(9)
    first = packer.compress(_MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(_MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    checksum = ((mib << 20) % 65521) << 16 | 1
    return first + piece * (mib - 1) + last + struct.pack(">I", checksum)


def crafted() -> Iterator[File]:
    """Yield all of them."""
    for suffix in (".tif", ".stk", ".lsm", ".png", ".jpg", ".npy", ".czi", ".oib", ".oif", ".nd2"):
        for title, data in _TEXTS.items():
            yield f"{title}{suffix}", data
    yield from _tiff_bombs()
    yield from _tiff_chains()
    yield from _tiff_texts()
    yield from _png_files()
    yield from _jpeg_files()
    yield from _npy_files()


def _page(width: int, height: int, strip: bytes = bytes(64), **more: Value) -> bytes:
    """Return a TIFF file of one page."""
    tiff = RawTiff()
    tiff.page(tiff.gray(width, height, strip, **more))
    return tiff.data


def _tiff_bombs() -> Iterator[File]:
    """Yield small TIFF files with many pixels."""
    yield "declared.tif", _page(_SIDE, _SIDE)
    yield "declared-64-bits.tif", _page(_SIDE, _SIDE, t258=[64])
    yield "declared-negative.tif", _page(2**32 - 1, 2**32 - 1)
    codecs: dict[str, tuple[int, bytes]] = {
        "zlib": (8, zlib.compress(_MIB)),
        "zlib-old": (32946, zlib.compress(_MIB)),
        "lzw": (5, bytes(imagecodecs.lzw_encode(_MIB))),
        "packbits": (32773, bytes(imagecodecs.packbits_encode(_MIB))),
        "lzma": (34925, bytes(imagecodecs.lzma_encode(_MIB))),
        "zstd": (50000, bytes(imagecodecs.zstd_encode(_MIB * 64))),
        "webp": (50001, bytes(imagecodecs.webp_encode(np.zeros((64, 64, 3), np.uint8)))),
        "jpeg": (7, jpeg(np.zeros((64, 64), np.uint8))),
        "fax": (3, bytes(1000)),
        "unknown": (61234, bytes(1000)),
    }
    for name, (code, strip) in codecs.items():
        for side in (8, _LARGE, _SIDE):
            yield f"{name}-{side}.tif", _page(side, side, strip, t259=[code])
            padded = strip + bytes(1 << 18)
            yield f"{name}-{side}-padded.tif", _page(side, side, padded, t259=[code])
    inflated = zlib_of_zeros(2048)
    yield "zlib-of-2-gib.tif", _page(8, 8, inflated, t259=[8])
    yield "zlib-of-8-gib-whole.tif", _page(1 << 17, 1 << 16, zlib_of_zeros(8192), t259=[8])
    yield from _images_in_tiff()
    yield "sparse-tiles.tif", _sparse_tiles()
    yield "one-strip-for-all.tif", _shared_strips()
    yield "huge-tile.tif", _huge_tile()
    halves: dict[str, Value] = {"t273": [8, 8 + 65535], "t279": [65535] * 2}
    planes = _page(1, 1, bytes(131_070), t277=[65535], t32997=2, **halves)
    yield "planes-of-one-pixel.tif", planes
    for code, name in ((32997, "depth"), (277, "samples"), (258, "bits"), (278, "rows")):
        for value in (0, 65535, 2**31):
            tags: dict[str, Value] = {f"t{code}": value}
            yield f"absurd-{name}-{value}.tif", _page(8, 8, bytes(64), **tags)
            packed = zlib.compress(_MIB)
            yield f"absurd-{name}-{value}-zlib.tif", _page(8, 8, packed, t259=[8], **tags)


def _images_in_tiff() -> Iterator[File]:
    """Yield TIFF files of 8 x 8 pixels whose strip is an image of many more."""
    flat = np.zeros((4096, 8192), np.uint8)
    colored = np.zeros((4096, 8192, 3), np.uint8)
    strips = {
        "jpeg": (7, _with_jpeg_size(jpeg(flat[:64, :64]), 30_000, 30_000)),
        "old-jpeg": (6, _with_jpeg_size(jpeg(flat[:64, :64]), 30_000, 30_000)),
        "jpeg-2000": (34712, imagecodecs.jpeg2k_encode(flat)),
        "jpeg-xr": (34934, imagecodecs.jpegxr_encode(flat)),
        "jpeg-xl": (50002, imagecodecs.jpegxl_encode(flat, effort=1)),
        "webp": (50001, imagecodecs.webp_encode(colored, lossless=True, method=0)),
        "lerc": (34887, imagecodecs.lerc_encode(flat)),
        "png": (34933, png(30_000, 30_000, (b"IDAT", zlib_of_zeros(860)))),
    }
    for name, (code, strip) in strips.items():
        data = bytes(strip)
        yield f"inside-{name}.tif", _page(8, 8, data, t259=[code])
        for at in range(4, min(len(data), 64), 4):
            damaged = data[:at] + b"\xff\x7f\xff\x7f" + data[at + 4 :]
            yield f"inside-{name}-{at}.tif", _page(8, 8, damaged, t259=[code])


def _with_jpeg_size(data: bytes, height: int, width: int) -> bytes:
    """Return a JPEG file that declares another size."""
    at = re.search(rb"\xff[\xc0-\xc3]", data)
    assert at is not None
    return data[: at.end() + 3] + struct.pack(">2H", height, width) + data[at.end() + 7 :]


def _sparse_tiles() -> bytes:
    """Return a file of 100,000 x 100,000 pixels of which one tile is there."""
    tiff = RawTiff()
    tile = zlib.compress(bytes(16384 * 16))
    tags = tiff.gray(_SIDE, _SIDE, tile, t259=[8], t322=16384, t323=16384)
    count = (-(-_SIDE // 16384)) ** 2
    tags[324] = [tags.pop(273), *[0] * (count - 1)]  # type: ignore[list-item]
    tags[325] = [tags.pop(279), *[0] * (count - 1)]  # type: ignore[list-item]
    tiff.add(bytes(200_000))
    tiff.page(tags)
    return tiff.data


def _huge_tile() -> bytes:
    """Return a file of 8 x 8 pixels in a tile of 100,000 x 100,000."""
    tiff = RawTiff()
    tags = tiff.gray(8, 8, zlib.compress(_MIB), t259=[8], t322=_SIDE, t323=_SIDE)
    tags[324], tags[325] = tags.pop(273), tags.pop(279)
    tiff.page(tags)
    return tiff.data


def _shared_strips() -> bytes:
    """Return a file of 100,000 x 100,000 pixels whose strips all lie in one place."""
    tiff = RawTiff()
    tags = tiff.gray(_SIDE, _SIDE, bytes(_SIDE), t278=1, t279=[_SIDE] * _SIDE)
    tags[273] = [8] * _SIDE
    tiff.page(tags)
    return tiff.data


def _tiff_chains() -> Iterator[File]:
    """Yield TIFF files whose directories lead astray."""
    for length in (1, 2, 5):
        tiff = RawTiff()
        for _ in range(length):
            tiff.page(tiff.gray(8, 8, bytes(64)))
        tiff.point_to(tiff.directories[0])
        yield f"loop-of-{length}.tif", tiff.data
    tiff = RawTiff()
    tiff.page(tiff.gray(8, 8, bytes(64), t330=8))
    tiff.page(tiff.gray(8, 8, bytes(64), t330=tiff.directories))
    yield "loop-of-sub-directories.tif", tiff.data
    yield "tiny-directories.tif", _tiny_directories(5000)
    yield "values-that-all-share.tif", _shared_values(4000, 1 << 20)
    yield "strips-that-all-share.tif", _shared_offsets(4000, 1 << 18)
    for at in (0, 2, 2**31, 2**32 - 1):
        yield f"directory-at-{at}.tif", b"II*\0" + struct.pack("<I", at) + bytes(100)
    yield "directory-of-65535.tif", b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(65535 * 12)
    yield "directory-of-2-to-63.tif", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(99)


def _tiny_directories(count: int) -> bytes:
    """Return a chain of pages of one pixel."""
    tiff = RawTiff()
    for _ in range(count):
        tiff.page(tiff.gray(1, 1, b"\1"))
    return tiff.data


def _shared_values(count: int, size: int) -> bytes:
    """Return pages that each have nearly the whole file as a value, in a length of its own."""
    tiff = RawTiff()
    at = tiff.add(bytes(size))
    for number in range(count):
        tiff.page(tiff.gray(1, 1, b"\1", t317=At(kind=1, count=size - number, offset=at)))
    return tiff.data


def _shared_offsets(count: int, size: int) -> bytes:
    """Return pages that all list the same very many strips."""
    tiff = RawTiff()
    strips = At(kind=4, count=size, offset=tiff.add(struct.pack("<I", 8) * size))
    for _ in range(count):
        tiff.page(tiff.gray(1, size, b"\1", t278=1, t273=strips, t279=strips))
    return tiff.data


def _tiff_texts() -> Iterator[File]:
    """Yield TIFF files whose texts declare too much, or are no texts of their kind."""
    ome = (
        '<?xml version="1.0"?>{head}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        ' UUID="urn:uuid:0"><Image ID="Image:0"><Pixels DimensionOrder="XYZCT" Type="uint8"'
        ' SizeX="{x}" SizeY="8" SizeZ="{z}" SizeC="{c}" SizeT="{t}" ID="Pixels:0">{data}'
        "</Pixels></Image>{more}</OME>"
    )
    usual: dict[str, object] = {
        "head": "",
        "x": 8,
        "z": 1,
        "c": 1,
        "t": 1,
        "data": "<TiffData/>",
        "more": "",
    }
    laughs = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    elsewhere = '<TiffData><UUID FileName="{}">urn:uuid:1</UUID></TiffData>'
    changes: dict[str, dict[str, object]] = {
        "huge-t": {"t": 2**31 - 1},
        "huge-all": {"t": 999_999_999, "z": 999_999_999, "c": 999_999_999},
        "negative": {"t": -1, "z": -5, "c": "-0"},
        "words": {"t": "many", "z": "", "c": "\u0663"},
        "channels": {"c": 65536, "data": "<TiffData/>" * 2000},
        "images": {"more": "<Image><Pixels SizeC='65536'><TiffData/></Pixels></Image>" * 4000},
        "plane-count": {"t": 1000, "data": '<TiffData PlaneCount="999999999"/>' * 1000},
        "laughs": {"head": laughs + "]>", "more": "&i;"},
        "outside": {
            "head": '<!DOCTYPE o [<!ENTITY o SYSTEM "file:///etc/passwd">]>',
            "more": "&o;",
        },
        "deep": {"more": "<a>" * 100_000 + "</a>" * 100_000},
        "other-file": {"data": elsewhere.format("/etc/passwd")},
        "file-above": {"data": elsewhere.format("../../../../etc/passwd")},
        "wide": {"more": "<a/>" * 200_000},
        "attributes": {"more": "<a " + " ".join(f'b{n}="1"' for n in range(50_000)) + "/>"},
    }
    for name, change in changes.items():
        text = ome.format(**{**usual, **change}).encode()
        yield f"ome-{name}.ome.tif", _page(8, 8, t270=text + b"\0")
    imagej = {
        "images": "images=2147483647\nframes=2147483647\n",
        "all": "images=-1\nchannels=99999999999999999999\nslices=1e9\nframes=nan\n",
        "lines": "a=b\n" * 100_000,
        "hyperstack": "images=1\nchannels=65535\nslices=65535\nframes=65535\nhyperstack=true\n",
    }
    for name, words in imagej.items():
        yield f"imagej-{name}.tif", _page(8, 8, t270=f"ImageJ=1.53\n{words}".encode() + b"\0")
    text = b"ImageJ=1.53\nimages=131070\nframes=131070\n\0"
    yield "imagej-pixels.tif", _page(1, 1, bytes(131_070), t270=text, t279=1)
    shaped = {"truncated": [2**31, 8, 8], "negative": [-1, 8, 8], "zero": [0, 8, 8], "deep": []}
    for name, shape in shaped.items():
        text = f'{{"shape": {shape}, "truncated": true}}'.encode()
        if name == "deep":
            text = b'{"shape": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        yield f"shaped-{name}.tif", _page(8, 8, t270=text + b"\0")
    for count in (0, 2**24, 2**31):
        yield f"stk-{count}.stk", _page(8, 8, t33629=At(kind=5, count=count, offset=8))


def png(width: int, height: int, *chunks: tuple[bytes, bytes], bits: int = 8) -> bytes:
    """Return a PNG file of 8-bit gray with chunks of its own between header and end."""
    head = (b"IHDR", struct.pack(">2I5B", width, height, bits, 0, 0, 0, 0))
    return _PNG + b"".join(png_chunk(*each) for each in (head, *chunks, (b"IEND", b"")))


def _png_files() -> Iterator[File]:
    """Yield PNG files."""
    small, bomb = zlib.compress(bytes(9 * 8)), zlib_of_zeros(512)
    for side in (_LARGE, _SIDE, 2**31 - 1, 2**32 - 1):
        for bits in (1, 8, 16):
            yield f"png-{side}-{bits}.png", png(side, side, (b"IDAT", small), bits=bits)
    yield "png-100000-padded.png", png(_SIDE, _SIDE, (b"IDAT", small + bytes(1 << 18)))
    yield "png-wide.png", png(2**31 - 1, 1, (b"IDAT", small))
    yield "png-zlib-bomb.png", png(8, 8, (b"IDAT", bomb))
    for kind in (b"zTXt", b"iCCP"):
        yield f"png-{kind.decode()}.png", png(8, 8, (kind, b"a\0\0" + bomb), (b"IDAT", small))
    text = (b"iTXt", b"a\0\1\0\0\0" + bomb)
    yield "png-iTXt.png", png(8, 8, text, (b"IDAT", small))
    yield "png-many-chunks.png", png(8, 8, *[(b"tEXt", b"a\0b")] * 20_000, (b"IDAT", small))
    yield "png-many-idats.png", png(8, 8, *[(b"IDAT", b"")] * 20_000, (b"IDAT", small))
    yield "png-no-idat.png", png(8, 8)
    yield "png-two-ends.png", png(8, 8, (b"IDAT", small), (b"IEND", b""), (b"IDAT", small))
    yield "png-zero.png", png(0, 0, (b"IDAT", small))


def _jpeg_files() -> Iterator[File]:
    """Yield JPEG files."""
    whole = jpeg(smooth(16, 16))
    for height, width in ((65535, 65535), (65500, 1), (0, 8), (8, 0)):
        declared = _with_jpeg_size(whole, height, width)
        yield f"jpeg-{height}-{width}.jpg", declared
        yield f"jpeg-{height}-{width}-padded.jpg", declared[:-2] + bytes(1 << 18) + declared[-2:]
    yield "jpeg-scans.jpg", _scans()
    yield "jpeg-scans.tif", _page(12_000, 12_000, _scans(), t259=[7])
    segment = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0" + bytes(65527)
    yield "jpeg-segments.jpg", whole[:2] + segment * 20 + whole[2:]
    yield "jpeg-no-end.jpg", whole[:2] + b"\xff" * 100_000


def _scans() -> bytes:
    """Return a progressive image of 144 megapixels with a thousand empty scans."""
    with io.BytesIO() as file:
        Image.new("L", (64, 64), 128).save(file, "JPEG", progressive=True)
        data = _with_jpeg_size(file.getvalue(), 12_000, 12_000)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:start] + data[start:end] * 1000 + data[end:]


def _npy_files() -> Iterator[File]:
    """Yield NumPy files."""
    shapes = {
        "huge": f"({_SIDE}, {_SIDE})",
        "overflow": f"({2**32}, {2**32})",
        "enormous": f"({10**30}, {10**30})",
        "negative": "(-1, 8)",
        "both-negative": "(-8, -8)",
        "real": "(8.0, 8)",
        "words": "('a', 8)",
        "nested": "((8,), 8)",
        "empty": "()",
        "pages": f"({2**31}, 1, 8, 8)",
        "deep": "(" * 3000 + "8" + ")" * 3000,
        "call": "(__import__('os').getpid(), 8)",
    }
    for name, shape in shapes.items():
        yield (
            f"npy-{name}.npy",
            _npy(f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}}}"),
        )
    for kind in ("|O", "<U1000000", "<c16", "|V2147483647", "<M8[ns]", "[('a', '<u2')]", "<f16"):
        text = f"{{'descr': {kind!r}, 'fortran_order': True, 'shape': (8, 8)}}"
        yield f"npy-type-{len(kind)}-{ord(kind[1])}.npy", _npy(text)
    yield "npy-long-header.npy", b"\x93NUMPY\x02\0" + struct.pack("<I", 2**32 - 1) + b"{" * 20_000
    yield "npy-no-header.npy", b"\x93NUMPY\x01\0\0\0"


def _npy(header: str) -> bytes:
    """Return a NumPy file with a header of its own."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + bytes(range(128))
