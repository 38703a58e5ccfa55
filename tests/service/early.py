"""The service, told to stop while it starts: ``python -m tests.service.early --config FILE``.

The signal comes in the midst of what Python does by itself, where no error gets through.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

from nd2watch.cli import main
from nd2watch.service import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.service import ServiceSettings


class Dying:
    """Something whose end is the moment of the signal."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the signal is heeded between two steps of Python
            pass


def load(path: Path) -> ServiceSettings:
    """Read the configuration."""
    settings = load_settings(path)
    dying = Dying()
    del dying
    return settings


if __name__ == "__main__":
    with patch("nd2watch.cli.service.load_settings", load):
        sys.exit(main(["run", *sys.argv[1:]]))
