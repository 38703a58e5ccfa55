"""Logs, whatever is in the names of files."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from nd2watch.log import LogFormat, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS: tuple[LogFormat, ...] = ("console", "json")
HOSTILE = "a\x1b[31m\x1b]0;title\x07b\nc\x9b1m\x7f\u202efit.tif"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
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
    assert line.count(r"a\x1b[31m\x1b]0;title\x07b\nc\x9b1m\x7f\u202efit.tif") == 2


def test_a_line_of_json_holds_a_name_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("json")

    line = _logged(capsys)

    assert line.count("\n") == 1
    assert line.isascii()
    assert json.loads(line)["path"] == HOSTILE


@pytest.mark.parametrize("form", ["console", "json"])
def test_neither_errors_nor_warnings_of_libraries_hold_commands(
    capsys: pytest.CaptureFixture[str], form: LogFormat
) -> None:
    set_up_logging(form)

    try:
        raise ValueError(HOSTILE)
    except ValueError:
        structlog.get_logger().exception("watch_failed")
        logging.getLogger("watchdog").exception("cannot watch %s", HOSTILE)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)  # the block above puts the usual way back
        warnings.warn(HOSTILE, stacklevel=1)
    logged = capsys.readouterr().err

    assert [c for c in logged if not c.isprintable() and c != "\n"] == []
    assert logged.count("ValueError: a" if form == "console" else '"exc_type": "ValueError"') == 2
    assert "UserWarning: a" in logged
    if form == "json":
        events = [json.loads(line) for line in logged.splitlines()]
        assert [event["level"] for event in events] == ["error", "error", "warning"]


def test_values_of_variables_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    token = "to be known " + "to nobody"
    for form in FORMS:
        set_up_logging(form)
        try:
            raise ValueError(len(token))
        except ValueError:
            structlog.get_logger().exception("watch_failed")
    assert "to be known to nobody" not in capsys.readouterr().err
