"""Channels that show one plane where others have stacks, and nothing says that this is all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nd2watch.experiment.axes import AXES, ordered_labels
from nd2watch.experiment.plan_labels import planned_planes

if TYPE_CHECKING:
    from nd2watch.experiment.sequence import ImageSequence


def single_plane_hint(sequence: ImageSequence) -> str:
    """Return what to state if the one plane of some channels is all; empty where none is so.

    A name that tells Z cannot show whether more planes of its channel are to come.
    """
    seen: dict[str, set[str]] = {}
    for place in sequence.frames:
        seen.setdefault(place[AXES.index("c")], set()).add(place[AXES.index("z")])
    if sequence.listed is not None or max(map(len, seen.values()), default=0) < 2:
        return ""
    single = [
        channel
        for channel in ordered_labels(seen)
        if len(seen[channel]) == 1 and any(seen[channel]) and not planned_planes(sequence, channel)
    ]
    if not single:
        return ""
    return (
        f"of channel {', '.join(single)} only one plane was seen; if there are no more, say z = 1"
        " with its name in c of the table axes"
    )
