"""Logs, whatever is in the names of files."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from nd2watch.log import set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "a\x1b[31m\x1b]0;title\x07b\nc\x9b1m\x7f.tif"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _logged(capsys: pytest.CaptureFixture[str]) -> str:
    log = structlog.get_logger()
    log.error("frame_refused", path=Path(HOSTILE), reasons=[HOSTILE], reason=f"{HOSTILE} is bad")
    return capsys.readouterr().err


def test_a_terminal_obeys_no_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("console")

    line = _logged(capsys)

    assert line.endswith("\n")
    assert [character for character in line[:-1] if not character.isprintable()] == []
    assert r"a\x1b[31m\x1b]0;title\x07b\x0ac\x9b1m\x7f.tif" in line


def test_a_line_of_json_holds_a_name_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("json")

    line = _logged(capsys)

    assert line.count("\n") == 1
    assert line.isascii()
    assert json.loads(line)["path"] == HOSTILE
