"""Time and peak memory of reading long sidecars, as a ratio to ``cat``.

Run with ``python -m benchmarks.sidecars [--frames N] [--runs N]`` on Linux or macOS. Each row is
the sidecar of a simulated run; a process that reads it and ``cat`` of the file run in turn. Each
figure is the median of all runs; times are those of the processor, as the files are in memory.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.runs import measure
from nd2watch.config import built_in_presets
from nd2watch.sidecars import read_sidecar
from nd2watch.simulate import RunRequest, plan_run

Z: Final = 100
CHANNELS: Final = ("DAPI", "GFP")

LISTS: Final = {
    "operetta": ("operetta", "phenix", "Index.idx.xml"),
    "yokogawa": ("yokogawa-cv8000", "cv7000", "MeasurementData.mlf"),
    "prairie": ("prairie", "prairie", "*.xml"),
    "imagexpress": ("imagexpress-hcsai", "hcsai", "image_metadata_1.csv"),
    "micro-manager": ("micro-manager", "2.0", "metadata.txt"),
}
"""Kinds of sidecars that list all frames, with their preset, form of names, and file."""


def write(kind: str, path: Path, count: int) -> None:
    """Write the sidecar of a run that is over."""
    preset, form, pattern = LISTS[kind]
    t = math.ceil(count / (Z * len(CHANNELS)))
    request = RunRequest(form=form, t=t, z=Z, channels=CHANNELS)
    run = plan_run(built_in_presets()[preset], request)
    files = run.sidecars(count, finished=True)
    path.write_bytes(next(data for file, data in files.items() if Path(file).match(pattern)))


def read(kind: str, path: Path, count: int) -> None:
    """Read a sidecar, which is to list all frames."""
    listed = len(read_sidecar(path, kind)[0].files)
    if listed != count:
        raise SystemExit(f"{path} lists {listed} frames")


def report(kind: str, path: Path, count: int, runs: int) -> None:
    """Measure one row and print it."""
    own = [sys.executable, "-m", "benchmarks.sidecars", "--frames", str(count), "--kind", kind]
    measure(*own, "--write", path)
    readings, copies = [], []
    for _ in range(runs):
        readings.append(measure(*own, "--read", path))
        copies.append(measure("cat", path))
    seconds = statistics.median(run.processor_s for run in readings)
    ratio = seconds / statistics.median(run.processor_s for run in copies)
    peak = statistics.median(run.peak_mib for run in readings)
    megabytes = path.stat().st_size / 1e6
    print(f"{kind:24}{megabytes:8.0f} MB{seconds:8.2f} s {ratio:6.0f} x cat  peak {peak:6.0f} MiB")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each sidecar")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kind", choices=LISTS, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.kind, options.write, options.frames)
    elif options.read:
        read(options.kind, options.read, options.frames)
    else:
        print(f"{options.frames} frames")
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            for kind in LISTS:
                path = Path(folder, kind).with_suffix(Path(LISTS[kind][2]).suffix)
                report(kind, path, options.frames, options.runs)


if __name__ == "__main__":
    main()
