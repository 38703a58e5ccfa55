"""The values that the service works with, made from its configuration."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from nd2watch import host
from nd2watch.config import faulty, load_config
from nd2watch.errors import LayoutError, Nd2WatchError
from nd2watch.experiment import OutputName, SidecarNames
from nd2watch.layouts import layout_of
from nd2watch.service.completion import Completion
from nd2watch.service.real_folders import RealFolders
from nd2watch.service.state_folder import state_folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from nd2watch.config import RetentionConfig, ServiceConfig, WatchConfig
    from nd2watch.experiment import Layout


_PATIENCE_S: Final = 5.0
"""How long file systems are asked where folders are."""


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
    completion : Completion
        When sequences are complete, and what becomes of those that are not.
    sidecars : SidecarNames, optional
        Which files tell of the frames.
    mode : {"auto", "events", "scan"}
        How changes are noticed.
    converts_again : bool
        A published sequence for which frames came late is converted again, into another file.
    """

    name: str
    root: Path
    layout: Layout
    output_name: OutputName
    completion: Completion = field(default_factory=Completion)
    sidecars: SidecarNames | None = None
    mode: Literal["auto", "events", "scan"] = "auto"
    converts_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Everything that the service is told.

    Attributes
    ----------
    config : Path
        The file that tells it.
    watches : tuple of Watch
        The watched folders.
    output_folder : Path
        Where ND2 files go.
    service : ServiceConfig
        Intervals, number of conversions, logs.
    state_folder : Path
        Where the journal is kept.
    reserve_bytes : int
        Space of the disk of ND2 files that is left free.
    conversion_memory_bytes : int, optional
        Address space that each conversion may take; None for no limit.
    retention : RetentionConfig
        What becomes of frames that were converted.
    """

    config: Path
    watches: tuple[Watch, ...]
    output_folder: Path
    service: ServiceConfig
    state_folder: Path
    reserve_bytes: int
    conversion_memory_bytes: int | None
    retention: RetentionConfig


def load_settings(path: Path) -> ServiceSettings:
    """Read a configuration file and build everything that it describes, touching nothing else.

    Raises
    ------
    ConfigError
        If anything in it cannot be used; all faults are listed.
    """
    config = load_config(path, _faults_of)
    faults: list[str] = []
    watches: list[Watch] = []
    output = config.output.folder
    state_folder = state_folder_of(path, config.service.state_folder)
    own = [("output.folder", output), ("service.state_folder", state_folder)]
    if config.retention.folder is not None:
        own.append(("retention.folder", config.retention.folder))
    faults += _overlaps(own, [watch.folder for watch in config.watch])
    for index, watch in enumerate(config.watch):
        where = f"watch[{index}]"
        made = _build(watch, where, faults)
        if made is not None:
            watches.append(made)
    if faults:
        raise faulty(path, faults)
    memory_mb = config.service.conversion_memory_mb
    memory_bytes = host.machine_memory() if memory_mb is None else int(memory_mb * 1e6)
    return ServiceSettings(
        config=path,
        watches=tuple(watches),
        output_folder=output,
        service=config.service,
        state_folder=state_folder,
        reserve_bytes=int(config.output.reserve_mb * 1e6),
        conversion_memory_bytes=memory_bytes,
        retention=config.retention,
    )


def _overlaps(own: Sequence[tuple[str, Path]], watched: Sequence[Path]) -> Iterator[str]:
    """Yield which of the service's own folders lie in watched ones, or cannot be found."""
    folders = RealFolders([*(folder for _, folder in own), *watched], _PATIENCE_S)
    for (key, folder), (index, root) in itertools.product(own, enumerate(watched)):
        try:
            if folders.is_inside(folder, root):
                yield f"{key}: {folder} lies in the watched folder of watch[{index}]"
        except (OSError, RuntimeError) as error:
            yield f"{key}: {error}"


def _faults_of(watch: WatchConfig, where: str) -> list[str]:
    """Return the faults of a watch section that only show when its value is built."""
    faults: list[str] = []
    _build(watch, where, faults)
    return faults


def _build(watch: WatchConfig, where: str, faults: list[str]) -> Watch | None:
    """Return the value of a watch section, or note why it cannot be."""

    def fault(key: str, error: Nd2WatchError) -> None:
        faults.append(f"{where}.{key}: {error}")

    layout = layout_of(watch, fault)
    output_name = OutputName()
    try:
        output_name = OutputName(template=watch.output)
        if layout is not None:
            output_name.check(layout.key_fields)
    except Nd2WatchError as error:
        fault("output", error)
    if layout is None:
        return None
    ends = set(watch.complete.rules) - {"counts"}
    if layout.unsized_axes and not ends and watch.sidecar is None:
        faults.append(
            f"{where}.axes: give the size of {', '.join(layout.unsized_axes)};"
            " a sequence is complete when all of its frames are there, or by another of"
            " complete.rules"
        )
    return Watch(
        name=watch.name,
        root=watch.folder,
        layout=layout,
        output_name=output_name,
        completion=_completion(watch, layout, fault),
        sidecars=None
        if watch.sidecar is None
        else SidecarNames(kind=watch.sidecar.kind, files=tuple(watch.sidecar.files)),
        mode=watch.mode,
        converts_again=watch.late == "convert-again",
    )


def _completion(
    watch: WatchConfig, layout: Layout, fault: Callable[[str, Nd2WatchError], None]
) -> Completion:
    """Return when sequences are complete, and note what cannot be meant."""
    told = watch.complete
    if "sidecar" in told.rules and watch.sidecar is None:
        fault("complete.rules", LayoutError('"sidecar" needs a sidecar; name its kind and files'))
    unknown = set(re.findall(r"{(\w+)}", told.marker)) - set(layout.key_fields)
    if unknown:
        known = ", ".join(layout.key_fields)
        fault(
            "complete.marker",
            LayoutError(f"{', '.join(sorted(unknown))} is not known; sequences have {known}"),
        )
    return Completion(
        rules=tuple(told.rules),
        needs_all=told.need == "all",
        marker=told.marker,
        quiet_s=told.quiet_s,
        action=watch.incomplete.action,
        deadline_s=watch.incomplete.deadline_s,
    )
