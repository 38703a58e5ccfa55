"""What the service still knows after it was ended, in whatever way."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch.clock import SystemClock
from nd2watch.errors import JournalBlocked
from nd2watch.experiment import ImageSequence
from nd2watch.journal import STATES, Journal
from nd2watch.service import Daemon, intake, load_settings, orders
from nd2watch.service.collection import Collection
from nd2watch.service.memory import Memory, layout_digest
from nd2watch.service.sequence_state import state_of
from nd2watch.service.watch_thread import WatchThread
from nd2watch.sources import encode_frame, open_frame
from tests.frames import acquisition, layout_of, noise, write
from tests.service.fakes import SETTLE_S, Bench
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nd2watch.experiment import Layout
    from nd2watch.journal import FrameRecord, SequenceRecord
    from nd2watch.service.dispatch import Dispatcher

WHAT = acquisition()
FORMER = acquisition(pattern="img_t{t}_xy{p}_z{z}_c{c}.tif")

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
state_folder = "state"

[[watch]]
name = "test"
folder = "in"
mode = "scan"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }
"""


class Run:
    """One run of a service on a folder, up to the conversion, with the time in the test's hands."""

    def __init__(self, folder: Path, journal: Journal, layout: Layout | None = None) -> None:
        self.bench = Bench(folder, WHAT, layout=layout)
        self.intake = self.bench.intake
        self.capture = LogCapture()
        log = structlog.wrap_logger(None, [self.capture])
        self.memory = Memory(journal, self.intake.watch, self.bench, log)
        self.memory.recall(self.intake)

    def turn(self) -> None:
        """Take in what is there, and record it."""
        self.bench.settle()
        self.keep()

    def keep(self) -> None:
        self.memory.keep(self.intake)

    @property
    def collection(self) -> Collection:
        (only,) = self.intake.collections.values()
        return only

    def publish(self) -> None:
        """Take in what is there as if it was converted."""
        self.turn()
        self.collection.outputs = (self.bench.folder.with_name("a.nd2"),)
        self.collection.close()
        self.keep()

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self.capture.entries if entry["event"] == event]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "in"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "state" / "journal.db") as journal:
        yield journal


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let each file that is opened be noted."""
    paths: list[Path] = []

    def noted(path: Path, *, by_page: bool) -> Any:
        paths.append(path)
        return open_frame(path, by_page=by_page)

    monkeypatch.setattr(intake, "open_frame", noted)
    return paths


def only_record(journal: Journal) -> SequenceRecord:
    (record,) = journal.sequences()
    return record


def frames_of(journal: Journal) -> list[FrameRecord]:
    record = only_record(journal)
    return journal.frames(record.watch, record.key)


class TestRecall:
    @pytest.mark.parametrize("state", ["published", "forgotten"])
    def test_what_is_done_with_is_not_opened_again(
        self, folder: Path, journal: Journal, opened: list[Path], state: str
    ) -> None:
        paths = set(write(folder / "a", WHAT).values())
        first = Run(folder, journal)
        first.publish()
        if state == "forgotten":
            orders.forget(first.collection)
            first.keep()
        assert set(opened) == paths
        opened.clear()
        second = Run(folder, journal)
        second.turn()
        assert opened == []
        assert second.bench.ready == 0
        assert second.collection.state == only_record(journal).state == state
        assert second.collection.files == set(map(str, paths))
        assert second.collection.outputs == (folder.with_name("a.nd2"),)
        assert second.logged("sequences_remembered")[0]["count"] == 1

    def test_an_interrupted_conversion_is_told_and_its_sequence_collected_anew(
        self, folder: Path, journal: Journal, opened: list[Path]
    ) -> None:
        write(folder / "a", WHAT)
        first = Run(folder, journal)
        first.turn()
        first.collection.state = "queued"
        first.collection.outputs = (folder.with_name("a.nd2"),)
        first.keep()
        opened.clear()
        second = Run(folder, journal)
        (told,) = second.logged("conversion_interrupted")
        assert told["log_level"] == "info"
        assert told["sequence"] == first.collection.sequence.title
        assert told["outputs"] == (str(folder.with_name("a.nd2")),)
        second.turn()
        assert len(opened) == 24
        assert second.bench.ready == 1
        assert only_record(journal).state == "collecting"
        assert Run(folder, journal).logged("conversion_interrupted") == []

    @pytest.mark.parametrize("state", ["collecting", "failed"])
    def test_what_was_not_being_converted_is_collected_anew_without_a_word(
        self, folder: Path, journal: Journal, state: Any
    ) -> None:
        write(folder / "a", WHAT)
        first = Run(folder, journal)
        first.turn()
        first.collection.state = state
        first.keep()
        assert only_record(journal).state == state
        second = Run(folder, journal)
        assert second.capture.entries == []
        assert second.intake.collections == {}
        second.turn()
        assert second.bench.ready == 1

    def test_a_sequence_whose_frames_have_gone_meanwhile_is_not_kept(
        self, folder: Path, journal: Journal
    ) -> None:
        paths = write(folder / "a", acquisition(t=1))
        Run(folder, journal).turn()
        for path in paths.values():
            path.unlink()
        second = Run(folder, journal)
        assert only_record(journal).found == 12
        second.turn()
        assert journal.sequences() == []


class TestFormerLayout:
    def test_open_sequences_are_told(self, folder: Path, journal: Journal) -> None:
        write(folder / "a", acquisition(t=1))
        Run(folder, journal, layout_of(FORMER)).turn()
        second = Run(folder, journal)
        (told,) = second.logged("sequence_of_former_layout")
        assert (told["found"], told["log_level"]) == (12, "warning")
        second.turn()
        assert only_record(journal).layout == layout_digest(layout_of(WHAT))
        assert only_record(journal).found == 12

    def test_published_sequences_are_sorted_anew_without_a_word(
        self, folder: Path, journal: Journal, opened: list[Path]
    ) -> None:
        write(folder / "a", WHAT)
        Run(folder, journal, layout_of(FORMER)).publish()
        opened.clear()
        second = Run(folder, journal)
        assert second.capture.entries == []
        second.turn()
        assert len(opened) == 24
        assert second.bench.ready == 1
        assert only_record(journal).state == "collecting"
        assert frames_of(journal) == []

    def test_sizes_and_names_of_a_layout_move_no_frame(
        self, folder: Path, journal: Journal, opened: list[Path]
    ) -> None:
        write(folder / "a", WHAT)
        Run(folder, journal).publish()
        opened.clear()
        Run(folder, journal, layout_of(acquisition(t=5), pixel_size_um=0.5)).turn()
        assert opened == []
        assert only_record(journal).state == "published"


class TestFilesOfAPublishedSequenceWhileTheServiceWasDown:
    @pytest.fixture
    def paths(self, folder: Path, journal: Journal, opened: list[Path]) -> list[Path]:
        paths = sorted(write(folder / "a", WHAT).values())
        Run(folder, journal).publish()
        opened.clear()
        return paths

    def test_changed(
        self, folder: Path, journal: Journal, opened: list[Path], paths: list[Path]
    ) -> None:
        before = frames_of(journal)
        paths[3].write_bytes(encode_frame(noise(1)))
        second = Run(folder, journal)
        second.turn()
        assert opened == [paths[3]]
        assert [told["path"] for told in second.bench.logged("frame_came_late")] == [paths[3]]
        assert second.collection.state == "published"
        assert frames_of(journal) == before  # it is still known what was converted

    def test_vanished(
        self, folder: Path, journal: Journal, opened: list[Path], paths: list[Path]
    ) -> None:
        paths[0].unlink()
        second = Run(folder, journal)
        second.turn()
        assert opened == []
        assert second.collection.files == set(map(str, paths[1:]))
        assert {frame.path for frame in frames_of(journal)} == set(map(str, paths[1:]))
        assert only_record(journal).found == 23

    def test_all_vanished(self, folder: Path, journal: Journal, paths: list[Path]) -> None:
        published = only_record(journal)
        for path in paths:
            path.unlink()
        second = Run(folder, journal)
        second.turn()
        assert second.intake.collections == {}
        assert only_record(journal) == published
        assert frames_of(journal) == []

    def test_all_vanished_and_others_came_under_their_names_later(
        self, folder: Path, journal: Journal, paths: list[Path]
    ) -> None:
        for path in paths:
            path.unlink()
        Run(folder, journal).turn()
        write(folder / "a", WHAT)
        third = Run(folder, journal)
        third.turn()
        assert third.bench.logged("frame_came_late") == []
        assert third.bench.ready == 1
        assert only_record(journal).state == "collecting"

    def test_came(self, folder: Path, journal: Journal, opened: list[Path]) -> None:
        early = set(write(folder / "b", acquisition(t=1)).values())
        Run(folder, journal).publish()
        opened.clear()
        paths = set(write(folder / "all", WHAT).values())
        late = {path for path in paths if not (folder / "b" / path.name).exists()}
        assert len(early) == len(late) == 12
        for path in paths:
            target = folder / "b" / path.name
            if path in late:
                path.rename(target)
            else:
                path.unlink()
        second = Run(folder, journal)
        second.turn()
        assert set(opened) == {folder / "b" / path.name for path in late}
        assert len(second.collection.late) == only_record(journal).late == 12
        assert only_record(journal).found == 12
        assert len(frames_of(journal)) == 24
        opened.clear()
        Run(folder, journal).turn()
        assert opened == []


@contextmanager
def full_disk() -> Iterator[None]:
    """Let the journal have no room for anything."""

    def refuse(*_: Any) -> None:
        raise JournalBlocked("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        for method in ("record_sequence", "remove_sequence"):
            patch.setattr(Journal, method, refuse)
        yield


class TestJournalThatCannotBeWritten:
    def test_it_is_told_once_and_nothing_is_lost(self, folder: Path, journal: Journal) -> None:
        paths = write(folder / "a", WHAT)
        run = Run(folder, journal)
        with full_disk():
            run.publish()
            write(folder / "b", acquisition(t=1))
            run.turn()
            run.keep()
        assert run.memory.is_blocked
        assert [told["reason"] for told in run.logged("journal_blocked")] == ["the disk is full"]
        assert journal.sequences() == []
        run.keep()
        assert not run.memory.is_blocked
        assert len(run.logged("journal_available")) == 1
        published, collecting = journal.sequences()
        assert (published.state, collecting.state) == ("published", "collecting")
        assert len(journal.frames(published.watch, published.key)) == len(paths)
        assert [event.event for event in journal.events(9)] == ["published", "collecting"]

    def test_it_does_not_keep_a_service_from_starting(self, folder: Path, journal: Journal) -> None:
        paths = write(folder / "a", WHAT)
        Run(folder, journal).turn()
        for path in paths.values():
            path.unlink()
        with full_disk():
            second = Run(folder, journal)
            second.turn()
            assert second.memory.is_blocked
        second.keep()
        assert journal.sequences() == []

    def test_it_is_available_again_also_when_there_is_nothing_left_to_record(
        self, folder: Path, journal: Journal
    ) -> None:
        *early, last = write(folder / "a", WHAT).values()
        away = last.rename(folder.with_name("away.tif"))
        run = Run(folder, journal)
        run.turn()
        away.rename(last)
        with full_disk():
            run.turn()
            assert run.memory.is_blocked
        last.unlink()
        run.turn()
        assert not run.memory.is_blocked
        assert only_record(journal).found == len(early)

    def test_nothing_is_submitted_meanwhile(self, tmp_path: Path, journal: Journal) -> None:
        first, *later = write(tmp_path / "away", WHAT).values()
        with Watching(tmp_path, journal) as watching:
            with full_disk():
                first.rename(watching.folder / first.name)
                watching.thread.scan()
                until(lambda: watching.has_logged("journal_blocked"), "a blocked journal")
                for path in later:
                    path.rename(watching.folder / path.name)
                watching.thread.scan()
                until(lambda: watching.taken == 24, "all frames to be taken in")
                watching.turn()
                watching.turn()
                assert watching.submitted == []
            until(lambda: bool(watching.submitted), "the sequence to be submitted")
        events = [entry["event"] for entry in watching.capture.entries]
        assert events.count("journal_blocked") == events.count("journal_available") == 1


class Watching:
    """A folder that is followed on a thread; what would be converted is only noted."""

    def __init__(self, folder: Path, journal: Journal, conversions: int = 0) -> None:
        (folder / "config.toml").write_text(CONFIG)
        self.conversions = conversions
        self.folder = folder / "in" / "a"
        self.folder.mkdir(parents=True)
        settings = load_settings(folder / "config.toml")
        self.submitted: list[Collection] = []
        self.capture = LogCapture()
        self.thread = WatchThread(
            settings.watches[0],
            settings.service.model_copy(update={"conversions": conversions or 2}),
            cast("Dispatcher", self),
            journal,
            SystemClock(),
            structlog.wrap_logger(None, [self.capture]),
            lambda: None,
        )

    def submit(self, _watch: object, collection: Collection, *_: object) -> bool:
        self.submitted.append(collection)
        if self.conversions:
            collection.state = "queued"
        return bool(self.conversions)

    @property
    def taken(self) -> int:
        """Frames that were taken in."""
        return sum(len(c.sequence) for c in list(self.thread.intake.collections.values()))

    def has_logged(self, event: str) -> bool:
        return any(entry["event"] == event for entry in list(self.capture.entries))

    def turn(self) -> None:
        """Let the thread come round once from beginning to end."""
        turned = self.thread.turned
        self.thread.wake()
        until(lambda: self.thread.turned > turned, "a turn")

    def __enter__(self) -> Watching:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.stop()
        assert self.thread.join(30)


@pytest.mark.parametrize("damaged", [False, True])
def test_without_its_journal_a_service_converts_nothing_twice(
    tmp_path: Path, damaged: bool
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    paths = write(tmp_path / "in" / "a", WHAT)
    capture = LogCapture()
    log = structlog.wrap_logger(None, [capture])
    state, output = tmp_path / "state", tmp_path / "out" / "a.nd2"

    def run() -> list[str]:
        capture.entries.clear()
        assert Daemon(lambda: load_settings(config), SystemClock(), log, once=True).run() == 0
        return [str(entry["event"]) for entry in capture.entries]

    def recorded() -> tuple[SequenceRecord, list[FrameRecord]]:
        with Journal(state / "journal.db") as journal:
            return only_record(journal), frames_of(journal)

    assert "published" in run()
    before, written = recorded(), output.stat()
    if damaged:
        (state / "journal.db").write_bytes(b"no journal any more" * 500)
    else:
        (state / "journal.db").unlink()
    events = run()
    assert ("journal_damaged" in events) == damaged
    assert "already_converted" in events
    assert "published" not in events
    assert (output.stat().st_ino, output.stat().st_mtime_ns) == (
        written.st_ino,
        written.st_mtime_ns,
    )
    after = recorded()
    assert (after[0].state, after[0].outputs) == ("published", (str(output),))
    assert after[1] == before[1]
    assert len(after[1]) == len(paths)
    assert "sequences_remembered" in run()


def test_ten_thousand_frames_make_few_commits(folder: Path, journal: Journal) -> None:
    series = {"p": 1, "z": 1, "channels": ("DAPI",), "pattern": "img_t{t:5}_xy{p}_z{z}_c{c}.tif"}
    (one,) = write(folder / "a", acquisition(t=1, **series)).values()
    for t in range(2, 10_001):
        os.link(one, one.with_name(one.name.replace("t00001", f"t{t:05}")))
    run = Run(folder, journal, layout_of(acquisition(t=10_000, **series)))
    statements: list[str] = []
    journal._database._connection.set_trace_callback(statements.append)
    run.bench.scan()
    run.bench.now += SETTLE_S
    begun, turns = run.bench.now, 0
    while run.intake.unsettled:
        run.intake.advance(enough=after(100))
        run.bench.now += 0.1
        run.keep()
        turns += 1
    assert turns >= 100
    assert 1 < statements.count("COMMIT") <= run.bench.now - begun + 1
    statements.clear()
    run.publish()
    assert statements.count("COMMIT") <= 2
    assert len(frames_of(journal)) == 10_000


def after(count: int) -> Callable[[], bool]:
    """Return what says that it is enough once it was asked so often."""
    asked = iter(range(count))
    return lambda: next(asked, None) is None


def test_sequences_come_to_each_state() -> None:
    def made(**changes: Any) -> Collection:
        return Collection(ImageSequence(layout_of(WHAT), ()), **changes)

    path = cast("Any", "/in/a")
    states = [
        state_of(made()),
        state_of(made(stall_reported=True)),
        state_of(made(state="queued")),
        state_of(made(state="published")),
        state_of(made(attempts=1, stall_reported=True)),
        state_of(made(state="failed")),
        state_of(made(state="failed", blocked_by=path)),
        state_of(made(state="forgotten")),
    ]
    assert tuple(states) == STATES
    assert state_of(made(rivals={path: ("1", "1", "1", "1")})) == "conflict"


class TestPromises:
    """What a person asked for, and what is converted anew, outlasts a restart."""

    def test_a_release_that_waits(self, folder: Path, journal: Journal) -> None:
        next(iter(write(folder / "a", WHAT).values())).unlink()
        first = Run(folder, journal)
        first.turn()
        orders.release(first.collection, "fill")
        first.keep()
        assert only_record(journal).released == "fill"
        second = Run(folder, journal)
        assert second.bench.ready == 0  # its frames are not read yet
        second.turn()
        ((collection, extent),) = second.bench.convertible
        assert (extent, len(collection.sequence)) == ("fill", 23)

    def test_the_number_of_the_next_file(self, folder: Path, journal: Journal) -> None:
        write(folder / "a", WHAT)
        first = Run(folder, journal)
        first.publish()
        first.intake.begin_anew(first.collection, again=True)
        first.keep()
        second = Run(folder, journal)
        second.turn()
        assert second.collection.revision == only_record(journal).revision == 1
        assert second.bench.ready == 1

    def test_frames_that_came_late(self, folder: Path, journal: Journal) -> None:
        write(folder / "a", WHAT)
        first = Run(folder, journal)
        first.publish()
        extra = folder / "a" / "img_t003_xy01_z001_cGFP.tif"
        extra.write_bytes(encode_frame(noise(1)))
        first.turn()
        second = Run(folder, journal)
        second.turn()
        assert second.collection.late == {str(extra)}
        record = only_record(journal)
        assert (record.found, record.late) == (24, 1)
        assert [f.state for f in frames_of(journal) if f.path == str(extra)] == ["late"]
        extra.unlink()
        second.turn()
        assert only_record(journal).late == 0


class TestOtherFolders:
    def test_of_another_folder_nothing_is_known(
        self, tmp_path: Path, journal: Journal, opened: list[Path]
    ) -> None:
        for name in ("march", "april"):
            write(tmp_path / name / "a", WHAT)
        first = Run(tmp_path / "march", journal)
        first.memory.identity = (1, 1)
        first.publish()
        opened.clear()
        second = Run(tmp_path / "april", journal)
        (told,) = second.logged("folder_changed")
        assert told["former"] == str(tmp_path / "march")
        second.memory.identity = (1, 2)
        second.turn()
        assert len(opened) == 24
        assert second.bench.ready == 1
        third = Run(tmp_path / "april", journal)
        assert third.logged("folder_changed") == []
        assert third.memory.identity == (1, 2)


def test_a_thread_that_was_not_waited_for_records_nothing(folder: Path, journal: Journal) -> None:
    write(folder / "a", WHAT)
    run = Run(folder, journal)
    run.memory.end()
    run.turn()
    assert journal.sequences() == []


def test_a_sequence_that_waits_for_its_turn_says_so(tmp_path: Path, journal: Journal) -> None:
    with Watching(tmp_path, journal, conversions=1) as watching:
        for name in ("x", "y"):
            write(watching.folder.with_name(name), WHAT)
        watching.thread.scan()
        told = "it can be converted, and waits for its turn"
        until(lambda: [r.reason for r in journal.sequences()].count(told) == 1, "one that waits")
        (converting,) = watching.submitted
        assert converting.state == "queued"
