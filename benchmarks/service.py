"""What the service needs at scale: many frames waiting, arriving fast, and nothing to do.

Run with ``python -m benchmarks.service [PART ...]`` on Linux; the exit status is 1 when a budget is
missed. All frames lie on the disk of the current folder.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.runs import measure
from benchmarks.watched import Service, configured
from nd2watch.convert import check_file
from nd2watch.sources import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

_CHANNELS: Final = ("DAPI", "GFP")
_SEQUENCES: Final = 8
_SIDE: Final = 32
_BATCH: Final = 20
_IDLE_S: Final = 120.0
_RARELY_S: Final = 3600.0

_SCAN_S: Final = 2.0
"""Budget of a scan of 100,000 files, s."""

_RSS_MIB: Final = 200e6 / 2**20
"""Budget of the service's memory: 200 MB."""

_IDLE_PERCENT: Final = 1.0
"""Budget of a core's time while nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is asked.

    Attributes
    ----------
    frames : int
        Frames that wait at the start.
    rate : int
        Frames that arrive in a second.
    seconds : float
        For how long they do.
    runs : int
        Sequences one after the other.
    trees : int
        Folders that are filled as they are made.
    """

    frames: int
    rate: int
    seconds: float
    runs: int
    trees: int


class Report:
    """Prints figures, and keeps whether all budgets were kept."""

    def __init__(self) -> None:
        self.is_kept = True

    def show(self, what: str, value: float, unit: str, budget: float | None = None) -> None:
        """Print a figure, with its budget if it has one."""
        text = f"  {what:52}{value:10.1f} {unit}"
        if budget is not None:
            is_kept = value <= budget
            self.is_kept &= is_kept
            text += f"  budget {budget:.1f}: {'kept' if is_kept else 'MISSED'}"
        print(text, flush=True)


def frame(number: int) -> bytes:
    """Return a small frame that no other one equals."""
    rng = np.random.default_rng(number)
    return encode_frame(rng.integers(0, 4096, (_SIDE, _SIDE), dtype=np.uint16))


def write_sequence(folder: Path, times: int) -> None:
    """Write a sequence at once."""
    folder.mkdir(parents=True)
    for number in range(times * len(_CHANNELS)):
        (folder / name_of(number)).write_bytes(frame(number))


def name_of(number: int) -> str:
    """Return the name of a frame of a sequence, by its place in time."""
    return f"img_t{number // len(_CHANNELS):06}_c{_CHANNELS[number % len(_CHANNELS)]}.tif"


def waiting_then_idle(folder: Path, options: Options, report: Report) -> None:
    """100,000 frames wait at the start; then all is done, and nothing happens."""
    times = options.frames // (_SEQUENCES * len(_CHANNELS))
    count = times * _SEQUENCES * len(_CHANNELS)
    for number in range(_SEQUENCES):
        write_sequence(folder / "in" / f"run{number}", times)
    copy = measure("cp", "-r", folder / "in", folder / "copy")
    config = configured(folder, times=times)
    print(f"{count} frames in {_SEQUENCES} sequences wait at the start")
    with Service(config) as service:
        begun = service.wait(lambda watch: watch["scanned_s_ago"] is not None)
        report.show("first scan", service.watch()["scan_took_s"], "s", _SCAN_S * count / 1e5)
        report.show("until that was done, with the start of Python", begun, "s")
        taken = service.wait(lambda watch: not watch["settling"])
        report.show("until all headers were read", taken, "s")
        ended = service.wait_for_files(_SEQUENCES)
        report.show("until all ND2 files were published", ended, "s")
        report.show("which is, times that of cp -r,", ended / copy.seconds, "")
        report.show("peak memory of the service", service.peak_mib, "MiB", _RSS_MIB)
        report.show("peak memory of a conversion", service.peak_conversion_mib, "MiB")
        report.show("lines of the log", service.log_lines, "")
    check(folder, count, report)
    print("the same when the service is started again, with nothing to do")
    with Service(config) as service:
        took = service.wait_for_scan()
        report.show("first scan", took, "s", _SCAN_S * count / 1e5)
        took = service.wait_for_scan()
        report.show("further scan", took, "s", _SCAN_S * count / 1e5)
        idle(service, report)


def idle(service: Service, report: Report) -> None:
    """Measure what the service needs while nothing happens; it is not even asked."""
    processor, written, begun = service.processor_s, service.written_mb, service.age_s
    time.sleep(_IDLE_S)
    passed = service.age_s - begun
    busy = service.processor_s - processor
    print(f"  nothing happens for {passed:.0f} s, but for scans every minute")
    report.show("processor", 100 * busy / passed, "%", _IDLE_PERCENT)
    report.show("memory", service.rss_mib, "MiB", _RSS_MIB)
    report.show("written to the disk", service.written_mb - written, "MB")
    report.show("open files", service.open_files, "")


