"""The last error of each watch is kept from the log, which loses nothing by it."""

from __future__ import annotations

from pathlib import Path

import structlog
from structlog.testing import LogCapture

from nd2watch.log import overheard
from nd2watch.service.last_errors import LastError, LastErrors


class Moments:
    """A clock that counts."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        self.now += 1
        return self.now


def test_the_last_error_of_each_watch_is_kept_and_all_is_logged() -> None:
    capture = LogCapture()
    errors = LastErrors(Moments())
    log = overheard(structlog.wrap_logger(None, [capture]), errors.hear)
    one, two = log.bind(watch="one"), log.bind(watch="two")
    assert errors.of("") is None
    one.error("first", reason="r")
    one.error("second", path=Path("/a"), reason="s", folder=Path("/"))
    one.warning("a warning", reason="t")
    two.debug("a detail")
    log.error("general", reason="u")
    assert errors.of("one") == LastError(
        moment=2.0, event="second", about=str(Path("/a")), reason="s"
    )
    assert errors.of("two") is None
    assert errors.of("") == LastError(moment=3.0, event="general", about="", reason="u")
    assert [(e["log_level"], e["event"], e.get("watch")) for e in capture.entries] == [
        ("error", "first", "one"),
        ("error", "second", "one"),
        ("warning", "a warning", "one"),
        ("debug", "a detail", "two"),
        ("error", "general", None),
    ]


def test_an_error_that_nobody_foresaw_is_told_by_its_text() -> None:
    capture = LogCapture()
    errors = LastErrors(Moments())
    log = overheard(structlog.wrap_logger(None, [capture]), errors.hear)
    try:
        raise RuntimeError("unforeseen")
    except RuntimeError:
        log.exception("watch_failed", watch="one", folder="/in")
    kept = errors.of("one")
    assert kept == LastError(moment=1.0, event="watch_failed", about="/in", reason="unforeseen")
    assert capture.entries[0]["exc_info"] is True
