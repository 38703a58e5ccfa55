"""Ill-treating the service for long: ``python -m tests.chaos --minutes 30``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.figures import Figures
from tests.chaos.rounds import Plan, run_round, surroundings


def main() -> int:
    """Run rounds until the time is up, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1, help="that of the first round")
    parser.add_argument("--kills", type=int, default=30, help="in each round")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    print(surroundings(), flush=True)
    total, seed = Figures(), options.seed
    until = time.monotonic() + 60 * options.minutes
    while time.monotonic() < until:
        folder = Path(tempfile.mkdtemp(prefix="nd2watch-chaos-", dir=options.folder)) / str(seed)
        try:
            figures = run_round(folder, seed, Plan(kills=options.kills))
        except AssertionError as error:
            print(error, total, f"FAILED with seed {seed}", sep="\n", flush=True)
            return 1
        folder.parent.rmdir()
        total.add(figures)
        print(
            f"seed {seed}: {figures.kills} kills, {figures.found['files']} ND2 files,"
            f" lost = {figures.found['lost']}, {figures.seconds:.0f} s",
            flush=True,
        )
        seed += 1
    print(total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
