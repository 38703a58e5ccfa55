"""The parser of all commands, and the one way in."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from nd2watch import host
from nd2watch.cli import (
    control,
    conversion,
    files,
    layouts,
    retention,
    sequences,
    service,
    simulation,
)
from nd2watch.cli.terminal import say
from nd2watch.errors import Nd2WatchError
from nd2watch.tools.messages import INTERRUPTED, PIPE_CLOSED
from nd2watch.tools.printing import give_up_broken_streams
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process when omitted.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed, 2 wrong usage, 69 the service is not there or refuses, 74 no
        journal, 75 try again later, 78 faulty configuration, 141 the reader of the output has gone.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in sequences.COMMANDS:
        return sequences.run(words[0], f"nd2watch {words[0]}", words[1:])
    try:
        return _run(command_parser().parse_args(words))
    finally:
        give_up_broken_streams()


def _run(options: argparse.Namespace) -> int:
    """Run a command and return its exit status; errors are told."""
    try:
        with host.exit_on_termination():
            status: int = options.command(options)
    except Nd2WatchError as error:
        say(f"nd2watch: error: {error}", error=True)
        return error.exit_code
    except BrokenPipeError:  # who reads our output has seen enough
        return PIPE_CLOSED
    except OSError as error:
        say(f"nd2watch: error: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="nd2watch", description="Convert microscope image sequences to Nikon ND2 files."
    )
    parser.add_argument("--version", action="version", version=f"nd2watch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (service, control, retention, layouts, conversion):
        for name, (add, purpose) in group.COMMANDS.items():
            add(commands.add_parser(name, help=purpose))
    for name, (_, purpose) in sequences.COMMANDS.items():
        commands.add_parser(name, help=purpose)  # listed here only: it has a parser of its own
    for group in (files, simulation):
        for name, (add, purpose) in group.COMMANDS.items():
            add(commands.add_parser(name, help=purpose))
    return parser
