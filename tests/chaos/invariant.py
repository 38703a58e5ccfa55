"""What must be true when all faults are mended, whatever has happened."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from nd2watch.errors import JournalError
from nd2watch.journal import JournalView
from tests.chaos.laboratory import Written
from tests.conformance.nd2_view import Nd2PackageReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.figures import Figures
    from tests.chaos.laboratory import Laboratory

_OUTPUT_LOCK: Final = ".nd2watch.lock"
_OWN: Final = frozenset(
    {"in", "out", "state", "home", "scratch", "elsewhere", "clock", "config.toml", "log.jsonl"}
)
_STRAY: Final = re.compile(r"\.nd2watch-.*|.*\.unfinished")


def published(laboratory: Laboratory) -> set[str]:
    """Return the names of the ND2 files that are on record as published."""
    try:
        with JournalView(laboratory.state / "journal.db") as journal:
            records = journal.sequences(states=["published"])
    except JournalError:
        return set()
    return {output.rpartition("/")[2] for record in records for output in record.outputs}


def violations(laboratory: Laboratory, figures: Figures) -> list[str]:
    """Return what is not as it must be, and count what is there."""
    return [
        *_files(laboratory, figures),
        *_sources(laboratory, figures),
        *_records(laboratory),
        *_strays(laboratory),
    ]


def _files(laboratory: Laboratory, figures: Figures) -> Iterator[str]:
    """Yield what is wrong with the ND2 files, as the package nd2 reads them."""
    for sequence in laboratory.sequences:
        figures.find("sequences")
        figures.find("frames", len(sequence.files))
        wrong = []
        for name, planes in sequence.outputs.items():
            path = laboratory.output / name
            if not path.exists():
                wrong.append(f"{name} is not there")
                continue
            try:
                if Nd2PackageReader().read(path).values["planes"] != planes:
                    wrong.append(f"{name} has other pixels than its frames")
            except Exception as error:
                wrong.append(f"{name} cannot be read: {error!r}")
            figures.find("files")
        figures.find("lost", bool(wrong))
        yield from wrong
    found = {path.name for path in laboratory.output.iterdir()} - {_OUTPUT_LOCK}
    for name in sorted(found - laboratory.expected):
        yield f"{name} lies among the ND2 files"


def _sources(laboratory: Laboratory, figures: Figures) -> Iterator[str]:
    """Yield which files of the microscopes were touched, but for frames that were put away."""
    written = laboratory.written
    for (watch, path), last in written.items():
        place = laboratory.root(watch) / path
        if not place.exists() and laboratory.file(watch, path) is not None:
            figures.find("put away")
            if laboratory.retention == "delete":
                continue
            place = laboratory.put_away / watch / path
        if not place.exists():
            yield f"{watch}/{path} is not there"
        elif Written.of(place) != last:
            yield f"{watch}/{path} is not as it was written"
    for watch in laboratory.locks:
        root = laboratory.root(watch)
        for found in _all_files(root):
            if (watch, found.relative_to(root).as_posix()) not in written:
                yield f"{found} is in a watched folder, and nobody of the laboratory wrote it"


def _records(laboratory: Laboratory) -> Iterator[str]:
    """Yield in what the journal and the disk do not agree."""
    with JournalView(laboratory.state / "journal.db") as journal:
        records = journal.sequences()
    outputs = [output for record in records for output in record.outputs]
    for record in records:
        if record.state != "published":
            yield f"{record.watch} {record.title} is on record as {record.state}: {record.reason}"
    expected = [str(laboratory.output / name) for name in laboratory.expected]
    for output in sorted(set(expected) - set(outputs)):
        yield f"{output} is not on record as published"
    for output, count in Counter(outputs).items():
        if count > 1 or output not in expected:
            yield f"{output} is on record as published by {count} sequences"


def _strays(laboratory: Laboratory) -> Iterator[str]:
    """Yield files that lie where none should."""
    own = _OWN | ({laboratory.put_away.name} if laboratory.retention == "move" else set())
    for path in laboratory.folder.iterdir():
        if path.name not in own:
            yield f"{path} was made by the service"
    for path in laboratory.folder.rglob("*"):
        if _STRAY.fullmatch(path.name) and path.name != _OUTPUT_LOCK:
            yield f"{path} was left behind"
    for path in laboratory.home.iterdir():
        yield f"{path} was left behind"


def taken_too_early(laboratory: Laboratory) -> list[str]:
    """Return the frames that were put away though their ND2 file is not there.

    Watched folders where something is wrong just now are left out.
    """
    if laboratory.retention == "keep":
        return []
    taken = []
    for watch, lock in laboratory.locks.items():
        if not lock.acquire(blocking=False):
            continue
        try:
            for its_watch, path in laboratory.written:
                file = laboratory.file(its_watch, path)
                if its_watch != watch or file is None or (laboratory.root(watch) / path).exists():
                    continue
                if not (laboratory.output / file.output).exists():
                    taken.append(f"{watch}/{path} was put away without {file.output}")
        finally:
            lock.release()
    return taken


def _all_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())