def arriving(folder: Path, options: Options, report: Report) -> None:
    """1,000 frames a second arrive for a minute, in 8 sequences."""
    times = int(options.rate * options.seconds) // (_SEQUENCES * len(_CHANNELS))
    count = times * len(_CHANNELS)
    print(f"{options.rate} frames a second arrive for {options.seconds:.0f} s")
    for number in range(_SEQUENCES):
        (folder / "in" / f"run{number}").mkdir(parents=True)
    writer = multiprocessing.Process(target=write_steadily, args=(folder, count, options.rate))
    with Service(configured(folder, times=times)) as service:
        service.wait(lambda watch: watch["scanned_s_ago"] is not None)
        before, processor = service.rss_mib, service.processor_s
        begun, settling, memory = service.age_s, 0, []

        def is_written(watch: dict[str, int]) -> bool:
            nonlocal settling
            settling = max(settling, watch["settling"])
            memory.append(service.rss_mib)
            return writer.exitcode is not None

        writer.start()
        written = service.wait(is_written)
        if writer.exitcode != 0:
            raise SystemExit("the frames could not be written")
        busy = (service.processor_s - processor) / (written - begun)
        ended = service.wait_for_files(_SEQUENCES)
        report.show("seconds in which they were written", written - begun, "s")
        report.show("most files that settled at once (5 s of them do)", settling, "")
        report.show("processor meanwhile", 100 * busy, "%")
        report.show("from the last frame until all files were published", ended - written, "s")
        report.show("memory before the first frame", before, "MiB")
        for part in (1, 2, 3):
            report.show(f"after {part}/3 of them", memory[len(memory) * part // 3 - 1], "MiB")
        report.show("at the end", service.rss_mib, "MiB")
        report.show("peak", service.peak_mib, "MiB", _RSS_MIB)
        report.show("lines of the log", service.log_lines, "")
    check(folder, count * _SEQUENCES, report)


def write_steadily(folder: Path, count: int, rate: int) -> None:
    """Write so many frames of each sequence, all sequences in turn."""
    data = [frame(number) for number in range(64)]
    begun = time.monotonic()
    for number in range(count * _SEQUENCES):
        time.sleep(max(begun + number / rate - time.monotonic(), 0))
        place, run = divmod(number, _SEQUENCES)
        path = folder / "in" / f"run{run}" / name_of(place)
        path.write_bytes(data[number % len(data)])


def one_after_the_other(folder: Path, options: Options, report: Report) -> None:
    """Many small sequences come one after the other."""
    times = 10
    count = times * len(_CHANNELS)
    print(f"{options.runs} sequences of {count} frames, {_BATCH} at a time")
    (folder / "in").mkdir()
    memory, files = [], []
    with Service(configured(folder, times=times)) as service:
        for number in range(options.runs):
            write_sequence(folder / "new" / f"run{number}", times)
            (folder / "new" / f"run{number}").rename(folder / "in" / f"run{number}")
            if (number + 1) % _BATCH == 0:
                service.wait_for_files(number + 1)
                memory.append(service.rss_mib)
                files.append(service.open_files)
        for part in (1, 2, 3, 4):
            place = len(memory) * part // 4 - 1
            report.show(f"memory after {part}/4 of them", memory[place], "MiB", _RSS_MIB)
        report.show("open files after the first ones", files[0], "")
        report.show("and at the end", files[-1], "")
        journal = (folder / "state" / "journal.db").stat().st_size / 1e6
        report.show("journal", journal, "MB")
        report.show("lines of the log", service.log_lines, "")
        report.show("seconds for each", service.age_s / options.runs, "s")
    check(folder, count * options.runs, report)


def filled_as_they_are_made(folder: Path, options: Options, report: Report) -> None:
    """Folders in folders are made and filled at once, which is too fast for events of the files."""
    times = 500
    count = times * len(_CHANNELS)
    print(f"{options.trees} folders in folders are filled with {count} frames as they are made")
    (folder / "in").mkdir()
    with Service(configured(folder, times=times, scan_interval_s=_RARELY_S)) as service:
        service.wait(lambda watch: watch["scanned_s_ago"] is not None)
        for number in range(options.trees):
            write_sequence(folder / "in" / f"run{number}" / "b" / "c", times)
        written = service.age_s
        ended = service.wait_for_files(options.trees)
        report.show("seconds in which they were written", written, "s")
        report.show("from the last frame until all files were published", ended - written, "s")
    check(folder, count * options.trees, report)


def check(folder: Path, count: int, report: Report) -> None:
    """Compare every ND2 file with its sources, and count the frames that are not there."""
    outputs = sorted((folder / "out").glob("*.nd2"))
    lost = count
    for path in outputs:
        found = check_file(path, sources=True)
        if found.problems:
            raise SystemExit(f"{path}: {found.problems[0]}")
        lost -= found.as_sources * len(_CHANNELS)
    report.show(f"frames that are not in the {len(outputs)} ND2 files", lost, "", 0)


PARTS: Final[dict[str, Callable[[Path, Options, Report], None]]] = {
    "waiting": waiting_then_idle,
    "arriving": arriving,
    "endurance": one_after_the_other,
    "folders": filled_as_they_are_made,
}


def main() -> int:
    """Measure, print, and return whether a budget was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--frames", type=int, default=100_000, help="that wait at the start")
    parser.add_argument("--rate", type=int, default=1000, help="frames that arrive in a second")
    parser.add_argument("--seconds", type=float, default=60, help="for which they do")
    parser.add_argument("--runs", type=int, default=400, help="sequences one after the other")
    parser.add_argument("--trees", type=int, default=50, help="folders filled as they are made")
    given = vars(parser.parse_args())
    parts = given.pop("parts")
    options = Options(**given)
    report = Report()
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    for name in parts or PARTS:
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as folder:
            PARTS[name](Path(folder), options, report)
    return 0 if report.is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
