"""Presets in full, as TOML for a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nd2watch.guide.examples import example_names
from nd2watch.guide.toml import comment_lines, key_text, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nd2watch.config import PresetConfig

_FIRST = ("title", "notes", "is_general")


def preset_lines(name: str, preset: PresetConfig) -> Iterator[str]:
    """Yield the lines of a preset as a table ``[preset.NAME]``, headed by what it is.

    What it takes from the preset on which it builds is among them.
    """
    yield from comment_lines(preset.title or name)
    for note in preset.notes:
        yield from comment_lines(f"- {note}")
    for form, names in example_names(preset).items():
        yield from comment_lines(f"Names{f' ({form})' if form else ''}:")
        for example in names:
            yield from comment_lines(f"  {example}")
    section = preset.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    section.pop("preset", None)
    ordered = {key: section[key] for key in _FIRST if key in section} | section
    yield from table_lines(f"preset.{key_text(name)}", ordered)
