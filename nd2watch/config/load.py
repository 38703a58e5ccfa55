"""Reading a configuration file, with all of its faults told at once."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nd2watch.config.faults import fault_lines, key_of
from nd2watch.config.layout import LayoutConfig
from nd2watch.config.preset import PresetConfig
from nd2watch.config.presets import built_in, completed, without_own
from nd2watch.config.service import Config, WatchConfig
from nd2watch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from nd2watch.config.faults import Location


def load_config(
    path: Path, further: Callable[[WatchConfig, str], Iterable[str]] = lambda watch, where: ()
) -> Config:
    """Read and check a configuration file.

    Folders may begin with ``~``; relative ones start at the file's own folder. What a watch leaves
    out is that of its preset.

    Parameters
    ----------
    path : Path
        The file.
    further : callable
        Gives further faults of a watch, at a key path, to be told with those of other sections.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or has faults; all of them are listed with the
        key they are at.
    """
    raw = read_toml(path)
    faults: dict[Location, str] = {}
    whole = _with_presets(raw, faults)
    lines = [f"{key_of(location)}.preset: {fault}" for location, fault in faults.items()]
    try:
        config = Config.model_validate(whole)
    except ValidationError as error:
        lines += fault_lines(error, faults)
        raise faulty(path, [*lines, *_further(whole, faults, further)]) from error
    if faults:
        raise faulty(path, [*lines, *_further(whole, faults, further)])
    base = path.absolute().parent
    watches = [w.model_copy(update={"folder": _absolute(base, w.folder)}) for w in config.watch]
    output = config.output.model_copy(update={"folder": _absolute(base, config.output.folder)})
    state = config.service.state_folder
    absolute = {"state_folder": None if state is None else _absolute(base, state)}
    service = config.service.model_copy(update=absolute)
    moved = config.retention.folder
    absolute = {"folder": None if moved is None else _absolute(base, moved)}
    retention = config.retention.model_copy(update=absolute)
    return config.model_copy(
        update={"watch": watches, "output": output, "service": service, "retention": retention}
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file holds, as far as TOML goes.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not valid TOML: it is nested too deeply") from error


def built_in_presets() -> dict[str, PresetConfig]:
    """Return the presets that come with nd2watch, by name in their order."""
    sections = built_in()
    return {name: preset_of(section, sections) for name, section in sections.items()}


def layout_config(section: Mapping[str, Any]) -> LayoutConfig:
    """Return the layout of a section that may name one of the built-in presets.

    Raises
    ------
    ConfigError
        If it has faults; all of them are listed.
    """
    plain = {name: without_own(preset) for name, preset in built_in().items()}
    try:
        return LayoutConfig.model_validate(completed(section, plain))
    except ValidationError as error:
        raise ConfigError("; ".join(fault_lines(error))) from error


def preset_of(
    section: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]
) -> PresetConfig:
    """Return a preset of a section, which may build on another one."""
    return PresetConfig.model_validate(completed(section, sections))


def faulty(path: Path, faults: Iterable[str]) -> ConfigError:
    """Return the error that lists all faults of a file."""
    lines = "".join(f"\n  {fault}" for fault in faults)
    return ConfigError(f"{path} cannot be used:{lines}")


def _further(
    whole: Mapping[str, Any],
    faults: Collection[Location],
    further: Callable[[WatchConfig, str], Iterable[str]],
) -> Iterator[str]:
    """Yield the further faults of the watches that have no others."""
    watches = whole.get("watch")
    for number, section in enumerate(watches if isinstance(watches, list) else ()):
        location = ("watch", number)
        if location in faults:
            continue
        try:
            watch = WatchConfig.model_validate(section)
        except ValidationError:
            continue
        yield from further(watch, key_of(location))


def _with_presets(raw: Mapping[str, Any], faults: dict[Location, str]) -> dict[str, Any]:
    """Return the file's content with each layout completed by its preset, or note why not."""
    own = _tables(raw.get("preset"))
    sections = {**built_in(), **own}
    plain = {name: without_own(section) for name, section in sections.items()}

    def attempt(at: Location, section: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
        try:
            return completed(section, known) if isinstance(section, dict) else section
        except ConfigError as error:
            faults[at] = str(error)
            return {key: value for key, value in section.items() if key != "preset"}

    watches = raw.get("watch")
    whole = dict(raw)
    if isinstance(watches, list):
        whole["watch"] = [
            attempt(("watch", number), section, plain) for number, section in enumerate(watches)
        ]
    if own:
        whole["preset"] = {
            name: attempt(("preset", name), section, {**sections, name: {}} | own)
            for name, section in own.items()
        }
    return whole


def _tables(value: Any) -> dict[str, dict[str, Any]]:
    """Return the tables in a table, none where it is none."""
    if not isinstance(value, dict):
        return {}
    return {name: table for name, table in value.items() if isinstance(table, dict)}


def _absolute(base: Path, folder: Path) -> Path:
    """Return a folder as an absolute path."""
    return base / folder.expanduser()
