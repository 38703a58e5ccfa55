"""Converting one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.convert import convert
from nd2watch.errors import LayoutError
from nd2watch.sources import PAGES
from nd2watch.tools.dimensions import LOOP_AXIS_OF
from nd2watch.tools.image_source import LimImageSource
from nd2watch.tools.messages import CommandParser, Messages, status_of
from nd2watch.tools.options import with_nd2_ending
from nd2watch.tools.ordered import Rows, plan_in_order

if TYPE_CHECKING:
    import argparse
    import os
    from collections.abc import Callable, Sequence

    from nd2watch.convert import ConversionPlan

    Progress = Callable[[int, int], None]

_USUAL: Final = "multipoint"


def convert_file_to_nd2(
    input_path: str | os.PathLike[str] | LimImageSource,
    output_path: str | os.PathLike[str],
    extra_dim_type: str = "multipoint",
    *,
    replace: bool = False,
) -> Path:
    """Convert one file, with all of its planes, to ND2.

    Parameters
    ----------
    input_path : str, path or LimImageSource
        The file.
    output_path : str or path
        Name of the ND2 file.
    extra_dim_type : {"multipoint", "timeloop", "zstack"}
        What its pages are, if it does not say.
    replace : bool, default False
        Replace an existing file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If `extra_dim_type` is no such word, or the output is the file itself.
    OutputExists
        If the output exists and is not to be replaced.
    Nd2WatchError
        If the file cannot be used, or the written file does not equal it.
    """
    output = Path(output_path)
    if extra_dim_type not in LOOP_AXIS_OF:
        raise LayoutError(f"{extra_dim_type!r} is no dimension; it is {', '.join(LOOP_AXIS_OF)}")
    axis = None if extra_dim_type == _USUAL else LOOP_AXIS_OF[extra_dim_type]
    return convert(_plan(input_path, output, axis), output, replace=replace).output


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for converting one file to a parser."""
    parser.add_argument("input", type=Path, metavar="INPUT", help="file to convert")
    parser.add_argument(
        "output", type=Path, nargs="?", metavar="OUTPUT", help="default: INPUT, ending with .nd2"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--unknown_dimension", choices=tuple(LOOP_AXIS_OF),
        help=f"what its pages are, if it does not say (default: {_USUAL})",
    )  # fmt: skip


def convert_one(words: argparse.Namespace, progress: Progress | None = None) -> Path:
    """Convert the file that parsed words name, and return the ND2 file.

    Parameters
    ----------
    words : Namespace
        From `file_parser`.
    progress : callable, optional
        Called with frames done and all frames.
    """
    output = with_nd2_ending(words.output or words.input.with_suffix(".nd2"))
    messages = Messages()
    plan = _plan(words.input, output, LOOP_AXIS_OF.get(words.unknown_dimension))
    for note in plan.assumptions:
        messages.say("warning", note)
    if PAGES in plan.files[0].info.sizes and words.unknown_dimension is None:
        messages.say("warning", "--unknown_dimension says what pages are")
    convert(plan, output, replace=words.force, progress=progress)
    messages.done(output)
    return output


def convert_file_to_nd2_args(args: Sequence[str] | None = None) -> Path:
    """Convert one file as words of a command line say, and return the ND2 file.

    Parameters
    ----------
    args : sequence of str, optional
        The words; those of the process when left out.

    Raises
    ------
    LayoutError
        If the words are no such command.
    Nd2WatchError, OSError
        As `convert_file_to_nd2` says.
    """
    return convert_one(file_parser("convert-file-to-nd2").parse_intermixed_args(args))


def convert_file_to_nd2_cli(args: Sequence[str] | None = None) -> int:
    """Do the same, and return 0; 1 on an error, told in one line on standard error."""
    return int(status_of(lambda: convert_file_to_nd2_args(args)) != 0)


def file_parser(name: str) -> CommandParser:
    """Return the parser of the command that converts one file."""
    parser = CommandParser(name, "Convert one file to ND2.")
    add_file_arguments(parser)
    return parser


def _plan(
    input_path: str | os.PathLike[str] | LimImageSource, output: Path, axis: str | None
) -> ConversionPlan:
    """Return the plan for a file; its pages of unknown meaning are of one axis."""
    source = (
        input_path if isinstance(input_path, LimImageSource) else LimImageSource.open(input_path)
    )
    if output.resolve() == source.filename.resolve():
        raise LayoutError(f"{output} is the file to convert; choose another name for the ND2 file")
    return plan_in_order(Rows.of([[source]]), axis=axis)
