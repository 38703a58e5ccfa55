from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import JournalError
from nd2watch.journal import Heartbeat, Journal, Step
from tests.journal.samples import KEY, WATCH, event, frame, job, key_of, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path, most_events=10) as journal:
        yield journal


def test_a_sequence_is_replaced_and_keeps_frames_and_jobs(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, [frame()])
    journal.begin_job(job())
    later = sequence(state="converting", attempts=1, expected=4, missing=("t 2",))
    journal.record_sequence(later)
    assert journal.sequences(WATCH) == [later]
    assert journal.frames(WATCH, KEY) == [frame()]
    assert journal.unfinished_jobs() == [job()]


def test_sequences_of_one_key_in_two_watches_are_two(journal: Journal) -> None:
    both = [sequence(), sequence(watch="other")]
    for record in both:
        journal.record_sequence(record)
    assert journal.sequences() == both
    assert journal.sequences("other") == both[1:]


def test_a_removed_sequence_takes_frames_and_jobs_with_it(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_sequence(sequence(key=key_of(1)))
    journal.record_frames(WATCH, KEY, [frame(0)])
    journal.record_frames(WATCH, key_of(1), [frame(1)])
    journal.begin_job(job())
    journal.remove_sequence(WATCH, KEY)
    assert journal.sequences() == [sequence(key=key_of(1))]
    assert journal.unfinished_jobs() == []
    journal.record_sequence(sequence())
    assert journal.frames(WATCH, KEY) == []
    assert journal.frames(WATCH, key_of(1)) == [frame(1)]


def test_a_file_is_recorded_once(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_sequence(sequence(key=key_of(1)))
    journal.record_frames(WATCH, KEY, [frame(), frame()])
    assert journal.frames(WATCH, KEY) == [frame()]
    rewritten = frame(size=4096, state="refused", reason="cut off")
    journal.record_frames(WATCH, key_of(1), [rewritten])
    assert journal.frames(WATCH, KEY) == []
    assert journal.frames(WATCH, key_of(1)) == [rewritten]


def test_a_place_has_one_frame_that_is_ready(journal: Journal) -> None:
    journal.record_sequence(sequence())
    refused = frame(path="/data/refused.tif", state="refused")
    late = frame(path="/data/late.tif", state="late")
    renamed = frame(path="/data/renamed.tif")
    journal.record_frames(WATCH, KEY, [frame(), refused, late])
    assert journal.frames(WATCH, KEY) == [frame(), refused, late]
    journal.record_frames(WATCH, KEY, [renamed])
    assert journal.frames(WATCH, KEY) == [refused, late, renamed]


def test_frames_that_went_are_removed(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, map(frame, range(4)))
    journal.remove_frames([frame(1).path, frame(2).path, "/data/never/seen"])
    assert journal.frames(WATCH, KEY) == [frame(0), frame(3)]


def test_frames_of_published_sequences_are_told_for_a_quick_start(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nd2watch.journal.reading._SLICE", 3)
    for number in range(4):
        state = "published" if number % 2 else "collecting"
        watch = "other" if number == 3 else WATCH
        journal.record_sequence(sequence(watch=watch, key=key_of(number), state=state))
        some = [frame(10 * number + index) for index in range(7)]
        journal.record_frames(watch, key_of(number), some)
    told = list(journal.published_frames(WATCH))
    assert told == [(one.path, one.identity) for one in map(frame, range(10, 17))]
    assert frame().identity == (2048, 1_700_000_000 * 10**9, 1_700_000_000 * 10**9 + 1, 5000, 2049)


def test_frames_of_what_was_published_long_ago_are_pruned(journal: Journal) -> None:
    states = [("published", 10.0), ("published", 20.0), ("failed", 10.0)]
    for number, (state, changed) in enumerate(states):
        journal.record_sequence(sequence(key=key_of(number), state=state, changed=changed))
        journal.record_frames(WATCH, key_of(number), [frame(2 * number), frame(2 * number + 1)])
    assert journal.prune_frames(20.0) == 2
    assert [len(journal.frames(WATCH, key_of(number))) for number in range(3)] == [0, 2, 2]
    assert len(journal.sequences()) == 3


def test_a_job_goes_through_its_steps(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.begin_job(job())
    journal.advance_job(job().output, Step.WRITTEN)
    assert journal.unfinished_jobs() == [job(step=Step.WRITTEN)]
    journal.advance_job(job().output, Step.PUBLISHING, digest="d1")
    journal.advance_job(job().output, Step.PUBLISHED)
    assert journal.unfinished_jobs() == [job(step=Step.PUBLISHED, digest="d1")]
    journal.end_job(job().output)
    journal.end_job(job().output)
    assert journal.unfinished_jobs() == []


def test_a_job_that_is_begun_again_replaces_the_first(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.begin_job(job(step=Step.PUBLISHING, digest="d1"))
    again = job(temporary="/out/.run.nd2.0b.tmp", instance="0b")
    journal.begin_job(again)
    assert journal.unfinished_jobs() == [again]


def test_two_sequences_are_not_written_to_one_output(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_sequence(sequence(key=key_of(1)))
    journal.begin_job(job())
    with pytest.raises(JournalError, match=r"another sequence .* /out/run\.nd2"):
        journal.begin_job(job(key=key_of(1)))
    assert journal.unfinished_jobs() == [job()]


@pytest.mark.parametrize(
    "act",
    [
        lambda journal: journal.record_frames(WATCH, KEY, [frame()]),
        lambda journal: journal.begin_job(job()),
        lambda journal: journal.advance_job("/out/run.nd2", Step.WRITTEN),
    ],
)
def test_what_is_not_recorded_has_no_frames_and_no_jobs(
    journal: Journal, act: Callable[[Journal], None]
) -> None:
    with pytest.raises(JournalError):
        act(journal)
    assert journal.frames(WATCH, KEY) == []


def test_the_last_events_are_kept(journal: Journal) -> None:
    for number in range(25):
        journal.record_event(event(number, watch="odd" if number % 2 else "even"))
    assert [one.moment for one in journal.events(100)] == list(range(15, 25))
    assert [one.moment for one in journal.events(3)] == [22, 23, 24]
    assert [one.moment for one in journal.events(2, "odd")] == [21, 23]


def test_the_last_sign_of_life_is_kept(journal: Journal) -> None:
    assert journal.heartbeat() is None
    for turned in (2.0, 3.0):
        beat = Heartbeat(pid=7, version="1", started=1.0, turned=turned, text="idle")
        journal.beat(beat)
    assert journal.heartbeat() == beat


def test_all_is_there_after_closing_and_opening(path: Path) -> None:
    with Journal(path) as journal:
        journal.record_sequence(sequence())
        journal.record_frames(WATCH, KEY, [frame()])
    journal.close()
    assert list(path.parent.iterdir()) == [path]
    with Journal(path) as journal:
        assert journal.set_aside is None
        assert journal.sequences() == [sequence()]
        assert journal.frames(WATCH, KEY) == [frame()]


def test_a_batch_is_recorded_as_a_whole_or_not_at_all(journal: Journal) -> None:
    with journal.batch():
        journal.record_sequence(sequence())
        with journal.batch():
            journal.record_frames(WATCH, KEY, [frame()])

    def fail() -> None:
        with journal.batch():
            journal.record_sequence(sequence(state="failed"))
            journal.remove_frames([frame().path])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert journal.sequences() == [sequence()]
    assert journal.frames(WATCH, KEY) == [frame()]


def test_a_checkpoint_empties_the_log(journal: Journal, path: Path) -> None:
    journal.record_sequence(sequence())
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size > 0
    journal.checkpoint()
    assert log.stat().st_size == 0
