"""What the service would do now: sequences, what they wait for, and the files to be written."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from nd2watch.errors import Nd2WatchError
from nd2watch.experiment import single_plane_hint
from nd2watch.service.dispatch import plan_job
from nd2watch.service.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from nd2watch.clock import Clock
    from nd2watch.config import ServiceConfig
    from nd2watch.convert.files import Extent
    from nd2watch.service.collection import Collection
    from nd2watch.service.completion import Action, Rule
    from nd2watch.service.settings import ServiceSettings, Watch

Level = Literal["warning", "error"]

_LOOKS: Final = 5
"""How often files are looked at until all are taken in; one look takes in what is at rest."""

_ROUTINE: Final = ("sequence_incomplete",)
"""Events that the overview tells by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about a file or folder that a person may want to know.

    Attributes
    ----------
    level : {"warning", "error"}
        An error keeps something from being converted.
    event : str
        What it is, as the service logs it, such as "frame_refused".
    about : Path or None
        The file or folder.
    text : str
        What happened to it.
    """

    level: Level
    event: str
    about: Path | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that is to be written.

    Attributes
    ----------
    path : Path
        Where.
    exists : bool
        There is one of this name already, which is compared and never replaced.
    is_shared : bool
        Another sequence is to be written under the same name.
    """

    path: Path
    exists: bool
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceOverview:
    """One sequence as it is now.

    Attributes
    ----------
    title : str
        Its name.
    found, expected : int
        Frames that are there, and how many there will be as far as that is known.
    is_sized : bool
        It is known how many there will be.
    extent : {"whole", "trim", "fill"} or None
        What of it would be converted now; None while it waits.
    missing : tuple of str
        What it lacks.
    hint : str
        What to state if that does not exist; empty where nothing is known.
    waits_for : tuple of str
        Rules of which it waits for one, or for all where all are needed.
    refusal : str
        Why it cannot be converted as it is; empty without a reason.
    files : tuple of PlannedFile
        What would be written, the main file first; only that one while frames are missing.
    sidecars : tuple of Path
        Files that tell of it.
    """

    title: str
    found: int
    expected: int
    is_sized: bool
    extent: Extent | None
    missing: tuple[str, ...]
    hint: str
    waits_for: tuple[Rule, ...]
    refusal: str
    files: tuple[PlannedFile, ...]
    sidecars: tuple[Path, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether it cannot go on by further frames alone."""
        return bool(self.refusal) or any(file.is_shared for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOverview:
    """One watched folder as it is now.

    Attributes
    ----------
    name : str
        Name of the watch.
    root : Path
        The folder.
    sequences : tuple of SequenceOverview
        Its sequences, by title.
    remarks : tuple of Remark
        On its files.
    needs_all : bool
        All rules that complete a sequence have to hold; else one is enough.
    quiet_s, deadline_s : float
        Seconds of the rule "quiet", and after which `action` is taken.
    marker : str
        Name of the marker file.
    action : {"hold", "trim", "fill"}
        What becomes of a sequence that stays incomplete.
    unsettled : int
        Files that change just now.
    """

    name: str
    root: Path
    sequences: tuple[SequenceOverview, ...]
    remarks: tuple[Remark, ...]
    needs_all: bool
    quiet_s: float
    deadline_s: float
    marker: str
    action: Action
    unsettled: int

    @property
    def needs_a_person(self) -> bool:
        """Whether anything here cannot be converted without someone doing something."""
        return any(remark.level == "error" for remark in self.remarks) or any(
            sequence.needs_a_person for sequence in self.sequences
        )


@dataclass(slots=True)
class _Remarks:
    """A log that keeps warnings and errors."""

    found: list[Remark] = field(default_factory=list)

    def bind(self, **fields: Any) -> _Remarks:
        """Return itself: all of it is about one watch."""
        return self

    def debug(self, event: str, **fields: Any) -> None:
        """Drop an event."""

    info = debug

    def warning(self, event: str, **fields: Any) -> None:
        """Keep an event."""
        self._keep("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Keep an event."""
        self._keep("error", event, fields)

    def _keep(self, level: Level, event: str, fields: dict[str, Any]) -> None:
        """Keep an event that is not told otherwise."""
        if event in _ROUTINE:
            return
        if event == "more_of_the_same":
            fields = {"path": fields["path"].parent, "reason": f"{fields['left_out']} more files"}
        about = fields.pop("path", None) or fields.pop("folder", None)
        text = fields.pop("reason", "")
        if "other" in fields:
            text = f"{text}: {fields['other']} is the other one"
        rest = ", ".join(f"{name} {value}" for name, value in fields.items())
        self.found.append(Remark(level=level, event=event, about=about, text=text or rest))


def overview(settings: ServiceSettings, clock: Clock) -> tuple[WatchOverview, ...]:
    """Return what the service would do by its settings if it were started now.

    Files are taken in as by the service, without waiting for them to settle; nothing is written.

    Parameters
    ----------
    settings : ServiceSettings
        The settings.
    clock : Clock
        Measures pauses.
    """
    service = settings.service.model_copy(update={"settle_s": 0.0})
    watches = [
        _of_watch(watch, service, settings.output_folder, clock) for watch in settings.watches
    ]
    return _with_shared_names(watches)


def _of_watch(
    watch: Watch, service: ServiceConfig, output_folder: Path, clock: Clock
) -> WatchOverview:
    """Return what the service would do with one folder."""
    log = _Remarks()
    intake = Intake(watch, service, clock, cast("FilteringBoundLogger", log), once=True)
    try:
        intake.scan()
    except OSError as error:
        log.error("folder_unavailable", folder=watch.root, reason=str(error))
    for _ in range(_LOOKS):
        if not intake.unsettled:
            break
        intake.advance()
    ready = {id(collection): extent for collection, extent in _ready(intake)}
    intake.report_stalled(all_open=True)
    sequences = [
        _of_sequence(watch, collection, ready.get(id(collection)), output_folder, clock)
        for collection in intake.collections.values()
        if len(collection.sequence) or collection.rivals
    ]
    completion = watch.completion
    return WatchOverview(
        name=watch.name,
        root=watch.root,
        sequences=tuple(sorted(sequences, key=lambda sequence: sequence.title)),
        remarks=tuple(log.found),
        needs_all=completion.needs_all,
        quiet_s=completion.quiet_s,
        deadline_s=completion.deadline_s or service.stalled_s,
        marker=completion.marker,
        action=completion.action,
        unsettled=intake.unsettled,
    )


def _ready(intake: Intake) -> list[tuple[Collection, Extent]]:
    """Return what can be converted, after another look where that decides."""
    ready = intake.ready()
    if not intake.wants_look:
        return ready
    with contextlib.suppress(OSError):  # it was told of the folder already
        intake.scan()
    return intake.ready()


def _of_sequence(
    watch: Watch,
    collection: Collection,
    extent: Extent | None,
    output_folder: Path,
    clock: Clock,
) -> SequenceOverview:
    """Return one sequence as it is now."""
    sequence = collection.sequence
    refusal = _refusal(collection)
    files: tuple[PlannedFile, ...] = ()
    if not refusal and (extent is not None or collection.is_whole):
        try:
            job = plan_job(watch, collection, extent or "whole", output_folder)
            files = tuple(_planned(file.path) for file in job.files)
        except Nd2WatchError as error:
            refusal = str(error)
    elif "date" not in watch.output_name.fields:
        files = (_planned(output_folder / watch.output_name.path(sequence.key, watch.name)),)
    return SequenceOverview(
        title=sequence.title,
        found=len(sequence),
        expected=sequence.expected,
        is_sized=sequence.is_sized,
        extent=None if refusal else extent,
        missing=(missing := tuple(sequence.missing())),
        hint=single_plane_hint(sequence) if missing else "",
        waits_for=() if extent is not None else tuple(waits_for(watch, collection, clock)),
        refusal=refusal,
        files=files,
        sidecars=collection.sidecars,
    )


def _refusal(collection: Collection) -> str:
    """Return why a sequence cannot go on by itself; empty if it can."""
    if collection.rivals:
        names = ", ".join(str(path) for path in sorted(collection.rivals)[:3])
        return f"two files claim one place: {names}"
    if collection.state == "failed":
        return "what its sidecar tells contradicts the names of its frames"
    return collection.sequence.surplus()


def waits_for(watch: Watch, collection: Collection, clock: Clock) -> Iterator[Rule]:
    """Yield the rules of a watch that do not hold for a sequence.

    Parameters
    ----------
    watch : Watch
        Whose rules.
    collection : Collection
        The sequence.
    clock : Clock
        Measures pauses.
    """
    now = clock.monotonic()
    for rule in watch.completion.rules:
        alone = replace(watch.completion, rules=(rule,))
        if alone.stage_of(collection, now) == "open":
            yield rule


def _planned(path: Path) -> PlannedFile:
    """Return a file that is to be written."""
    return PlannedFile(path=path, exists=path.exists())


def _with_shared_names(watches: Sequence[WatchOverview]) -> tuple[WatchOverview, ...]:
    """Return the watches with files marked that several sequences are to be written to."""
    counts = Counter(
        file.path for watch in watches for each in watch.sequences for file in each.files
    )

    def marked(each: SequenceOverview) -> SequenceOverview:
        files = tuple(replace(file, is_shared=counts[file.path] > 1) for file in each.files)
        return replace(each, files=files)

    return tuple(replace(watch, sequences=tuple(map(marked, watch.sequences))) for watch in watches)
