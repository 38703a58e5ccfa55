"""A short run of the chaos suite, and that it sees what would be wrong."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from nd2watch.journal import Journal
from nd2watch.nd2 import ImageAttributes, Nd2Writer
from tests.chaos.figures import Figures
from tests.chaos.invariant import taken_too_early, violations
from tests.chaos.laboratory import Laboratory
from tests.chaos.microscope import Microscope
from tests.chaos.rounds import Plan, run_round
from tests.chaos.sequences import PROGRAM_LAYOUTS, PatternLayout
from tests.chaos.service import is_alarming
from tests.waiting import ServiceProcess

if TYPE_CHECKING:
    from collections.abc import Callable

SEED: Final = 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets clocks and stops processes")


@pytest.mark.timeout(300)
def test_twenty_kills_and_much_else_lose_nothing(tmp_path: Path) -> None:
    figures = run_round(tmp_path / "chaos", SEED, Plan(kills=20, sequences=8))
    print(figures)
    assert figures.kills == 20
    assert len(figures.faults) > 5
    assert figures.found["sequences"] >= 6
    assert figures.found["lost"] == 0


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A laboratory with a sequence of each kind, that is converted in peace."""
    folder = tmp_path_factory.mktemp("chaos") / "laboratory"
    laboratory = Laboratory(folder, dict.fromkeys((PatternLayout(), *PROGRAM_LAYOUTS), "auto"))
    for seed, layout in enumerate(laboratory.layouts):
        microscope = Microscope(
            laboratory, layout, random.Random(seed), Figures(), pause_s=0, most=1
        )
        microscope.run()
        assert microscope.error is None
    with ServiceProcess(laboratory.config, "--once") as service:
        service.wait()
    return laboratory


def seen_in(laboratory: Laboratory) -> str:
    """Return what is seen to be wrong."""
    return "\n".join(violations(laboratory, Figures()))


def test_nothing_is_wrong_with_a_laboratory_in_peace(laboratory: Laboratory) -> None:
    figures = Figures()
    assert violations(laboratory, figures) == []
    assert figures.found["sequences"] == len(laboratory.layouts)
    assert figures.found["lost"] == 0


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def change_pixels(path: Path) -> None:
    path.unlink()
    with Nd2Writer(path, ImageAttributes(width=4, height=3, frame_count=1)) as writer:
        writer.write_frame(np.zeros((3, 4), np.uint16))


def add_to(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


@pytest.mark.parametrize(
    ("files", "damage", "message"),
    [
        ("out/pattern_*.nd2", Path.unlink, "pattern_run00.nd2 is not there"),
        ("out/pattern_*.nd2", truncate, "cannot be read"),
        ("out/pattern_*.nd2", change_pixels, "has other pixels than its frames"),
        ("in/pattern/*/img_*_z002_cGFP.tif", Path.unlink, "is not there"),
        ("in/pattern/*/img_*_z002_cGFP.tif", Path.touch, "is not as it was written"),
        ("in/operetta/*/*/Images/Index*.xml", add_to, "is not as it was written"),
    ],
)
def test_damage_is_seen(
    laboratory: Laboratory, files: str, damage: Callable[[Path], None], message: str
) -> None:
    path = sorted(laboratory.folder.glob(files))[0]
    data, mtime_ns = path.read_bytes(), path.stat().st_mtime_ns
    damage(path)
    try:
        assert message in seen_in(laboratory)
    finally:
        path.write_bytes(data)
        os.utime(path, ns=(mtime_ns, mtime_ns))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out/more.nd2", "lies among the ND2 files"),
        ("out/.nd2watch-0123456789abcdef.tmp", "was left behind"),
        ("home/scratch", "was left behind"),
        ("in/pattern/run00/new.txt", "nobody of the laboratory wrote it"),
        ("elsewhere.txt", "was made by the service"),
    ],
)
def test_stray_files_are_seen(laboratory: Laboratory, name: str, message: str) -> None:
    path = laboratory.folder / name
    path.touch()
    try:
        assert message in seen_in(laboratory)
    finally:
        path.unlink()


def test_a_lost_sequence_is_counted(laboratory: Laboratory) -> None:
    figures = Figures()
    (path,) = laboratory.output.glob("pattern_*.nd2")
    path.rename(laboratory.elsewhere / "lost.nd2")
    try:
        assert violations(laboratory, figures)
    finally:
        (laboratory.elsewhere / "lost.nd2").rename(path)
    assert figures.found["lost"] == 1


def test_a_journal_that_does_not_agree_is_seen(laboratory: Laboratory) -> None:
    with Journal(laboratory.state / "journal.db") as journal:
        (record,) = journal.sequences("pattern")
        journal.record_sequence(replace(record, state="blocked", outputs=()))
        found = seen_in(laboratory)
        journal.record_sequence(record)
    assert "is on record as blocked" in found
    assert "is not on record as published" in found


def test_frames_that_are_put_away_before_their_file_is_there_are_seen(tmp_path: Path) -> None:
    layout = PatternLayout()
    laboratory = Laboratory(tmp_path / "laboratory", {layout: "auto"}, "delete")
    microscope = Microscope(laboratory, layout, random.Random(1), Figures(), pause_s=0, most=1)
    microscope.run()
    assert taken_too_early(laboratory) == []
    next(laboratory.root("pattern").glob("*/img_*.tif")).unlink()
    (taken,) = taken_too_early(laboratory)
    assert taken.endswith("was put away without pattern_run00.nd2")
    with laboratory.locks["pattern"]:  # something is wrong with the folder anyway
        assert taken_too_early(laboratory) == []


@pytest.mark.parametrize(
    ("event", "is_alarm"),
    [
        ({"event": "watch_failed", "timestamp": "now"}, True),
        ({"event": "published", "timestamp": "now"}, False),
        ({"event": "reload_failed", "timestamp": "now", "exception": ["..."]}, True),
        ({"event": "Traceback (most recent call last):\n"}, True),
        ({"event": '{"timestamp": "2026-1'}, False),
    ],
)
def test_what_a_service_must_never_say_is_an_alarm(event: dict[str, str], is_alarm: bool) -> None:
    assert is_alarming(event) == is_alarm
