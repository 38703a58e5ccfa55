"""The commands for finished files: ``info``, ``verify`` and ``recover``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from nd2watch.cli.summary_text import summary_lines
from nd2watch.cli.terminal import progress_bar, say, show_lines
from nd2watch.convert import FileCheck, check_file
from nd2watch.nd2 import Nd2Reader, recover
from nd2watch.nd2.summary import summarize
from nd2watch.tools.printing import show


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="ND2 file")
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_info)


def _info(options: argparse.Namespace) -> int:
    """Print what a file tells."""
    with Nd2Reader(options.file) as reader:
        summary = summarize(reader)
    if options.json:
        show(json.dumps(summary, indent=2, allow_nan=False))
    else:
        show_lines(summary_lines(summary))
    return 0


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="ND2 file")
    parser.add_argument(
        "--sources", type=_folder, nargs="?", const=True, default=False, metavar="FOLDER",
        help="compare with the sources too, in FOLDER, or where they were at the conversion;"
        " to be given after the files",
    )  # fmt: skip
    parser.set_defaults(command=_verify)


def _folder(text: str) -> Path:
    """Return the folder of the sources."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no folder; give files to check before --sources"
        )
    return path


def _verify(options: argparse.Namespace) -> int:
    """Check files, one after the other, and tell what is wrong with each."""
    sound = [_verify_one(path, options.sources) for path in options.files]
    return 0 if all(sound) else 1


def _verify_one(path: Path, sources: Path | bool) -> bool:
    """Check one file, print what is wrong, and return whether it is sound."""
    folder = None if isinstance(sources, bool) else sources
    try:
        with progress_bar(f"checking {path.name}") as progress:
            check = check_file(path, sources=bool(sources), folder=folder, progress=progress)
    except OSError as error:
        check = FileCheck(path=path, problems=(str(error),))
    for problem in check.problems:
        say(f"{path}: {problem}", error=True)
    say(f"{path}: {_verdict(check, compared=bool(sources))}")
    for note in check.notes:
        say(f"{path}: note: {note}")
    return check.is_sound


def _verdict(check: FileCheck, *, compared: bool) -> str:
    """Return the line that sums a check up."""
    frames = f"{check.frame_count} frame{'s' * (check.frame_count != 1)}"
    if not check.is_sound:
        count = len(check.problems)
        return f"{count} problem{'s' * (count != 1)}" + f" in {frames}" * bool(check.frame_count)
    parts = [f"sound, {frames}"]
    if check.as_written:
        parts.append(f"{check.as_written} as written")
    if compared:
        parts.append(f"{check.as_sources} equal to their sources")
    return ", ".join(parts)


def _add_recover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="ND2 file that was not finished")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.nd2",
        help="default: its name without .unfinished, else with -recovered.nd2 at its end",
    )  # fmt: skip
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing file")
    parser.set_defaults(command=_recover)


def _recover(options: argparse.Namespace) -> int:
    """Save the frames of an unfinished file."""
    saved = recover(options.file, options.output, replace=options.force)
    say(f"{saved.output}: {saved.saved} of {saved.frame_count} frames saved")
    for note in saved.notes:
        say(f"note: {note}")
    return 0


COMMANDS: Final = {
    "info": (_add_info, "show what an ND2 file holds"),
    "verify": (_add_verify, "check ND2 files, and compare them with their sources"),
    "recover": (_add_recover, "save the frames of an ND2 file that was not finished"),
}
"""What adds the arguments of a command, and its purpose."""
