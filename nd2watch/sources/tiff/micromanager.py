"""What Micro-Manager writes into TIFF files: of single frames, and of whole stacks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import tifffile

from nd2watch.sources.base import ChannelInfo, PlaneInfo
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff.known import Known
from nd2watch.sources.tiff.planes import Grid, grid_of_places
from nd2watch.sources.tiff.units import moment
from nd2watch.sources.values import finite

if TYPE_CHECKING:
    from nd2watch.sources.tiff.pages import Pages

_RECORD: Final = 51123
_IMAGEJ: Final = 50839
_AXES: Final = ("t", "p", "z", "c")
_INDICES: Final = ("FrameIndex", "PositionIndex", "SliceIndex", "ChannelIndex")
_NAMES: Final = ("time", "position", "z", "channel")
_COLUMNS: Final = (2, 3, 1, 0)
"""Where the points of the axes stand in a row of the index map, before the page's offset."""

_OFFSET: Final = 4


Places: TypeAlias = dict[int, tuple[int, ...]]
"""Points of pages on the axes, by their numbers."""


class MicroManager:
    """The metadata of a file: the summary, the index map of a stack, and a record of each page.

    Parameters
    ----------
    pages : Pages
        The pages of the file.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        wanted = {"Summary", "IndexMap"}
        header: dict[str, Any] = unless_damaged(
            lambda: tifffile.read_micromanager_metadata(pages.tiff.filehandle, wanted), {}
        )
        self._first = self._record(int(pages.images[0]))
        self._summary = _dictionary(header.get("Summary") or self._first.get("Summary"))
        nothing: Places = {}
        self._places = unless_damaged(lambda: self._mapped(header["IndexMap"]), nothing)

    def grid(self) -> Grid | None:
        """Return the pages along their axes, by the index map, else by their records."""
        if len(self._pages.images) == 1:
            return None
        places = self._places or self._told
        return grid_of_places(_AXES, list(places.values()), list(places))

    def known(self) -> Known:
        """Return what summary and records tell."""
        records, places = self._records, self._places or self._told
        started, z_step_um = self._started(), finite(_value(self._summary, "z-step_um"))
        return Known(
            channels=self._channels(records, places),
            positions=_positions(records, places),
            pixel_size_um=finite(
                _value(self._first, "PixelSizeUm") or _value(self._summary, "PixelSize_um")
            ),
            z_step_um=None if z_step_um is None else abs(z_step_um),
            z_falls=None if z_step_um is None else z_step_um < 0,
            period_ms=finite(_value(self._summary, "Interval_ms")),
            started=started,
            planes={number: _plane(record) for number, record in records.items()},
        )

    @cached_property
    def _records(self) -> dict[int, dict[str, Any]]:
        """The record of each page, an empty one where it is damaged."""
        numbers = self._pages.images.tolist()
        return {number: self._record(number) for number in numbers}

    @cached_property
    def _told(self) -> Places:
        """Places of the pages by their records; none unless all of them tell."""
        nothing: Places = {}
        return unless_damaged(lambda: _places_of(self._records), nothing)

    def _record(self, number: int) -> dict[str, Any]:
        """Return the record of a page, an empty one when it is damaged."""
        text = self._pages.text(number, _RECORD) or (_info(self._pages) if number == 0 else "")
        return _dictionary(unless_damaged(partial(json.loads, text), None))

    def _mapped(self, rows: Any) -> Places:
        """Return places by the index map, which lists pages by offset; none unless it has all."""
        pages = {offset: number for number, offset in enumerate(self._pages.offsets.tolist())}
        places = {
            pages[row[_OFFSET]]: tuple(row[column] for column in _COLUMNS)
            for row in rows.tolist()
            if row[_OFFSET] in pages
        }
        return places if len(places) == len(pages) else {}

    def _started(self) -> datetime | None:
        """Return the start that the summary tells, else that by which the first page is timed."""
        told = moment(_value(self._summary, "StartTime")) or moment(_value(self._summary, "Time"))
        clock, elapsed_ms = _clock(self._first), _elapsed_ms(self._first)
        if told is not None or clock is None or elapsed_ms is None:
            return told
        return unless_damaged(lambda: clock - timedelta(milliseconds=elapsed_ms), None)

    def _channels(
        self, records: dict[int, dict[str, Any]], places: Places
    ) -> tuple[ChannelInfo, ...]:
        """Return names, colours and cameras of the channels that are in the file."""
        names, colors = (self._listed(name) for name in ("ChNames", "ChColors"))
        first: dict[int, dict[str, Any]] = {}
        for number, record in records.items():
            alone = 0 if len(names) == 1 else len(names)
            first.setdefault(places[number][3] if number in places else alone, record)
        return tuple(
            ChannelInfo(
                name=_name_of_channel(record) or _text(_item(names, channel)),
                color=_color(_item(colors, channel)),
                camera=_text(_value(record, "Camera") or _value(record, "Core-Camera")),
            )
            for channel, record in sorted(first.items())
        )

    def _listed(self, name: str) -> list[Any]:
        """Return a list in the summary."""
        listed = self._summary.get(name)
        return listed if isinstance(listed, list) else []


def read_micromanager(pages: Pages) -> MicroManager | None:
    """Return what Micro-Manager wrote into a file, None when it did not write it."""
    if _RECORD in pages.first.tags or '"ElapsedTime-ms"' in _info(pages):
        return MicroManager(pages)
    return None


def _info(pages: Pages) -> str:
    """Return the information that is stored as ImageJ stores it."""
    values = pages.first.tags.valueof(_IMAGEJ)
    return _text(values.get("Info")) if isinstance(values, dict) else ""


def _places_of(records: dict[int, dict[str, Any]]) -> Places:
    """Return the places that records tell; names of positions and channels are numbered."""
    seen: list[dict[Any, int]] = [{} for _ in _AXES]
    places: Places = {}
    for number, record in records.items():
        points = _points(record)
        places[number] = tuple(
            point if isinstance(point, int) else known.setdefault(point, len(known))
            for point, known in zip(points, seen, strict=True)
        )
    return places


def _points(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the points of one page on the axes.

    Raises
    ------
    KeyError
        If they are not told.
    """
    axes = record.get("Axes")
    if isinstance(axes, dict):
        return tuple(axes.get(name, 0) for name in _NAMES)
    return (
        record[_INDICES[0]],
        record.get(_INDICES[1], 0),
        record[_INDICES[2]],
        record[_INDICES[3]],
    )


