"""The commands for numbered files and for single ones, under the names of limnd2."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from nd2watch.cli.terminal import progress_bar
from nd2watch.tools.command import (
    convert_numbered,
    dimensions_parser,
    plan_parser,
    planned,
    print_dimensions,
    sequence_parser,
    show_json,
)
from nd2watch.tools.file import convert_one, file_parser
from nd2watch.tools.messages import status_of
from nd2watch.tools.printing import give_up_broken_streams

if TYPE_CHECKING:
    from collections.abc import Sequence


def _convert(name: str, words: Sequence[str]) -> None:
    """Convert numbered files."""
    options = sequence_parser(name).parse_args(words)
    with progress_bar("converting") as progress:
        convert_numbered(options, progress)


def _plan(name: str, words: Sequence[str]) -> None:
    """Print what converting numbered files would do."""
    show_json(planned(plan_parser(name).parse_args(words)))


def _convert_file(name: str, words: Sequence[str]) -> None:
    """Convert one file."""
    options = file_parser(name).parse_intermixed_args(words)
    with progress_bar("converting") as progress:
        convert_one(options, progress)


def _dimensions(name: str, words: Sequence[str]) -> int:
    """Print the dimensions of a file."""
    return print_dimensions(dimensions_parser(name).parse_args(words).file)


COMMANDS: Final = {
    "convert-sequence": (_convert, "convert the numbered files of a folder"),
    "plan-sequence": (_plan, "tell as JSON what convert-sequence would do"),
    "convert-file": (_convert_file, "convert one file of any format"),
    "get-image-dimensions": (_dimensions, "print the dimensions of a file as JSON"),
}
"""What runs a command, given its shown name and its words, and its purpose."""


def run(command: str, shown_name: str, words: Sequence[str]) -> int:
    """Run one of the commands, and return its exit status.

    Parameters
    ----------
    command : str
        One of `COMMANDS`.
    shown_name : str
        How it was called, for its help.
    words : sequence of str
        Its words.
    """
    act, _ = COMMANDS[command]
    try:
        return status_of(lambda: act(shown_name, words), as_json="--logs_to_json" in words)
    finally:
        give_up_broken_streams()


def convert_sequence_to_nd2() -> int:
    """Run the installed command ``convert-sequence-to-nd2``."""
    return run("convert-sequence", "convert-sequence-to-nd2", sys.argv[1:])


def plan_sequence() -> int:
    """Run the installed command ``plan-sequence``."""
    return run("plan-sequence", "plan-sequence", sys.argv[1:])


def convert_file_to_nd2() -> int:
    """Run the installed command ``convert-file-to-nd2``."""
    return run("convert-file", "convert-file-to-nd2", sys.argv[1:])


def get_image_dimensions() -> int:
    """Run the installed command ``get-image-dimensions``."""
    return run("get-image-dimensions", "get-image-dimensions", sys.argv[1:])
