"""The configuration file: its keys, defaults and checks."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nd2watch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Base of all sections: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelConfig(Strict):
    """A channel with its properties.

    Attributes
    ----------
    name : str
        Name in the ND2 file.
    label : str, optional
        How it is written in file names; the name itself when omitted.
    color : str, optional
        Display colour, ``#RRGGBB``.
    excitation_nm, emission_nm : float, optional
        Wavelengths, nm.
    """

    name: Text
    label: Text | None = None
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    excitation_nm: Positive | None = None
    emission_nm: Positive | None = None


class AxesConfig(Strict):
    """Axis sizes: a count, or for positions and channels their names in order."""

    t: Count | None = None
    p: Count | list[Text] | None = None
    z: Count | None = None
    c: Count | list[Text | ChannelConfig] | None = None


class CalibrationConfig(Strict):
    """Physical sizes; what is left out comes from the files where they have it."""

    pixel_size_um: Positive | None = None
    z_step_um: Positive | None = None
    period_ms: Positive | None = None


class WatchConfig(Strict):
    """One watched folder and the layout of its frames."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    folder: Path
    pattern: Text | None = None
    regex: Text | None = None
    sequence: list[Text] | None = None
    ignore: list[Text] = []
    pages: Literal["t", "p", "z", "c"] | None = None
    output: str = ""
    axes: AxesConfig = AxesConfig()
    calibration: CalibrationConfig = CalibrationConfig()

    @model_validator(mode="after")
    def _one_pattern(self) -> WatchConfig:
        if (self.pattern is None) == (self.regex is None):
            raise ValueError("give either pattern or regex")
        return self


class OutputConfig(Strict):
    """Where ND2 files go."""

    folder: Path


class ServiceConfig(Strict):
    """How the service works.

    Attributes
    ----------
    settle_s : float
        A frame is read when it has not changed for so long, s.
    give_up_s : float
        A frame that stays incomplete and unchanged for so long is reported as rejected, s.
    scan_interval_s : float
        Folders are listed so often in case change events were lost, s.
    stalled_s : float
        A sequence that got no frame for so long is reported with what it lacks, s.
    conversions : int
        Conversions at one time.
    log_format : {"auto", "console", "json"}
        Form of the logs.
    log_level : {"debug", "info", "warning", "error"}
        Lowest level logged.
    """

    settle_s: Positive = 5.0
    give_up_s: Positive = 60.0
    scan_interval_s: Positive = 60.0
    stalled_s: Positive = 600.0
    conversions: Annotated[int, Field(ge=1, le=64)] = 1
    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Strict):
    """The whole file."""

    output: OutputConfig
    watch: Annotated[list[WatchConfig], Field(min_length=1)]
    service: ServiceConfig = ServiceConfig()

    @field_validator("watch")
    @classmethod
    def _different_names(cls, watches: list[WatchConfig]) -> list[WatchConfig]:
        names = [watch.name for watch in watches]
        if len(set(names)) < len(names):
            raise ValueError(f"each watch needs a name of its own, not {', '.join(names)}")
        return watches


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Folders may begin with ``~``; relative ones start at the file's own folder.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or has faults; all of them are listed with the
        key they are at.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        faults = [f"{_key(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise faulty(path, faults) from error
    base = path.absolute().parent
    watches = [w.model_copy(update={"folder": _absolute(base, w.folder)}) for w in config.watch]
    output = OutputConfig(folder=_absolute(base, config.output.folder))
    return config.model_copy(update={"watch": watches, "output": output})


def faulty(path: Path, faults: Iterable[str]) -> ConfigError:
    """Return the error that lists all faults of a file."""
    lines = "".join(f"\n  {fault}" for fault in faults)
    return ConfigError(f"{path} cannot be used:{lines}")


def _absolute(base: Path, folder: Path) -> Path:
    """Return a folder as an absolute path."""
    return base / folder.expanduser()


def _key(location: tuple[int | str, ...]) -> str:
    """Return the place of a fault as a key path, like ``watch[0].axes.t``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"
