"""The configuration of the service: what it watches, where files go, how it works."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nd2watch.config.base import Folder, Positive, Strict
from nd2watch.config.layout import LayoutConfig
from nd2watch.config.preset import PresetConfig


class WatchConfig(LayoutConfig):
    """One watched folder and the layout of its frames.

    Attributes
    ----------
    name : str
        Its short name in logs.
    folder : Path
        The folder.
    mode : {"auto", "events", "scan"}
        How changes are noticed: by events of the system and scans, or by scans alone. "auto" is
        scans alone on network file systems, which give no events for what others write.
    late : {"report", "convert-again"}
        What becomes of frames that come after their sequence was published: they are reported, or
        the sequence is converted again, into another file.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    folder: Folder
    mode: Literal["auto", "events", "scan"] = "auto"
    late: Literal["report", "convert-again"] = "report"


class OutputConfig(Strict):
    """Where ND2 files go.

    Attributes
    ----------
    folder : Path
        The folder.
    reserve_mb : float
        Space of its disk that is left free, MB; a conversion that would need it waits.
    """

    folder: Folder
    reserve_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100.0


class RetentionConfig(Strict):
    """What becomes of frames that are in a verified ND2 file.

    Attributes
    ----------
    action : {"keep", "move", "delete"}
        Keep them where they are, move them to `folder`, or delete them.
    after_h : float
        Hours after the publication.
    folder : Path, optional
        Where to move them.
    """

    action: Literal["keep", "move", "delete"] = "keep"
    after_h: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 24.0
    folder: Folder | None = None

    @model_validator(mode="after")
    def _folder_of_move(self) -> RetentionConfig:
        if (self.action == "move") != (self.folder is not None):
            raise ValueError('action = "move" and the folder to move to go together')
        return self


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
    conversion_memory_mb : float, optional
        Address space that each of them may take, MB, where the system can limit it. Left out: the
        memory of the machine.
    state_folder : Path, optional
        Where the service keeps its journal, on a local disk. Left out: the folder that systemd
        gives, else one of the user for each configuration.
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
    conversion_memory_mb: Annotated[float, Field(ge=500, allow_inf_nan=False)] | None = None
    state_folder: Folder | None = None
    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Strict):
    """The whole file."""

    output: OutputConfig
    watch: Annotated[list[WatchConfig], Field(min_length=1)]
    service: ServiceConfig = ServiceConfig()
    retention: RetentionConfig = RetentionConfig()
    preset: dict[str, PresetConfig] = {}

    @field_validator("watch")
    @classmethod
    def _different_names(cls, watches: list[WatchConfig]) -> list[WatchConfig]:
        names = [watch.name for watch in watches]
        if len(set(names)) < len(names):
            raise ValueError(f"each watch needs a name of its own, not {', '.join(names)}")
        return watches
