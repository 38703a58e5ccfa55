"""Texts for people: what is read back of what was written."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.nd2 import Nd2Reader, Nd2Writer, Picture, TextInfo, lite_variant
from tests.nd2.builders import experiments, loops, quick
from tests.nd2.interrupted import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2 import Experiment

HIDE = "\N{NO-BREAK SPACE}"
FACTS = ("Dimensions: T(3)", "Name: x", "Plane #1:", "Refractive Index: 1", "Missing frames: 2")
lines = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")),
    st.builds(
        "{}{}".format,
        st.text(st.sampled_from([HIDE, " ", "\u3000", "\u2028"]), max_size=3),
        st.sampled_from(FACTS),
    ),
)
texts = st.lists(st.tuples(lines, st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""]))).map(
    lambda pairs: "".join(line + end for line, end in pairs)
)


def read_back(text: str, experiment: Experiment) -> TextInfo:
    """Return what is decoded of a text that stands in every item."""
    names = [field.name for field in fields(TextInfo)]
    info = TextInfo(**dict.fromkeys(names, text))
    items = info.encode(experiment, Picture.numbered(2), missing=[1])
    _, stored = lite_variant.decode(lite_variant.encode("SLxImageTextInfo", items))
    return TextInfo.decode(stored)


@quick
@given(text=texts, experiment=experiments)
def test_any_text_is_read_back_as_it_was(text: str, experiment: Experiment) -> None:
    expected = "\n".join(text.splitlines()).rstrip("\n")
    found = read_back(text, experiment)
    assert {getattr(found, field.name) for field in fields(found)} == {expected}
    assert read_back(expected, experiment) == found


@pytest.mark.parametrize(
    "text",
    [
        f"{HIDE}indented",
        f"a\n{HIDE}{HIDE}b",
        f"{HIDE}Name: mine",
        f" {HIDE}Dimensions: T(9)",
        "Name: mine",
        f"\n\n{HIDE}",
    ],
)
def test_a_no_break_space_of_the_user_stays_after_appending(tmp_path: Path, text: str) -> None:
    recipe = Recipe(experiment=loops(3))
    path = tmp_path / "file.nd2"
    info = TextInfo(description=text, sample_id=text)
    with Recipe(experiment=loops(2)).writer(path, text_info=info) as writer:
        recipe.put(writer, 0, 2)
    with Nd2Writer.append(path, 1) as writer:
        recipe.put(writer, 2)
    with Nd2Reader(path) as reader:
        assert reader.text_info == info
