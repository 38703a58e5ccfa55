"""The commands that need no microscope: ``simulate`` and ``demo``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from nd2watch.cli import arguments
from nd2watch.cli.terminal import progress_bar
from nd2watch.config import built_in_presets
from nd2watch.demo import run_demo
from nd2watch.errors import ConfigError
from nd2watch.simulate import (
    DEFAULT_PATTERN,
    Acquisition,
    Manner,
    RunRequest,
    plan_run,
    simulate,
    write_run,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from nd2watch.config import PresetConfig

_OF_PATTERNS: Final = ("pattern", "field", "first_index")
_OF_PROGRAMS: Final = ("form", "wells", "single_plane", "name")


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write")
    for axis, what in zip("tpz", ("time points", "positions", "planes"), strict=True):
        parser.add_argument(f"--{axis}", type=arguments.count, default=1, metavar="N", help=what)
    parser.add_argument("-c", "--channels", type=arguments.words, default=("DAPI",), metavar="A,B")
    parser.add_argument(
        "--size", type=arguments.size, default=(256, 256), metavar="WxH", help="pixels"
    )
    parser.add_argument("--dtype", choices=("uint8", "uint16"), default="uint16")
    _add_names(parser.add_argument_group("names by a pattern"))
    _add_program(parser.add_argument_group("files of an acquisition program"))
    parser.add_argument("--frame-rate", type=float, default=20.0, metavar="HZ", help="0: no pause")
    parser.add_argument(
        "--pieces", type=arguments.count, default=4, metavar="N", help="flushes a file"
    )
    parser.add_argument("--shuffle", type=int, default=0, metavar="N", help="places out of order")
    parser.add_argument(
        "--rename", action="store_true", help="write under a temporary name, then rename"
    )
    parser.add_argument("--compression", choices=("none", "zlib", "lzw"), default="none")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(command=_simulate)


def _add_names(group: argparse._ArgumentGroup) -> None:
    """Add what tells names without a preset."""
    group.add_argument("-p", "--pattern", help=f"their pattern; else {DEFAULT_PATTERN}")
    group.add_argument(
        "--field", action="append", type=arguments.pair, metavar="NAME=TEXT",
        help="text of a field in the pattern",
    )  # fmt: skip
    group.add_argument("--first-index", type=int, metavar="N", help="0 or 1, mostly; else 1")


def _add_program(group: argparse._ArgumentGroup) -> None:
    """Add what tells of a run of a program."""
    group.add_argument("--preset", metavar="NAME", help="the program, with its sidecars")
    group.add_argument("--form", metavar="NAME", help="form of its names; else the first one")
    group.add_argument(
        "--wells", type=arguments.words, metavar="B02,B03", help="--p counts sites of each"
    )
    group.add_argument(
        "--single-plane", type=arguments.words, metavar="A,B", help="channels of only one plane"
    )
    group.add_argument("--name", metavar="TEXT", help="name of the run")


def _simulate(options: argparse.Namespace) -> int:
    """Write a simulated acquisition, or a run of a program."""
    manner = Manner(
        in_place=not options.rename, pieces=options.pieces, frames_per_s=options.frame_rate,
        shuffle=options.shuffle, compression=options.compression,
    )  # fmt: skip
    if options.preset is None:
        _refuse(options, _OF_PROGRAMS, "needs --preset")
        acquisition = _acquisition(options)
        with progress_bar("acquiring") as progress:
            simulate(options.folder, acquisition, manner, progress=progress)
    else:
        _refuse(options, _OF_PATTERNS, "makes no sense with --preset, which tells the names")
        acquired = plan_run(_preset(options.preset), _request(options))
        with progress_bar("acquiring") as progress:
            write_run(options.folder, acquired, manner, progress=progress)
    return 0


def _refuse(options: argparse.Namespace, names: Iterable[str], why: str) -> None:
    """Refuse options that are given."""
    for name in names:
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} {why}")


def _acquisition(options: argparse.Namespace) -> Acquisition:
    """Return what is acquired by a pattern."""
    width, height = options.size
    return Acquisition(
        t=options.t, p=options.p, z=options.z, channels=options.channels, height=height,
        width=width, dtype=options.dtype, pattern=options.pattern or DEFAULT_PATTERN,
        fields=dict(options.field or ()), seed=options.seed,
        first_index=1 if options.first_index is None else options.first_index,
    )  # fmt: skip


def _request(options: argparse.Namespace) -> RunRequest:
    """Return what is acquired by a program."""
    width, height = options.size
    return RunRequest(
        form=options.form or "", name=options.name or "", t=options.t, sites=options.p,
        z=options.z, wells=options.wells or (), channels=options.channels,
        single_plane=options.single_plane or (), height=height, width=width,
        dtype=options.dtype, seed=options.seed,
    )  # fmt: skip


def _preset(name: str) -> PresetConfig:
    """Return a preset that comes with nd2watch."""
    presets = built_in_presets()
    if name not in presets:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(presets)}")
    return presets[name]


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


COMMANDS: Final = {
    "simulate": (_add_simulate, "write frames like a microscope"),
    "demo": (_add_demo, "show the service on a simulated acquisition"),
}
"""What adds the arguments of a command, and its purpose."""
