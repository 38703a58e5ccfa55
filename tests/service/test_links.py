"""Links are passed over, and what takes their place is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.frames import acquisition, write
from tests.service.fakes import SETTLE_S, Bench

if TYPE_CHECKING:
    from pathlib import Path

WHAT = acquisition()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


@pytest.mark.parametrize("by_event", [False, True])
def test_a_frame_in_the_place_of_a_link_is_taken(tmp_path: Path, *, by_event: bool) -> None:
    bench = Bench(tmp_path / "in", WHAT)
    path, *_ = write(bench.folder, WHAT).values()
    away = path.rename(tmp_path / "away.tif")
    path.symlink_to(away)
    bench.settle()
    bench.intake.notice(path)  # an event of it
    bench.settle()
    assert len(bench.logged("link_passed_over")) == 1
    assert bench.ready == 0
    path.unlink()
    away.rename(path)
    if by_event:
        bench.intake.notice(path)
        bench.wait(SETTLE_S)
    else:
        bench.settle()
    assert bench.ready == 1
    assert bench.intake.troubles.counts() == {}


def test_a_link_in_the_place_of_a_frame_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "in", WHAT)
    path, *_ = write(bench.folder, WHAT).values()
    bench.settle()
    away = path.rename(tmp_path / "away.tif")
    path.symlink_to(away)
    bench.settle()
    assert bench.ready == 0
    assert bench.intake.troubles.counts() == {"link_passed_over": 1}
