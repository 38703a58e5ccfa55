"""The service's own folders are not among those that it watches."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nd2watch.errors import ConfigError
from nd2watch.service import load_settings, settings
from tests.waiting import DEADLINE_S

CONFIG = """
[output]
folder = "{output}"

[service]
state_folder = "{state}"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{{t:3}}.tif"
axes = {{ t = 2 }}

[retention]
action = "move"
folder = "{done}"
"""


@pytest.mark.parametrize(
    "key", ["output.folder", "service.state_folder", "retention.folder", "none"]
)
@pytest.mark.parametrize("place", ["in", "in/own", "linked/own"])
def test_an_own_folder_in_a_watched_one_is_a_fault(tmp_path: Path, key: str, place: str) -> None:
    (tmp_path / "in").mkdir()
    try:
        (tmp_path / "linked").symlink_to(tmp_path / "in", target_is_directory=True)
    except OSError:  # Windows gives links to administrators alone: the plain folder then
        place = place.replace("linked", "in")
    folders = {"output.folder": "out", "service.state_folder": "state", "retention.folder": "done"}
    output, state, done = ({**folders, key: place}[name] for name in folders)
    (tmp_path / "config.toml").write_text(CONFIG.format(output=output, state=state, done=done))
    if key == "none":
        assert load_settings(tmp_path / "config.toml").output_folder == tmp_path / "out"
        return
    with pytest.raises(ConfigError, match=f"{key}: .* lies in the watched folder of watch") as told:
        load_settings(tmp_path / "config.toml")
    assert str(told.value).count("lies in the watched folder") == 1


@pytest.mark.parametrize("place", ["in", "in/own", "in/../in/own", "out"])
def test_of_a_folder_that_does_not_answer_the_name_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    answers, resolve = threading.Event(), Path.resolve

    def hang(path: Path) -> Path:
        if path.name == "in":
            assert answers.wait(DEADLINE_S)
        return resolve(path)

    monkeypatch.setattr(settings, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(Path, "resolve", hang)
    (tmp_path / "in").mkdir()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(output=place, state="state", done="done"))
    try:
        if place == "out":
            assert load_settings(config).output_folder == tmp_path / "out"
        else:
            with pytest.raises(ConfigError, match="lies in the watched folder"):
                load_settings(config)
    finally:
        answers.set()
