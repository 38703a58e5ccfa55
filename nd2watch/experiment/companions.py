"""The files beside frames that tell of their sequences: sidecars, and markers of the end."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nd2watch.sidecars import TELLING_PAGES, Sidecar, joined, read_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from nd2watch.sources import FileKey

_FIELD: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarNames:
    """Which files are sidecars.

    Attributes
    ----------
    kind : str
        What they are, see `nd2watch.sidecars.KINDS`.
    files : tuple of str
        Their names, with wildcards and ``{field}`` of the names of frames.
    """

    kind: str
    files: tuple[str, ...]


@dataclass(slots=True)
class Companions:
    """The sidecars and markers below one watched folder.

    Attributes
    ----------
    root : Path
        The watched folder.
    sidecars : SidecarNames, optional
        Which files are sidecars.
    marker : str
        Name of the marker files, as those of sidecars; empty without any.
    version : int
        Rises whenever something is known that was not known before.
    """

    root: Path
    sidecars: SidecarNames | None = None
    marker: str = ""
    version: int = 0
    _read: dict[Path, Sidecar] = field(default_factory=dict)
    _found: dict[Path, set[Path]] = field(default_factory=dict)
    _names: tuple[re.Pattern[str], re.Pattern[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        files = self.sidecars.files if self.sidecars is not None else ()
        self._names = (_any_of(files), _any_of([self.marker] if self.marker else []))

    @property
    def by_page(self) -> bool:
        """Whether planes of files are their pages, as sidecars say what these are."""
        return self.sidecars is not None and self.sidecars.kind in TELLING_PAGES

    def is_one(self, name: str) -> bool:
        """Return whether a file is a sidecar or marker, by its name."""
        if self.sidecars is None and not self.marker:
            return False
        return self.is_sidecar(name) or self.is_marker(name)

    def is_sidecar(self, name: str) -> bool:
        """Return whether a file is a sidecar, by its name."""
        return self._names[0].match(_composed(name)) is not None

    def is_marker(self, name: str) -> bool:
        """Return whether a file is a marker, by its name."""
        return self._names[1].match(_composed(name)) is not None

    def found(self, path: Path) -> None:
        """Note that a sidecar or marker is there."""
        known = self._found.setdefault(path.parent, set())
        if path not in known:
            known.add(path)
            self.version += 1

    def lost(self, path: Path) -> None:
        """Note that a sidecar or marker is gone."""
        known = self._found.get(path.parent, set())
        if path in known:
            known.discard(path)
            if not known:
                del self._found[path.parent]
            self._read.pop(path, None)
            self.version += 1

    def read(self, path: Path) -> FileKey:
        """Read a sidecar that has come to rest, and return its identity.

        What it told before counts until it tells something else: it may be written just now.

        Raises
        ------
        SidecarError
            If it cannot be understood, or not yet.
        OSError
            If it cannot be opened, or the disk fails.
        """
        if self.sidecars is None:
            raise ValueError("there are no sidecars here")
        self.version += 1
        sidecar, key = read_sidecar(path, self.sidecars.kind)
        self._read[path] = sidecar.below(_relative(path.parent, self.root))
        return key

    def sidecars_of(self, folders: Iterable[Path], fields: Mapping[str, str]) -> tuple[Path, ...]:
        """Return the sidecars of a sequence.

        Parameters
        ----------
        folders : iterable of Path
            Folders of its frames; of those above each, the nearest that has sidecars counts.
        fields : mapping from str to str
            Its fields; other fields may be anything.
        """
        if self.sidecars is None:
            return ()
        templates = self.sidecars.files
        found: dict[Path, None] = {}
        for folder in sorted(folders):  # of what several tell, the first counts
            for each in self._upwards(folder):
                here = sorted(self._found.get(each, ()))
                own = [path for path in here if _is_any(path.name, templates, fields)]
                found.update(dict.fromkeys(own))
                if own:
                    break
        return tuple(found)

    def told(self, paths: Iterable[Path]) -> Sidecar:
        """Return what those of some sidecars tell that were read."""
        return joined(self._read[path] for path in paths if path in self._read)

    def marker_of(self, folders: Iterable[Path], fields: Mapping[str, str]) -> Path | None:
        """Return the marker of a sequence, None without one; see `sidecars_of`."""
        if not self.marker:
            return None
        above = {each for folder in folders for each in self._upwards(folder)}
        markers = (
            path
            for each in sorted(above)
            for path in sorted(self._found.get(each, ()))
            if _matches(path.name, self.marker, fields)
        )
        return next(markers, None)

    def _upwards(self, folder: Path) -> Iterator[Path]:
        """Yield a folder and those above it, up to the watched one."""
        yield folder
        while folder != self.root and folder != folder.parent:
            folder = folder.parent
            yield folder


def _any_of(templates: Iterable[str]) -> re.Pattern[str]:
    """Return the expression for names of some templates, with any fields."""
    patterns = (fnmatch.translate(_FIELD.sub("*", _composed(each))) for each in templates)
    return re.compile("|".join(patterns) or "(?!)", re.IGNORECASE)


def _is_any(name: str, templates: Iterable[str], fields: Mapping[str, str]) -> bool:
    """Return whether a file's name is that of one of some templates."""
    return any(_matches(name, template, fields) for template in templates)


def _matches(name: str, template: str, fields: Mapping[str, str]) -> bool:
    """Return whether a file's name is that of a template; unknown fields may be anything."""
    pattern = _composed(_FIELD.sub(lambda found: _escaped(fields.get(found[1])), template))
    return fnmatch.fnmatch(_composed(name).lower(), pattern.lower())


def _composed(name: str) -> str:
    """Return a name in the composed form of its characters, as fields have it."""
    return unicodedata.normalize("NFC", name)


def _escaped(text: str | None) -> str:
    """Return a text without its wildcards, or the wildcard for any; of folders that of the last."""
    if text is None:
        return "*"
    return re.sub(r"([*?[])", r"[\1]", text.rpartition("/")[2])


def _relative(folder: Path, root: Path) -> str:
    """Return the path of a folder from the watched one, with ``/``; empty for that itself."""
    relative = folder.relative_to(root).as_posix()
    return "" if relative == "." else relative
