"""What is odd about the labels in the names of files, for people."""

from __future__ import annotations

import math
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from nd2watch.experiment import AXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.tools.numbered_files import Labels

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,15}")
_DIGIT: Final = re.compile(r"[0-9]")
_SHOWN: Final = 10


def notes_on_labels(labels: Sequence[Sequence[Labels]], groups: Sequence[str]) -> Iterator[str]:
    """Yield what people may want to look at: numbers that are left out, and words for Z planes.

    Parameters
    ----------
    labels : sequence of sequence of Labels
        The labels on each axis (t, p, z, c), in their order.
    groups : sequence of str
        Dimension of each group of the pattern.
    """
    for axis, names in zip(AXES, labels, strict=True):
        if len(names) < 2 or len(names[0]) > 1:
            continue
        texts = [name for (name,) in names]
        if all(map(_WHOLE.fullmatch, texts)):
            yield from _left_out(axis, [int(text) for text in texts])
        elif axis == "z" and not any(map(_DIGIT.search, texts)):
            number = groups.index("zstack") + 1
            yield (
                f"planes are in the order of their names: {_first(texts, len(texts))};"
                f" is group {number} the Z plane?"
            )


def _left_out(axis: str, numbers: Sequence[int]) -> Iterator[str]:
    """Yield what a row of numbers lacks, by the step that all of them, if several, have."""
    steps = [after - before for before, after in pairwise(numbers)]
    step = math.gcd(*steps) if len(steps) > 1 else 1
    there = set(numbers)
    every = range(numbers[0], numbers[-1] + 1, step)
    if len(every) > len(there):
        lacking = (str(number) for number in every if number not in there)
        yield f"{axis} lacks {_first(lacking, len(every) - len(there))}"


def _first(texts: Iterator[str] | Sequence[str], count: int) -> str:
    """Return the first of texts, and how many more there are of `count` in all."""
    more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
    return ", ".join([*islice(texts, _SHOWN), *more])
