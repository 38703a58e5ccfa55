"""Runs that the service sees growing: each is converted once, when it is whole."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.simulate import Manner, RunRequest, plan_run, write_run
from tests.presets.once import Watched, frames_in, slug, write_config
from tests.presets.programs import ACQUIRED, PROGRAMS
from tests.presets.truth import Truth, check
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nd2watch.simulate import ProgramRun
    from tests.oracles import VendorSdk

SLOW: Final = Manner(frames_per_s=60, pieces=3)
RUNNING: Final = [program for program, tells in PROGRAMS.items() if tells.has_plan]
"""Programs whose sidecars tell when a run is whole: nothing is waited for but its frames."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")


def run_of(program: tuple[str, str]) -> ProgramRun:
    """Return a small run, which differs from those of other programs."""
    preset, form = program
    tells = PROGRAMS[program]
    wanted = RunRequest(
        form=form,
        t=2,
        sites=2 if "p" in tells.axes else 1,
        z=3 if "z" in tells.axes else 1,
        channels=ACQUIRED,
        wells=("B02",) if tells.has_wells else (),
        width=32,
        height=24,
        seed=RUNNING.index(program),
    )
    return plan_run(built_in_presets()[preset], wanted)


@pytest.fixture
def runs() -> dict[tuple[str, str], ProgramRun]:
    return {program: run_of(program) for program in RUNNING}


@pytest.fixture
def microscopes(
    tmp_path: Path, runs: dict[tuple[str, str], ProgramRun]
) -> Iterator[list[threading.Thread]]:
    """Threads that write the runs at the same time, slowly."""
    threads = [
        threading.Thread(
            target=write_run, args=(frames_in(tmp_path, slug(*program)), acquired, SLOW)
        )
        for program, acquired in runs.items()
    ]
    yield threads
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("begins", ["before the runs", "in the middle of them"])
def test_growing_runs_are_converted_once_with_all_that_their_sidecars_tell(
    tmp_path: Path,
    runs: dict[tuple[str, str], ProgramRun],
    microscopes: list[threading.Thread],
    begins: str,
    vendor_sdk: VendorSdk,
) -> None:
    config = write_config(tmp_path, {slug(*p): Watched(preset=p[0]) for p in RUNNING})
    for program in RUNNING:
        frames_in(tmp_path, slug(*program)).mkdir(parents=True)
    if begins == "in the middle of them":
        for thread in microscopes:
            thread.start()
        frames = frames_in(tmp_path, slug(*RUNNING[0]))
        until(lambda: any(frames.rglob("*.*")), "the first file of a run")
    with ServiceProcess(config) as service:
        service.wait_for("started")
        if begins == "before the runs":
            for thread in microscopes:
                thread.start()
        until(lambda: len(service.named("published")) == len(RUNNING), "a file of each run")
        assert service.terminate() == 0
        assert len(service.named("published")) == len(RUNNING)
        assert service.named("frame_came_late") == []
        assert not [e for e in service.events if e.get("level") == "error"]
    for program, acquired in runs.items():
        tells = PROGRAMS[program]
        name = tells.output.format(folder=slug(*program), well="B02")
        check(Truth(acquired, tells), tmp_path / "out" / name, vendor_sdk)
