"""Two services never do the same work."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from nd2watch.errors import ServiceRunning
from nd2watch.service import claim
from nd2watch.service.claim import Claim
from nd2watch.sources import encode_frame
from tests.frames import noise
from tests.waiting import DEADLINE_S, ServiceProcess

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
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


def test_an_output_folder_that_comes_later_is_held_before_a_conversion(tmp_path: Path) -> None:
    output = tmp_path / "o"
    with Claim(tmp_path / "s", output) as first, Claim(tmp_path / "t", output) as second:
        first.hold()
        assert output.is_dir()
        for _ in range(2):
            with pytest.raises(ServiceRunning, match="another nd2watch is at work"):
                second.hold()
            first.hold()
        output.rename(tmp_path / "gone")  # as another share that is mounted in its place
        second.hold()
        with pytest.raises(ServiceRunning):
            first.hold()


def test_a_folder_that_is_given_up_is_free(tmp_path: Path) -> None:
    with Claim(tmp_path / "s", tmp_path / "o") as first, Claim(tmp_path / "t", tmp_path) as second:
        first.hold()
        first.move(tmp_path / "p")
        first.hold()
        second.move(tmp_path / "o")
        second.hold()
        with pytest.raises(ServiceRunning):
            second.move(tmp_path / "p")


def test_an_output_folder_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, is_dir = threading.Event(), Path.is_dir

    def hang(path: Path) -> bool:
        answers.wait(DEADLINE_S)
        return is_dir(path)

    (tmp_path / "o").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(claim, "_PATIENCE_S", 0.1)
        patch.setattr(Path, "is_dir", hang)
        with Claim(tmp_path / "s", tmp_path / "o") as first:
            asking = next(t for t in threading.enumerate() if t.name == "question")
            answers.set()
            asking.join(DEADLINE_S)
            first.hold()  # the late answer holds it no more
            with pytest.raises(ServiceRunning):
                Claim(tmp_path / "t", tmp_path / "o")


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")
def test_of_two_services_into_one_new_folder_one_converts(tmp_path: Path) -> None:
    configs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").mkdir()
        text = CONFIG.format(state="state").replace('"out"', "'" + str(tmp_path / "out") + "'")
        configs.append(tmp_path / name / "config.toml")
        configs[-1].write_text(text)
    with ServiceProcess(configs[0]) as first, ServiceProcess(configs[1]) as second:
        for service in (first, second):
            service.wait_for("watching")
        for config, service, end in zip(
            configs, (first, second), ("published", "conversion_blocked"), strict=True
        ):
            folder = config.with_name("in") / config.parent.name
            folder.mkdir()
            for t in range(2):
                (folder / f"t{t}.tif").write_bytes(encode_frame(noise(t)))
            service.wait_for(end)
        told = second.wait_for("conversion_blocked")
        assert f"process {first.process.pid}" in told["reason"]
        assert first.terminate() == 0
        second.wait_for("published")
        assert second.terminate() == 0


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
