"""The sequences that names form, judged by a look into a few of the files."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nd2watch.errors import AxisUnclear, LayoutError, SourceError
from nd2watch.experiment import AXES, ImageSequence
from nd2watch.sources import PAGES, open_frame, path_below

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nd2watch.experiment import Coordinate, Layout, SequenceKey
    from nd2watch.guide.survey import Findings
    from nd2watch.sources import FrameFile

_C: Final = AXES.index("c")
_MOST_CHANNELS: Final = 8
_TRIES: Final = 3
_MOST_SEQUENCES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The sequences of a folder, under the belief that files are like those looked into.

    Attributes
    ----------
    sequences : tuple of ImageSequence
        The sequences, up to 500; none when no file could be opened.
    trouble : str
        Why a file that was looked into cannot be used; empty when all can.
    pages : tuple of str
        Axes that its pages may be, when the layout does not say it.
    page_count : int
        Pages of a file that does not say what they are; 0 when files do.
    """

    sequences: tuple[ImageSequence, ...] = ()
    trouble: str = ""
    pages: tuple[str, ...] = ()
    page_count: int = 0


class SampleFiles:
    """Files that were opened, so that none is opened twice."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, bool], FrameFile | str] = {}

    def open(self, path: Path, *, by_page: bool) -> FrameFile | str:
        """Return a frame as its header shows it, or why it cannot be used."""
        known = self._known.get((path, by_page))
        if known is None:
            try:
                known = open_frame(path, by_page=by_page)
            except (SourceError, OSError) as error:
                known = str(error)
            self._known[path, by_page] = known
        return known


def sample(found: Findings, files: SampleFiles) -> Sampled:
    """Return the sequences that a layout finds in a folder.

    One file of each channel is opened; all others of the channel are taken to be like it.
    """
    layout, root = found.known.layout, found.companions.root
    candidates: dict[str, list[Path]] = {}
    for frames in found.frames.values():
        for path, name in frames:
            known = candidates.setdefault(name.coordinate[_C], [])
            if len(known) < _TRIES:
                known.append(root / path)
    samples: dict[str, FrameFile] = {}
    trouble = ""
    for channel, paths in list(candidates.items())[:_MOST_CHANNELS]:
        frame, why = _first_usable(paths, files, by_page=found.companions.by_page)
        trouble = trouble or why
        if frame is not None:
            samples[channel] = frame
    if not samples:
        return Sampled(trouble=trouble)
    return _judged(found, layout, samples)


def _first_usable(
    paths: list[Path], files: SampleFiles, *, by_page: bool
) -> tuple[FrameFile | None, str]:
    """Return the first file that can be opened, else why the first one cannot."""
    opened = [files.open(path, by_page=by_page) for path in paths]
    usable = next((frame for frame in opened if not isinstance(frame, str)), None)
    return usable, "" if usable is not None else str(opened[0])


def _judged(found: Findings, layout: Layout, samples: Mapping[str, FrameFile]) -> Sampled:
    """Return the sequences, with the meaning of pages as far as it can be told."""
    pages: tuple[str, ...] = ()
    count, trouble = 0, ""
    for frame in samples.values():
        try:
            place = layout.parse(path_below(found.companions.root, frame.path)).coordinate
            layout.check(frame, place)
        except AxisUnclear as error:
            count, trouble = frame.info.sizes.get(PAGES, 0), str(error)
            pages = _pages(layout, frame, place) if count else ()
            break
        except (LayoutError, SourceError) as error:
            trouble = str(error)
            break
    try:
        keys = itertools.islice(found.frames, _MOST_SEQUENCES)
        sequences = tuple(_sequence(found, layout, key, samples) for key in keys)
    except LayoutError as error:
        return Sampled(trouble=trouble or str(error), pages=pages, page_count=count)
    return Sampled(sequences=sequences, trouble=trouble, pages=pages, page_count=count)


def _pages(layout: Layout, frame: FrameFile, place: Coordinate) -> tuple[str, ...]:
    """Return the axes that the pages of a file may be, the likeliest first."""
    fitting = []
    for axis in ("z", "t", "c", "p"):
        try:
            replace(layout, pages=axis).check(frame, place)
        except (LayoutError, SourceError):
            continue
        fitting.append(axis)
    return tuple(fitting)


def _sequence(
    found: Findings, layout: Layout, key: SequenceKey, samples: Mapping[str, FrameFile]
) -> ImageSequence:
    """Return one sequence with what its sidecars tell."""
    root, any_sample = found.companions.root, next(iter(samples.values()))
    sequence, told = ImageSequence(layout, key), found.told_of(key)
    for path, name in found.frames[key]:
        like = samples.get(name.coordinate[_C], any_sample)
        listed = len(told.pages.get(path.as_posix(), ())) if found.companions.by_page else 0
        sequence.add(name.coordinate, _copy(like, root / path, listed), name.fields)
    return sequence.with_told(told, root)


def _copy(like: FrameFile, path: Path, listed: int) -> FrameFile:
    """Return what another file is taken to be, of so many pages if a sidecar lists them."""
    info = like.info
    if listed and path != like.path and info.sizes.keys() <= {PAGES}:
        info = replace(info, axes=((PAGES, listed),), planes=())
    return replace(like, path=path, info=info)
