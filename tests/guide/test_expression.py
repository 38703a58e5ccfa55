"""Expressions are taken apart at the right places."""

from __future__ import annotations

import itertools

import pytest

from nd2watch.guide.expression import cuts, free_groups, readable


@pytest.mark.parametrize(
    ("source", "elements"),
    [
        (r"a\.b", ["a", r"\.", "b"]),
        (r"(?P<t>\d+)x", [r"(?P<t>\d+)", "x"]),
        (r"(?:_s(?P<p>\d+))?[)(]{2,3}?z", [r"(?:_s(?P<p>\d+))?", "[)(]{2,3}?", "z"]),
        (r"[]a]\(b", ["[]a]", r"\(", "b"]),
        (r"[^]\]x]+", [r"[^]\]x]+"]),
        ("", []),
    ],
)
def test_cuts_lie_between_elements(source: str, elements: list[str]) -> None:
    places = cuts(source)
    assert [source[a:b] for a, b in itertools.pairwise(places)] == elements


def test_groups_of_any_text_are_free() -> None:
    source = (
        r"(?P<root>.+?/)??(?P<name>[^/_]+)_(?P<kind>[a-z]+)_(?P<well>(?P<row>[A-Z])\d)(?P<c>.*)"
    )
    assert free_groups(source) == {"name", "c"}


def test_a_group_that_refers_to_another_is_not_free() -> None:
    assert free_groups(r"(?P<a>\d+)(?P<b>(?P=a)x)") == frozenset()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"_t(?P<t>\d+)(?i:\.tiff?)", "_t{t}.tiff?"),
        (r"(?x) (?P<a> \d+ ) _", "{a}_"),
        (r"\(fld (?P<f>\d+)", "(fld{f}"),
        ("x" * 100, "x" * 60 + "..."),
    ],
)
def test_pieces_are_shown_with_their_fields_in_braces(source: str, text: str) -> None:
    assert readable(source) == text
