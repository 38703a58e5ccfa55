"""The configuration file: its keys, defaults and checks."""

from nd2watch.config.base import Strict, usable_folder
from nd2watch.config.layout import (
    AxesConfig,
    CalibrationConfig,
    ChannelConfig,
    CompleteConfig,
    GridConfig,
    IncompleteConfig,
    LayoutConfig,
    PlateConfig,
    SidecarConfig,
    TimesConfig,
    WellConfig,
)
from nd2watch.config.load import (
    built_in_presets,
    faulty,
    layout_config,
    load_config,
    preset_of,
    read_toml,
)
from nd2watch.config.preset import PresetConfig, SimulateConfig
from nd2watch.config.service import (
    Config,
    OutputConfig,
    RetentionConfig,
    ServiceConfig,
    WatchConfig,
)

__all__ = [
    "AxesConfig",
    "CalibrationConfig",
    "ChannelConfig",
    "CompleteConfig",
    "Config",
    "GridConfig",
    "IncompleteConfig",
    "LayoutConfig",
    "OutputConfig",
    "PlateConfig",
    "PresetConfig",
    "RetentionConfig",
    "ServiceConfig",
    "SidecarConfig",
    "SimulateConfig",
    "Strict",
    "TimesConfig",
    "WatchConfig",
    "WellConfig",
    "built_in_presets",
    "faulty",
    "layout_config",
    "load_config",
    "preset_of",
    "read_toml",
    "usable_folder",
]
