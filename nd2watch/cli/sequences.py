"""The commands for numbered files and for single ones, under the names of limnd2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.cli.terminal import progress_bar
from nd2watch.tools.command import (
    add_dimensions_arguments,
    convert_numbered,
    print_dimensions,
    print_plan,
)
from nd2watch.tools.file import add_file_arguments, convert_one
from nd2watch.tools.messages import Messages, status_of
from nd2watch.tools.options import add_sequence_arguments

if TYPE_CHECKING:
    import argparse


def _add_convert(parser: argparse.ArgumentParser) -> None:
    add_sequence_arguments(parser)
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    """Convert numbered files."""
    if options.logs_to_json:
        return status_of(lambda: convert_numbered(options), as_json=True)
    with progress_bar("converting") as progress:
        convert_numbered(options, progress)
    return 0


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add_sequence_arguments(parser)
    parser.set_defaults(command=_plan)


def _plan(options: argparse.Namespace) -> int:
    """Print what converting numbered files would do."""
    if options.logs_to_json:
        return status_of(lambda: print_plan(options), as_json=True)
    print_plan(options)
    return 0


def _add_convert_file(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    parser.set_defaults(command=_convert_file)


def _convert_file(options: argparse.Namespace) -> int:
    """Convert one file."""
    Messages().done(convert_one(options))
    return 0


def _add_dimensions(parser: argparse.ArgumentParser) -> None:
    add_dimensions_arguments(parser)
    parser.set_defaults(command=lambda options: print_dimensions(options.file))


COMMANDS: Final = {
    "convert-sequence": (_add_convert, "convert the numbered files of a folder"),
    "plan-sequence": (_add_plan, "tell as JSON what convert-sequence would do"),
    "convert-file": (_add_convert_file, "convert one file of any format"),
    "get-image-dimensions": (_add_dimensions, "print the dimensions of a file as JSON"),
}
"""What adds the arguments of a command, and its purpose."""
