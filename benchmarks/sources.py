"""Time and peak memory of reading frames from files of each kind, as a ratio to ``cp``.

Run with ``python -m benchmarks.sources [--megabytes N] [--runs N]`` on Linux or macOS. Each kind
holds the same pixels; its conversion and ``cp`` of the ND2 file that it writes run in turn. Each
figure is the median of all runs.
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
    from collections.abc import Iterator

    import numpy.typing as npt

_SIDE: Final = 512
_THREADS: Final = "--multiprocessing"


def frames(count: int) -> Iterator[npt.NDArray[np.uint16]]:
    """Yield camera-like noise, numbered in its first pixel."""
    pixels = np.random.default_rng(0).integers(0, 4096, (_SIDE, _SIDE), np.uint16)
    for number in range(count):
        pixels[0, 0] = number
        yield pixels


def write_pages(path: Path, count: int, **options: Any) -> None:
    """Write a TIFF file of pages."""
    described = {"photometric": "minisblack", "metadata": None, **options}
    tifffile.imwrite(path, frames(count), shape=(count, _SIDE, _SIDE), dtype="u2", **described)


def write_deflated(path: Path, count: int) -> None:
    """Write a TIFF file of compressed pages."""
    write_pages(path, count, compression="zlib")


def write_hyperstack(path: Path, count: int) -> None:
    """Write an ImageJ hyperstack."""
    write_pages(path, count, imagej=True, metadata={"axes": "TYX"})


def write_frames(path: Path, count: int) -> None:
    """Write a TIFF file a frame."""
    for number, pixels in enumerate(frames(count)):
        name = path.with_name(f"{path.stem}{number:06}.tif")
        tifffile.imwrite(name, pixels, photometric="minisblack", metadata=None)


def write_npy(path: Path, count: int) -> None:
    """Write a NumPy file."""
    header = {"descr": "<u2", "fortran_order": False, "shape": (count, _SIDE, _SIDE)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for pixels in frames(count):
            file.write(pixels.tobytes())


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
    print(f"{count} frames of {_SIDE} x {_SIDE}, {options.megabytes} MB")
    for title, (write, name, pattern, words) in KINDS.items():
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            write(Path(folder) / name, count)
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
