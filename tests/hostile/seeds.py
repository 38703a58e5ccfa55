"""Small sound files of every kind, from which hostile ones are made."""

from __future__ import annotations

import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from nd2watch.config import built_in_presets
from nd2watch.simulate import RunRequest, plan_run
from tests.presets.programs import PROGRAMS
from tests.sources import olympus_builder
from tests.sources.czi_builder import built, tiles_of
from tests.sources.nd2_files import write_full
from tests.sources.test_raster import GRAY, PALETTE, exif_with, jpeg, png, samples, smooth
from tests.sources.test_tiff_damage import MAKERS
from tests.sources.tiff_files import pixels, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.presets.programs import Tells

_IDENTITY: Final = re.compile(rb"urn:uuid:[0-9a-f-]{36}")
_NO_IDENTITY: Final = b"urn:uuid:00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A sound file.

    Attributes
    ----------
    kind : str
        What it is, as a part of a file name.
    suffix : str
        Ending of its name.
    data : bytes
        What it holds.
    """

    kind: str
    suffix: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSeed:
    """A sound sidecar.

    Attributes
    ----------
    preset : str
        Preset of the program that wrote it.
    kind : str
        Kind of sidecar.
    path : str
        Where it lies below the folder of its run.
    data : bytes
        What it holds.
    """

    preset: str
    kind: str
    path: str
    data: bytes


def _tiff(*shape: int, dtype: str = "uint16", **options: Any) -> Callable[[Path], object]:
    """Return what writes a TIFF file of random pixels."""
    return lambda path: write(path, pixels(*shape, dtype=dtype), **options)


_TIFFS: Final[dict[str, Callable[[Path], object]]] = {
    **MAKERS,
    "one strip": _tiff(8, 8),
    "strips": _tiff(16, 8, rowsperstrip=4),
    "tiles": _tiff(40, 40, tile=(16, 16)),
    "big": _tiff(3, 8, 8, bigtiff=True),
    "big-endian": _tiff(3, 8, 8, byteorder=">"),
    "big and big-endian": _tiff(2, 8, 8, byteorder=">", bigtiff=True),
    "real": _tiff(8, 8, dtype="float32"),
    "zlib": _tiff(2, 16, 16, compression="zlib", predictor=True),
    "lzma": _tiff(16, 16, compression="lzma"),
    "zstd": _tiff(16, 16, compression="zstd"),
    "packbits": _tiff(16, 16, dtype="uint8", compression="packbits"),
    "jpeg": _tiff(32, 32, dtype="uint8", compression="jpeg", tile=(16, 16)),
    "jpeg 2000": _tiff(32, 32, compression="jpeg2000"),
    "colour jpeg": _tiff(32, 32, 3, dtype="uint8", photometric="rgb", compression="jpeg"),
    "colour": _tiff(8, 8, 3, dtype="uint8", photometric="rgb"),
    "zlib tiles": _tiff(2, 40, 40, tile=(16, 16), compression="zlib"),
}


def _tiffs(folder: Path) -> Iterator[Seed]:
    """Yield TIFF files."""
    for title, make in _TIFFS.items():
        path = folder / "seed.tif"
        make(path)
        data = _IDENTITY.sub(_NO_IDENTITY, path.read_bytes())
        yield Seed(kind=f"tiff {title}", suffix=_SUFFIXES.get(title, ".tif"), data=data)


_SUFFIXES: Final = {"STK": ".stk", "LSM": ".lsm", "compressed LSM": ".lsm", "OME": ".ome.tif"}


def _rasters() -> Iterator[Seed]:
    """Yield PNG and JPEG files."""
    for bits in (1, 8, 16):
        yield Seed(
            kind=f"png {bits} bits", suffix=".png", data=png(samples(bits, 9, 7), bits, GRAY)
        )
    yield Seed(
        kind="png interlaced", suffix=".png", data=png(samples(8, 9, 7), 8, GRAY, interlaced=True)
    )
    palette = ((b"PLTE", bytes(range(48))),)
    yield Seed(kind="png palette", suffix=".png", data=png(samples(4, 9, 8), 4, PALETTE, palette))
    with io.BytesIO() as file:
        Image.fromarray(smooth(16, 16, 3)).save(file, "PNG", dpi=(72, 72))
        yield Seed(kind="png colour", suffix=".png", data=file.getvalue())
    yield Seed(kind="jpeg gray", suffix=".jpg", data=jpeg(smooth(16, 16)))
    for progressive in (False, True):
        with io.BytesIO() as file:
            Image.fromarray(smooth(16, 16, 3)).save(
                file, "JPEG", progressive=progressive, exif=exif_with(3)
            )
            title = "jpeg progressive" if progressive else "jpeg colour"
            yield Seed(kind=title, suffix=".jpg", data=file.getvalue())


def _arrays() -> Iterator[Seed]:
    """Yield NumPy files."""
    for title, array in {
        "npy plane": pixels(8, 8),
        "npy pages": pixels(2, 3, 8, 8),
        "npy fortran": np.asfortranarray(pixels(3, 8, 8)),
        "npy colour": pixels(8, 8, 3, dtype="uint8"),
    }.items():
        with io.BytesIO() as file:
            np.save(file, array)
            yield Seed(kind=title, suffix=".npy", data=file.getvalue())


def _of_programs(folder: Path) -> Iterator[Seed]:
    """Yield files of the vendors' formats."""
    czi = built(folder, tiles_of(T=2, Z=2, C=2))
    yield Seed(kind="czi", suffix=".czi", data=czi.read_bytes())
    oib = olympus_builder.write_oib(
        folder / "seed.oib",
        olympus_builder.axes("XYCZT", C=2, Z=2),
        olympus_builder.members_of(C=2, Z=2),
    )
    yield Seed(kind="oib", suffix=".oib", data=oib.read_bytes())
    path = folder / "seed.nd2"
    write_full(path)
    yield Seed(kind="nd2", suffix=".nd2", data=path.read_bytes())


def images() -> tuple[Seed, ...]:
    """Return a sound file of every kind of frame file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return (*_tiffs(folder), *_rasters(), *_arrays(), *_of_programs(folder))


def sidecars() -> tuple[SidecarSeed, ...]:
    """Return a sound sidecar of every file that programs write beside their frames."""
    found: dict[tuple[str, bytes], SidecarSeed] = {}
    for (name, form), tells in PROGRAMS.items():
        preset = built_in_presets()[name]
        if preset.sidecar is None:
            continue
        run = plan_run(preset, small_run(form, tells))
        for finished in (True, False):
            written = run.sidecars(len(run.run.frames), finished=finished)
            for path, data in written.items():
                seed = SidecarSeed(preset=name, kind=preset.sidecar.kind, path=path, data=data)
                found.setdefault((seed.kind, data), seed)
    return tuple(found.values())


def small_run(form: str, tells: Tells) -> RunRequest:
    """Return what is asked of a program: two points of each axis that its names tell."""
    counts = dict.fromkeys(tells.axes, 2)
    return RunRequest(
        form=form,
        t=counts.get("t", 1),
        sites=counts.get("p", 1),
        z=counts.get("z", 1),
        channels=("GFP", "DAPI") if "c" in tells.axes else ("GFP",),
        width=16,
        height=12,
    )
