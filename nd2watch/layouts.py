"""Layouts made from their configuration, with all faults told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from nd2watch.config import ChannelConfig
from nd2watch.errors import LayoutError, Nd2WatchError
from nd2watch.experiment import (
    AXES,
    TEMPORARY_NAMES,
    AxisSize,
    Calibration,
    Layout,
    SiteGrid,
    TimeLabels,
    WellNames,
    compile_names,
    compile_pattern,
    compile_regex,
)
from nd2watch.experiment.layout import LayoutFaults
from nd2watch.nd2 import Channel, Picture, WellPlate, display_color

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nd2watch.config import AxesConfig, LayoutConfig, PlateConfig
    from nd2watch.experiment import NamePattern

_Made = TypeVar("_Made")


def layout_of(config: LayoutConfig, fault: Callable[[str, Nd2WatchError], None]) -> Layout | None:
    """Return the layout that a configuration describes.

    Parameters
    ----------
    config : LayoutConfig
        The configuration, with all that its preset gives.
    fault : callable
        Called with the key and the error of each fault; a layout is not to be used then.
    """
    grammar = "regex" if config.regex else "pattern" if config.pattern else "names"

    def attempt(key: str, make: Callable[[], _Made]) -> _Made | None:
        try:
            return make()
        except LayoutFaults as error:
            for part, text in error.faults:
                fault(grammar if part == "pattern" else part, LayoutError(text))
        except Nd2WatchError as error:
            fault(key, error)
        return None

    pattern = attempt(grammar, lambda: pattern_of(config))
    channels = attempt("axes.c", lambda: channels_of(config.axes.c))
    sizes = attempt("axes", lambda: sizes_of(config.axes)) if channels is not None else None
    times = attempt("times", lambda: TimeLabels(**_tuples(config.times.model_dump())))
    plate = attempt("plate", lambda: _plate(config.plate))
    if pattern is None or channels is None or sizes is None:
        return None
    grid = config.grid
    return attempt(
        "axes",
        lambda: Layout(
            pattern=pattern,
            sizes=sizes,
            channels=channels,
            axis_fields={
                axis: (names,) if isinstance(names, str) else tuple(names)
                for axis, names in config.fields.items()
            },
            absent=dict(config.absent.items()),
            first=dict(config.first.items()),
            sequence_fields=None if config.sequence is None else tuple(config.sequence),
            file_per=config.file_per or "plate",
            ignore=(*TEMPORARY_NAMES, *config.ignore),
            calibration=Calibration(**dict(config.calibration)),
            pages=config.pages,
            joined=tuple(config.joined),
            wells=None if config.well is None else WellNames(**_tuples(config.well.model_dump())),
            plate=plate,
            channel_name=config.channel_name,
            times=times or TimeLabels(),
            site_grid=None if grid is None else SiteGrid(**grid.model_dump()),
            planes=_planes(config.axes),
            ragged_z=config.ragged_z,
        ),
    )


def only_layout_of(config: LayoutConfig) -> Layout:
    """Return the layout that a configuration describes.

    Raises
    ------
    LayoutError
        If it has faults; all of them are named.
    """
    faults: list[str] = []
    layout = layout_of(config, lambda key, error: faults.append(f"{key}: {error}"))
    if layout is None or faults:
        raise LayoutError("; ".join(faults))
    return layout


def pattern_of(config: LayoutConfig) -> NamePattern:
    """Return the compiled pattern.

    Raises
    ------
    LayoutError
        If it is malformed.
    """
    if config.names:
        forms = ", ".join(config.names)
        title = f"preset {config.preset} ({forms})" if config.preset else f"names ({forms})"
        return compile_names(config.names, title)
    if config.regex is not None:
        return compile_regex(config.regex)
    words = isinstance(config.axes.p, list) and not all(p.isdecimal() for p in config.axes.p)
    return compile_pattern(config.pattern or "", ("p",) if words else ())


def sizes_of(axes: AxesConfig) -> dict[str, AxisSize]:
    """Return the size of each axis that is given.

    Raises
    ------
    LayoutError
        If a label is given twice.
    """
    sizes: dict[str, AxisSize] = {}
    for axis in AXES:
        value = getattr(axes, axis)
        if isinstance(value, int):
            sizes[axis] = AxisSize(count=value)
        elif value is not None:
            labels = tuple(_label(entry) for entry in value)
            sizes[axis] = AxisSize(count=len(labels), labels=labels)
    return sizes


def channels_of(value: int | Iterable[str | ChannelConfig] | None) -> tuple[Channel, ...]:
    """Return the channels that are listed by name, none when only their number is given.

    Raises
    ------
    FormatError
        If they cannot be stored.
    """
    if value is None or isinstance(value, int):
        return ()
    entries = [ChannelConfig(name=entry) if isinstance(entry, str) else entry for entry in value]
    channels = tuple(
        Channel(
            name=entry.name,
            color=_color(entry, display_color(index, len(entries))),
            excitation_nm=entry.excitation_nm,
            emission_nm=entry.emission_nm,
        )
        for index, entry in enumerate(entries)
    )
    return Picture(channels=channels).channels


def _planes(axes: AxesConfig) -> dict[str, int]:
    """Return the Z planes of the channels for which they are given."""
    entries = axes.c if isinstance(axes.c, list) else []
    channels = [entry for entry in entries if isinstance(entry, ChannelConfig)]
    return {_label(entry): entry.z for entry in channels if entry.z is not None}


def _plate(plate: PlateConfig) -> WellPlate | None:
    """Return the plate that is stated."""
    if plate.wells is not None:
        return WellPlate.standard(plate.wells, plate.name)
    if plate.rows is None or plate.columns is None:
        return None
    name = plate.name or f"{plate.rows * plate.columns} Well Plate"
    return WellPlate(name=name, rows=plate.rows, columns=plate.columns)


def _tuples(values: dict[str, object]) -> dict[str, Any]:
    """Return values with their lists as tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def _color(entry: ChannelConfig, default: int) -> int:
    """Return a channel's colour as 0xRRGGBB."""
    return default if entry.color is None else int(entry.color[1:], 16)


def _label(entry: str | ChannelConfig) -> str:
    """Return how a position or channel is written in file names."""
    return entry if isinstance(entry, str) else entry.label or entry.name
