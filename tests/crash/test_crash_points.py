"""Conversions that fail at every point, in every way, and what becomes of them."""

from __future__ import annotations

import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.service import dispatch
from tests.crash.bench import Bench, run_once
from tests.crash.points import (
    AFTER,
    CALLS,
    CALLS_WITHOUT_LINKS,
    STEPS,
    WITH_SERVICE,
    convert_with_fault,
    name_of,
    ways_of,
)
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from pathlib import Path

LAUNCH: Final = (sys.executable, "-m", "tests.crash.service")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")


@pytest.mark.parametrize("point", [*STEPS, *CALLS, *CALLS_WITHOUT_LINKS])
def test_a_conversion_that_fails_at_a_point_is_made_good_by_the_service(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_FIRST_RETRY_S", 0.05)
    names = [name_of(point, way) for way in ways_of(point)]
    bench = Bench(tmp_path, names)
    (tmp_path / "marks").mkdir()

    events = run_once(bench, partial(convert_with_fault, tmp_path / "marks"))

    assert {path.name for path in (tmp_path / "marks").iterdir()} == set(names)
    bench.check()
    crashes = [event for event in events if event["event"] == "conversion_crashed"]
    assert len(crashes) == sum("killed" in way for way in ways_of(point))


def test_a_service_that_is_killed_at_each_point_in_turn_makes_each_file_once(
    tmp_path: Path,
) -> None:
    names = [name_of(point, f"killed{WITH_SERVICE}") for point in (*STEPS, "write")]
    names += [name_of(point, f"killed after{WITH_SERVICE}") for point in AFTER]
    bench = Bench(tmp_path, names)
    (tmp_path / "marks").mkdir()
    kills = 0
    while not bench.is_done():
        with ServiceProcess(bench.config, str(tmp_path / "marks"), launch=LAUNCH) as service:
            until(lambda: service.process.poll() is not None or bench.is_done(), "all files")
            if service.process.poll() is None:
                assert service.terminate() == 0
            else:
                assert service.wait() == -signal.SIGKILL
                kills += 1
    assert kills == len(names)
    bench.check()
