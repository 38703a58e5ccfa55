"""The examples of the commands for layouts print what is shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.test_docs import DOCS, console_examples, run

TEXT = (DOCS / "finding-layouts.md").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows shows paths with backslashes")
def test_the_examples_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (config,) = re.findall(r"<!-- config -->\n```toml\n(.*?)```", TEXT, re.DOTALL)
    Path("config.toml").write_text(config, encoding="utf-8")
    for command, expected in console_examples(TEXT):
        shown = r"(?:.*\n)*".join(
            map(re.escape, re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE))
        )
        assert re.fullmatch(shown, printed := run(command)), f"{command} prints\n{printed}"
