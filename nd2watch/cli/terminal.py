"""The terminal: lines that it can show, and progress bars."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nd2watch.tools.printing import show, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CONTROL: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Commands, other ends of lines, and what turns the direction of writing."""

_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def say(text: str, *, error: bool = False) -> None:
    """Print a message, whose characters the terminal may not know or might obey."""
    tell(_harmless(text), error=error)


def show_lines(lines: Iterable[str]) -> None:
    """Print a result, whose characters the terminal may not know or might obey.

    Raises
    ------
    OSError
        If it cannot be printed; `BrokenPipeError` if its reader has gone.
    """
    show("\n".join(_harmless(line).replace("\n", _REPLACED) for line in lines))


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a progress function that draws on a terminal; None where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
    task = bar.add_task(what, total=None)

    def update(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done == total:  # what is told from here on is not to run into it
            bar.stop()

    try:
        yield update
    finally:
        bar.stop()


def _harmless(text: str) -> str:
    """Return a text without characters that a terminal obeys."""
    return _CONTROL.sub(_REPLACED, text)
