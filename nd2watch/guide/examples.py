"""Names of frames as the program of a preset writes them."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from nd2watch.errors import Nd2WatchError
from nd2watch.simulate import RunRequest, plan_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nd2watch.config import PresetConfig

_ASKED: Final = {
    "t": {"t": 2},
    "p": {"sites": 2},
    "z": {"z": 2},
    "c": {"channels": ("DAPI", "GFP")},
}
_DIGIT: Final = re.compile(r"\d")


def example_names(preset: PresetConfig) -> dict[str, tuple[str, ...]]:
    """Return paths of frames by the form of their names, none for forms without a template.

    Each form has two, the first and the last of a small acquisition, where these differ.
    """
    forms = list(preset.names) or [""]
    found = {form: _examples(preset, form) for form in forms}
    return {form: names for form, names in found.items() if names}


def likeness(path: PurePosixPath, examples: Iterable[str]) -> float:
    """Return how much a path is like the most alike of some examples, 0 to 1; numbers are alike."""
    ratios = []
    for example in map(PurePosixPath, examples):
        depth = min(len(example.parts), len(path.parts))
        own, other = (_shape("/".join(each.parts[-depth:])) for each in (path, example))
        ratios.append(difflib.SequenceMatcher(None, own, other, autojunk=False).ratio())
    return max(ratios, default=0.0)


def _examples(preset: PresetConfig, form: str) -> tuple[str, ...]:
    """Return the examples of one form."""
    request = RunRequest(form=form)
    if _paths(preset, request) is None:
        return ()
    for asked in _ASKED.values():
        larger = replace(request, **asked)  # type: ignore[arg-type]
        if _paths(preset, larger) is not None:
            request = larger
    paths = _paths(preset, request) or ()
    return tuple(dict.fromkeys((*paths[:1], *paths[-1:])))


def _paths(preset: PresetConfig, request: RunRequest) -> tuple[str, ...] | None:
    """Return the paths of a small run; None if its names cannot tell all of it."""
    try:
        run = plan_run(preset, request).run
    except Nd2WatchError:
        return None
    return tuple(frame.path for frame in run.frames)


def _shape(text: str) -> str:
    """Return a text in which all digits are alike."""
    return _DIGIT.sub("0", text)
