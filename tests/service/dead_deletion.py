"""The service, in which the deletion of a frame never comes to its end.

``python -m tests.service.dead_deletion --config FILE``
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any
from unittest.mock import patch

from nd2watch.cli import main

unlink = os.unlink


def unlink_never(path: Any, **options: Any) -> None:
    """Delete a file; if it is a frame, hang as on a dead share."""
    if str(path).endswith(".tif"):
        threading.Event().wait()
    unlink(path, **options)


if __name__ == "__main__":
    with patch("os.unlink", unlink_never), patch("nd2watch.service.daemon._JOIN_S", 0.2):
        sys.exit(main(["run", *sys.argv[1:]]))
