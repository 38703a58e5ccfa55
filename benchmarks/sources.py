"""Time and peak memory of reading frames from files of each kind, as a ratio to ``cp``.

Run with ``python -m benchmarks.sources [--megabytes N] [--runs N]`` on Linux or macOS. Each kind
holds the same pixels; its conversion and ``cp`` of the ND2 file that it writes run in turn. A figure
is the median of all runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from benchmarks.runs import Run, measure

if TYPE_CHECKING:
    import numpy.typing as npt

_SIDE: Final = 512
_THREADS: Final = "--multiprocessing"


def write_pages(path: Path, stack: npt.NDArray[Any]) -> None:
    """Write a TIFF file of pages."""
    tifffile.imwrite(path, stack, photometric="minisblack", metadata=None)


def write_deflated(path: Path, stack: npt.NDArray[Any]) -> None:
    """Write a TIFF file of compressed pages."""
    tifffile.imwrite(path, stack, photometric="minisblack", metadata=None, compression="zlib")


def write_hyperstack(path: Path, stack: npt.NDArray[Any]) -> None:
    """Write an ImageJ hyperstack."""
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})


def write_frames(path: Path, stack: npt.NDArray[Any]) -> None:
    """Write a TIFF file a frame."""
    for number, pixels in enumerate(stack):
        name = path.with_name(f"{path.stem}{number:06}.tif")
        tifffile.imwrite(name, pixels, photometric="minisblack", metadata=None)


def write_npy(path: Path, stack: npt.NDArray[Any]) -> None:
    """Write a NumPy file."""
    np.save(path, stack)


KINDS: Final = {
    "TIFF, a file a frame": (write_frames, "f.tif", r"f(\d+)\.tif", ("-t", "1")),
    "TIFF of pages": (write_pages, "f.tif", r"f\.tif", ()),
    "the same, deflated": (write_deflated, "f.tif", r"f\.tif", ()),
    "by several threads": (write_deflated, "f.tif", r"f\.tif", (_THREADS,)),
    "ImageJ hyperstack": (write_hyperstack, "f.tif", r"f\.tif", ()),
    "NumPy": (write_npy, "f.npy", r"f\.npy", ()),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=int, default=500, help="pixels of each kind")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    count = options.megabytes * 10**6 // (2 * _SIDE**2)
    rng = np.random.default_rng(0)
    stack = np.repeat(rng.integers(0, 4096, (1, _SIDE, _SIDE), np.uint16), count, axis=0)
    stack[:, 0, 0] = np.arange(count)
    print(f"{count} frames of {_SIDE} x {_SIDE}, {stack.nbytes / 1e6:.0f} MB")
    for title, (write, name, pattern, words) in KINDS.items():
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            write(Path(folder) / name, stack)
            report(title, *measured(Path(folder), pattern, words, options.runs))


def measured(
    folder: Path, pattern: str, words: tuple[str, ...], runs: int
) -> tuple[list[Run], list[Run]]:
    """Return the runs of a conversion, and those of copying what it writes."""
    output = folder / "out.nd2"
    convert = [sys.executable, "-m", "nd2watch", "convert-sequence", str(folder), pattern]
    convert += ["-n", output.name, "-f", "--extra-dimension", "timeloop", *words]
    conversions, copies = [], []
    for run in range(runs):
        conversions.append(measure(*convert))
        copies.append(measure("cp", output, folder / f"copy{run}.nd2"))
    return conversions, copies


def report(title: str, conversions: list[Run], copies: list[Run]) -> None:
    """Print the medians of one kind."""
    seconds = statistics.median(run.seconds for run in conversions)
    ratio = seconds / statistics.median(run.seconds for run in copies)
    peak = statistics.median(run.peak_mib for run in conversions)
    print(f"{title:24}{seconds:8.2f} s {ratio:6.1f} x cp  peak {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
