"""What the commands tell: lines for people, or JSON for programs."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from nd2watch import host
from nd2watch.errors import LayoutError, Nd2WatchError
from nd2watch.tools.printing import tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BREAK: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 128 + 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Tells what happens.

    Attributes
    ----------
    as_json : bool
        Each line is a JSON object with "type" (progress, warning, error, success) and "message";
        that of progress has "done" and "total".
    """

    as_json: bool = False

    def say(self, kind: Literal["warning", "error", "success"], text: str) -> None:
        """Print a message on one line; errors on standard error."""
        plain = _BREAK.sub(" ", text)
        line = json.dumps({"type": kind, "message": plain}) if self.as_json else _line(kind, plain)
        tell(line, error=kind == "error")

    def progress(self, done: int, total: int) -> None:
        """Tell programs how far it is, at each percent."""
        if self.as_json and done * 100 // total > (done - 1) * 100 // total:
            tell(json.dumps({"type": "progress", "done": done, "total": total}))

    def done(self, output: Path) -> None:
        """Tell that a file is written."""
        self.say("success", f"{output} is written")


class CommandParser(argparse.ArgumentParser):
    """A parser that raises an error in one line, so that programs can catch it."""

    def __init__(self, name: str, purpose: str) -> None:
        super().__init__(prog=name, description=purpose, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise `LayoutError` for words that are no such command."""
        raise LayoutError(f"{message}; see {self.prog} --help")


def status_of(command: Callable[[], object], *, as_json: bool = False) -> int:
    """Run a command and return its exit status.

    Returns
    -------
    int
        The status that the command returns, else 0; 1 on an error, which is told in one line on
        standard error; 130 when it was interrupted; 141 when the reader of its output has gone.
    """
    try:
        with host.exit_on_termination():
            status = command()
    except BrokenPipeError:  # who reads our output has seen enough
        return PIPE_CLOSED
    except (Nd2WatchError, OSError) as error:
        Messages(as_json=as_json).say("error", str(error))
        return 1
    except KeyboardInterrupt:
        Messages(as_json=as_json).say("error", "interrupted; nothing was written")
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _line(kind: str, text: str) -> str:
    """Return a message for people."""
    prefixes = {"warning": "note: ", "error": "error: "}
    return prefixes.get(kind, "") + text
