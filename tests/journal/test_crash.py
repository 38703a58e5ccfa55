from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import nd2watch
from nd2watch.journal import Journal, JournalView
from tests.journal.samples import WATCH, key_of
from tests.journal.writer import FRAMES, STAGES

if TYPE_CHECKING:
    from nd2watch.journal import State

KILLS = 20

# The rest of the package, which takes long to import, is not needed to write a journal.
SCRIPT = """
import sys, types
package = types.ModuleType("nd2watch")
package.__path__ = [sys.argv[3]]
sys.modules["nd2watch"] = package
from pathlib import Path
from tests.journal.writer import write
write(Path(sys.argv[1]), int(sys.argv[2]))
"""


def start(path: Path, first: int) -> subprocess.Popen[str]:
    package = Path(nd2watch.__file__).parent
    command = [sys.executable, "-c", SCRIPT, str(path), str(first), str(package)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=package.parent)


def killed_after(path: Path, first: int, recorded: int) -> dict[int, str]:
    """Kill a writer some time after it has recorded so much, and return what it said it has."""
    said: list[str] = []
    with start(path, first) as process:
        assert process.stdout is not None
        while len(said) < recorded:
            said.append(process.stdout.readline())
            assert said[-1].endswith("\n"), said
        process.kill()
        said += [line for line in process.stdout if line.endswith("\n")]
    assert process.returncode < 0
    return {int(number): stage for number, stage in map(str.split, said)}


def stage_of(journal: Journal, number: int) -> State | None:
    """Return how far a sequence is by the journal, after checking that the journal is coherent."""
    found = [record for record in journal.sequences(WATCH) if record.key == key_of(number)]
    told = [one.event for one in journal.events(10_000) if one.moment == number]
    if not found:
        assert told == []
        return None
    (record,) = found
    assert told == list(STAGES[: len(told)])
    assert told[-1] == record.state
    assert len(journal.frames(WATCH, record.key)) == FRAMES * (record.state == "published")
    return record.state


def check(journal: Journal, said: dict[int, str]) -> None:
    """Check that all that was said to be recorded is, and one step more at most."""
    assert journal.set_aside is None
    last = max(said)
    for number, stage in said.items():
        at_least = STAGES.index(stage)
        assert stage_of(journal, number) in STAGES[at_least : at_least + 1 + (number == last)]
    assert stage_of(journal, last + 1) in (None, STAGES[0])
    assert stage_of(journal, last + 2) is None


def test_what_was_recorded_outlasts_a_kill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    chance = random.Random(20)
    first = 0
    for _ in range(KILLS):
        said = killed_after(path, first, chance.randrange(1, 60))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        with Journal(path) as journal:
            check(journal, said)
        first = max(said) + 2


def test_a_view_tells_what_a_killed_writer_has_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    said = killed_after(path, 0, 50)
    assert path.with_name("journal.sqlite-wal").stat().st_size > 0
    with JournalView(path) as view:
        published = sum(stage == "published" for stage in said.values())
        assert view.counts()[WATCH]["published"] in (published, published + 1)


def test_a_journal_is_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with start(path, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with JournalView(path) as view:
            for line in process.stdout:
                number, stage = line.split()
                counts = view.counts()[WATCH]
                assert sum(counts.values()) > int(number)
                assert counts.get("published", 0) >= int(number) + (stage == "published")
                published = view.sequences(WATCH, ["published"])
                assert all(len(view.frames(WATCH, one.key)) == FRAMES for one in published)
                if int(number) == 15:
                    break
        process.kill()
