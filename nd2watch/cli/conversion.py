"""The command ``convert``, which converts the sequence in a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.cli import arguments
from nd2watch.cli.terminal import progress_bar, say
from nd2watch.config import layout_config
from nd2watch.convert import convert_folder
from nd2watch.experiment import AXES, Calibration, SidecarNames
from nd2watch.layouts import only_layout_of
from nd2watch.nd2 import Nd2Reader

if TYPE_CHECKING:
    import argparse

    from nd2watch.config import LayoutConfig
    from nd2watch.convert import ConversionResult

_LISTED: Final = 5


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the frames are")
    names = parser.add_mutually_exclusive_group(required=True)
    names.add_argument("--preset", metavar="NAME", help="program that wrote the frames")
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
    parser.add_argument(
        "--file-per", choices=("plate", "well", "site"), help="what is one file; of a preset"
    )
    parser.add_argument(
        "--ragged-z", choices=("refuse", "replicate", "separate"),
        help="what is done with channels of fewer planes than others",
    )  # fmt: skip
    parser.add_argument("--pixel-size-um", type=float, metavar="UM")
    parser.add_argument("--z-step-um", type=float, metavar="UM")
    parser.add_argument("--period-ms", type=float, metavar="MS", help="time between time points")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing file")
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    """Convert one folder."""
    strangers: list[str] = []
    config = _config(options)
    sidecar = config.sidecar
    try:
        with progress_bar("converting") as progress:
            result = convert_folder(
                options.folder,
                options.output,
                only_layout_of(config),
                replace=options.force,
                progress=progress,
                passed_over=lambda path, why: strangers.append(why),
                sidecars=None
                if sidecar is None
                else SidecarNames(kind=sidecar.kind, files=tuple(sidecar.files)),
            )
    finally:
        _report_strangers(strangers)
    if sys.stdout is not None and sys.stdout.isatty():
        for each in (result, *result.others):
            _report(each)
    return 0


def _config(options: argparse.Namespace) -> LayoutConfig:
    """Return the layout that the arguments describe, as it would stand in a configuration."""
    axes: dict[str, object] = dict(options.axis)
    if options.channels is not None:
        axes["c"] = list(options.channels)
    calibration = {name: getattr(options, name) for name in Calibration.__dataclass_fields__}
    section: dict[str, object] = {
        "preset": options.preset,
        "pattern": options.pattern,
        "regex": options.regex,
        "sequence": None if options.sequence is None else list(options.sequence),
        "ignore": options.ignore,
        "pages": options.pages,
        "file_per": options.file_per,
        "ragged_z": options.ragged_z,
        "axes": axes,
        "calibration": {name: value for name, value in calibration.items() if value is not None},
    }
    return layout_config({key: value for key, value in section.items() if value is not None})


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
