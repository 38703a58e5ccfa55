"""Telling systemd how the service is (sd_notify)."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from nd2watch import host

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Sends state changes to the service manager; does nothing when there is none.

    Parameters
    ----------
    environment : mapping, optional
        Where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up; the process's own
        environment when omitted.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._status = ""
        self.watchdog_s = _watchdog_s(environment)

    def ready(self, status: str) -> None:
        """Report that the service does its work."""
        self._status = status
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Report that the configuration is being read again."""
        microseconds = time.monotonic_ns() // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Report that the service ends."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def status(self, text: str) -> None:
        """Report what the service is doing, if that has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog; to be called by the loop that does the work."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        """Send a message, if anybody listens."""
        if self._address:
            host.send_datagram(self._address, message.encode())


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's limit, s, when it is meant for this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant_for = environment.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or meant_for != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
