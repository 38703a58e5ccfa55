"""PNG files that are damaged behind right checksums, or hold more than their pixels."""

from __future__ import annotations

import gc
import struct
import sys
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import SourceError
from nd2watch.sources import open_frame, read_frame
from tests.sources.test_raster import GRAY, PALETTE, RGB, png, samples

if TYPE_CHECKING:
    from pathlib import Path

START = b"\x89PNG\r\n\x1a\n"
PIXELS = samples(8, 9, 7)
ROWS = b"".join(b"\0" + row.tobytes() for row in PIXELS)
ZEROS = zlib.compress(bytes(1 << 24))

Chunks = tuple[tuple[bytes, bytes], ...]


def built(*chunks: tuple[bytes, bytes], color: int = GRAY, bits: int = 8) -> bytes:
    head = (b"IHDR", struct.pack(">2I5B", 7, 9, bits, color, 0, 0, 0))
    stored = b""
    for kind, content in (head, *chunks, (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        stored += struct.pack(">I", len(content)) + kind + content + checksum
    return START + stored


def of_pixels(*before: tuple[bytes, bytes]) -> bytes:
    return built(*before, (b"IDAT", zlib.compress(ROWS)))


SOUND = {
    "as it is": of_pixels(),
    "interlaced": png(PIXELS, 8, GRAY, interlaced=True),
    "profile": of_pixels((b"iCCP", b"\x1b[31mname\0\0" + ZEROS)),
    "compressed text": of_pixels((b"zTXt", b"a\0\0" + ZEROS)),
    "text in many words": of_pixels((b"iTXt", b"a\0\1\0\0\0" + ZEROS)),
    "many texts": of_pixels(*((b"tEXt", b"a\0b"),) * 2000),
    "unknown record": of_pixels((b"zzZz", b"?")),
    "damaged record": of_pixels((b"gAMA", b""), (b"cHRM", b"1"), (b"tIME", b"\xff" * 7)),
    "palette of gray": of_pixels((b"PLTE", b"1")),
    "transparency that cannot be": of_pixels((b"tRNS", b"12345")),
    "pixels in pieces": built(*((b"IDAT", bytes((byte,))) for byte in zlib.compress(ROWS))),
    "more behind the pixels": built((b"IDAT", zlib.compress(ROWS) + b"more")),
}
DAMAGED = {
    "no pixels": built(),
    "too few": built((b"IDAT", zlib.compress(ROWS[:-1]))),
    "too many": built((b"IDAT", zlib.compress(ROWS + b"1"))),
    "far too many": built((b"IDAT", ZEROS)),
    "no stream": built((b"IDAT", b"12345")),
    "cut stream": built((b"IDAT", zlib.compress(ROWS)[:-4])),
    "wrong sum": built((b"IDAT", zlib.compress(ROWS)[:-1] + b"!")),
    "unknown filter": built((b"IDAT", zlib.compress(b"\5" + ROWS[1:]))),
    "unknown part": of_pixels((b"ABCD", b"")),
    "two heads": of_pixels((b"IHDR", struct.pack(">2I5B", 7, 9, 8, 0, 0, 0, 0))),
    "no palette": built((b"IDAT", zlib.compress(ROWS)), color=PALETTE),
    "part of a palette": built((b"PLTE", b"1234"), (b"IDAT", zlib.compress(ROWS)), color=PALETTE),
    "bits of no PNG": built((b"IDAT", zlib.compress(ROWS)), color=RGB, bits=4),
}


def written(folder: Path, data: bytes) -> Path:
    path = folder / "a.png"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("data", SOUND.values(), ids=SOUND)
def test_what_is_beside_the_pixels_is_no_matter_and_not_talked_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes
) -> None:
    np.testing.assert_array_equal(read_frame(open_frame(written(tmp_path, data))), PIXELS)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damage_behind_right_checksums_is_refused_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes
) -> None:
    with pytest.raises(SourceError):
        read_frame(open_frame(written(tmp_path, data)))
    assert capfd.readouterr() == ("", "")


def test_damage_costs_no_reference_to_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gc.collect()  # of other tests
    before = sys.getrefcount(None)
    for data in DAMAGED.values():
        path.write_bytes(data)
        for _ in range(100):
            with pytest.raises(SourceError):
                read_frame(open_frame(path))
    assert sys.getrefcount(None) > before - 100


def test_colours_that_a_palette_lacks_are_black(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    numbers = np.arange(63, dtype=np.uint8).reshape(9, 7) % 3
    rows = b"".join(b"\0" + row.tobytes() for row in numbers)
    chunks: Chunks = ((b"PLTE", bytes((9, 8, 7, 6, 5, 4))), (b"IDAT", zlib.compress(rows)))
    path = written(tmp_path, built(*chunks, color=PALETTE))
    colors = np.array([(9, 8, 7), (6, 5, 4), (0, 0, 0)], np.uint8)
    np.testing.assert_array_equal(read_frame(open_frame(path)), colors[numbers])
    assert capfd.readouterr() == ("", "")
