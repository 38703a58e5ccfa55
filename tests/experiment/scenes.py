"""Whole sequences of many kinds, by the names of their frames."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from hypothesis import strategies as st

from nd2watch.experiment import AxisSize, ImageSequence, Layout, WellNames, compile_names
from nd2watch.nd2 import Well
from nd2watch.sidecars import Sidecar
from nd2watch.sources import ChannelInfo, FileKey, FrameFile, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nd2watch.experiment import Coordinate

KNOWING: Final = ("nothing", "counts", "labels", "plan", "list")
ROOT: Final = Path("/in")
EXPRESSION: Final = (
    r"x(?:_(?P<well>[A-Z]\d+))?_s(?P<site>\d+)_t(?P<t>\d+)(?:_z(?P<z>\d+))?"
    r"_w(?P<c>\d+)(?P<cname>[A-Za-z]*)\.tif"
)
_CHANNELS: Final = {"1": "DAPI", "2": "GFP", "3": ""}
"""Labels of channels, with the names that stand behind them."""

_WELLS: Final = ["A1", "A02", "B10", "C3"]
_COUNTS: Final = st.integers(1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A whole sequence.

    Attributes
    ----------
    layout : Layout
        How its names are read.
    names : tuple of str
        Paths of its frames, in the order of time points, positions, planes and channels.
    told : Sidecar
        What its sidecars tell.
    """

    layout: Layout
    names: tuple[str, ...]
    told: Sidecar = field(default_factory=Sidecar)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show what is of interest where hypothesis reports a failure."""
        layout, told = self.layout, self.told
        known = {axis: size.count for axis, size in layout.sizes.items()} | dict(told.sizes)
        printer.text(
            f"{' '.join(self.names)}: sizes {known} first {dict(layout.first)}"
            f" planes {dict(layout.planes)} listed {len(told.files)}"
        )

    def sequence(self, names: Iterable[str]) -> ImageSequence:
        """Return the sequence to which frames were added in this order."""
        key = self.layout.parse(PurePosixPath(self.names[0])).sequence
        sequence = ImageSequence(self.layout, key)
        sequence.tell(self.told, ROOT)
        for name in names:
            self.add(sequence, name)
        return sequence

    def add(self, sequence: ImageSequence, name: str) -> None:
        """Add a frame to a sequence."""
        found = self.layout.parse(PurePosixPath(name))
        assert found.sequence == sequence.key
        assert sequence.add(found.coordinate, frame_of(name), found.fields) is None

    def place(self, name: str) -> Coordinate:
        """Return the place of a frame by its name."""
        return self.layout.parse(PurePosixPath(name)).coordinate

    def tells_planes_of(self, names: Iterable[str]) -> bool:
        """Return whether some frames show which channels have a plane in their names, and which do
        not, as far as only names tell that."""
        channels = {place[3] for place in map(self.place, self.names) if not place[2]}
        places = [self.place(name) for name in names]
        shown = {place[3] for place in places if not place[2]}
        is_shown = channels == shown and any(place[2] for place in places)
        return bool(self.told.files) or not channels or is_shown


def path_of(frame: FrameFile) -> str:
    """Return the path of a frame below the root."""
    return frame.path.relative_to(ROOT).as_posix()


def frame_of(name: str, **info: Any) -> FrameFile:
    """Return a frame whose size in bytes and time of change follow from its name."""
    number = zlib.crc32(name.encode())
    key = FileKey(
        size=1000 + number % 1000,
        mtime_ns=10**18 + number * 1000,
        ctime_ns=10**18,
        inode=number,
        device=5,
    )
    source = SourceInfo(height=6, width=8, dtype=np.dtype(np.uint16), **info)
    return FrameFile(path=ROOT / name, key=key, info=source)


@st.composite
def scenes(draw: Callable[..., Any], *knowing: str) -> Scene:
    """Draw a whole sequence.

    Parameters
    ----------
    draw : callable
        Of hypothesis.
    *knowing : {"nothing", "counts", "labels", "plan", "list"}
        What may be known of it from the start, anything when omitted: nothing; how many points its
        axes have; besides, which they are, by the layout or by a sidecar; or all of its frames.
    """
    known = draw(st.sampled_from(knowing or KNOWING))
    has_first = known in ("labels", "plan")
    by_well = known != "labels" and draw(st.booleans())
    wells = _some(draw, _WELLS) if by_well else []
    ts, sites, zs = (draw(_numbers(in_a_row=has_first)) for _ in "tpz")
    channels = _some(draw, list(_CHANNELS))
    single = ""
    if len(channels) > 1:
        single = draw(st.sampled_from(["", "named", "unnamed"]))
    width = draw(st.integers(1, 3))
    names = tuple(
        f"x{'_' * by_well}{well}_s{site:0{width}}_t{t:0{width}}{z}_w{c}{_CHANNELS[c]}.tif"
        for t, well, site in itertools.product(ts, wells or [""], sites)
        for z, c in _planes([f"_z{z:0{width}}" for z in zs], channels, single)
    )
    count = max(len(wells), 1) * len(sites)
    counts = {"t": len(ts), "p": count, "z": len(zs), "c": len(channels)}
    sizes = {axis: AxisSize(count=count) for axis, count in counts.items()}
    told = Sidecar()
    if known == "labels":
        sizes["c"] = AxisSize(count=len(channels), labels=tuple(channels))
        if draw(st.booleans()):
            sizes["p"] = AxisSize(count=len(sites), labels=tuple(map(str, sites)))
    elif known == "plan":
        told = _plan(counts, [Well.parse(well).name for well in wells], len(sites), channels)
    elif known == "list":
        told = Sidecar(files=tuple(draw(st.permutations(names))), is_closed=True)
    layout = Layout(
        pattern=compile_names({"x": EXPRESSION}),
        axis_fields={"p": ("well", "site") if by_well else ("site",)},
        wells=WellNames() if by_well else None,
        channel_name="cname",
        ragged_z="replicate",
        planes={channels[-1]: 1} if single == "named" else {},
        sizes=sizes if known in ("counts", "labels") else {},
        first={"t": ts[0], "p": sites[0], "z": zs[0]} if has_first else {},
    )
    return Scene(layout=layout, names=names, told=told)


def _some(draw: Callable[..., Any], values: list[str]) -> list[str]:
    """Draw up to three values, in their order."""
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))
    return sorted(chosen, key=values.index)


def _numbers(*, in_a_row: bool) -> st.SearchStrategy[list[int]]:
    """Return what draws up to three numbers that rise."""
    if in_a_row:
        return st.builds(lambda first, n: [*range(first, first + n)], st.integers(0, 9), _COUNTS)
    return st.lists(st.integers(0, 120), min_size=1, max_size=3, unique=True).map(sorted)


def _planes(
    planes: Sequence[str], channels: Sequence[str], single: str
) -> Iterator[tuple[str, str]]:
    """Yield Z and channel in the names of one time and place; the last one may have one plane."""
    for plane, channel in itertools.product(planes, channels):
        if not single or channel != channels[-1]:
            yield plane, channel
        elif plane == planes[0]:
            yield plane if single == "named" else "", channel


def _plan(
    counts: dict[str, int], wells: Sequence[str], sites: int, channels: Sequence[str]
) -> Sidecar:
    """Return what a sidecar tells of the plan, where the plate tells the positions."""
    return Sidecar(
        sizes={axis: count for axis, count in counts.items() if axis != "p" or not wells},
        sites=sites if wells else None,
        wells=tuple(wells),
        channels={label: ChannelInfo(name=f"channel {label}") for label in channels},
    )
