"""What the commands for layouts print for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.guide.proposal import sizes_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nd2watch.config import PresetConfig
    from nd2watch.guide.explain import Explanation, Nearest, Reading
    from nd2watch.guide.guess import Fit, Guess
    from nd2watch.service.overview import SequenceOverview, WatchOverview

_LISTED: Final = 8
_RULES: Final = {
    "counts": "all frames are there",
    "marker": "the file {marker} is there",
    "sidecar": "the program has finished its sidecar",
    "next": "the next sequence has begun",
    "quiet": "no frame came for {quiet_s:g} s",
}
_ROLES: Final = {
    "frame": "frame",
    "sidecar": "sidecar, which tells of the frames",
    "marker": "marker, which completes a sequence",
    "ignored": "passed over by ignore = {reason}",
    "refused": "passed over: {reason}",
}
_ACTIONS: Final = {
    "trim": "its whole time points are converted",
    "fill": "it is converted with black planes for what it lacks",
}


def preset_list_lines(presets: Mapping[str, PresetConfig]) -> Iterator[str]:
    """Yield the lines that list some presets."""
    width = max(map(len, presets), default=0) + 2
    for name, preset in presets.items():
        yield f"{name:<{width}}{preset.title}".rstrip()
        parts = []
        if len(preset.names) > 1:
            parts.append(f"names of the forms {', '.join(preset.names)}")
        if preset.sidecar is not None:
            parts.append(f"sidecar {', '.join(preset.sidecar.files)}")
        complete = preset.complete
        ends = rules_text(
            complete.rules,
            needs_all=complete.need == "all",
            marker=complete.marker,
            quiet_s=complete.quiet_s,
        )
        yield f"{'':<{width}}{'; '.join([*parts, f'complete when {ends}'])}"


def rules_text(rules: Iterable[str], *, needs_all: bool, marker: str, quiet_s: float) -> str:
    """Return when a sequence is complete, in words."""
    texts = [_RULES[rule].format(marker=marker, quiet_s=quiet_s) for rule in rules]
    return (", and " if needs_all else ", or ").join(texts)


def explanation_lines(explanation: Explanation, what: str) -> Iterator[str]:
    """Yield the lines on one name; `what` it was explained by: "watch" or "preset"."""
    yield explanation.name
    own = [reading for reading in explanation.readings if not reading.is_general]
    general = [reading for reading in explanation.readings if reading.is_general]
    if not own:
        yield f"  no {what}{' of a program' if general else ''} reads this name"
    for reading in own or general:
        yield from _reading_lines(reading)
    if own and general:
        names = ", ".join(reading.layout for reading in general)
        yield f"  read by general presets too: {names}"
    if explanation.nearest is not None:
        yield from _nearest_lines(explanation.nearest)
    elif not explanation.readings:
        yield f"  nor does it come near to that of any {what}"


def _reading_lines(reading: Reading) -> Iterator[str]:
    """Yield the lines on what a file is by one layout."""
    form = f" ({reading.form})" if reading.form not in ("", reading.layout) else ""
    yield f"  {reading.layout}{form}: {_ROLES[reading.role].format(reason=reading.reason)}"
    if not reading.fields:
        return
    place = " ".join(
        f"{axis}={label}{f' ({reading.channel})' if axis == 'c' and reading.channel else ''}"
        for axis, label in reading.place.items()
    )
    sequence = " ".join(f"{name}={text}" for name, text in reading.sequence.items() if text)
    rows = [("place", place), ("sequence", sequence or "one for all such names")]
    for label, text in (*rows, ("well", reading.well), ("output", reading.output)):
        if text:
            yield f"    {label:<10}{text}"


def _nearest_lines(near: Nearest) -> Iterator[str]:
    """Yield the lines on where a name ceases to fit the nearest layout."""
    stop = near.stop
    form = f" ({stop.form})" if stop.form not in ("", near.layout) else ""
    yield f"  nearest: {near.layout}{form}"
    yield f"    {stop.text}"
    yield f"    {'':{stop.at}}^"
    rest = f'stops at "{stop.text[stop.at :]}"' if stop.text[stop.at :] else "ends too early"
    fits = f'matches up to "{stop.text[: stop.at]}"' if stop.at else "nothing of it matches"
    yield f"    {fits}, {rest}"
    if stop.wanted:
        field = f", with {stop.field_form} for {{{stop.field}}}" if stop.field else ""
        yield f"    there should be: {stop.wanted}{field}"
    if near.examples:
        yield f"    names look like: {near.examples[-1]}"


def guess_lines(found: Guess) -> Iterator[str]:
    """Yield the lines on which presets fit a folder."""
    names = found.names
    more = " (there are more, which were not looked at)" if names.is_cut else ""
    yield f"{many(len(names.images), 'image')}, {many(len(names.others), 'other file')}{more}"
    if names.unreadable:
        yield f"{many(names.unreadable, 'folder')} could not be read"
    for number, fit in enumerate(found.fits[:_LISTED], start=1):
        yield f"{number:>2}. {fit.known.name}: {'; '.join(_reasons(fit))}"
    if len(found.fits) > _LISTED:
        yield f"    and {len(found.fits) - _LISTED} more"
    best = found.best
    if best is None or best.known.is_general:
        yield "no preset of a program fits these names" + (
            f"; the general preset {best.known.name} reads them" if best is not None else ""
        )
        if found.nearest is not None:
            yield from _nearest_lines(found.nearest)
    if found.close:
        rivals = ", ".join(fit.known.name for fit in found.close)
        yield (
            f"{rivals} and {found.fits[0].known.name} are close: names alone do not tell which"
            " program wrote them; take the preset of yours"
        )


def _reasons(fit: Fit) -> Iterator[str]:
    """Yield what speaks for a preset, and against it."""
    over = f", {fit.ignored} passed over" if fit.ignored else ""
    yield f"{fit.matched} of {many(fit.images, 'name')}{over}"
    if fit.sidecars:
        yield f"sidecar {_short([path.name for path in fit.sidecars], 2)}"
    elif fit.refused_sidecar:
        yield f"its sidecar was not understood: {fit.refused_sidecar}"
    sizes = sizes_text(fit.axes)
    state = f" ({fit.gaps} with gaps)" if fit.gaps else ""
    yield f"{many(fit.sequences, 'sequence')}{state}{f' of {sizes}' if sizes else ''}"
    yield f"explains {fit.explained:.0%} of a name"
    if fit.known.is_general:
        yield "general"
    if fit.sampled.trouble:
        yield f"but {fit.sampled.trouble.partition('; ')[0]}"


def plan_lines(watches: Sequence[WatchOverview]) -> Iterator[str]:
    """Yield the lines on what the service would do."""
    for watch in watches:
        yield f"{watch.name}: {shown(watch.root)}"
        if not watch.sequences:
            yield "  no sequences"
        for sequence in watch.sequences:
            yield from _sequence_lines(sequence, watch)
        if watch.unsettled:
            yield f"  {many(watch.unsettled, 'file')} being written"
        for remark in watch.remarks[: 2 * _LISTED]:
            about = f" {shown(remark.about)}" if remark.about is not None else ""
            yield f"  {remark.level}: {remark.event.replace('_', ' ')}{about}: {remark.text}"
        if len(watch.remarks) > 2 * _LISTED:
            yield f"  and {len(watch.remarks) - 2 * _LISTED} more remarks, see --json"


def _sequence_lines(sequence: SequenceOverview, watch: WatchOverview) -> Iterator[str]:
    """Yield the lines on one sequence."""
    known = sequence.is_sized or sequence.found < sequence.expected
    count = f"{sequence.found} of {sequence.expected}" if known else str(sequence.found)
    frames = f"{count} frame{'s' * (count != '1')}"
    if sequence.refusal:
        yield f"  {sequence.title}: {frames}; cannot be converted: {sequence.refusal}"
    elif sequence.extent is not None:
        yield f"  {sequence.title}: complete, {frames}"
    else:
        yield f"  {sequence.title}: {frames}"
        yield from _waiting_lines(sequence, watch)
    for file in sequence.files:
        notes = [", exists already"] if file.exists else []
        notes += [", as another sequence: change output"] if file.is_shared else []
        verb = "writes" if sequence.extent is not None else "will write"
        yield f"    {verb} {shown(file.path)}{''.join(notes)}"


def _waiting_lines(sequence: SequenceOverview, watch: WatchOverview) -> Iterator[str]:
    """Yield the lines on what a sequence lacks or waits for."""
    for line in sequence.missing[:_LISTED]:
        yield f"    missing: {line}"
    if len(sequence.missing) > _LISTED:
        yield f"    missing: {len(sequence.missing) - _LISTED} more"
    if sequence.hint:
        yield f"    {sequence.hint}"
    rules = [rule for rule in sequence.waits_for if rule != "counts" or sequence.is_sized]
    if sequence.missing:
        if watch.action != "hold":
            yield f"    after {watch.deadline_s:g} s without a frame {_ACTIONS[watch.action]}"
    elif rules:
        ends = rules_text(
            rules, needs_all=watch.needs_all, marker=watch.marker, quiet_s=watch.quiet_s
        )
        yield f"    complete when {ends}"
    else:
        yield "    its sizes are not known: give them in [watch.axes]"


def many(count: int, what: str) -> str:
    """Return a number of things, like ``2 frames``."""
    return f"{count} {what}{'s' * (count != 1)}"


def shown(path: Path) -> str:
    """Return a path as it is shown: from the current folder, if it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _short(texts: Sequence[str], most: int) -> str:
    """Return the first of some texts."""
    different = list(dict.fromkeys(texts))
    rest = len(different) - most
    return ", ".join(different[:most]) + (f" and {rest} more" if rest > 0 else "")
