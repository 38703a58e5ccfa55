"""The commands for sequences of numbered files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nd2watch.convert import convert
from nd2watch.convert.run import refuse_source
from nd2watch.errors import LayoutError, Nd2WatchError, OutputExists
from nd2watch.pending import PendingFile
from nd2watch.tools.describe import describe_file, describe_plan, describe_sequence
from nd2watch.tools.folder import collect_numbered
from nd2watch.tools.image_source import LimImageSource
from nd2watch.tools.messages import CommandParser, Messages, status_of
from nd2watch.tools.options import add_sequence_arguments, read_options
from nd2watch.tools.printing import show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from nd2watch.tools.options import SequenceOptions

    Progress = Callable[[int, int], None]

_PURPOSE = "Convert the numbered files of a folder to one ND2 file, or describe them as JSON."
_PLAN_PURPOSE = "Tell as JSON what converting a sequence would do, without writing."


def convert_sequence_to_nd2_args(args: Sequence[str] | None = None) -> Path:
    """Convert a sequence as words of a command line say, and return the file written.

    Parameters
    ----------
    args : sequence of str, optional
        The words; those of the process when left out.

    Raises
    ------
    LayoutError
        If the words are no such command.
    Nd2WatchError, OSError
        If the sequence cannot be converted.
    """
    return convert_numbered(sequence_parser("convert-sequence-to-nd2").parse_args(args))


def convert_sequence_to_nd2_cli(args: Sequence[str] | None = None) -> int:
    """Do the same, and return 0; 1 on an error, told in one line on standard error."""
    return _status_of_sequence(convert_sequence_to_nd2_args, args)


def convert_numbered(words: argparse.Namespace, progress: Progress | None = None) -> Path:
    """Convert or describe the sequence that parsed words tell of, and return the file written.

    Parameters
    ----------
    words : Namespace
        From a parser with `add_sequence_arguments`.
    progress : callable, optional
        Called with frames done and all frames.
    """
    options = read_options(words)
    target = options.target
    _check_target(target, options)
    messages = Messages(as_json=options.json_logs)
    sequence = collect_numbered(options, allow_missing=options.allow_missing)
    plan = sequence.plan()
    if sequence.passed_over:
        messages.say("warning", f"files passed over: {sequence.passed_over}")
    for note in plan.assumptions:
        messages.say("warning", note)
    if options.json_logs:
        progress = messages.progress
    if target == options.output:
        convert(plan, target, replace=options.force, threads=options.threads, progress=progress)
    else:
        text = json.dumps(describe_plan(plan, options.folder), indent=2, allow_nan=False)
        refuse_source(plan, target)
        with PendingFile(target, replace=options.force) as file:
            file.file.write(f"{text}\n".encode())
            file.sync()
            file.publish()
    messages.done(target)
    return target


def _check_target(target: Path, options: SequenceOptions) -> None:
    """Refuse, before any file is read, an output that cannot be written."""
    if os.path.lexists(target) and not options.force:
        raise OutputExists(
            f"{target} exists already; choose another name, or replace it by --force"
        )
    if target.parent.exists() and not target.parent.is_dir():
        raise LayoutError(f"{target.parent} is no folder")
    nearest = next(folder for folder in target.absolute().parents if folder.exists())
    if options.folder.is_dir() and not os.access(nearest, os.W_OK):
        other = "by --output_dir" if target == options.output else "in the name"
        raise LayoutError(f"nothing can be written in {nearest}; choose another folder {other}")


def plan_sequence(args: Sequence[str] | None = None) -> dict[str, Any]:
    """Return what converting a sequence would do, without writing; ready for JSON.

    Parameters
    ----------
    args : sequence of str, optional
        The words of the command line for the conversion; --nd2 and --json may be left out.

    Raises
    ------
    Nd2WatchError, OSError
        If the sequence cannot be read.
    """
    return planned(plan_parser("plan-sequence").parse_args(args))


def plan_sequence_cli(args: Sequence[str] | None = None) -> int:
    """Print the plan of a sequence as JSON, and return 0; 1 on an error."""
    return _status_of_sequence(lambda words: show_json(plan_sequence(words)), args)


def _status_of_sequence(
    command: Callable[[Sequence[str]], object], args: Sequence[str] | None
) -> int:
    """Run a command on the words of a sequence, and return 0; 1 on an error, told as they say."""
    words = sys.argv[1:] if args is None else args
    return int(status_of(lambda: command(words), as_json="--logs_to_json" in words) != 0)


def planned(words: argparse.Namespace) -> dict[str, Any]:
    """Return what converting the sequence that parsed words describe would do."""
    return describe_sequence(collect_numbered(read_options(words), allow_missing=True))


def get_file_dimensions_as_json(file_path: str | Path | None = None) -> None:
    """Print the dimensions of a file as JSON; also an error is JSON.

    Parameters
    ----------
    file_path : str or path, optional
        The file; the first word of the process's command line when left out.
    """
    words = sys.argv[1:] if file_path is None else [file_path]
    show_json(dimensions_of(Path(words[0])) if words else _failed("no file is named"))


def get_image_dimensions_cli(args: Sequence[str] | None = None) -> int:
    """Print the dimensions of a file as JSON, and return 0; 1 on an error, which is in the JSON."""
    parser = dimensions_parser("get-image-dimensions")
    return int(status_of(lambda: print_dimensions(parser.parse_args(args).file)) != 0)


def print_dimensions(path: Path) -> int:
    """Print the dimensions of a file as JSON, and return the exit status."""
    found = dimensions_of(path)
    show_json(found)
    return int(found["error"])


def dimensions_of(path: Path) -> dict[str, Any]:
    """Return the dimensions of a file, or the error, ready for JSON."""
    try:
        return describe_file(LimImageSource.open(path))
    except (Nd2WatchError, OSError) as error:
        return _failed(str(error))


def show_json(value: dict[str, Any]) -> None:
    """Print a value as JSON."""
    show(json.dumps(value, indent=2, allow_nan=False))


def sequence_parser(name: str) -> CommandParser:
    """Return the parser of the command that converts a sequence."""
    parser = CommandParser(name, _PURPOSE)
    add_sequence_arguments(parser)
    return parser


def plan_parser(name: str) -> CommandParser:
    """Return the parser of the command that tells what converting a sequence would do."""
    parser = CommandParser(name, _PLAN_PURPOSE)
    add_sequence_arguments(parser)
    return parser


def dimensions_parser(name: str) -> CommandParser:
    """Return the parser of the command for the dimensions of a file."""
    parser = CommandParser(name, "Print the dimensions of a file as JSON.")
    parser.add_argument("file", type=Path, metavar="FILE", help="file of any format")
    return parser


def _failed(message: str) -> dict[str, Any]:
    """Return an error, ready for JSON."""
    return {"error": True, "error_message": message}
