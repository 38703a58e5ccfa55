"""The values that the service works with, made from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from nd2watch.config import ChannelConfig, faulty, load_config
from nd2watch.errors import Nd2WatchError
from nd2watch.experiment import (
    AXES,
    TEMPORARY_NAMES,
    AxisSize,
    Calibration,
    Layout,
    OutputName,
    compile_pattern,
    compile_regex,
)
from nd2watch.nd2 import Channel, Picture, display_color

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from nd2watch.config import AxesConfig, ServiceConfig, WatchConfig
    from nd2watch.experiment import NamePattern

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One watched folder.

    Attributes
    ----------
    name : str
        Its short name in logs.
    root : Path
        The folder.
    layout : Layout
        How its files form sequences.
    output_name : OutputName
        Template of output names.
    """

    name: str
    root: Path
    layout: Layout
    output_name: OutputName


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Everything that the service is told.

    Attributes
    ----------
    watches : tuple of Watch
        The watched folders.
    output_folder : Path
        Where ND2 files go.
    service : ServiceConfig
        Intervals, number of conversions, logs.
    """

    watches: tuple[Watch, ...]
    output_folder: Path
    service: ServiceConfig


def load_settings(path: Path) -> ServiceSettings:
    """Read a configuration file and build everything that it describes, touching nothing else.

    Raises
    ------
    ConfigError
        If anything in it cannot be used; all faults are listed.
    """
    config = load_config(path)
    faults: list[str] = []
    watches: list[Watch] = []
    output = config.output.folder
    for index, watch in enumerate(config.watch):
        where = f"watch[{index}]"
        if output.resolve().is_relative_to(watch.folder.resolve()):
            faults.append(f"output.folder: {output} lies in the watched folder of {where}")
        made = _build(watch, where, faults)
        if made is not None:
            watches.append(made)
    if faults:
        raise faulty(path, faults)
    return ServiceSettings(watches=tuple(watches), output_folder=output, service=config.service)


def _build(watch: WatchConfig, where: str, faults: list[str]) -> Watch | None:
    """Return the value of a watch section, or note why it cannot be."""

    def attempt(key: str, make: Callable[[], _Made]) -> _Made | None:
        try:
            return make()
        except Nd2WatchError as error:
            faults.append(f"{where}.{key}: {error}")
            return None

    pattern = attempt("regex" if watch.regex else "pattern", lambda: _pattern(watch))
    channels = attempt("axes.c", lambda: channels_of(watch.axes.c))
    sizes = attempt("axes", lambda: sizes_of(watch.axes))
    output_name = attempt("output", lambda: OutputName(template=watch.output))
    if pattern is None or channels is None or sizes is None or output_name is None:
        return None
    layout = attempt(
        "axes",
        lambda: Layout(
            pattern=pattern,
            sizes=sizes,
            channels=channels,
            sequence_fields=None if watch.sequence is None else tuple(watch.sequence),
            ignore=(*TEMPORARY_NAMES, *watch.ignore),
            calibration=Calibration(**dict(watch.calibration)),
            pages=watch.pages,
        ),
    )
    if layout is None:
        return None
    if layout.unsized_axes:
        faults.append(
            f"{where}.axes: give the size of {', '.join(layout.unsized_axes)};"
            " a sequence is complete when all of its frames are there"
        )
    empty = tuple((name, "") for name in layout.key_fields)
    attempt("output", lambda: output_name.path(empty, watch.name))
    return Watch(name=watch.name, root=watch.folder, layout=layout, output_name=output_name)


def _pattern(watch: WatchConfig) -> NamePattern:
    """Return the compiled pattern."""
    if watch.regex is not None:
        return compile_regex(watch.regex)
    words = isinstance(watch.axes.p, list) and not all(p.isdecimal() for p in watch.axes.p)
    return compile_pattern(watch.pattern or "", ("p",) if words else ())


def sizes_of(axes: AxesConfig) -> dict[str, AxisSize]:
    """Return the size of each axis that is given."""
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
    """Return the channels that are listed by name, none when only their number is given."""
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


def _color(entry: ChannelConfig, default: int) -> int:
    """Return a channel's colour as 0xRRGGBB."""
    return default if entry.color is None else int(entry.color[1:], 16)


def _label(entry: str | ChannelConfig) -> str:
    """Return how a position or channel is written in file names."""
    return entry if isinstance(entry, str) else entry.label or entry.name
