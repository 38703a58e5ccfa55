"""The commands of the service: ``run`` and ``check-config``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from nd2watch.cli.config_text import watch_lines
from nd2watch.cli.terminal import say
from nd2watch.clock import SystemClock
from nd2watch.config import load_config
from nd2watch.log import set_up_logging
from nd2watch.service import Daemon, load_settings, serve

if TYPE_CHECKING:
    import argparse

    from nd2watch.service import ServiceSettings


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="TOML file")
    parser.add_argument("--once", action="store_true", help="convert what is complete now, and end")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the service in the foreground."""

    def load() -> ServiceSettings:
        settings = load_settings(options.config)
        set_up_logging(settings.service.log_format, settings.service.log_level)
        return settings

    return serve(lambda: Daemon(load, SystemClock(), structlog.get_logger(), once=options.once))


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="FILE", help="TOML file")
    parser.set_defaults(command=check_config)


def check_config(options: argparse.Namespace) -> int:
    """Check a configuration and say what it means."""
    settings = load_settings(options.config)
    sections = load_config(options.config).watch
    for watch, section in zip(settings.watches, sections, strict=True):
        for line in watch_lines(watch, section.preset, settings):
            say(line)
    return 0


COMMANDS: Final = {
    "run": (_add_run, "watch folders and convert what becomes complete"),
    "check-config": (_add_check, "check a configuration file"),
}
"""What adds the arguments of a command, and its purpose."""
