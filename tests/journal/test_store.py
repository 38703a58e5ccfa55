from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import JournalError
from nd2watch.journal import Heartbeat, Journal
from tests.journal.samples import KEY, WATCH, event, frame, key_of, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path, most_events=10) as journal:
        yield journal


def test_a_sequence_is_replaced_and_keeps_its_frames(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, [frame()])
    later = sequence(state="converting", attempts=1, expected=4, missing=("t 2",))
    journal.record_sequence(later)
    assert journal.sequences(WATCH) == [later]
    assert journal.frames(WATCH, KEY) == [frame()]


def test_sequences_of_one_key_in_two_watches_are_two(journal: Journal) -> None:
    both = [sequence(), sequence(watch="other")]
    for record in both:
        journal.record_sequence(record)
    assert journal.sequences() == both
    assert journal.sequences("other") == both[1:]


def test_a_removed_sequence_takes_its_frames_with_it(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_sequence(sequence(key=key_of(1)))
    journal.record_frames(WATCH, KEY, [frame(0)])
    journal.record_frames(WATCH, key_of(1), [frame(1)])
    journal.remove_sequence(WATCH, KEY)
    assert journal.sequences() == [sequence(key=key_of(1))]
    journal.record_sequence(sequence())
    assert journal.frames(WATCH, KEY) == []
    assert journal.frames(WATCH, key_of(1)) == [frame(1)]


def test_frames_are_replaced_by_those_that_are_recorded_later(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_sequence(sequence(key=key_of(1)))
    journal.record_frames(WATCH, key_of(1), [frame(7)])
    journal.record_frames(WATCH, KEY, [frame(0), frame(1)])
    rewritten = frame(1, size=4096)
    journal.record_frames(WATCH, KEY, [rewritten, frame(2)])
    assert journal.frames(WATCH, KEY) == [rewritten, frame(2)]
    journal.record_frames(WATCH, KEY, [])
    assert journal.frames(WATCH, KEY) == []
    assert journal.frames(WATCH, key_of(1)) == [frame(7)]


def test_a_file_is_recorded_once_in_a_sequence(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, [frame(), frame(size=4096)])
    assert journal.frames(WATCH, KEY) == [frame(size=4096)]


def test_a_file_may_be_of_sequences_of_two_watches(journal: Journal) -> None:
    for watch in (WATCH, "other"):
        journal.record_sequence(sequence(watch=watch))
        journal.record_frames(watch, KEY, [frame(0), frame(1)])
    assert journal.frames(WATCH, KEY) == journal.frames("other", KEY) == [frame(0), frame(1)]
    journal.remove_frames([frame(0).path])
    assert journal.frames(WATCH, KEY) == journal.frames("other", KEY) == [frame(1)]


def test_a_place_has_one_frame_that_is_ready(journal: Journal) -> None:
    journal.record_sequence(sequence())
    doubles = [frame(path=f"/data/{number}.tif", state="double") for number in range(2)]
    renamed = frame(path="/data/renamed.tif")
    journal.record_frames(WATCH, KEY, [frame(), *doubles, renamed])
    assert journal.frames(WATCH, KEY) == [*doubles, renamed]


def test_frames_that_went_are_removed(journal: Journal) -> None:
    journal.record_sequence(sequence())
    journal.record_frames(WATCH, KEY, map(frame, range(4)))
    journal.remove_frames([frame(1).path, frame(2).path, "/data/never/seen"])
    assert journal.frames(WATCH, KEY) == [frame(0), frame(3)]


def test_what_is_not_recorded_has_no_frames(journal: Journal) -> None:
    with pytest.raises(JournalError, match="not in the journal"):
        journal.record_frames(WATCH, KEY, [frame()])
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
