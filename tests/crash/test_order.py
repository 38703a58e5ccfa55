"""What is on the disk before what: the order of the calls by which a file comes to its name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import patch

from nd2watch.journal import Journal
from nd2watch.service.worker import Job, Outcome, run_job
from tests.crash.bench import Bench, run_once
from tests.crash.points import told_steps, watched_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from nd2watch.convert.steps import StepTaken


class Trace:
    """Writes down what was done; also for several processes, in the order of time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def before(self, point: str) -> None:
        """Write down that something is about to happen."""
        self._write(point)

    def after(self, point: str) -> None:
        """Write down that something has happened."""
        self._write(f"{point} done")

    def _write(self, line: str) -> None:
        """Add a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}{os.linesep}")

    @property
    def lines(self) -> list[str]:
        """What was written down."""
        return self.path.read_text(encoding="utf-8").splitlines()


def convert_traced(
    path: Path,
    job: Job,
    cancelled: Callable[[], bool],
    progress: Callable[[int, int], None],
    step: StepTaken,
) -> Outcome:
    """Carry out a job and write down the calls."""
    trace = Trace(path)
    drop = os.posix_fadvise

    def traced_drop(*arguments: int) -> None:
        drop(*arguments)
        trace.after("drop from memory")

    with watched_calls(trace), patch.object(os, "posix_fadvise", traced_drop):
        return run_job(job, cancelled, progress, told_steps(trace, step))


def test_file_name_and_record_are_on_the_disk_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, ["a"])
    trace = Trace(tmp_path / "trace")
    batch, record = Journal.batch, Journal.record_sequence
    states: list[str] = []

    @contextmanager
    def traced_batch(journal: Journal) -> Iterator[None]:
        with batch(journal):
            yield
        if "published" in states:
            trace.after("record")

    def noted_record(journal: Journal, *arguments: object) -> None:
        states.append(arguments[0].state)  # type: ignore[attr-defined]
        record(journal, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "batch", traced_batch)
    monkeypatch.setattr(Journal, "record_sequence", noted_record)
    run_once(bench, partial(convert_traced, trace.path))

    lines = trace.lines
    order = [
        "open done", "step claimed", "step written", "write", "sync", "sync done", "step synced",
        "drop from memory done", "read back done", "step verified", "step rechecked", "close",
        "link", "link done", "unlink done", "sync folder", "sync folder done", "step published",
        "record done",
    ]  # fmt: skip
    last = {line: place for place, line in enumerate(lines)}
    assert [line for line in sorted(last, key=last.__getitem__) if line in order] == order
    assert lines.count("link") == lines.count("record done") == 1
    bench.check()
