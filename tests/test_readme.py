"""The README's examples work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import nd2
import numpy as np
import pytest

from nd2watch.cli import main
from tests.frames import acquisition, write

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(marker: str) -> list[str]:
    """Return the code blocks that follow a marker."""
    return re.findall(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "frames", acquisition())
    array, files, folder = blocks("python")
    names: dict[str, object] = {}
    exec(compile(array, "README.md", "exec"), names)
    exec(compile(files, "README.md", "exec"), {})
    exec(compile(folder, "README.md", "exec"), {})
    with nd2.ND2File("z.nd2") as file:
        assert dict(file.sizes) == {"Z": 3, "Y": 24, "X": 32}
    with nd2.ND2File("stack.nd2") as file:
        assert dict(file.sizes) == {"T": 4, "Z": 5, "C": 2, "Y": 200, "X": 300}
        expected = np.moveaxis(np.asarray(names["stack"]), -1, 2)
        np.testing.assert_array_equal(file.asarray(), expected)
    with nd2.ND2File("frames.nd2") as file:
        assert dict(file.sizes) == {"T": 2, "P": 2, "Z": 3, "C": 2, "Y": 24, "X": 32}


def test_the_configuration_is_accepted(tmp_path: Path) -> None:
    (config,) = blocks("config")
    (tmp_path / "config.toml").write_text(config)
    assert main(["check-config", str(tmp_path / "config.toml")]) == 0


def test_there_is_one_test_command() -> None:
    (command,) = blocks("test command")
    assert len(command.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "convert",
        "convert-sequence",
        "convert-file",
        "plan-sequence",
        "get-image-dimensions",
        "info",
        "verify",
        "recover",
        "simulate",
        "demo",
        "check-config",
    ],
)
def test_every_command_is_documented(command: str) -> None:
    texts = [README, *(p.read_text(encoding="utf-8") for p in ROOT.glob("docs/*.md"))]
    assert any(f"nd2watch {command}" in text for text in texts)


def test_links_point_to_files_that_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
