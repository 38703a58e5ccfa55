"""What is written as TOML is read as it was."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.config import load_config, preset_of
from nd2watch.guide.listing import preset_lines
from nd2watch.guide.toml import comment_lines, table_lines
from tests.guide.runs import PRESETS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-(2**60), 2**60), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(TEXTS.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS.filter(bool), VALUES, max_size=5))
def test_tables_come_back(section: dict[str, Any]) -> None:
    text = "\n".join(table_lines("a.b", section))
    assert tomllib.loads(text) == {"a": {"b": section}}


@given(TEXTS)
def test_comments_are_only_comments(text: str) -> None:
    assert tomllib.loads("\n".join(comment_lines(text))) == {}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_that_is_shown_can_be_pasted_into_a_configuration(
    name: str, tmp_path: Any
) -> None:
    text = "\n".join(preset_lines(name, PRESETS[name]))
    path = tmp_path / "c.toml"
    watch = f'[output]\nfolder = "out"\n[[watch]]\nname = "a"\nfolder = "in"\npreset = "{name}"\n'
    path.write_text(f"{watch}{text}\n")
    assert load_config(path).preset[name] == PRESETS[name]
    again = preset_of(tomllib.loads(text)["preset"][name], {})
    assert again == PRESETS[name]
