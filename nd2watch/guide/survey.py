"""Reading the names of a whole folder by some layouts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError, SourceError
from nd2watch.experiment.pattern import path_parts
from nd2watch.guide.expression import share_told
from nd2watch.sidecars import Sidecar
from nd2watch.sources import list_files
from nd2watch.sources.registry import SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.experiment import Companions, FrameName, SequenceKey
    from nd2watch.guide.known import NamedLayout

MOST_NAMES: Final = 20_000
_MOST_SIDECARS: Final = 20
_NO_FRAMES: Final = (".nd2",)
"""Endings of images that programs do not write as frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderNames:
    """The files below a folder.

    Attributes
    ----------
    root : Path
        The folder.
    images, others : tuple of PurePosixPath
        Images and other files, by their path from the folder.
    is_cut : bool
        There are more files, which were not looked at.
    unreadable : int
        Folders that could not be listed.
    """

    root: Path
    images: tuple[PurePosixPath, ...]
    others: tuple[PurePosixPath, ...]
    is_cut: bool
    unreadable: int


@dataclass(slots=True)
class Findings:
    """What a layout makes of the files below a folder.

    Attributes
    ----------
    known : NamedLayout
        The layout.
    companions : Companions
        The sidecars that were found and read.
    frames : dict from SequenceKey to list
        Paths and names of frames, by sequence.
    matched, ignored : int
        Images that it takes for frames, and those that it passes over.
    told : float
        Sum of the shares of names that are no free text.
    sidecars : tuple of Path
        Those of its sequences that were understood.
    refused_sidecar : str
        Why one could not be read; empty when all could.
    """

    known: NamedLayout
    companions: Companions
    frames: dict[SequenceKey, list[tuple[PurePosixPath, FrameName]]] = field(default_factory=dict)
    matched: int = 0
    ignored: int = 0
    told: float = 0.0
    sidecars: tuple[Path, ...] = ()
    refused_sidecar: str = ""

    @property
    def explained(self) -> float:
        """Share of the names that is no free text, 0 to 1."""
        return self.told / self.matched if self.matched else 0.0

    def folders_of(self, key: SequenceKey) -> dict[Path, None]:
        """Return the folders of a sequence's frames."""
        root = self.companions.root
        return dict.fromkeys((root / path).parent for path, _ in self.frames[key])

    def sidecars_of(self, key: SequenceKey) -> tuple[Path, ...]:
        """Return the sidecars of a sequence."""
        return self.companions.sidecars_of(self.folders_of(key), dict(key))

    def told_of(self, key: SequenceKey) -> Sidecar:
        """Return what the sidecars of a sequence tell."""
        return self.companions.told(self.sidecars_of(key))


def list_names(root: Path, most: int = MOST_NAMES) -> FolderNames:
    """Return the files below a folder, up to a number of them.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    unreadable: list[Path] = []
    listed = list_files(root, lambda folder, error: unreadable.append(folder))
    paths = [
        PurePosixPath(path.relative_to(root).as_posix())
        for path in itertools.islice(listed, most + 1)
    ]
    kept = sorted(paths[:most])
    return FolderNames(
        root=root,
        images=tuple(path for path in kept if _is_image(path)),
        others=tuple(path for path in kept if not _is_image(path)),
        is_cut=len(paths) > most,
        unreadable=len(unreadable),
    )


def survey(names: FolderNames, known: NamedLayout) -> Findings:
    """Return what a layout makes of the files below a folder."""
    found = Findings(known=known, companions=known.companions(names.root))
    for path in names.images:
        if known.layout.is_ignored(path):
            found.ignored += 1
        else:
            _take(found, path)
    if found.matched:
        for path in (*names.others, *names.images):
            if found.companions.is_sidecar(path.name) and not known.layout.matches(path):
                found.companions.found(names.root / path)
        _read_sidecars(found)
    return found


def _take(found: Findings, path: PurePosixPath) -> None:
    """Put a frame into its sequence, if its name is one of the layout."""
    layout, parts = found.known.layout, path_parts(path)
    try:
        forms = ((form, form.match(parts)) for form in layout.pattern.forms)
        form, fields = next(((form, f) for form, f in forms if f is not None), (None, {}))
        if form is None:
            return
        name = layout.parse(path)
    except (LayoutError, ValueError):
        return
    found.matched += 1
    found.told += share_told(form, fields, path)
    found.frames.setdefault(name.sequence, []).append((path, name))


def _read_sidecars(found: Findings) -> None:
    """Read the sidecars of the sequences, up to a number of them."""
    paths: dict[Path, None] = {}
    for key in found.frames:
        paths.update(dict.fromkeys(found.sidecars_of(key)))
        if len(paths) >= _MOST_SIDECARS:
            break
    understood = []
    for path in itertools.islice(paths, _MOST_SIDECARS):
        try:
            found.companions.read(path)
        except (SourceError, OSError) as error:
            found.refused_sidecar = found.refused_sidecar or str(error)
        else:
            if found.companions.told([path]) != Sidecar():
                understood.append(path)
    found.sidecars = tuple(understood)


def _is_image(path: PurePosixPath) -> bool:
    """Return whether a file may be a frame, by the ending of its name."""
    return path.suffix.lower() in SUFFIXES and path.suffix.lower() not in _NO_FRAMES
