"""Frames that come after their sequence was published, and disks without room."""

from __future__ import annotations

import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.service import load_settings
from nd2watch.service.completion import Completion
from nd2watch.service.dispatch import act_on
from nd2watch.service.worker import Outcome
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, noise, outputs_in, write
from tests.service.fakes import SETTLE_S, Bench
from tests.service.test_worker import make_job
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")

CONFIG = """
[output]
folder = "out"
reserve_mb = {reserve}

[service]
settle_s = 0.2
scan_interval_s = 1
state_folder = "state"
log_format = "json"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{{t:3}}_xy{{p:2}}_z{{z:3}}_c{{c}}.tif"
late = "{late}"

[watch.complete]
rules = ["quiet"]
quiet_s = 0.5
"""


def configured(folder: Path, *, late: str = "report", reserve: float = 1.0) -> Path:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(late=late, reserve=reserve))
    (folder / "in").mkdir(exist_ok=True)
    return path


@pytest.mark.parametrize("late", ["report", "convert-again"])
def test_late_frames_never_change_a_file(tmp_path: Path, late: str) -> None:
    what, later = acquisition(p=1, t=2), acquisition(p=1, t=3)
    frames = write(tmp_path / "all", later)
    config = configured(tmp_path, late=late)
    (tmp_path / "in" / "a").mkdir()
    early = {at: tmp_path / "in" / "a" / path.name for at, path in frames.items() if at[0] < 2}
    for at, path in early.items():
        shutil.copy(frames[at], path)
    with ServiceProcess(config) as service:
        service.wait_for("published")
        for at, path in frames.items():
            if at not in early:
                shutil.copy(path, tmp_path / "in" / "a" / path.name)
        service.wait_for("frame_came_late")
        if late == "convert-again":
            until((tmp_path / "out" / "a_2.nd2").exists, "the second file")
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, early)
    if late == "convert-again":
        assert_nd2_equals_sources(tmp_path / "out" / "a_2.nd2", later, frames)
    else:
        assert outputs_in(tmp_path / "out") == [tmp_path / "out" / "a.nd2"]


@pytest.mark.parametrize("is_rival", [False, True])
def test_frames_that_come_while_their_sequence_is_converted_are_late_too(
    tmp_path: Path, is_rival: bool
) -> None:
    outcome = Outcome(job=make_job(tmp_path), end="published")
    bench = Bench(tmp_path / "in", acquisition(), completion=Completion(rules=("quiet",)))
    bench.settle()
    bench.wait(600)
    ((collection, _),) = bench.convertible
    collection.state = "queued"
    name = "img_t001_xy01_z001_cDAPI.TIF" if is_rival else "img_t002_xy00_z000_cDAPI.tif"
    (bench.folder / name).write_bytes(encode_frame(noise(7)))
    bench.settle()
    assert bench.logged("frame_came_late") == []
    act_on(outcome, bench.intake, collection, bench.now)
    bench.wait(SETTLE_S)
    (late,) = bench.logged("frame_came_late")
    assert late["path"] == bench.folder / name
    assert len(collection.late) == 1
    conflicts = bench.logged("frame_conflict")
    assert len(conflicts) == is_rival
    assert all("is being converted without it" in told["reason"] for told in conflicts)


def test_a_conversion_waits_for_room_on_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a", acquisition())
    config = configured(tmp_path, reserve=1e12)
    with ServiceProcess(config) as service:
        blocked = service.wait_for("conversion_blocked")
        assert "has no room for" in blocked["reason"]
        assert not (tmp_path / "out").exists()
        configured(tmp_path)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("published")
        assert service.terminate() == 0


def test_the_reserve_is_read_in_megabytes(tmp_path: Path) -> None:
    assert load_settings(configured(tmp_path, reserve=2.5)).reserve_bytes == 2_500_000
