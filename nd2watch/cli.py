"""The command line: ``nd2watch run``, ``convert``, ``simulate``, ``demo`` and ``check-config``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nd2watch import host
from nd2watch.clock import SystemClock
from nd2watch.convert import convert_folder
from nd2watch.demo import run_demo
from nd2watch.errors import Nd2WatchError
from nd2watch.experiment import (
    AXES,
    TEMPORARY_NAMES,
    AxisSize,
    Calibration,
    Layout,
    compile_pattern,
    compile_regex,
)
from nd2watch.log import set_up_logging
from nd2watch.nd2 import Nd2Reader
from nd2watch.service import Daemon, load_settings, serve
from nd2watch.service.settings import channels_of
from nd2watch.simulate import DEFAULT_PATTERN, Acquisition, Manner, simulate
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nd2watch.service import ServiceSettings

_INTERRUPTED = 130
_LISTED = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process when omitted.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 faulty configuration.
    """
    options = _parser().parse_args(arguments)
    try:
        with host.exit_on_termination():
            status: int = options.command(options)
    except Nd2WatchError as error:
        print(f"nd2watch: error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"nd2watch: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="nd2watch", description="Convert microscope image sequences to Nikon ND2 files."
    )
    parser.add_argument("--version", action="version", version=f"nd2watch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="watch folders and convert what becomes complete"))
    _add_convert(commands.add_parser("convert", help="convert the sequence in a folder"))
    _add_simulate(commands.add_parser("simulate", help="write frames like a microscope"))
    _add_demo(commands.add_parser("demo", help="show the service on a simulated acquisition"))
    _add_check(commands.add_parser("check-config", help="check a configuration file"))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="TOML file")
    parser.add_argument("--once", action="store_true", help="convert what is complete now, and end")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    """Run the service in the foreground."""

    def load() -> ServiceSettings:
        settings = load_settings(options.config)
        set_up_logging(settings.service.log_format, settings.service.log_level)
        return settings

    daemon = Daemon(load, SystemClock(), structlog.get_logger(), once=options.once)
    return serve(daemon)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the frames are")
    names = parser.add_mutually_exclusive_group(required=True)
    names.add_argument(
        "-p", "--pattern", help="pattern of the names, like 'img_t{t}_xy{p}_z{z}_c{c}.tif'"
    )
    names.add_argument("--regex", help="regular expression with the groups t, p, z, c")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.nd2")
    parser.add_argument(
        "-a", "--axis", action="append", default=[], type=_axis, metavar="AXIS=N",
        help="expected size of an axis, like t=10; else the labels found count",
    )  # fmt: skip
    parser.add_argument(
        "-c", "--channels", type=_words, default=None, metavar="A,B", help="channel names in order"
    )
    parser.add_argument(
        "--sequence", type=_words, default=None, metavar="F,G",
        help="fields that tell sequences apart, if not all",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="GLOB", help="names to pass over"
    )
    parser.add_argument("--pixel-size-um", type=float, metavar="UM")
    parser.add_argument("--z-step-um", type=float, metavar="UM")
    parser.add_argument("--period-ms", type=float, metavar="MS", help="time between time points")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing file")
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    """Convert one folder."""
    channels = options.channels
    sizes = {axis: AxisSize(count=count) for axis, count in options.axis}
    if channels is not None:
        sizes["c"] = AxisSize(count=len(channels), labels=channels)
    layout = Layout(
        pattern=compile_regex(options.regex) if options.regex else compile_pattern(options.pattern),
        sizes=sizes,
        channels=channels_of(channels),
        sequence_fields=options.sequence,
        ignore=(*TEMPORARY_NAMES, *options.ignore),
        calibration=Calibration(
            pixel_size_um=options.pixel_size_um,
            z_step_um=options.z_step_um,
            period_ms=options.period_ms,
        ),
    )
    strangers: list[str] = []
    try:
        with _progress("converting") as progress:
            result = convert_folder(
                options.folder,
                options.output,
                layout,
                replace=options.force,
                progress=progress,
                passed_over=lambda path, why: strangers.append(why),
            )
    finally:
        _report_strangers(strangers)
    if sys.stdout.isatty():
        with Nd2Reader(result.output) as reader:
            sizes_text = " ".join(f"{axis}={size}" for axis, size in reader.sizes.items())
        print(f"{result.output}: {sizes_text}, {result.size / 1e6:.1f} MB, verified")
        for assumption in result.assumptions:
            print(f"note: {assumption}")
    return 0


