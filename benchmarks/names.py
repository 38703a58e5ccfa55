"""Time of parsing the names of frames by each built-in preset, on one core.

Run with ``python -m benchmarks.names [--names N] [PRESET ...]``. Each row is a form of a preset's
names, with as many axes as they tell; its time is that of the processor, without that of making
the names.
"""

from __future__ import annotations

import argparse
import time
from pathlib import PurePath

from benchmarks.programs import large_run
from nd2watch.config import built_in_presets
from nd2watch.layouts import only_layout_of


def names_of(preset_name: str, form: str, count: int) -> list[str]:
    """Return so many names of a form."""
    frames = large_run(built_in_presets()[preset_name], form, count).run.frames
    names = list(dict.fromkeys(frame.path for frame in frames))
    return (names * (count // len(names) + 1))[:count]


def seconds_of(preset_name: str, names: list[str]) -> float:
    """Return how long it takes to parse names."""
    layout = only_layout_of(built_in_presets()[preset_name])
    paths = [PurePath(name) for name in names]
    begun = time.process_time()
    for path in paths:
        layout.parse(path)
    return time.process_time() - begun


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="all when omitted")
    parser.add_argument("--names", type=int, default=100_000, help="names of each form")
    options = parser.parse_args()
    print(f"{options.names} names")
    for preset_name, preset in built_in_presets().items():
        for form in preset.names if preset_name in (options.presets or [preset_name]) else ():
            seconds = seconds_of(preset_name, names_of(preset_name, form, options.names))
            print(f"{preset_name:20}{form:17}{seconds:6.2f} s")


if __name__ == "__main__":
    main()
