"""The corpus in the folders of a real service: it lives, and makes ND2 files of what is good."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nd2
import numpy as np
import pytest

from nd2watch.errors import SidecarError
from nd2watch.sidecars import read_sidecar
from tests.hostile.watched import SERIES, Entry, Status, lay_out, listing, peaks_kib
from tests.sources.tiff_files import pixels
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.hostile.corpus import HostileFile

MOST_MEMORY_KIB: Final = 256 << 10
"""Of the service, and of each of its conversion processes."""

DEADLINES: Final = 4
"""Of the usual length, in which a busy machine comes to the end of all work."""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc"),
    pytest.mark.timeout(300),
]


@dataclass(frozen=True)
class Watched:
    """What became of watched folders full of hostile files."""

    root: Path
    good: list[str]
    before: Mapping[bytes, Entry]
    after: Mapping[bytes, Entry]
    status: Mapping[str, Any]
    memory_kib: Mapping[int, int]
    events: list[dict[str, Any]]
    exit_status: int

    def named(self, event: str, watch: str = "") -> list[dict[str, Any]]:
        """Return the log events of a name, of one watch or of all."""
        return [e for e in self.events if e["event"] == event and watch in ("", e.get("watch"))]

    def logged(self, event: str, watch: str) -> int:
        """Return how often something was logged of a watch, or counted where it came too often."""
        more = self.named("more_of_the_same", watch)
        left_out = sum(int(each["left_out"]) for each in more if each["of"] == event)
        return len(self.named(event, watch)) + left_out

    def taken(self, watch: str) -> int:
        """Return how many frames the sequences of a watch have, as was told of each last."""
        counts = {
            event["sequence"]: event["found" if "found" in event else "frames"]
            for event in self.events
            if event["event"] in ("sequence_incomplete", "sequence_complete")
            and event["watch"] == watch
        }
        return sum(counts.values())

    def troubles(self, watch: str) -> Mapping[str, int]:
        """Return how many files of a watch the status tells not to be taken in, by event."""
        told = next(each for each in self.status["watches"] if each["name"] == watch)
        return Counter(told["files"])


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory, corpus_folder: Path, corpus_files: list[HostileFile]
) -> Watched:
    root = tmp_path_factory.mktemp("watched")
    (root / "canary").mkdir()
    (root / "canary" / "precious.nd2").write_text("precious")
    good = lay_out(root, corpus_folder, corpus_files)
    before = listing(root, "out", "state")
    status, memory = Status(root), dict[int, int]()
    outputs = {str(root / "out" / name) for name in good}
    with ServiceProcess(root / "config.toml") as service:

        def is_done() -> bool:
            memory.update(peaks_kib(service.process.pid))
            published = {event["output"] for event in service.named("published")}
            return outputs <= published and status.is_at_rest()

        service.wait_for("started")
        wait_for(is_done, status)
        exit_status = service.terminate()
    return Watched(
        root=root,
        good=good,
        before=before,
        after=listing(root, "out", "state"),
        status=status.told,
        memory_kib=memory,
        events=service.events,
        exit_status=exit_status,
    )


def wait_for(condition: Callable[[], bool], status: Status) -> None:
    """Wait for longer than for all else."""
    for _ in range(DEADLINES):
        with contextlib.suppress(AssertionError):
            until(condition, "the end of all work")
            return
    raise AssertionError(f"it does not come to its end: {status}")


def test_the_service_lives_and_ends_as_it_is_told(folders: Watched) -> None:
    print(Counter(event["event"] for event in folders.events), folders.memory_kib)
    assert folders.exit_status == 0
    assert folders.named("stopped")[0]["reason"] == "SIGTERM"
    assert folders.named("watch_failed") == []
    assert folders.named("conversion_crashed") == []


def test_the_good_sequence_of_each_folder_is_converted(folders: Watched) -> None:
    outputs = {
        os.path.relpath(e["output"], folders.root / "out") for e in folders.named("published")
    }
    assert set(folders.good) <= outputs
    with nd2.ND2File(folders.root / "out" / "series" / "good.nd2") as file:
        expected = np.stack([pixels(8, 8, seed=number) for number in range(SERIES)])
        np.testing.assert_array_equal(file.asarray(), expected)


def test_nothing_is_written_outside_the_output_folder(folders: Watched) -> None:
    assert folders.after == folders.before
    written = [path for path in (folders.root / "out").rglob("*") if path.is_file()]
    published = {Path(event["output"]) for event in folders.named("published")}
    assert {path for path in written if not path.name.startswith(".")} == published
    assert not [path for path in written if path.suffix == ".tmp"]


def test_each_frame_is_taken_or_refused_with_a_reason(folders: Watched) -> None:
    files = list((folders.root / "in" / "series").iterdir())
    refused = folders.troubles("series")["frame_refused"]
    taken = folders.taken("series")
    assert refused + taken == len(files) > 1000
    assert min(refused, taken) > 200
    assert folders.logged("frame_refused", "series") == refused
    assert all(event["reason"] for event in folders.named("frame_refused"))


def test_each_file_alone_is_converted_or_refused_with_a_reason(folders: Watched) -> None:
    files = {path.name for path in (folders.root / "in" / "single").iterdir()}
    refused = folders.troubles("single")["frame_refused"]
    taken = folders.taken("single")
    assert refused + taken == len(files) > 350
    assert len(folders.named("published", "single")) > 40
    assert folders.logged("frame_refused", "single") == refused


def test_each_sidecar_is_read_or_refused_with_a_reason(
    folders: Watched, corpus_folder: Path, corpus_files: list[HostileFile]
) -> None:
    unread = set()
    for file in corpus_files:
        if file.kind:
            try:
                read_sidecar(corpus_folder / file.path, file.kind)
            except SidecarError:
                unread.add(str(folders.root / "in" / file.path))
    told = {event["path"]: event["reason"] for event in folders.named("sidecar_not_read")}
    assert set(told) == unread
    assert len(unread) > 300
    assert all(told.values())


def test_each_sequence_beside_a_hostile_sidecar_is_converted_or_said_to_lack_something(
    folders: Watched,
) -> None:
    presets = [watch["name"] for watch in folders.status["watches"]][2:]
    for preset in presets:
        started = {event["sequence"] for event in folders.named("sequence_started", preset)}
        ends = ("published", "sequence_incomplete", "sequence_refused", "conversion_failed")
        ended = {event["sequence"] for end in ends for event in folders.named(end, preset)}
        assert ended == started, preset
        assert len(started) > 2, preset


def test_memory_stays_bounded(folders: Watched) -> None:
    assert len(folders.memory_kib) > 1
    assert max(folders.memory_kib.values()) < MOST_MEMORY_KIB


def test_each_line_of_the_log_is_an_event(folders: Watched) -> None:
    assert [event for event in folders.events if "timestamp" not in event] == []
