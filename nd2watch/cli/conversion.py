"""The command ``convert``, which converts the sequence in a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.cli import arguments
from nd2watch.cli.terminal import progress_bar, say
from nd2watch.convert import convert_folder
from nd2watch.experiment import (
    AXES,
    TEMPORARY_NAMES,
    AxisSize,
    Calibration,
    Layout,
    compile_pattern,
    compile_regex,
)
from nd2watch.nd2 import Nd2Reader
from nd2watch.layouts import channels_of

if TYPE_CHECKING:
    import argparse

    from nd2watch.convert import ConversionResult

_LISTED: Final = 5


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the frames are")
    names = parser.add_mutually_exclusive_group(required=True)
    names.add_argument(
        "-p", "--pattern", help="pattern of the names, like 'img_t{t}_xy{p}_z{z}_c{c}.tif'"
    )
    names.add_argument("--regex", help="regular expression with the groups t, p, z, c")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.nd2")
    parser.add_argument(
        "-a", "--axis", action="append", default=[], type=arguments.axis, metavar="AXIS=N",
        help="expected size of an axis, like t=10; else the labels found count",
    )  # fmt: skip
    parser.add_argument(
        "-c", "--channels", type=arguments.words, default=None, metavar="A,B",
        help="channel names in order",
    )  # fmt: skip
    parser.add_argument(
        "--sequence", type=arguments.words, default=None, metavar="F,G",
        help="fields that tell sequences apart, if not all",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="GLOB", help="names to pass over"
    )
    parser.add_argument(
        "--pages", choices=AXES, help="axis of pages in the files, if these do not say"
    )
    parser.add_argument("--pixel-size-um", type=float, metavar="UM")
    parser.add_argument("--z-step-um", type=float, metavar="UM")
    parser.add_argument("--period-ms", type=float, metavar="MS", help="time between time points")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing file")
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    """Convert one folder."""
    strangers: list[str] = []
    try:
        with progress_bar("converting") as progress:
            result = convert_folder(
                options.folder,
                options.output,
                _layout(options),
                replace=options.force,
                progress=progress,
                passed_over=lambda path, why: strangers.append(why),
            )
    finally:
        _report_strangers(strangers)
    if sys.stdout is not None and sys.stdout.isatty():
        _report(result)
    return 0


def _layout(options: argparse.Namespace) -> Layout:
    """Return the layout that the arguments describe."""
    channels = options.channels
    sizes = {axis: AxisSize(count=count) for axis, count in options.axis}
    if channels is not None:
        sizes["c"] = AxisSize(count=len(channels), labels=channels)
    return Layout(
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
        pages=options.pages,
    )


def _report(result: ConversionResult) -> None:
    """Tell what was written."""
    with Nd2Reader(result.output) as reader:
        sizes = " ".join(f"{axis}={size}" for axis, size in reader.sizes.items())
    say(f"{result.output}: {sizes}, {result.size / 1e6:.1f} MB, verified")
    for assumption in result.assumptions:
        say(f"note: {assumption}")


def _report_strangers(reasons: list[str]) -> None:
    """Tell of files that were passed over, so that a wrong pattern does not go unnoticed."""
    for reason in reasons[:_LISTED]:
        say(f"nd2watch: passed over: {reason}", error=True)
    if len(reasons) > _LISTED:
        say(f"nd2watch: passed over: {len(reasons) - _LISTED} more files", error=True)


COMMANDS: Final = {"convert": (_add_convert, "convert the sequence in a folder")}
"""What adds the arguments of a command, and its purpose."""
