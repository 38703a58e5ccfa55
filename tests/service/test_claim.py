"""Two services never do the same work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import ServiceRunning
from nd2watch.service.claim import Claim
from tests.waiting import ServiceProcess

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[output]
folder = "out"

[service]
state_folder = "{state}"
log_format = "json"

[[watch]]
name = "test"
folder = "in"
pattern = "t{{t}}.tif"
axes = {{ t = 2 }}
"""


@pytest.mark.parametrize("common", ["state", "output"])
def test_folders_are_held_by_one(tmp_path: Path, common: str) -> None:
    states = [tmp_path / name for name in (("s", "s") if common == "state" else ("s", "t"))]
    outputs = [tmp_path / name for name in (("o", "o") if common == "output" else ("o", "p"))]
    for output in outputs:
        output.mkdir(exist_ok=True)
    with Claim(states[0], outputs[0]):
        with pytest.raises(ServiceRunning, match=r"another nd2watch is at work: .* process"):
            Claim(states[1], outputs[1])
        Claim(tmp_path / "u", tmp_path / "q").close()
    Claim(states[1], outputs[1]).close()


def test_an_output_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with Claim(tmp_path / "s", tmp_path / "o"):
        assert not (tmp_path / "o").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")
def test_a_second_service_ends_and_one_after_a_kill_starts_at_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(state="state"))
    with ServiceProcess(config) as first:
        first.wait_for("started")
        with ServiceProcess(config) as second:
            assert second.wait() == 75
        told = " ".join(str(event["event"]) for event in second.events)
        assert f"process {first.process.pid}" in told
        first.process.kill()
    with ServiceProcess(config) as third:
        third.wait_for("started")
        assert third.terminate() == 0
