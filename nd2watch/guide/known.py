"""Layouts under a name: presets, and those of a configuration's watches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nd2watch.config import built_in_presets, load_config
from nd2watch.errors import ConfigError
from nd2watch.experiment import Companions, OutputName, SidecarNames
from nd2watch.guide.examples import example_names
from nd2watch.layouts import only_layout_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nd2watch.config import PresetConfig
    from nd2watch.experiment import Layout
    from nd2watch.service import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLayout:
    """A layout with all that its names and the files beside frames are judged by.

    Attributes
    ----------
    name : str
        That of the preset or watch.
    layout : Layout
        How names are read.
    title : str
        For people; empty for a watch.
    is_general : bool
        It fits names of many programs.
    sidecars : SidecarNames, optional
        Which files tell of the frames.
    marker : str
        Name of the marker files; empty without any.
    root : Path, optional
        The watched folder.
    output_name : OutputName
        Template of output names.
    examples : mapping from str to tuple of str
        Names as the program writes them, by the form of names.
    """

    name: str
    layout: Layout
    title: str = ""
    is_general: bool = False
    sidecars: SidecarNames | None = None
    marker: str = ""
    root: Path | None = None
    output_name: OutputName = field(default_factory=OutputName)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def companions(self, root: Path) -> Companions:
        """Return the sidecars and markers below a folder, of which none is known yet."""
        return Companions(root=root, sidecars=self.sidecars, marker=self.marker)


def of_preset(name: str, preset: PresetConfig) -> NamedLayout:
    """Return the layout of a preset.

    Raises
    ------
    LayoutError
        If it has faults.
    """
    told = preset.sidecar
    return NamedLayout(
        name=name,
        layout=only_layout_of(preset),
        title=preset.title,
        is_general=preset.is_general,
        sidecars=None if told is None else SidecarNames(kind=told.kind, files=tuple(told.files)),
        marker=preset.complete.marker,
        output_name=OutputName(template=preset.output),
        examples=example_names(preset),
    )


def of_watch(watch: Watch) -> NamedLayout:
    """Return the layout of a watch."""
    return NamedLayout(
        name=watch.name,
        layout=watch.layout,
        sidecars=watch.sidecars,
        marker=watch.completion.marker,
        root=watch.root,
        output_name=watch.output_name,
    )


def known_presets(config: Path | None = None) -> dict[str, PresetConfig]:
    """Return all presets by name: those that come with nd2watch, and those of a configuration.

    Raises
    ------
    ConfigError
        If the configuration cannot be used.
    """
    own = load_config(config).preset if config is not None else {}
    return {**built_in_presets(), **own}


def preset_named(name: str, presets: Mapping[str, PresetConfig]) -> PresetConfig:
    """Return one of some presets.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in presets:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(presets)}")
    return presets[name]
