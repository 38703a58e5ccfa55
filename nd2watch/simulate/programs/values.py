"""Values as several programs write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def place_of(well: str) -> tuple[int, int]:
    """Return row and column of a well, from 1."""
    letters = well.rstrip("0123456789")
    row = 0
    for letter in letters:
        row = 26 * row + ord(letter) - ord("A") + 1
    return row, int(well.removeprefix(letters))


def windows_time(moment: datetime) -> str:
    """Return a time with its zone, and the seven digits of a second that Windows has."""
    local, zone = moment.strftime("%Y-%m-%dT%H:%M:%S.%f"), moment.strftime("%z")
    return f"{local}0{zone[:3]}:{zone[3:5]}"


def universal_time(moment: datetime) -> str:
    """Return a time of day as the programs of Universal Imaging write it, without its zone."""
    return f"{moment.astimezone():%Y%m%d %H:%M:%S}.{moment.microsecond // 1000:03}"
