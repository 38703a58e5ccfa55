"""Microscopes that deliver their frames late, in pieces, twice, wrong at first."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from tests.chaos.manners import CORRECTED, HARMLESS, contested, doubled

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

    from tests.chaos.figures import Figures
    from tests.chaos.laboratory import Laboratory
    from tests.chaos.manners import Manner
    from tests.chaos.sequences import File, Layout, Sequence

_MOST_UNFINISHED: Final = 5
_LATE: Final = 0.4


class Microscope(threading.Thread):
    """Acquires one sequence after the other until it is told that it is enough.

    Parameters
    ----------
    laboratory : Laboratory
        Where it writes.
    layout : Layout
        What.
    chance : Random
        Decides on everything else.
    figures : Figures
        Counts what it does wrong.
    pause_s : float
        Longest pause between two files, s.
    most : int
        Sequences after which it ends by itself.
    """

    def __init__(
        self,
        laboratory: Laboratory,
        layout: Layout,
        chance: random.Random,
        figures: Figures,
        *,
        pause_s: float,
        most: int,
    ) -> None:
        super().__init__(name=f"microscope {layout.name}")
        self.error: BaseException | None = None
        self.laboratory = laboratory
        self.layout = layout
        self.chance = chance
        self.figures = figures
        self._root = laboratory.root(layout.name)
        self._pause_s = pause_s
        self._most = most
        self._enough = threading.Event()

    def finish(self) -> None:
        """Tell it to end with the present sequence, and to make no more pauses."""
        self._enough.set()

    def run(self) -> None:
        """Deliver sequences."""
        try:
            for number in range(self._most):
                if self._enough.is_set():
                    break
                name = f"run{number:02d}"
                scratch = self.laboratory.scratch / self.layout.name
                seed = self.chance.randrange(1 << 30)
                self.deliver(self.layout.sequence(name, scratch, seed))
        except BaseException as error:
            self.error = error

    def deliver(self, sequence: Sequence) -> None:
        """Write all files of a sequence; the last ones only when all others are right."""
        self.laboratory.announce(self.layout.name, sequence.files)
        last = sequence.last
        early = self._shuffled([file for file in sequence.files if file not in last])
        stages = dict(zip((0, len(early) // 2, len(early)), sequence.sidecars, strict=False))
        in_the_end = stages.pop(len(early), {})
        if stages and self.chance.random() < _LATE:
            self.figures.frame("sidecars late")
            stages.clear()
        elif self.chance.random() < _LATE:
            stages[len(early)], in_the_end = in_the_end, {}
        unfinished: list[Iterator[None]] = []
        for place, file in enumerate(early):
            self._write_sidecars(stages.get(place, {}))
            unfinished.append(self._any_manner()(self, file))
            self._step(unfinished[-1], unfinished)
            while len(unfinished) > _MOST_UNFINISHED:
                self._step(self.chance.choice(unfinished), unfinished)
            self._pause()
        while unfinished:
            self._step(self.chance.choice(unfinished), unfinished)
        self._write_sidecars(stages.get(len(early), {}))
        for file in last:
            unfinished = [self.chance.choice(HARMLESS)(self, file)]
            while unfinished:
                self._step(unfinished[0], unfinished)
                self._pause()
        self._write_sidecars(in_the_end)
        self.laboratory.deliver(sequence)

    def _shuffled(self, files: list[File]) -> list[File]:
        """Return files in the order in which they come: some of them late."""
        places = {file.path: n + self.chance.uniform(0, 4) for n, file in enumerate(files)}
        return sorted(files, key=lambda file: places[file.path])

    def _step(self, delivery: Iterator[None], unfinished: list[Iterator[None]]) -> None:
        """Go on with a file, which is finished when there is nothing more to do."""
        with self.laboratory.locks[self.layout.name]:
            if next(delivery, "finished") == "finished":
                unfinished.remove(delivery)

    def _pause(self) -> None:
        """Wait a little."""
        self._enough.wait(self.chance.uniform(0, self._pause_s))

    def _any_manner(self) -> Manner:
        """Return how a file is delivered."""
        manners = [*HARMLESS * 2, *CORRECTED]
        if self.layout.doubles:
            manners.append(contested)
            if self.laboratory.retention == "keep":
                manners.append(doubled)
        return self.chance.choice(manners)

    def _write_sidecars(self, files: Mapping[str, bytes]) -> None:
        """Write sidecars."""
        for path, data in files.items():
            with self.laboratory.locks[self.layout.name]:
                self.write(path, data)

    def write(self, path: str, data: bytes) -> None:
        """Write a file in place, in some pieces."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        pieces = self.chance.randint(1, 3)
        size = max(-(-len(data) // pieces), 1)
        with target.open("wb") as file:
            for start in range(0, len(data), size):
                file.write(data[start : start + size])
                file.flush()
                self._enough.wait(self.chance.uniform(0, 0.02))
        self.laboratory.note(self.layout.name, path)

    def put(self, path: str, data: bytes, seconds: float | None = None) -> None:
        """Write a file under a temporary name, date it if that is wanted, and rename it."""
        target = self._root / path
        temporary = target.with_name(
            self.chance.choice(["{}.tmp", ".{}", "{}.part"]).format(target.name)
        )
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        if seconds is not None:
            os.utime(temporary, (seconds, seconds))
        temporary.replace(target)
        self.laboratory.note(self.layout.name, path)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self.laboratory.forget(self.layout.name, path)
        (self._root / path).unlink()
