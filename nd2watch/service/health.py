"""Whether a service is healthy, by what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TURN_S: Final = 30.0
"""A main loop that has not turned for so long hangs; it turns every second."""

_SILENT_S: Final = 120.0
"""A conversion of which nothing is heard for so long is followed by nobody: its process is asked
several times a second how it is, and ended if it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a service is.

    Attributes
    ----------
    problems : tuple of str
        What keeps it from its work, and may be mended by a restart or a person.
    warnings : tuple of str
        What a person may want to know; a share that is away does not make a service ill.
    """

    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


def health_of(status: Mapping[str, Any]) -> Health:
    """Return how a service is.

    Parameters
    ----------
    status : mapping
        As `nd2watch.service.status.status_of` gives it.
    """
    return Health(problems=tuple(_problems(status)), warnings=tuple(_warnings(status)))


def _problems(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps a service from its work."""
    if status["turned_s_ago"] > _TURN_S:
        yield f"the main loop has not turned for {status['turned_s_ago']:.0f} s"
    if status["journal"]["blocked"]:
        yield f"the journal {status['journal']['path']} cannot be written"
    if status["phase"] != "running":  # its parts come and go now
        return
    if not status["scheduler_alive"]:
        yield "the scheduler does not run"
    for call in status["scheduled_calls"]["hanging"]:
        yield f"a regular call has not ended when the next one was due: {call}"
    if (silent_s := status["conversions"]["silent_s"]) > _SILENT_S:
        yield f"nothing is heard of a conversion for {silent_s:.0f} s"
    for watch in status["watches"]:
        if watch["ended"]:
            yield f"{watch['name']}: nothing follows its folder any more"
        elif watch["fault"]:
            yield f"{watch['name']}: an error that nobody foresaw comes again: {watch['fault']}"
        elif not watch["observing"]:
            yield f"{watch['name']}: changes of its folder are not observed any more"


def _warnings(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person may want to know."""
    output, reload = status["output"], status["reload"]
    if reload is not None and reload["reason"]:
        yield f"the last reload failed, the former configuration stays: {reload['reason']}"
    if count := status["scheduled_calls"]["failed"]:
        yield f"{count} calls of the scheduler failed since the start"
    if count := status["scheduled_calls"]["missed"]:
        yield f"{count} calls of the scheduler came too late since the start"
    if output["free_bytes"] is None:
        yield f"{output['folder']}: how much space is free there is not known"
    elif output["free_bytes"] <= output["reserve_bytes"]:
        free = f"{output['free_bytes'] / 1e6:.0f} MB are free"
        yield f"{output['folder']}: {free}, which is too little"
    for watch in status["watches"]:
        for state in ("unavailable", "stalled"):
            if watch[state] is not None:
                yield f"{watch['name']}: {watch['folder']} is {state}: {watch[state]['reason']}"