def _positions(records: dict[int, dict[str, Any]], places: Places) -> tuple[str, ...]:
    """Return the names of the positions in the file, none where none has one."""
    names: dict[int, str] = {}
    for number, record in records.items():
        name = _text(_value(record, "PositionName"))
        names.setdefault(places[number][1] if number in places else 0, name)
    return tuple(name for _, name in sorted(names.items())) if any(names.values()) else ()


def _name_of_channel(record: dict[str, Any]) -> str:
    """Return the name of the channel of a page, where its record has one."""
    axes = _dictionary(record.get("Axes"))
    return _text(_value(record, "Channel")) or _text(axes.get("channel"))


def _item(values: list[Any], index: int) -> Any:
    """Return an item of a list, None when it has no such item."""
    return values[index] if 0 <= index < len(values) else None


def _color(value: object) -> int | None:
    """Return a colour, which is stored as a signed number of opacity, red, green and blue."""
    number = finite(value)
    return None if number is None else int(number) & 0xFFFFFF


def _plane(record: dict[str, Any]) -> PlaneInfo:
    """Return what a record tells of its page."""
    x, y, z = (finite(_value(record, f"{axis}PositionUm")) for axis in "XYZ")
    elapsed_ms = _elapsed_ms(record)
    return PlaneInfo(
        acquired=_clock(record) if elapsed_ms is None else None,
        time_ms=elapsed_ms,
        stage_um=None if x is None or y is None else (x, y, z),
        exposure_ms=finite(_value(record, "Exposure-ms")),
    )


def _clock(record: dict[str, Any]) -> datetime | None:
    """Return the time of day of a record."""
    return moment(_value(record, "ReceivedTime")) or moment(_value(record, "Time"))


def _elapsed_ms(record: dict[str, Any]) -> float | None:
    """Return the time of a record since the start, ms."""
    return finite(_value(record, "ElapsedTime-ms"))


def _value(record: dict[str, Any], name: str) -> Any:
    """Return a value, which may be in a property."""
    value = record.get(name)
    return value.get("PropVal") if isinstance(value, dict) else value


def _text(value: object) -> str:
    """Return a text, empty for what is none."""
    return value if isinstance(value, str) else ""


def _dictionary(value: object) -> dict[str, Any]:
    """Return a dictionary, empty for what is none."""
    return value if isinstance(value, dict) else {}
