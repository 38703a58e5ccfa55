"""The frames of a simulated run: their order, names, times and places."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError
from nd2watch.nd2 import Well
from nd2watch.simulate.run import Run, RunFrame
from nd2watch.simulate.template import FieldText, NameTemplate, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from nd2watch.config.base import Axis
    from nd2watch.simulate.stage import Stage

_BETWEEN_MS: Final = 12.5
"""Time from one plane to the next, ms; less where a time point has too many."""

_POINTS: Final = {"t": "time points", "p": "XY positions", "z": "Z planes", "c": "channels"}
_NO_NAME: Final = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """How the frames of a run are taken and named.

    Attributes
    ----------
    run : Run
        The run, still without frames.
    template : NameTemplate
        Template of their paths.
    pages : tuple of str
        Axes inside the files, outermost first.
    split : int, optional
        Points of the outermost of these in one file.
    first : mapping from axis to int
        Numbers of the first points in the names; 1 for others.
    labels : mapping from axis to list of str
        Labels of the points instead of numbers.
    texts : mapping from str to str
        Text of further fields.
    c_is_name : bool
        Names write a channel's name instead of its number.
    first_well : int
        Number of the first row and column, and of the first well.
    stage : Stage
        The stage.
    seed : int
        Seed of the identities in names.
    """

    run: Run
    template: NameTemplate
    pages: tuple[Axis, ...]
    split: int | None
    first: Mapping[Axis, int]
    labels: Mapping[Axis, list[str]]
    texts: Mapping[str, str]
    c_is_name: bool
    first_well: int
    stage: Stage
    seed: int

    def filled(self) -> Run:
        """Return the run with its frames.

        Raises
        ------
        LayoutError
            If names cannot be written, or are the same for what is not in one file.
        """
        frames = tuple(self._frames())
        files: dict[str, tuple[object, ...]] = {}
        for frame in frames:
            place = self._place(frame)
            if (other := files.setdefault(frame.path, place)) != place:
                outside = [name for axis, name in _POINTS.items() if axis not in self.pages]
                pairs = zip(outside, other[1:], place[1:], strict=True)
                untold = [name for name, one, another in pairs if one != another]
                raise LayoutError(
                    f"several files would be named {frame.path!r}: names of this program do not"
                    f" tell {' and '.join(untold)}, of which more than one is asked for"
                )
        return replace(self.run, frames=frames)

    def _frames(self) -> Iterator[RunFrame]:
        """Yield the frames in the order of acquisition."""
        run = self.run
        wells = {name: Well.parse(name) for name in run.wells}
        places = [
            (well, site, c, z)
            for well in wells or ("",)
            for site in range(run.sites)
            for c, z in self._stack()
        ]
        between_ms = min(_BETWEEN_MS, run.period_ms / len(places))
        for t in range(run.t):
            for number, (well, site, c, z) in enumerate(places):
                time_ms = t * run.period_ms + number * between_ms
                height = z - (run.channels[c].z - 1) / 2
                frame = RunFrame(
                    path="",
                    t=t,
                    z=z,
                    c=c,
                    well=well,
                    site=site,
                    acquired=run.started + timedelta(milliseconds=time_ms),
                    time_ms=time_ms,
                    stage_um=self.stage.position_um(wells.get(well), site, height),
                )
                yield replace(frame, path=self._path(frame, wells.get(well)))

    def _stack(self) -> list[tuple[int, int]]:
        """Return channel and plane of all images at one place, in the order of acquisition.

        Channels follow each other plane by plane only in files whose pages do.
        """
        channels = self.run.channels
        stack = [(c, z) for c, channel in enumerate(channels) for z in range(channel.z)]
        by_plane = "z" in self.pages and "c" in self.pages[self.pages.index("z") :]
        return sorted(stack, key=lambda image: image[1]) if by_plane else stack

    def _place(self, frame: RunFrame) -> tuple[object, ...]:
        """Return what all pages of the file of a frame have in common."""
        axes = {"t": frame.t, "p": (frame.well, frame.site), "z": frame.z, "c": frame.c}
        return (self._part(frame), *(axes[axis] for axis in _POINTS if axis not in self.pages))

    def _part(self, frame: RunFrame) -> int:
        """Return the number of the file among those that follow each other, from 0."""
        if self.split is None or not self.pages:
            return 0
        indices = {"t": frame.t, "p": frame.site, "z": frame.z, "c": frame.c}
        return indices[self.pages[0]] // self.split

    def _path(self, frame: RunFrame, well: Well | None) -> str:
        """Return the path of the file of a frame."""
        fields = self._fields(frame, well)
        run, part = self.run, self._part(frame)
        planes = run.channels[frame.c].z
        sizes = {"t": run.t, "p": run.sites, "z": planes, "c": len(run.channels)}
        single = {axis for axis, size in sizes.items() if size == 1}
        single |= ({"part"} if part == 0 else set()) | (set() if well else {"well"})
        if "guid" in self.template.fields:
            rest = self.template.render({**fields, "guid": FieldText("")}, single)
            identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed} {rest}")
            fields["guid"] = FieldText(str(identity).upper())
        return self.template.render(fields, single)

    def _fields(self, frame: RunFrame, well: Well | None) -> dict[str, FieldText | datetime]:
        """Return the fields that a name can have."""
        run = self.run
        position = (run.wells.index(frame.well) if well else 0) * run.sites + frame.site
        time = timedelta(milliseconds=frame.t * run.period_ms)
        hours, minutes = divmod(time.seconds // 60, 60)
        channel = FieldText(_NO_NAME.sub("-", run.channels[frame.c].name))
        fields: dict[str, FieldText | datetime] = {
            **{name: FieldText(text) for name, text in self.texts.items()},
            "name": FieldText(_NO_NAME.sub("-", run.name)),
            "t": self._label("t", frame.t),
            "p": self._label("p", position),
            "site": self._label("p", frame.site),
            "field": self._label("p", frame.site),
            "z": self._label("z", frame.z),
            "c": self._label("c", frame.c, channel.text if self.c_is_name else ""),
            "cname": channel,
            "part": numbered(self._part(frame) + self.first.get(self.pages[0], 1))
            if self.pages
            else numbered(1),
            "days": numbered(time.days),
            "hours": numbered(hours),
            "minutes": numbered(minutes),
            "clock": run.started + time,
            "start": run.started,
        }
        return fields | self._well_fields(well)

    def _well_fields(self, well: Well | None) -> dict[str, FieldText]:
        """Return the fields of a well; its running number is the first without a plate."""
        first = self.first_well
        if well is None:
            return {"number": numbered(first)}
        letters = well.compact_name.rstrip("0123456789")
        return {
            "well": FieldText(well.name),
            "row": FieldText(letters, well.row + first),
            "col": numbered(well.column + first),
            "number": numbered(well.row * self.stage.plate.columns + well.column + first),
        }

    def _label(self, axis: Axis, index: int, name: str = "") -> FieldText:
        """Return the label of a point: that of the preset, a name, or a number."""
        number = index + self.first.get(axis, 1)
        labels = self.labels.get(axis, [])
        if labels and index >= len(labels):
            raise LayoutError(f"axis {axis} has at most {len(labels)} points in this program")
        return FieldText(labels[index] if labels else name or str(number), number)
