"""What the commands tell: lines for people, or JSON for programs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from nd2watch import host
from nd2watch.errors import LayoutError, Nd2WatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BREAK: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


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
        stream = sys.stderr if kind == "error" else sys.stdout
        plain = _BREAK.sub(" ", text)
        line = json.dumps({"type": kind, "message": plain}) if self.as_json else _line(kind, plain)
        encoding = stream.encoding or "utf-8"
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)

    def progress(self, done: int, total: int) -> None:
        """Tell programs how far it is, at each percent."""
        if self.as_json and done * 100 // total > (done - 1) * 100 // total:
            print(json.dumps({"type": "progress", "done": done, "total": total}))

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
        0 when it is done; 1 on an error, which is told in one line on standard error.
    """
    try:
        with host.exit_on_termination():
            command()
    except (Nd2WatchError, OSError, ValueError) as error:
        Messages(as_json=as_json).say("error", str(error))
        return 1
    except KeyboardInterrupt:
        Messages(as_json=as_json).say("error", "interrupted; nothing was written")
        return 1
    return 0


def _line(kind: str, text: str) -> str:
    """Return a message for people."""
    prefixes = {"warning": "note: ", "error": "error: "}
    return prefixes.get(kind, "") + text
