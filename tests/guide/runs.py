"""Small runs of programs in a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nd2watch.config import built_in_presets
from nd2watch.guide.known import of_preset
from nd2watch.simulate import Manner, RunRequest, plan_run, write_run

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

PRESETS: Final = built_in_presets()
KNOWN: Final = {name: of_preset(name, preset) for name, preset in PRESETS.items()}
QUICK: Final = Manner(frames_per_s=0, pieces=1)


def write_small_run(folder: Path, preset: str, **asked: Any) -> None:
    """Write a run of 16 x 12 pixels into a folder."""
    request = replace(RunRequest(height=12, width=16), **asked)
    write_run(folder, plan_run(PRESETS[preset], request), QUICK, sleep=lambda _: None)
