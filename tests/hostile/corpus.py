"""The corpus: sound files damaged by chance, and files that were made to do harm.

It is the same each time: chance begins alike for every file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from random import Random
from typing import TYPE_CHECKING, Final

from tests.hostile.crafted import crafted
from tests.hostile.crafted_sidecars import crafted_sidecars
from tests.hostile.mutations import mutated
from tests.hostile.seeds import images, sidecars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hostile.seeds import SidecarSeed

_OF_IMAGE: Final = 32
_OF_SIDECAR: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """A file of the corpus.

    Attributes
    ----------
    path : PurePosixPath
        Where it lies in the corpus.
    data : bytes
        What it holds.
    kind : str
        Kind of sidecar; empty for a frame.
    """

    path: PurePosixPath
    data: bytes
    kind: str = ""


def hostile_frames(of_each: int = _OF_IMAGE) -> Iterator[HostileFile]:
    """Yield the frame files, so many of each kind, and the crafted ones."""
    for seed in images():
        for number in range(of_each):
            name = f"{seed.kind}-{number:03}{seed.suffix}".replace(" ", "-")
            data = mutated(seed.data, seed.suffix, Random(name))
            yield HostileFile(path=PurePosixPath("frames", name), data=data)
    for name, data in crafted():
        yield HostileFile(path=PurePosixPath("frames", f"crafted-{name}"), data=data)


def hostile_sidecars(of_each: int = _OF_SIDECAR) -> Iterator[HostileFile]:
    """Yield the sidecars, so many of each file that a program writes, and crafted ones.

    Each lies below the folder of its preset, in one of its own, as in that of its run.
    """
    known: set[tuple[str, str]] = set()
    for number, seed in enumerate(sidecars()):
        for trial in range(of_each):
            path = _sidecar_path(seed, f"{number:02}-{trial:03}")
            data = mutated(seed.data, "text", Random(str(path)))
            yield HostileFile(path=path, data=data, kind=seed.kind)
        name = (seed.kind, PurePosixPath(seed.path).name)
        if name not in known:
            known.add(name)
            for title, data in crafted_sidecars(seed.data):
                path = _sidecar_path(seed, f"{number:02}-{title.replace(' ', '-')}")
                yield HostileFile(path=path, data=data, kind=seed.kind)


def _sidecar_path(seed: SidecarSeed, place: str) -> PurePosixPath:
    """Return where a sidecar lies."""
    return PurePosixPath("sidecars", seed.preset, place, seed.path)


def corpus() -> Iterator[HostileFile]:
    """Yield all files."""
    yield from hostile_frames()
    yield from hostile_sidecars()


def write_corpus(folder: Path) -> list[HostileFile]:
    """Write all files, and return them."""
    files = list(corpus())
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return files
