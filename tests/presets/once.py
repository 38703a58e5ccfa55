"""Simulating runs of programs, and converting them by the service, once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.testing import LogCapture

from nd2watch.cli import main
from nd2watch.clock import SystemClock
from nd2watch.config import built_in_presets
from nd2watch.service import Daemon, load_settings
from nd2watch.simulate import RunRequest, plan_run
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nd2watch.simulate import ProgramRun

CONFIG: Final = """\
[output]
folder = "out"

[service]
settle_s = 0.05
give_up_s = 1.0

[[watch]]
name = "scope"
folder = "in"
preset = "{preset}"
"""
SHORT_PAUSE: Final = "[watch.complete]\nquiet_s = 0.1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What came of a run of the service."""

    status: int
    outputs: dict[str, Path]
    events: tuple[dict[str, Any], ...]

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the log events of a name."""
        return [each for each in self.events if each["event"] == event]

    @property
    def assumed(self) -> set[str]:
        """What the service said that it assumed."""
        return {each["reason"] for each in self.named("assumed")}

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """Log events that a person should look at."""
        return [each for each in self.events if each["log_level"] in ("warning", "error")]


def simulate(folder: Path, preset: str, request: RunRequest) -> ProgramRun:
    """Write a run by ``nd2watch simulate``, and return what is true of it."""
    words = ["--preset", preset, "--t", str(request.t), "--p", str(request.sites)]
    words += ["--z", str(request.z), "--channels", ",".join(request.channels)]
    words += ["--size", f"{request.width}x{request.height}", "--frame-rate", "0", "--pieces", "1"]
    options = {
        "--form": request.form,
        "--name": request.name,
        "--wells": ",".join(request.wells),
        "--single-plane": ",".join(request.single_plane),
    }
    for option, text in options.items():
        words += [option, text] if text else []
    assert main(["simulate", str(folder), *words]) == 0
    return plan_run(built_in_presets()[preset], request)


def write_config(folder: Path, preset: str, further: str = "") -> Path:
    """Write a configuration that names a preset, and return its path."""
    path = folder / "config.toml"
    path.write_text(CONFIG.format(preset=preset) + further, encoding="utf-8")
    return path


def convert(folder: Path, preset: str, further: str = "") -> Converted:
    """Convert what is complete in the folder ``in`` by the service with ``--once``."""
    config = write_config(folder, preset, further)
    log = LogCapture()
    daemon = Daemon(
        lambda: load_settings(config), SystemClock(), structlog.wrap_logger(None, [log]), once=True
    )
    guard = threading.Timer(DEADLINE_S, daemon.stop, ["deadline"])
    guard.start()
    try:
        status = daemon.run()
    finally:
        guard.cancel()
        guard.join()
    events: Sequence[Any] = log.entries
    assert events[-1]["reason"] == "all done", "the service waits for what never comes"
    return Converted(
        status=status,
        outputs={path.name: path for path in sorted((folder / "out").glob("*.nd2"))},
        events=tuple(dict(each) for each in events),
    )
