"""The files that a sequence is converted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nd2watch.convert.layout_metadata import stated_of
from nd2watch.convert.places import bottom_to_top
from nd2watch.convert.plan import check_whole, plan_frames
from nd2watch.errors import LayoutError, SequenceIncomplete
from nd2watch.experiment import parts_of, safe_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.convert.plan import ConversionPlan
    from nd2watch.experiment import ImageSequence, SequencePart

Extent = Literal["whole", "trim", "fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """One file of a sequence.

    Attributes
    ----------
    part : str
        What tells it from the others of the sequence: its channels; empty for the main one.
    plan : ConversionPlan
        What it will hold.
    """

    part: str
    plan: ConversionPlan


def plan_files(sequence: ImageSequence, extent: Extent = "whole") -> tuple[FilePlan, ...]:
    """Return the files that a sequence becomes, the main one first.

    A stack that was acquired from top to bottom is stored from bottom to top, as readers expect.

    Parameters
    ----------
    sequence : ImageSequence
        The sequence.
    extent : {"whole", "trim", "fill"}
        Of an incomplete one: refuse it; convert the time points before the first that lacks
        something; or leave black what is missing.

    Raises
    ------
    SequenceIncomplete
        If frames are missing; the message lists them. With "trim", if no time point is whole.
    FrameMismatch
        If frames differ in size or dtype; the message lists the odd ones.
    LayoutError
        If there are more labels than the layout says, or channels differ in their Z planes.
    FormatError
        If ND2 cannot store the sequence.
    """
    notes: tuple[str, ...] = ()
    if extent == "trim":
        sequence, notes = _trimmed(sequence)
    check_whole(sequence, allow_missing=extent == "fill")
    has_gaps = extent == "fill" or sequence.listed is not None
    plans: list[ConversionPlan] = []
    parts = parts_of(sequence, allow_missing=has_gaps)
    for part in parts:
        noted = replace(part, notes=(*part.notes, *notes))
        stated = stated_of(sequence, noted)
        plans.append(
            plan_frames(
                bottom_to_top(part.grid, stated),
                stated,
                title=sequence.title,
                layout=sequence.layout.pattern.source,
            )
        )
    return tuple(
        FilePlan(part=part, plan=plan)
        for part, plan in zip(_names(parts, plans), plans, strict=True)
    )


def _names(parts: Sequence[SequencePart], plans: Sequence[ConversionPlan]) -> list[str]:
    """Return what tells files apart: names of channels, or labels where several have one name."""
    names = ["_".join(channel.name for channel in plan.picture.channels) for plan in plans]
    if len(set(map(safe_part, names))) < len(names):
        names = ["_".join(part.channels) for part in parts]
    return ["" if part.is_main else name for part, name in zip(parts, names, strict=True)]


def plan_conversion(sequence: ImageSequence) -> ConversionPlan:
    """Return the plan for a sequence that becomes one file, as `plan_files` makes it.

    Raises
    ------
    LayoutError
        If it becomes several, besides what `plan_files` raises.
    """
    plans = plan_files(sequence)
    if len(plans) > 1:
        raise LayoutError(f"sequence {sequence.title} becomes {len(plans)} files")
    return plans[0].plan


def _trimmed(sequence: ImageSequence) -> tuple[ImageSequence, tuple[str, ...]]:
    """Return the whole time points of a sequence, and a note on what is left out."""
    if sequence.is_complete:
        return sequence, ()
    shorter = sequence.trimmed()
    if shorter is None:
        raise SequenceIncomplete(f"no time point of sequence {sequence.title} is whole")
    left_out = len(sequence) - len(shorter)
    last = shorter.labels()[0][-1]
    what = "1 frame is" if left_out == 1 else f"{left_out} frames are"
    return shorter, (f"the acquisition lacks frames after time point {last}; {what} left out",)
