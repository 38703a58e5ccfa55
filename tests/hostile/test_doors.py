"""Every file of the corpus is read or refused, by the errors that are meant for that.

They are taken through the doors in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.hostile.seeds import images, sidecars

if TYPE_CHECKING:
    from tests.hostile.corpus import HostileFile

MOST_MEMORY_KIB: Final = 256 << 10
"""Over what the process has before the first file; the frames are of some hundred pixels."""

MOST_LOST: Final = 100
"""References to None that may be lost in all: Python before 3.12 ends when the last is gone."""

EXPECTED: Final = {"read", "told", "FrameIncomplete", "FrameUnreadable", "SidecarError"}

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is measured by /proc"
)


@dataclass(frozen=True)
class Passage:
    """What came of the corpus."""

    files: list[dict[str, Any]]
    memory: dict[str, int]
    talk: str


@pytest.fixture(scope="module")
def passage(corpus_folder: Path, corpus_files: list[HostileFile]) -> Passage:
    assert corpus_files
    command = [sys.executable, "-m", "tests.hostile.doors", str(corpus_folder)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, (lines[-1:], ended.stderr[-3000:])
    return Passage(files=lines[:-1], memory=lines[-1], talk=ended.stderr)


def test_seeds_are_the_same_each_time() -> None:
    assert images() == images()
    assert sidecars() == sidecars()


def test_all_files_are_read_or_refused(passage: Passage, corpus_files: list[HostileFile]) -> None:
    outcomes = Counter(file["outcome"] for file in passage.files)
    print(dict(outcomes), passage.memory)
    odd = [file for file in passage.files if file["outcome"] not in EXPECTED]
    assert odd == []
    assert sum(outcomes.values()) == len(corpus_files) > 3000
    assert min(outcomes[name] for name in EXPECTED) > 200


def test_nothing_is_refused_only_because_memory_is_short(passage: Passage) -> None:
    short = [f for f in passage.files if "MemoryError" in f["reason"] or "alloc" in f["reason"]]
    assert short == []


def test_memory_stays_bounded(passage: Passage) -> None:
    memory = passage.memory
    assert memory["peak_kib"] - memory["before_kib"] < MOST_MEMORY_KIB


def test_no_reference_to_none_is_lost(passage: Passage) -> None:
    assert passage.memory["lost_references"] < MOST_LOST


def test_each_refusal_names_the_file(passage: Passage) -> None:
    refused = [file for file in passage.files if file["reason"]]
    assert [file for file in refused if file["path"] not in file["reason"]] == []


def test_no_library_talks_past_the_log(passage: Passage) -> None:
    events = [json.loads(line) for line in passage.talk.splitlines()]
    assert all("Warning" in event["event"] for event in events)
