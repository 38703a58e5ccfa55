"""The parser of all commands, and the one way in."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from nd2watch import host
from nd2watch.cli import conversion, files, sequences, service, simulation
from nd2watch.errors import Nd2WatchError
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130
_PIPE_CLOSED = 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process when omitted.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 faulty configuration,
        141 the reader of the output has gone.
    """
    options = command_parser().parse_args(arguments)
    try:
        with host.exit_on_termination():
            status: int = options.command(options)
            sys.stdout.flush()
    except Nd2WatchError as error:
        print(f"nd2watch: error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # who reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except OSError as error:
        print(f"nd2watch: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="nd2watch", description="Convert microscope image sequences to Nikon ND2 files."
    )
    parser.add_argument("--version", action="version", version=f"nd2watch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (service, conversion, sequences, files, simulation):
        for name, (add, purpose) in group.COMMANDS.items():
            add(commands.add_parser(name, help=purpose))
    return parser
