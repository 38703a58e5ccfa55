"""Simulating runs of programs, and converting them by one service, once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
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
    from collections.abc import Mapping

    from nd2watch.simulate import ProgramRun

SHORT_PAUSE: Final = "[watch.complete]\nquiet_s = 0.2\n"
_CONFIG: Final = """\
[output]
folder = "out"

[service]
settle_s = 0.1
give_up_s = 1.0
conversions = 2
log_format = "json"

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A folder that is to be watched.

    Attributes
    ----------
    preset : str
        Its preset.
    further : str
        What else its section says.
    """

    preset: str
    further: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What came of one watched folder.

    Attributes
    ----------
    ended : str
        Why the service ended.
    outputs : dict from str to Path
        ND2 files by their names.
    events : tuple of dict
        What was logged of the folder.
    """

    ended: str
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


def slug(*texts: object) -> str:
    """Return some texts as the name of a watch."""
    return "_".join(map(str, texts)).replace(" ", "-").replace(".", "-")


def frames_in(folder: Path, name: str) -> Path:
    """Return where a watch has its frames: in a folder below the watched one."""
    return folder / "in" / name / name


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


def write_config(folder: Path, watches: Mapping[str, Watched]) -> Path:
    """Write a configuration in which watches say their preset and little else."""
    sections = (
        f'[[watch]]\nname = "{name}"\nfolder = "in/{name}"\npreset = "{watched.preset}"\n'
        f"{watched.further}\n"
        for name, watched in watches.items()
    )
    path = folder / "config.toml"
    path.write_text(_CONFIG + "\n".join(sections), encoding="utf-8")
    return path


def convert_all(folder: Path, watches: Mapping[str, Watched]) -> dict[str, Converted]:
    """Convert what is complete in the folders of watches by a service with ``--once``."""
    config, log = write_config(folder, watches), LogCapture()
    daemon = Daemon(
        lambda: load_settings(config), SystemClock(), structlog.wrap_logger(None, [log]), once=True
    )
    guard = threading.Timer(DEADLINE_S, daemon.stop, ["what it waits for never comes"])
    guard.start()
    try:
        daemon.run()
    finally:
        guard.cancel()
        guard.join()
    events: dict[str, list[dict[str, Any]]] = {name: [] for name in watches}
    for each in log.entries:
        events.get(each.get("watch", ""), []).append(dict(each))
    return {
        name: Converted(
            ended=log.entries[-1]["reason"],
            outputs={
                Path(each["output"]).name: Path(each["output"])
                for each in own
                if each["event"] == "published"
            },
            events=tuple(own),
        )
        for name, own in events.items()
    }
