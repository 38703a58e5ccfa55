"""Time and peak memory of writing ND2 files, as ratios to copying the same bytes with ``cp``.

Run with ``python -m benchmarks.writer [--gigabytes N]`` on Linux or macOS, in a folder with room
for some files of that size. Each row is a process of its own; ``cp`` copies the file that it wrote.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.runs import measure
from nd2watch import Experiment, FrameMetadata, ImageAttributes, Nd2Writer, TimeLoop

SIZE = 1024
TILE = 1000


def write_series(path: Path, count: int, size: int, zlib_level: int | None, threads: int) -> None:
    """Write `count` time points of square frames of camera-like noise."""
    rng = np.random.default_rng(0)
    pixels = (100 + rng.poisson(20, (size, size))).astype(np.uint16)
    attributes = ImageAttributes(width=size, height=size, frame_count=count, zlib_level=zlib_level)
    experiment = Experiment(loops=(TimeLoop(count=count),))
    with Nd2Writer(path, attributes, experiment=experiment, threads=threads) as writer:
        for index in range(count):
            pixels[0, 0] = index % 65536
            row = FrameMetadata(time_ms=float(index), x_um=0.0, y_um=0.0, z_um=0.0)
            writer.write_frame(pixels, row)


def write_mosaic(path: Path, side: int, *, pyramid: bool) -> None:
    """Write one frame of `side` x `side` pixels by tiles."""
    tile = np.random.default_rng(0).integers(0, 4096, (TILE, TILE), np.uint16)
    attributes = ImageAttributes(width=side, height=side)
    with Nd2Writer(path, attributes, pyramid=pyramid) as writer, writer.tiles() as tiles:
        for y in range(0, side, TILE):
            for x in range(0, side, TILE):
                tiles.write(y, x, tile)


def run(what: str, path: Path, count: int) -> None:
    """Write the file of one row."""
    if what == "mosaic":
        write_mosaic(path, count, pyramid=False)
    elif what == "pyramid":
        write_mosaic(path, count, pyramid=True)
    elif what == "small":
        write_series(path, count, 64, None, 1)
    elif what == "plain":
        write_series(path, count, SIZE, None, 1)
    else:
        write_series(path, count, SIZE, 1, int(what.removeprefix("zlib")))


def report(folder: Path, label: str, what: str, count: int) -> None:
    """Measure one row and print it."""
    path = folder / "out.nd2"
    own = [sys.executable, "-m", "benchmarks.writer", "--run", what, str(path), str(count)]
    written = measure(*own)
    megabytes = path.stat().st_size / 1e6
    copied = measure("cp", path, folder / "copy.nd2")
    path.unlink()
    (folder / "copy.nd2").unlink()
    print(
        f"{label:32}{megabytes:8.0f} MB{written.seconds:8.2f} s"
        f"{written.seconds / copied.seconds:7.1f} x cp  peak {written.peak_mib:5.0f} MiB"
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=5.0, help="size of the large file")
    parser.add_argument("--run", nargs=3, metavar=("WHAT", "PATH", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        what, path, count = options.run
        run(what, Path(path), int(count))
        return
    large = round(options.gigabytes * 1e9 / (2 * SIZE * SIZE))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        for count in (1_000, 10_000, 100_000):
            report(Path(name), f"{count} frames of 64 x 64", "small", count)
        report(Path(name), f"{large} frames of {SIZE} x {SIZE}", "plain", large)
        for threads in (1, 2):
            label = f"400 frames, zlib 1, {threads} threads"
            report(Path(name), label, f"zlib{threads}", 400)
        report(Path(name), "30000 x 30000 by tiles", "mosaic", 30_000)
        report(Path(name), "the same with its pyramid", "pyramid", 30_000)


if __name__ == "__main__":
    main()
