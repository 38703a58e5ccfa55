"""The command that tells which frames are to be put away, and touches none: ``due``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.cli.status_text import due_lines
from nd2watch.cli.terminal import show_lines
from nd2watch.journal import JournalView
from nd2watch.service import load_settings
from nd2watch.service.retention import due_sequences
from nd2watch.service.state_folder import JOURNAL, state_folder_seen
from nd2watch.tools.printing import show

if TYPE_CHECKING:
    import argparse


def _add_due(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="FILE",
        help="TOML file, by which frames would be moved or deleted",
    )  # fmt: skip
    parser.add_argument("--files", action="store_true", help="list every file, too")
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_due)


def _due(options: argparse.Namespace) -> int:
    """List the sequences whose frames are to be moved or deleted, and when."""
    settings = load_settings(options.config)
    retention = settings.retention
    with JournalView(state_folder_seen(options.config) / JOURNAL) as journal:
        sequences: list[dict[str, Any]] = [
            {
                "handle": due.sequence.handle,
                "watch": watch.name,
                "title": due.sequence.title,
                "due": due.at,
                "files": [frame.path for frame in due.frames],
            }
            for watch in settings.watches
            for due in due_sequences(journal, watch, retention)
        ]
    told = {
        "action": retention.action,
        "after_h": retention.after_h,
        "folder": None if retention.folder is None else str(retention.folder),
        "sequences": sorted(sequences, key=lambda each: (each["due"], each["title"])),
    }
    if options.json:
        show(json.dumps(told, indent=2, allow_nan=False))
    else:
        show_lines(due_lines(told, time.time(), with_files=options.files))
    return 0


COMMANDS: Final = {
    "due": (_add_due, "list the frames that are to be moved or deleted, and touch none"),
}
"""What adds the arguments of a command, and its purpose."""
