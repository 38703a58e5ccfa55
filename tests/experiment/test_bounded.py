"""Regular expressions of users cannot hold anything up."""

from __future__ import annotations

import re
import time

import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment.bounded import BoundedRegex

SLOW = r"(?P<t>(?:\d|\d\d|[0-9]|\d?)+)+_(?:(?:a|b|ab)*)*x"
NAME = "1" * 60 + "_" + "ab" * 90


def test_a_match_that_takes_too_long_is_given_up() -> None:
    begun = time.process_time()
    with pytest.raises(LayoutError, match="takes too long; simplify the regular expression"):
        BoundedRegex(SLOW).match(NAME)
    assert time.process_time() - begun < 5


def test_many_slow_names_cost_little_each() -> None:
    expression = BoundedRegex(SLOW)
    begun = time.process_time()
    for number in range(300):
        with pytest.raises(LayoutError):
            expression.match(f"{number}{NAME}")
    assert time.process_time() - begun < 10


def test_a_slow_expression_still_takes_names_that_match_at_once() -> None:
    expression = BoundedRegex(SLOW)
    with pytest.raises(LayoutError):
        expression.match(NAME)
    assert expression.match("12_x") is not None


class Interrupted:
    """An expression that is given up some times while other threads take all time."""

    def __init__(self, source: str) -> None:
        self._pattern = re.compile(source)
        self.groupindex = self._pattern.groupindex
        self.interruptions = 3

    def fullmatch(self, text: str, **_: object) -> re.Match[str] | None:
        if self.interruptions:
            self.interruptions -= 1
            raise TimeoutError
        return self._pattern.fullmatch(text)


def test_time_that_other_threads_take_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nd2watch.experiment.bounded.regex.compile", Interrupted)
    assert BoundedRegex(r"t(?P<t>\d+)").match("t12") == {"t": "12"}


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("img_t1_z2.tif", 13),
        ("img_t1_q2.tif", 7),
        ("img_t1_z2.png", 10),
        ("other.tif", 0),
        ("", 0),
        ("img_t1", 6),
    ],
)
def test_it_tells_how_far_a_name_could_match(name: str, reach: int) -> None:
    assert BoundedRegex(r"img_t(?P<t>\d+)_z(?P<z>\d+)\.tif").reach(name) == reach


def test_alternatives_may_use_a_name_again() -> None:
    expression = BoundedRegex(r"t(?P<t>\d+)|(?P<t>\d+)t")
    assert expression.match("t1") == {"t": "1"}
    assert expression.match("2t") == {"t": "2"}
