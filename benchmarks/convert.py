"""Time and peak memory of a conversion, as a ratio to copying the same bytes with ``cp``.

Run with ``python -m benchmarks.convert [--frames N] [--size PIXELS] [--runs N]`` on Linux or macOS.
Both commands run in turn; each figure is the median of all runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.runs import Run, measure
from nd2watch.sources import encode_frame

CHANNELS = 2


def write_frames(folder: Path, count: int, size: int) -> int:
    """Write camera-like noise as `count` time points of two channels; return the bytes."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    pixels = rng.integers(0, 4096, (size, size), dtype=np.uint16)
    for t in range(count):
        for c in range(CHANNELS):
            pixels[0, :2] = t, c
            (folder / f"t{t}_c{c}.tif").write_bytes(encode_frame(pixels))
    return sum(path.stat().st_size for path in folder.iterdir())


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, default=200, help="time points of two channels")
    parser.add_argument("--size", type=int, default=1024, help="pixels along an edge")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        size = write_frames(folder / "frames", options.frames, options.size)
        convert = [sys.executable, "-m", "nd2watch", "convert", str(folder / "frames")]
        convert += ["-p", "t{t}_c{c}.tif", "-f", "-o", str(folder / "out.nd2")]
        copies = []
        conversions = []
        for run in range(options.runs):
            copies.append(measure("cp", "-r", folder / "frames", folder / f"copy{run}"))
            conversions.append(measure(*convert))
        report(size, copies, conversions)


def report(size: int, copies: list[Run], conversions: list[Run]) -> None:
    """Print the medians and their ratio."""
    print(f"{size / 1e6:.0f} MB of frames")
    seconds = []
    for what, runs in (("cp -r", copies), ("nd2watch convert", conversions)):
        seconds.append(statistics.median(run.seconds for run in runs))
        peak = statistics.median(run.peak_mib for run in runs)
        rate = size / 1e6 / seconds[-1]
        print(f"{what:18}{seconds[-1]:8.2f} s {rate:8.0f} MB/s  peak {peak:6.0f} MiB")
    print(f"ratio {seconds[1] / seconds[0]:.1f}")


if __name__ == "__main__":
    main()
