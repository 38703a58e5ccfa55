"""Presets of invented programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nd2watch.config import PresetConfig

if TYPE_CHECKING:
    from collections.abc import Mapping


def preset(name: str | Mapping[str, str], **simulate: Any) -> PresetConfig:
    """Return a preset whose frames are named after a template, or one for each form."""
    forms = [""] if isinstance(name, str) else list(name)
    keys = ("first", "channel_name", "sidecar")
    own = {key: simulate.pop(key) for key in keys if key in simulate}
    names = {form or "only": "(?P<t>.*)" for form in forms}
    section = {"names": names, "simulate": {"name": name, **simulate}, **own}
    return PresetConfig.model_validate(section)
