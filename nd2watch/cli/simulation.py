"""The commands that need no microscope: ``simulate`` and ``demo``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from nd2watch.cli import arguments
from nd2watch.cli.terminal import progress_bar
from nd2watch.demo import run_demo
from nd2watch.simulate import DEFAULT_PATTERN, Acquisition, Manner, simulate

if TYPE_CHECKING:
    import argparse


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write")
    for axis, what in zip("tpz", ("time points", "positions", "planes"), strict=True):
        parser.add_argument(f"--{axis}", type=arguments.count, default=1, metavar="N", help=what)
    parser.add_argument("-c", "--channels", type=arguments.words, default=("DAPI",), metavar="A,B")
    parser.add_argument(
        "--size", type=arguments.size, default=(256, 256), metavar="WxH", help="pixels"
    )
    parser.add_argument("--dtype", choices=("uint8", "uint16"), default="uint16")
    parser.add_argument("-p", "--pattern", default=DEFAULT_PATTERN, help="pattern of the names")
    parser.add_argument(
        "--field", action="append", default=[], type=arguments.pair, metavar="NAME=TEXT",
        help="text of a field in the pattern",
    )  # fmt: skip
    parser.add_argument("--first-index", type=int, default=1, metavar="N", help="0 or 1, mostly")
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
    with progress_bar("acquiring") as progress:
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


COMMANDS: Final = {
    "simulate": (_add_simulate, "write frames like a microscope"),
    "demo": (_add_demo, "show the service on a simulated acquisition"),
}
"""What adds the arguments of a command, and its purpose."""