def _report_strangers(reasons: list[str]) -> None:
    """Tell of files that were passed over, so that a wrong pattern does not go unnoticed."""
    for reason in reasons[:_LISTED]:
        print(f"nd2watch: passed over: {reason}", file=sys.stderr)
    if len(reasons) > _LISTED:
        print(f"nd2watch: passed over: {len(reasons) - _LISTED} more files", file=sys.stderr)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write")
    for axis, what in zip("tpz", ("time points", "positions", "planes"), strict=True):
        parser.add_argument(f"--{axis}", type=_count, default=1, metavar="N", help=what)
    parser.add_argument("-c", "--channels", type=_words, default=("DAPI",), metavar="A,B")
    parser.add_argument("--size", type=_size, default=(256, 256), metavar="WxH", help="pixels")
    parser.add_argument("--dtype", choices=("uint8", "uint16"), default="uint16")
    parser.add_argument("-p", "--pattern", default=DEFAULT_PATTERN, help="pattern of the names")
    parser.add_argument(
        "--field", action="append", default=[], type=_pair, metavar="NAME=TEXT",
        help="text of a field in the pattern",
    )  # fmt: skip
    parser.add_argument("--first-index", type=int, default=1, metavar="N", help="0 or 1, mostly")
    parser.add_argument("--frame-rate", type=float, default=20.0, metavar="HZ", help="0: no pause")
    parser.add_argument("--pieces", type=_count, default=4, metavar="N", help="flushes a file")
    parser.add_argument("--shuffle", type=int, default=0, metavar="N", help="places out of order")
    parser.add_argument(
        "--rename", action="store_true", help="write under a temporary name, then rename"
    )
    parser.add_argument("--compression", choices=("none", "zlib", "lzw"), default="none")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    """Write a simulated acquisition."""
    width, height = options.size
    acquisition = Acquisition(
        t=options.t, p=options.p, z=options.z, channels=options.channels, height=height,
        width=width, dtype=options.dtype, pattern=options.pattern, fields=dict(options.field),
        first_index=options.first_index, seed=options.seed,
    )  # fmt: skip
    manner = Manner(
        in_place=not options.rename, pieces=options.pieces, frames_per_s=options.frame_rate,
        shuffle=options.shuffle, compression=options.compression,
    )  # fmt: skip
    with _progress("acquiring") as progress:
        simulate(options.folder, acquisition, manner, progress=progress)
    return 0


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep everything here, not in a new folder"
    )
    parser.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="nd2watch-demo-"))
    run_demo(folder.absolute(), Console())
    return 0


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="FILE", help="TOML file")
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    """Check a configuration and say what it means."""
    settings = load_settings(options.config)
    for watch in settings.watches:
        sizes = " ".join(
            f"{axis}={watch.layout.sizes[axis].count}"
            for axis in AXES
            if axis in watch.layout.sizes
        )
        print(f"{watch.name}: {watch.root}: {watch.layout.pattern.source} with {sizes}")
    print(f"output: {settings.output_folder}")
    return 0


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a progress function that draws on a terminal; None where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _words(text: str) -> tuple[str, ...]:
    """Return the words between commas."""
    return tuple(word.strip() for word in text.split(","))


def _pair(text: str) -> tuple[str, str]:
    """Return the two sides of an equals sign."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} has no '='")
    return name, value


def _axis(text: str) -> tuple[str, int]:
    """Return axis and size."""
    axis, size = _pair(text)
    if axis not in AXES:
        raise argparse.ArgumentTypeError(f"{axis!r} is no axis; axes are {', '.join(AXES)}")
    return axis, _count(size)


def _count(text: str) -> int:
    """Return a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    """Return width and height."""
    width, by, height = text.partition("x")
    if not by:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 512x512")
    return _count(width), _count(height)
