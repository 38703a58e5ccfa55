"""The service, with conversions to which faults happen: ``python -m tests.crash.service``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from nd2watch.clock import SystemClock
from nd2watch.log import set_up_logging
from nd2watch.service import Daemon, load_settings, serve
from tests.crash.points import convert_with_fault

if TYPE_CHECKING:
    from nd2watch.service import ServiceSettings


def main() -> int:
    """Run the service until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("marks", type=Path, help="folder for the marks of faults")
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args()

    def load() -> ServiceSettings:
        set_up_logging("json")
        return load_settings(options.config)

    task = partial(convert_with_fault, options.marks)
    return serve(lambda: Daemon(load, SystemClock(), structlog.get_logger(), task=task))


if __name__ == "__main__":
    sys.exit(main())
