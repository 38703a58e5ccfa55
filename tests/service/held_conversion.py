"""The service, of which conversions wait after three frames until they are to end.

``python -m tests.service.held_conversion --config FILE``
"""

from __future__ import annotations

import sys
from functools import partial
from unittest.mock import patch

from nd2watch.cli import main
from nd2watch.service import Daemon
from tests.service.faults import wait_for_the_end

if __name__ == "__main__":
    with patch("nd2watch.cli.service.Daemon", partial(Daemon, task=wait_for_the_end)):
        sys.exit(main(["run", *sys.argv[1:]]))
