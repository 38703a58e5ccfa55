"""The presets that come with nd2watch, and laying a layout over its preset."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Section = Mapping[str, Any]

_GRAMMARS: Final = ("pattern", "regex", "names")
"""Keys of which a layout has one: that of the preset is dropped for another one."""

_IDENTITIES: Final = (*_GRAMMARS, "sequence", "file_per")
_OWN: Final = ("title", "notes", "is_general", "simulate")
"""Keys that only presets have."""

_ENDING: Final = ".toml"


@cache
def built_in() -> Mapping[str, Section]:
    """Return the sections of the presets that come with nd2watch, by name in their order."""
    folder = resources.files("nd2watch") / "presets"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(_ENDING)), key=lambda f: f.name
    )
    return MappingProxyType(
        {
            file.name.removesuffix(_ENDING): tomllib.loads(file.read_text(encoding="utf-8"))
            for file in files
        }
    )


def completed(section: Section, presets: Mapping[str, Section]) -> dict[str, Any]:
    """Return a section with all that it leaves out taken from its preset.

    Tables are completed key by key. Patterns of names to ignore are added to those of the preset.

    Parameters
    ----------
    section : mapping
        A layout as it stands in the file.
    presets : mapping from str to mapping
        Sections of all presets.

    Raises
    ------
    ConfigError
        If there is no such preset, or presets build on each other in a circle.
    """
    merged, passed = dict(section), list[str]()
    while isinstance(name := merged.get("preset"), str):
        if name not in presets:
            which = f"{name!r}, on which {passed[-1]!r} builds" if passed else repr(name)
            raise ConfigError(f"there is no preset {which}; there are {', '.join(presets)}")
        if name in passed:
            raise ConfigError(f"the preset {name!r} builds on itself; give it a name of its own")
        passed.append(name)
        del merged["preset"]
        merged = _laid_over(presets[name], merged)
    if passed:
        merged["preset"] = passed[0]
    return merged


def without_own(section: Section) -> dict[str, Any]:
    """Return the section of a preset without the keys that only presets have."""
    return {key: value for key, value in section.items() if key not in _OWN}


def _laid_over(base: Section, upper: Section) -> dict[str, Any]:
    """Return a section with another one laid over it."""
    lower = dict(base)
    if any(key in upper for key in _GRAMMARS):
        lower = {key: value for key, value in lower.items() if key not in _GRAMMARS}
    if "sequence" in upper:  # it tells all that is told apart
        lower.pop("file_per", None)
    if any(key in upper for key in _IDENTITIES):  # names of outputs are to tell it, too
        lower.pop("output", None)
    for key, value in upper.items():
        below = lower.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            lower[key] = {**below, **value}
        elif key == "ignore" and isinstance(value, list) and isinstance(below, list):
            lower[key] = below + value
        else:
            lower[key] = value
    return lower
