"""One round: a laboratory whose service is ill-treated for a while, and then looked at."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.chaos.agent import Agent
from tests.chaos.disk import RealDisk, ReservedDisk
from tests.chaos.figures import Figures
from tests.chaos.invariant import published, violations
from tests.chaos.laboratory import Laboratory
from tests.chaos.microscope import Microscope
from tests.chaos.sequences import PROGRAM_LAYOUTS, PatternLayout
from tests.chaos.service import Service, time_namespace
from tests.mounts import can_mount
from tests.unprivileged import rights_taken
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.laboratory import Retention
    from tests.chaos.sequences import Layout

_RETENTIONS: Final[list[Retention]] = ["keep", "keep", "move", "delete"]
_LEFT_BYTES: Final = (0, 60_000, 2_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long a round goes on.

    Attributes
    ----------
    kills : int
        It ends after so many kills,
    seconds : float
        but not before so many seconds.
    pause_s : float
        Longest pause of a microscope between two files, s.
    sequences : int
        Most that one microscope acquires.
    """

    kills: int
    seconds: float = 0.0
    pause_s: float = 0.3
    sequences: int = 12


def run_round(folder: Path, seed: int, plan: Plan) -> Figures:
    """Ill-treat a service, and check that nothing is lost.

    Parameters
    ----------
    folder : Path
        Where all of it is; made, and removed again when nothing is wrong.
    seed : int
        Decides on everything but the time that things take.
    plan : Plan
        How long.

    Raises
    ------
    AssertionError
        If something is not as it must be; the message names seed and folder, which is kept.
    """
    chance = random.Random(seed)
    figures = Figures()
    begun = time.monotonic()
    layouts: dict[Layout, str] = {PatternLayout(): "auto"}
    layouts |= zip(chance.sample(PROGRAM_LAYOUTS, 2), ("auto", "scan"), strict=True)
    laboratory = Laboratory(folder, layouts, chance.choice(_RETENTIONS))
    with ExitStack() as stack:
        disk = RealDisk(laboratory, _LEFT_BYTES) if can_mount() else None
        if disk is not None:
            stack.callback(disk.unmount)
        service = Service(laboratory, chance)
        stack.callback(service.close)
        agent = Agent(
            laboratory,
            service,
            disk or ReservedDisk(laboratory, service),
            random.Random(chance.random()),
            figures,
        )
        wrong = _ill_treat(agent, _microscopes(laboratory, plan, chance, figures), plan, figures)
        wrong += _waited(laboratory)
        service.terminate()
        wrong += [str(alarm) for alarm in service.alarms] + violations(laboratory, figures)
        if wrong:
            shutil.copytree(laboratory.output, folder / "out-at-the-end")
    figures.find("rounds")
    figures.find("starts", service.lives)
    figures.recovered += service.recovered
    figures.seconds = time.monotonic() - begun
    assert not wrong, "\n".join([f"seed {seed}, see {folder}:", *wrong])
    shutil.rmtree(folder)
    return figures


def _microscopes(
    laboratory: Laboratory, plan: Plan, chance: random.Random, figures: Figures
) -> list[Microscope]:
    """Return a microscope for each watched folder."""
    return [
        Microscope(
            laboratory,
            layout,
            random.Random(chance.random()),
            figures,
            pause_s=plan.pause_s,
            most=plan.sequences,
        )
        for layout in laboratory.layouts
    ]


def _ill_treat(
    agent: Agent, microscopes: list[Microscope], plan: Plan, figures: Figures
) -> list[str]:
    """Let microscopes and agent work, then make all right; return what went wrong meanwhile."""
    enough = time.monotonic() + plan.seconds
    for microscope in microscopes:
        microscope.start()
    try:
        while figures.kills < plan.kills or time.monotonic() < enough:
            agent.act()
    finally:
        agent.heal()
        for microscope in microscopes:
            microscope.finish()
        for microscope in microscopes:
            microscope.join()
    return [repr(m.error) for m in microscopes if m.error is not None] + agent.violations


def _waited(laboratory: Laboratory) -> list[str]:
    """Wait until all is published; return what is not."""
    try:
        until(lambda: published(laboratory) >= laboratory.expected, "all to be published")
    except AssertionError:
        missing = laboratory.expected - published(laboratory)
        return [f"{name} is not on record as published" for name in sorted(missing)]
    return []


def surroundings() -> str:
    """Return what can be done to a service on this machine."""
    disk = "one of its own, in memory" if can_mount() else "not its own: it is reserved instead"
    rights = "the administrator's without passing over permissions" if rights_taken() else "its own"
    clocks = "time of day" + (" and time since the start" if time_namespace(0) else "")
    return f"disk of ND2 files: {disk}; rights: {rights}; clocks that are set: {clocks}"
