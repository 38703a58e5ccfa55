"""The service, in which the deletion of the first frame lasts until it is to end.

``python -m tests.service.slow_deletion --config FILE``
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any
from unittest.mock import patch

from nd2watch.cli import main
from nd2watch.service.retention import Retention

cancel, unlink = Retention.cancel, os.unlink
wished = threading.Event()


def note_wish(retention: Retention, patience_s: float) -> bool:
    """Let the deletion come to its end."""
    wished.set()
    return cancel(retention, patience_s)


def unlink_slowly(path: Any, **options: Any) -> None:
    """Delete a file; if it is a frame, not before that is no longer wished."""
    unlink(path, **options)
    if str(path).endswith(".tif"):
        wished.wait(60)


if __name__ == "__main__":
    with patch.object(Retention, "cancel", note_wish), patch("os.unlink", unlink_slowly):
        sys.exit(main(["run", *sys.argv[1:]]))
