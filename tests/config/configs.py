"""Configurations that tests write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import ConfigError
from nd2watch.service import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.service.settings import Watch

PATTERN = 'pattern = "{name}_t{t}_s{p}_c{c}.tif"'
SIZES = "axes = { t = 2, p = 2, c = 2 }"


def written(folder: Path, *watches: str, further: str = "") -> Path:
    """Write a configuration with the keys of some watches, and return its path."""
    sections = "".join(
        f'[[watch]]\nname = "w{number}"\nfolder = "in{number}"\n{keys}\n'
        for number, keys in enumerate(watches)
    )
    path = folder / "config.toml"
    path.write_text(f'[output]\nfolder = "out"\n{sections}{further}\n', encoding="utf-8")
    return path


def watch_of(folder: Path, keys: str, further: str = "") -> Watch:
    """Return the only watch of a configuration."""
    (watch,) = load_settings(written(folder, keys, further=further)).watches
    return watch


def faults_of(folder: Path, *watches: str, further: str = "") -> dict[str, str]:
    """Return the faults of a configuration by their keys."""
    path = written(folder, *watches, further=further)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    first, *lines = str(caught.value).split("\n  ")
    assert first == f"{path} cannot be used:"
    faults = dict(line.split(": ", 1) for line in lines)
    assert len(faults) == len(lines)
    return faults
