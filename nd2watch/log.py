"""Structured logs: one event a line, as JSON or for people."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor, WrappedLogger

LogFormat = Literal["auto", "console", "json"]

LEVELS: Final = ("debug", "info", "warning", "error")
_DICT_TRACEBACKS: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def set_up_logging(form: LogFormat = "auto", level: str = "info") -> None:
    """Send structured logs, also those of the libraries used, to standard error.

    Parameters
    ----------
    form : {"auto", "console", "json"}
        For people, for machines, or by whether standard error is a terminal.
    level : str
        Lowest level shown: debug, info, warning or error.
    """
    stream = sys.stderr
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # file names need not be valid Unicode
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _plain_paths,
    ]
    final: list[Processor] = (
        [
            _without_controls,
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=_write_exception
            ),
        ]
        if console
        else [_DICT_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in ("apscheduler", "watchdog"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)  # such as those of numpy on absurd numbers in files
    # What tifffile complains of becomes an error of the file concerned.
    logging.getLogger("tifffile").propagate = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def overheard(
    log: FilteringBoundLogger, hear: Callable[[str, str, Mapping[str, Any]], None]
) -> FilteringBoundLogger:
    """Return a log whose events go to `hear`, too, of whatever level they are.

    Parameters
    ----------
    log : bound logger
        Where the events go.
    hear : callable
        Gets level, event and fields; it must be quick and never raise.
    """

    def pass_on(_: WrappedLogger, level: str, fields: EventDict) -> tuple[Any, EventDict]:
        event = fields.pop("event")
        hear(level, event, fields)
        return (event,), fields

    wrapped: FilteringBoundLogger = structlog.wrap_logger(
        log, [pass_on], wrapper_class=structlog.BoundLogger
    )
    return wrapped


def _plain_paths(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Turn paths into text, and put time, level and event first."""
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {name: _plain(value) for name, value in {**first, **event}.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _without_controls(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Write characters that a terminal obeys as what they are: names of files may have them."""
    # In all that is no text they are escaped by its representation.
    return {
        name: _harmless(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _write_exception(stream: TextIO, about: ExcInfo) -> None:
    """Write an exception for people; its message may have names of files in it."""
    for line in "".join(traceback.format_exception(*about)).splitlines():
        stream.write(f"\n{_harmless(line)}")


def _harmless(text: str) -> str:
    """Return a text of one line that a terminal can only show, in the order in which it is read."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
